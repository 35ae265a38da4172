"""A recipe: everything needed to train an adapter again, on this base or on another.

Knows the fields, their ranges and their defaults. Refuses to know data formats and torch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Where the examples come from.

    `source` names a reader of `assistant.training.formats`; `files` are paths relative to the
    adapter's folder or, with the prefix "public:", to the folder of public data sets. `validation`
    files draw the loss curve; a new version is judged on `test` before it is published (empty: it is
    not). `limit` caps the number of examples (0: all).
    """

    source: str
    files: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: str = ""
    limit: int = 0


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """LoRA's own parameters, as PEFT names them. `r` 1-256; scaling is lora_alpha / r."""

    r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    use_rslora: bool = False
    use_dora: bool = False


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The loop. `batch_tokens` counts padded tokens of one step; `warmup` is a share of all steps.

    Learning rate: about ten times that of full fine-tuning, cosine to a tenth (Schulman et al.,
    "LoRA Without Regret", 2025).
    """

    epochs: int = 1
    learning_rate: float = 5e-4
    batch_tokens: int = 1400
    max_length: int = 1024
    warmup: float = 0.05
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 13
    checkpoint_every: int = 50
    evaluate_every: int = 100


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe.toml."""

    data: DataConfig
    lora: LoraSettings
    training: TrainingSettings


_RANGES: dict[str, tuple[float, float]] = {
    "r": (1, 256),
    "lora_alpha": (1, 1024),
    "lora_dropout": (0.0, 0.9),
    "epochs": (1, 100),
    "learning_rate": (1e-7, 1e-1),
    "batch_tokens": (64, 1_000_000),
    "max_length": (16, 131_072),
    "warmup": (0.0, 0.5),
    "weight_decay": (0.0, 1.0),
    "max_grad_norm": (1e-3, 1e3),
    "checkpoint_every": (1, 1_000_000),
    "evaluate_every": (1, 1_000_000),
}


def read_recipe(path: Path) -> Recipe:
    """Parse and check a recipe; raises `ConfigurationError` listing every fault."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The recipe {path} cannot be read: {error}.") from error
    faults: list[str] = []
    data = raw.get("data", {})
    if not data.get("source") or not data.get("files"):
        faults.append("data.source and data.files must be given")
    lora = _section(raw.get("lora", {}), LoraSettings, faults)
    training = _section(raw.get("training", {}), TrainingSettings, faults)
    if faults:
        raise ConfigurationError(f"The recipe {path} has faults: {'; '.join(faults)}.")
    return Recipe(
        DataConfig(
            str(data["source"]),
            tuple(data["files"]),
            tuple(data.get("validation", ())),
            str(data.get("test", "")),
            int(data.get("limit", 0)),
        ),
        LoraSettings(**lora),
        TrainingSettings(**training),
    )


def _section(raw: Mapping[str, Any], cls: type, faults: list[str]) -> dict[str, Any]:
    known = {field.name for field in fields(cls)}
    for name, value in raw.items():
        if name not in known:
            faults.append(f"{name} is no field; known: {', '.join(sorted(known))}")
        elif name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
            low, high = _RANGES[name]
            faults.append(f"{name} = {value} is outside {low:g} to {high:g}")
    return dict(raw)
