"""How well a router decides on labelled texts it was not fitted on.

Knows the figures and their definitions. Refuses to fit or to tune anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assistant.routing.calibration import ACCEPTANCE, threshold_for
from assistant.routing.router import Router, RouterExample

NONE = "none"
"""The name of "fits no adapter" in the confusion table."""


def evaluate(router: Router, rows: Sequence[RouterExample]) -> dict[str, Any]:
    """Figures of a router, 0 to 1 unless they count; None where the rows hold no such text.

    - `accuracy`: the adapter, or the rejection of a text that fits none, is exactly right.
    - `in_scope_accuracy`: of the texts that fit an adapter, the share whose adapter scores highest,
      rejected or not (CLINC150's in-scope accuracy).
    - `in_scope_acceptance` and `out_of_scope_recall`: at the router's own threshold, the shares of
      fitting texts accepted and of other texts rejected.
    - `out_of_scope_recall_at_95`: the same recall at the threshold that accepts 95 % of these
      fitting texts, so that routers with different thresholds compare.
    - `confusion`: expected -> decided -> count.
    """
    decisions = [router.decide(row.text) for row in rows]
    best = [max(d.scores, key=lambda n: d.scores[n]) if d.scores else None for d in decisions]
    scores = np.asarray([d.score for d in decisions])
    inside = np.asarray([row.adapter is not None for row in rows], dtype=bool)
    rejected = np.asarray([d.rejected for d in decisions], dtype=bool)
    right = np.asarray([d.adapter == r.adapter for d, r in zip(decisions, rows, strict=True)], dtype=bool)
    first = np.asarray([b == r.adapter for b, r in zip(best, rows, strict=True)], dtype=bool)
    at_95 = threshold_for(scores[inside], np.ones(int(inside.sum())), ACCEPTANCE)
    confusion: dict[str, dict[str, int]] = {}
    for row, decision in zip(rows, decisions, strict=True):
        line = confusion.setdefault(row.adapter or NONE, {})
        line[decision.adapter or NONE] = line.get(decision.adapter or NONE, 0) + 1
    return {
        "n": len(rows),
        "in_scope": int(inside.sum()),
        "out_of_scope": int((~inside).sum()),
        "accuracy": _share(right),
        "in_scope_accuracy": _share(first[inside]),
        "in_scope_acceptance": _share(~rejected[inside]),
        "out_of_scope_recall": _share(rejected[~inside]),
        "out_of_scope_recall_at_95": _share(scores[~inside] < at_95),
        "confusion": confusion,
    }


def _share(flags: np.typing.NDArray[np.bool_]) -> float | None:
    return round(float(flags.mean()), 4) if len(flags) else None
