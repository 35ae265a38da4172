"""Is a difference more than chance? The paired bootstrap over judged rows.

Knows ratios of sums only. Refuses to know what is measured and what is decided from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.training.evaluate import Ratio, total

RESAMPLES = 2_000  # Efron & Tibshirani 1993, ch. 13: 1,000 to 2,000 for the ends of a percentile interval
LEVEL = 0.95
SEED = 13


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference and its 95 % interval, in the unit of the score."""

    value: float
    low: float
    high: float


def paired_bootstrap(candidate: Sequence[Ratio], other: Sequence[Ratio], seed: int = SEED) -> Interval:
    """Difference of two figures on the same rows, with its percentile interval.

    Rows are drawn with replacement, the same ones for both systems, and both figures are computed anew
    from the sums (Efron & Tibshirani 1993; for comparing systems on one test set: Koehn 2004). Raises
    `ValueError` when the systems have different numbers of rows.
    """
    import numpy as np

    value = total(candidate) - total(other)
    columns = np.array([[a.top, a.bottom, b.top, b.bottom] for a, b in zip(candidate, other, strict=True)])
    if not len(columns):
        return Interval(value, value, value)
    generator = np.random.default_rng(seed)
    differences = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        sums = columns[generator.integers(len(columns), size=len(columns))].sum(axis=0)
        differences[i] = _ratio(sums[0], sums[1]) - _ratio(sums[2], sums[3])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(differences, (tail, 1 - tail))
    return Interval(value, float(low), float(high))


def _ratio(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else 0.0
