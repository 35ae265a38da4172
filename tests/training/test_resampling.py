"""The bootstrap against cases whose answer is known."""

import math
import random

import pytest

from assistant.training.evaluate import Ratio
from assistant.training.resampling import paired_bootstrap


def means(values):
    return [Ratio(float(value)) for value in values]


def test_the_interval_of_a_mean_is_the_textbook_one():
    chooser = random.Random(5)
    gains = [chooser.gauss(0.1, 0.5) for _ in range(400)]
    other = [chooser.random() for _ in gains]
    found = paired_bootstrap(means(a + b for a, b in zip(gains, other, strict=True)), means(other))
    mean = sum(gains) / len(gains)
    error = math.sqrt(sum((g - mean) ** 2 for g in gains) / (len(gains) - 1) / len(gains))
    assert found.value == pytest.approx(mean)
    assert found.low == pytest.approx(mean - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(mean + 1.96 * error, abs=0.15 * error)


def test_rows_are_drawn_for_both_systems_together():
    """A constant gain over very uneven rows is certain, which unpaired draws would not see."""
    chooser = random.Random(1)
    other = [chooser.uniform(0, 100) for _ in range(50)]
    found = paired_bootstrap(means(value + 1 for value in other), means(other))
    assert (found.low, found.high) == (pytest.approx(1.0), pytest.approx(1.0))


def test_micro_f1_is_resampled_as_a_ratio_of_sums():
    """One long sentence outweighs many short ones, as it does in the corpus figure."""
    candidate = [Ratio(0.0, 200.0)] + [Ratio(2.0, 2.0)] * 10
    nothing = [Ratio(0.0, 200.0)] + [Ratio(0.0, 2.0)] * 10
    assert paired_bootstrap(candidate, nothing).value == pytest.approx(20 / 220)


def test_the_same_rows_give_the_same_interval():
    one, other = means([0, 1, 1, 0, 1]), means([0, 0, 1, 0, 0])
    assert paired_bootstrap(one, other) == paired_bootstrap(one, other)


def test_nothing_to_resample_and_unequal_rows():
    assert paired_bootstrap([], []).value == 0.0
    with pytest.raises(ValueError, match="zip"):
        paired_bootstrap(means([1]), [])
