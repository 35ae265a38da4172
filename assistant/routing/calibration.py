"""From raw scores to probabilities that mean what they say, and to the point of rejection.

Knows softmax with a temperature, and how to choose temperature and threshold from predictions for
texts the head was not fitted on. Refuses to know texts, features and adapters' names.

Classes are columns; labels are column numbers. Every class weighs the same, however many texts it
has, so that an adapter with 150 examples does not decide the threshold of one with 30.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]

ACCEPTANCE = 0.95
"""Share of in-scope texts that must pass the threshold (CLINC150 is judged at the same point)."""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Calibration:
    """What out-of-fold predictions taught.

    `threshold` is the probability of the best adapter below which a text is rejected. The other
    figures, 0 to 1, are those of the out-of-fold predictions at that threshold, each class weighing
    the same; `error` is the expected calibration error over ten bins.
    """

    temperature: float
    threshold: float
    acceptance: float
    recall: float
    error: float


def probabilities(logits: Floats, temperature: float) -> Floats:
    """Softmax of logits / temperature along the last axis (Guo et al. 2017, temperature scaling)."""
    scaled = logits / temperature
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    result: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return result


def calibrate(logits: Floats, labels: Labels, null: int | None) -> Calibration:
    """Choose temperature and threshold from out-of-fold logits, shape (n, classes).

    `null` is the column of the texts that fit no adapter, None when there were none.
    """
    weights = _class_weights(labels)
    temperature = fit_temperature(logits, labels, weights)
    chances = probabilities(logits, temperature)
    scores = best_adapter(chances, null)[1]
    inside = np.ones(len(labels), dtype=bool) if null is None else labels != null
    threshold = threshold_for(scores[inside], weights[inside], ACCEPTANCE)
    accepted = scores >= threshold
    return Calibration(
        temperature=temperature,
        threshold=threshold,
        acceptance=float(np.average(accepted[inside], weights=weights[inside])),
        recall=float(np.mean(~accepted[~inside])) if not inside.all() else 0.0,
        error=calibration_error(chances, labels, weights),
    )


def best_adapter(chances: Floats, null: int | None) -> tuple[Labels, Floats]:
    """The most probable column other than `null` of each row, and its probability."""
    masked = np.array(chances, dtype=np.float64)
    if null is not None:
        masked[..., null] = -1.0
    return masked.argmax(axis=-1), masked.max(axis=-1)


def fit_temperature(logits: Floats, labels: Labels, weights: Floats) -> float:
    """The temperature from 0.1 to 10 with the least weighted log loss, by golden-section search."""
    low, high = np.log(0.1), np.log(10.0)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        chances = probabilities(logits, float(np.exp(log_temperature)))[rows, labels]
        return float(-(weights * np.log(np.maximum(chances, 1e-12))).sum())

    for _ in range(40):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def threshold_for(scores: Floats, weights: Floats, acceptance: float) -> float:
    """The highest threshold that a weighted share of at least `acceptance` of the scores reaches."""
    if not len(scores):
        return 0.5
    order = np.argsort(-scores)
    reached = np.cumsum(weights[order]) / weights.sum()
    index = int(np.searchsorted(reached, acceptance - 1e-9))
    return float(scores[order[min(index, len(scores) - 1)]])


def calibration_error(chances: Floats, labels: Labels, weights: Floats) -> float:
    """Expected calibration error: weighted mean gap of confidence and accuracy over ten bins."""
    confidence, hit = chances.max(axis=1), (chances.argmax(axis=1) == labels).astype(float)
    bins = np.minimum((confidence * 10).astype(int), 9)
    gap = 0.0
    for number in range(10):
        inside = bins == number
        if inside.any():
            share = weights[inside].sum() / weights.sum()
            gap += share * abs(float(np.average(confidence[inside] - hit[inside], weights=weights[inside])))
    return float(gap)


def _class_weights(labels: Labels) -> Floats:
    counts = np.bincount(labels)
    result: Floats = 1.0 / counts[labels]
    return result
