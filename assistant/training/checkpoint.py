"""Checkpoints of a job: tensors as safetensors, everything else as JSON, replaced by rename.

Knows how to write one so that a killed process or a full disk leaves the one before, and how to tell
its own run's from any other. Refuses to know what the tensors mean; never reads a pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DataError, StorageError
from assistant.training.config import Recipe
from assistant.training.curve import Curve
from assistant.training.dataset import Encoded

if TYPE_CHECKING:
    import torch

_POSITION, _STATE = "position.json", "state.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run stands: `step` steps are done, `curve` says how they went."""

    step: int
    curve: Curve
    tensors: Mapping[str, torch.Tensor]


def run_key(recipe: Recipe, base_name: str, train: Sequence[Encoded], valid: Sequence[Encoded]) -> str:
    """SHA-256 of all that decides a run: base, settings and every token. A checkpoint belongs to one key."""
    digest = hashlib.sha256()
    later = ("use_alora", "use_qlora")  # fields that older checkpoints do not know: off is as if they were not there
    lora = {name: value for name, value in asdict(recipe.lora).items() if value or name not in later}
    decisive = {"base": base_name, "lora": lora, "training": asdict(recipe.training)}
    digest.update(json.dumps(decisive, sort_keys=True).encode())
    for part in (train, valid):
        for item in part:
            digest.update(f"{item.start}:{item.ids}".encode())
        digest.update(b"\x00")
    return digest.hexdigest()


def write(folder: Path, key: str, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `folder`; raises `StorageError`, and then the one before is still there."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    staged, before = folder.with_name(f"{folder.name}.tmp"), folder.with_name(f"{folder.name}.old")
    position = {"run": key, "step": checkpoint.step, "curve": asdict(checkpoint.curve)}
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        save_file({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, staged / _STATE)
        (staged / _POSITION).write_text(json.dumps(position), "utf-8")
        shutil.rmtree(before, ignore_errors=True)
        if folder.is_dir():
            os.replace(folder, before)
        os.replace(staged, folder)
        shutil.rmtree(before, ignore_errors=True)
    except (OSError, SafetensorError) as error:  # safetensors reports a full disk as its own error
        raise StorageError(
            f"The checkpoint {folder} could not be written: {error}. Free space and resume the job; it goes on "
            "from the checkpoint before.",
            pt=f"Não foi possível gravar o ponto de retomada {folder}. Libere espaço e retome o treino; ele continua "
            "do ponto anterior.",
        ) from error


def read(folder: Path, key: str) -> Checkpoint | None:
    """The checkpoint of the run with this key, None where there is none.

    Raises `DataError` for one of another run, and for files that this project did not write.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    # a process killed between the two renames leaves only the one before
    place = next((p for p in (folder, folder.with_name(f"{folder.name}.old")) if p.is_dir()), None)
    if place is None:
        return None
    try:
        position: dict[str, Any] = json.loads((place / _POSITION).read_text("utf-8"))
        run, step, curve = position["run"], int(position["step"]), Curve(**position["curve"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(place, error) from error
    if run != key:
        raise DataError(
            f"The checkpoint {place} belongs to other settings, other data or another base. Start a new job, or "
            "remove the folder to begin this one again.",
            pt=f"O ponto de retomada {place} é de outros ajustes, outros dados ou outro modelo base. Inicie um treino "
            "novo, ou remova a pasta para recomeçar este.",
        )
    try:
        return Checkpoint(step, curve, load_file(place / _STATE))
    except (OSError, SafetensorError) as error:
        raise _unreadable(place, error) from error


def _unreadable(place: Path, error: Exception) -> DataError:
    return DataError(
        f"The checkpoint {place} cannot be read ({error}): this project did not write it, or it is damaged. Remove "
        "the folder to begin the job again.",
        pt=f"O ponto de retomada {place} não pode ser lido: não foi gravado por este projeto ou está danificado. "
        "Remova a pasta para recomeçar o treino.",
    )
