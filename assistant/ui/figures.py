"""What the figures of a version are called, and which of them tell how good an adapter of each kind is.

Pure functions from scores to words. Refuses to know how they are measured (`services.evaluation`) and markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.types import AdapterKind
from assistant.ui import formats
from assistant.ui.texts import Texts

_COUNTS = {"inventions", "removed_sentences", "unknown_classes"}  # every other figure is a share, 0 to 1


@dataclass(frozen=True, slots=True)
class _Figure:
    """The first of `keys` that a version has is shown; a `lead` stands in the list of adapters, too."""

    keys: tuple[str, ...]
    lead: bool = False


_FIGURES: Mapping[AdapterKind, tuple[_Figure, ...]] = {
    AdapterKind.EXTRACT: (_Figure(("micro_f1",), lead=True), _Figure(("precision",)), _Figure(("recall",))),
    AdapterKind.REPLY: (
        _Figure(("aspect_coverage", "accuracy", "chrf"), lead=True),  # without aspects: likeness to the reference
        _Figure(("inventions", "removed_sentences", "unknown_classes")),  # older versions were not asked what remains
    ),
    AdapterKind.CHAT: (
        _Figure(("answered",), lead=True),
        _Figure(("false_answers",), lead=True),
        _Figure(("citation_precision",)),
    ),
}


def lead(kind: AdapterKind, scores: Mapping[str, float], t: Texts) -> list[str]:
    """The one or two figures that an adapter is known by, each as "F1 75,3 %"; empty where none was measured."""
    return _told([figure for figure in _FIGURES[kind] if figure.lead], scores, t)


def listed(kind: AdapterKind, scores: Mapping[str, float], t: Texts) -> list[str]:
    """Every figure that matters for the kind, and on how many examples; empty where none was measured."""
    found = _told(_FIGURES[kind], scores, t)
    rows = scores.get("n")
    return [*found, formats.counted("figure_rows", round(rows), t)] if found and rows else found


def _told(figures: tuple[_Figure, ...] | list[_Figure], scores: Mapping[str, float], t: Texts) -> list[str]:
    keys = [next((key for key in figure.keys if key in scores), "") for figure in figures]
    return [f"{t(f'figure_{key}')}{formats.NO_BREAK}{_value(key, scores[key], t)}" for key in keys if key]


def _value(key: str, value: float, t: Texts) -> str:
    return formats.number(value, t) if key in _COUNTS else formats.percent(value, t)
