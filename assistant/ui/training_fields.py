"""The settings of a training as widgets: one for each field of a recipe, with meaning, range and default.

Knows how a field becomes a number box or a tick and back. Refuses to check values: `training.config` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import gradio as gr

from assistant.errors import ConfigurationError
from assistant.training.config import RANGES, LoraSettings, Recipe, TrainingSettings, changed
from assistant.training.fields import FIELDS, PRESETS, overrides, values
from assistant.ui import formats
from assistant.ui.texts import Texts
from assistant.ui.training_view import scientific
from assistant.ui.words import Words

_DEFAULTS: dict[str, int | float | bool] = {"limit": 0, **asdict(LoraSettings()), **asdict(TrainingSettings())}


def field_widgets(words: Words) -> list[Any]:
    """One widget for each field, in the order of `FIELDS`; empty until a recipe fills them."""
    widgets = []
    for name in FIELDS:
        if isinstance(_DEFAULTS[name], bool):
            widget: Any = gr.Checkbox(label=name, elem_id=f"field-{name}")
        else:
            widget = gr.Number(label=name, elem_id=f"field-{name}", value=None)
        widgets.append(words.follow(widget, partial(_explained, name)))
    return widgets


def _explained(name: str, t: Texts) -> Any:
    return gr.update(info=explanation(name, t))


def explanation(name: str, t: Texts) -> str:
    """What a field means, from where to where it may go, and what it is when nothing is said."""
    meaning, default = FIELDS[name].get(t.language), _DEFAULTS[name]
    if isinstance(default, bool):
        return f"{meaning} {t('field_default', value=t('yes') if default else t('no'))}"
    low, high = (_figure(value, t) for value in RANGES[name])
    return f"{meaning} {t('field_range', low=low, high=high)} {t('field_default', value=_figure(default, t))}"


def filled(recipe: Recipe, preset: str) -> list[int | float | bool]:
    """The fields' values of a recipe under a preset; raises `ConfigurationError` for a preset nobody offers."""
    if preset not in PRESETS:
        raise ConfigurationError(
            f"No preset is called {preset!r}. There are: {', '.join(PRESETS)}.",
            pt=f"Não há opção {preset!r}. Existem: {', '.join(PRESETS)}.",
        )
    return list(values(PRESETS[preset](recipe)).values())


def wanted(recipe: Recipe, entered: Sequence[object]) -> dict[str, int | float | bool]:
    """What differs from the recipe in the fields' values; raises `ConfigurationError` listing every fault."""
    return overrides(recipe, changed(recipe, dict(zip(FIELDS, entered, strict=True))))


def _figure(value: float, t: Texts) -> str:
    return formats.number(value, t) if float(value).is_integer() else scientific(value, t)
