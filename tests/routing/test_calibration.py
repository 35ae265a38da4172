from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.routing.calibration import (
    best_adapter,
    calibrate,
    calibration_error,
    fit_temperature,
    probabilities,
    threshold_for,
)


def sampled(temperature: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax at `temperature`."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (n, 3))
    chances = probabilities(logits, temperature)
    labels = (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return logits, np.minimum(labels, 2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    logits, labels = sampled(temperature)
    assert fit_temperature(logits, labels, np.ones(len(labels))) == pytest.approx(temperature, rel=0.1)


def test_calibrating_makes_confidence_mean_what_it_says() -> None:
    logits, labels = sampled(3.0)
    weights = np.ones(len(labels))
    raw = calibration_error(probabilities(logits, 1.0), labels, weights)
    assert calibration_error(probabilities(logits, 3.0), labels, weights) < 0.03 < raw


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.5, 1.0))
def test_the_threshold_accepts_at_least_the_share_and_is_the_highest_that_does(
    values: list[float], share: float
) -> None:
    scores = np.asarray(values)
    threshold = threshold_for(scores, np.ones(len(scores)), share)
    assert (scores >= threshold).mean() >= share - 1e-9
    higher = scores[scores > threshold]
    if len(higher):
        assert (scores >= higher.min()).mean() < share


def test_a_large_class_does_not_decide_the_threshold() -> None:
    # 400 sure texts of one adapter, 40 unsure ones of the other: both must pass in equal measure
    logits = np.concatenate([np.tile([6.0, 0.0, 0.0], (400, 1)), np.tile([0.0, 0.6, 0.0], (40, 1))])
    logits = np.concatenate([logits, np.tile([0.0, 0.0, 2.0], (100, 1))])
    labels = np.repeat([0, 1, 2], [400, 40, 100])
    found = calibrate(logits, labels, null=2)
    assert found.acceptance >= 0.95
    assert found.recall == 1.0


def test_the_best_adapter_is_never_the_null_class() -> None:
    best, score = best_adapter(np.asarray([[0.1, 0.2, 0.7]]), 2)
    assert (best.tolist(), score.tolist()) == ([1], [0.2])
    assert best_adapter(np.asarray([[0.1, 0.2, 0.7]]), None)[0].tolist() == [2]
