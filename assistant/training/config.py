"""A recipe: everything needed to train an adapter again, on this base or on another.

Knows the fields, their ranges and their defaults. Refuses to know data formats and torch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError
from assistant.stores.manifests import Localized


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Where the examples come from.

    `source` names a reader of `assistant.training.formats`; `files` are paths relative to the
    adapter's folder or, with the prefix "public:", to the folder of public data sets. `validation`
    files draw the loss curve; a new version is judged on `test` before it is published (empty: it is
    not). `held_out` names groups of `files` (titles of a question set) that are never trained on, so that they can be
    asked about; without `validation` they draw the loss curve. `limit` caps the number of examples (0: all).
    """

    source: str
    files: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: str = ""
    limit: int = 0
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """LoRA's own parameters, as PEFT names them. `r` 1-256; scaling is lora_alpha / r.

    `use_alora`: an activated LoRA, which acts from the last words of the prompt on; `use_qlora`: the base in NF4
    while the adapter learns, and the optimizer's state in 8 bits.
    """

    r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    use_rslora: bool = False
    use_dora: bool = False
    use_alora: bool = False
    use_qlora: bool = False


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The loop. `batch_tokens` counts padded tokens of one step; `warmup` is a share of all steps.

    Learning rate: about ten times that of full fine-tuning, cosine to a tenth (Schulman et al.,
    "LoRA Without Regret", 2025). `patience` counts looks at the validation loss without a new lowest one
    before training ends (0: it runs to the last step); `samples` are outputs shown at each look.
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
    patience: int = 0
    samples: int = 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe.toml."""

    data: DataConfig
    lora: LoraSettings
    training: TrainingSettings


_ONE_KIND = Localized(
    "use_alora e use_dora não servem juntos; desligue um deles",
    "use_alora and use_dora do not go together; turn one off",
)

RANGES: Mapping[str, tuple[float, float]] = {
    "limit": (0, 100_000_000),
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
    "seed": (0, 2**31 - 1),
    "patience": (0, 1000),
    "samples": (0, 8),
}


def read_recipe(path: Path) -> Recipe:
    """Parse and check a recipe; raises `ConfigurationError` listing every fault."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The recipe {path} cannot be read: {error}.") from error
    faults: list[Localized] = []
    data = raw.get("data", {})
    if not data.get("source") or not data.get("files"):
        faults.append(
            Localized("data.source e data.files são obrigatórios", "data.source and data.files must be given")
        )
    lora = _section(raw.get("lora", {}), LoraSettings, faults)
    if lora.get("use_alora") and lora.get("use_dora"):
        faults.append(_ONE_KIND)
    training = _section(raw.get("training", {}), TrainingSettings, faults)
    if faults:
        raise ConfigurationError(
            f"The recipe {path} has faults: {'; '.join(f.en for f in faults)}.",
            pt=f"A receita {path} tem erros: {'; '.join(f.pt for f in faults)}.",
        )
    return Recipe(
        DataConfig(
            str(data["source"]),
            tuple(data["files"]),
            tuple(data.get("validation", ())),
            str(data.get("test", "")),
            int(data.get("limit", 0)),
            tuple(data.get("held_out", ())),
        ),
        LoraSettings(**lora),
        TrainingSettings(**training),
    )


def _section(raw: Mapping[str, Any], cls: type, faults: list[Localized]) -> dict[str, Any]:
    known = {field.name for field in fields(cls)}
    defaults, values = cls(), {}
    for name, value in raw.items():
        if name not in known:
            faults.append(_no_field(name, sorted(known)))
        else:
            values[name] = _checked(name, value, getattr(defaults, name), faults)
    return values


def _no_field(name: str, known: Sequence[str]) -> Localized:
    return Localized(
        f"{name} não é um campo; existem: {', '.join(known)}", f"{name} is no field; known: {', '.join(known)}"
    )


def _checked(name: str, value: object, default: object, faults: list[Localized]) -> Any:
    """`value` in the type of the field's default; a fault where it has another or is out of range."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            faults.append(
                Localized(
                    f"{name} = {value!r} precisa ser verdadeiro ou falso", f"{name} = {value!r} must be true or false"
                )
            )
        return value
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != value // 1):
        kind = ("um número inteiro", "a whole number") if whole else ("um número", "a number")
        faults.append(Localized(f"{name} = {value!r} precisa ser {kind[0]}", f"{name} = {value!r} must be {kind[1]}"))
        return value
    low, high = RANGES[name]
    if not low <= value <= high:
        faults.append(
            Localized(
                f"{name} = {value} está fora de {low:g} a {high:g}", f"{name} = {value} is outside {low:g} to {high:g}"
            )
        )
        return value
    return int(value) if whole else float(value)


def changed(recipe: Recipe, overrides: Mapping[str, object]) -> Recipe:
    """The recipe with single fields replaced: `limit`, or a field of `LoraSettings` or `TrainingSettings`.

    Raises `ConfigurationError` listing every name that is no field and every value that is out of range.
    """
    faults: list[Localized] = []
    sections: dict[type, dict[str, Any]] = {LoraSettings: {}, TrainingSettings: {}}
    limit = recipe.data.limit
    names = {field.name: cls for cls in sections for field in fields(cls)}
    for name, value in overrides.items():
        if name == "limit":
            limit = _checked(name, value, 0, faults)
        elif name in names:
            sections[names[name]] |= _section({name: value}, names[name], faults)
        else:
            faults.append(_no_field(name, ["limit", *names]))
    kinds = asdict(recipe.lora) | sections[LoraSettings]
    if kinds["use_alora"] and kinds["use_dora"]:
        faults.append(_ONE_KIND)
    if faults:
        raise ConfigurationError(
            f"These settings cannot be used: {'; '.join(f.en for f in faults)}.",
            pt=f"Estes ajustes não servem: {'; '.join(f.pt for f in faults)}.",
        )
    return Recipe(
        replace(recipe.data, limit=limit),
        replace(recipe.lora, **sections[LoraSettings]),
        replace(recipe.training, **sections[TrainingSettings]),
    )
