"""A judged row and what came of it: what the tasks of all kinds have in common.

Refuses to know files, metrics and engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assistant.training.evaluate import Ratio

Outputs = Sequence[Sequence[str]]  # for each row, the completion of each of its prompts


@dataclass(frozen=True, slots=True)
class Row:
    """What a visitor would send, what is expected (to be read beside outputs), and its prompts, one a segment."""

    text: str
    expected: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """One row's result. `shown` is what a visitor would see; `failed` says that the output could not be read.

    `inventions` counts what the raw output said without a source, before any check removed it. `closeness` decides
    between results of the same score: the chrF against a written reply, 0 where there is none.
    """

    shown: str
    score: Ratio
    failed: bool
    inventions: int
    closeness: float = 0.0


class Task(Protocol):
    """The held-out rows of one adapter."""

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, in the order of the file."""
        ...

    def score(self, outputs: Outputs) -> list[Scored]:
        """Each row's result."""
        ...

    def figures(self, outputs: Outputs) -> dict[str, Any]:
        """The figures of `evaluate`."""
        ...
