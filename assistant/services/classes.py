"""Held-out rows whose answers are classes, such as the department of a complaint: right or wrong, nothing between.

Knows when a file's answers are classes and how an output is read as one of them. A likeness of letters would give a
wrong class points, and a class of two words with capitals ("Limpeza Urbana") would look like an invented name.
Refuses to know engines, prompts and files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from assistant.models.words import folded
from assistant.services.judged import Outputs, Row, Scored
from assistant.training.evaluate import Ratio

_MOST = 40  # classes, and the longest name of one: as in the report on training data (`training.checks`)
_LONGEST = 60
_EACH = 2  # rows of a class on average: held-out files are short, and texts do not come twice


def are_classes(answers: Sequence[str]) -> bool:
    """Whether the answers of a whole file are a few short ones that come again and again."""
    kinds = {_read(answer) for answer in answers}
    short = all(answer.strip() and "\n" not in answer.strip() and len(answer) <= _LONGEST for answer in answers)
    return 0 < len(kinds) <= _MOST and len(answers) >= _EACH * len(kinds) and short


class ClassTask:
    """Texts with the class of each. `failed` says that an output is none of the known classes."""

    def __init__(self, rows: Sequence[Row], classes: Sequence[str]) -> None:
        """`classes` are those of the whole file, of which `rows` may be a part."""
        self.rows = rows
        self._known = {_read(name) for name in classes}

    def score(self, outputs: Outputs) -> list[Scored]:
        """See `Task`."""
        return [
            Scored(
                output.strip(),
                Ratio(float(_read(output) == _read(row.expected))),
                _read(output) not in self._known,
                0,
            )
            for row, (output,) in zip(self.rows, outputs, strict=True)
        ]

    def figures(self, outputs: Outputs) -> dict[str, Any]:
        """See `services.evaluation`."""
        scored = self.score(outputs)
        wanted = Counter(row.expected.strip() for row in self.rows)
        right = Counter(row.expected.strip() for row, s in zip(self.rows, scored, strict=True) if s.score.top)
        count = len(self.rows)
        return {
            "accuracy": round(right.total() / count, 4),
            "by_class": {name: {"recall": round(right[name] / wanted[name], 4), "n": wanted[name]} for name in wanted},
            "unknown_classes": sum(s.failed for s in scored),
            "n": count,
            "outputs": [{"input": row.text, "output": s.shown} for row, s in zip(self.rows, scored, strict=True)],
        }


def _read(answer: str) -> str:
    """A class without case, accents and what stands around its words."""
    return " ".join(re.findall(r"\w+", folded(answer)))
