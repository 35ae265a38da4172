"""The threshold of a corpus: the curve, the rule of choice, halves that do not mix, and honesty with few questions."""

import random
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import DataError
from assistant.retrieval.abstention import SPLITS, Point, Scored, Share, at, calibrate, choose, curve, halves


def scored(answerable, unanswerable, drawn=()):
    return [
        *(Scored(score, True) for score in answerable),
        *(Scored(score, False) for score in unanswerable),
        *(Scored(score, False, drawn=True) for score in drawn),
    ]


def point(threshold, answered, false, of=20):
    return Point(threshold, Share(answered, of), Share(false, of))


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # values of the score interval without continuity correction, as statistics packages give them
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (23, 25, 0.7503, 0.9778), (5, 50, 0.0435, 0.2136), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilson_s(count, of, low, high):
    assert Share(count, of).interval == pytest.approx((low, high), abs=1e-4)


def test_a_curve_says_at_each_threshold_who_is_answered_and_who_gets_through():
    found = curve(scored([0.9, 0.6], [0.6, 0.1]))
    assert [(p.threshold, p.answered.value, p.false.value) for p in found] == [
        (0.0, 1.0, 1.0),
        (0.35, 1.0, 0.5),
        (0.75, 0.5, 0.0),
        (1.0, 0.0, 0.0),
    ]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_a_higher_threshold_never_lets_more_through(rows):
    found = curve([Scored(score, answerable) for score, answerable in rows])
    thresholds = [p.threshold for p in found]
    assert thresholds == sorted(set(thresholds)) and thresholds[0] == 0.0 and thresholds[-1] == 1.0
    for shares in ([p.answered.count for p in found], [p.false.count for p in found]):
        assert shares == sorted(shares, reverse=True)
    assert found[0].answered.count == found[0].answered.of and found[0].false.count == found[0].false.of


def test_the_rule_takes_the_middle_of_the_thresholds_at_which_both_aims_hold():
    only = point(0.5, 17, 2)  # before it 15 % get through, behind it 10 % are answered
    assert choose([point(0, 20, 20), point(0.2, 20, 3), only, point(0.9, 2, 0)]) == only
    held = [point(0.3, 20, 2), point(0.4, 20, 1), point(0.62, 18, 0), point(0.8, 16, 0)]
    assert choose([point(0, 20, 20), *held, point(1, 0, 0)]) == point(0.62, 18, 0)


def test_where_no_threshold_holds_both_aims_the_answers_are_kept():
    found = choose([point(0, 20, 20), point(0.3, 17, 9), point(0.4, 16, 9), point(0.5, 15, 1)])
    assert found == point(0.3, 17, 9)  # as few false answers as at 0.4, and one answer more
    assert found.answers_enough and not found.invents_little and not found.good


def test_halves_share_nothing_hold_each_sort_and_depend_on_the_seed_alone():
    questions = scored([0.9] * 41, [0.5] * 20, [0.1] * 11)
    for seed, first in ((6, (20, 10, 5)), (7, (21, 10, 6))):
        ours, theirs = halves(questions, seed)
        assert sorted(ours + theirs) == list(range(72))
        kinds = [(questions[n].answerable, questions[n].drawn) for n in ours]
        assert tuple(kinds.count(kind) for kind in ((True, False), (False, False), (False, True))) == first
    assert halves(questions, 7) == (ours, theirs) != halves(questions, 8)


def test_what_is_reported_was_measured_on_the_halves_that_did_not_choose():
    # of each sort two alike and many far apart: what is chosen on a half is found again by hand
    chooser = random.Random(3)
    questions = scored(
        [chooser.gauss(0.7, 0.15) for _ in range(60)],
        [chooser.gauss(0.4, 0.15) for _ in range(40)],
        [chooser.gauss(0.1, 0.05) for _ in range(20)],
    )
    found = calibrate(questions, 0.35)
    answered, thresholds = [], []
    for seed in range(SPLITS):
        ours, theirs = halves(questions, seed)
        thresholds.append(choose(curve([questions[n] for n in ours])).threshold)
        answered.append(at(thresholds[-1], [questions[n] for n in theirs]).answered.value)
    assert found.threshold == pytest.approx(median(thresholds), rel=1e-3)
    assert found.held_out.answered.value == pytest.approx(mean(answered), abs=0.01)
    assert (found.held_out.answered.of, found.held_out.false.of, found.own.of) == (60, 60, 40)
    assert found.own.count == pytest.approx(found.held_out.false.count)  # none of the drawn ones gets through here
    assert found.default == at(0.35, questions) and found.curve == curve(questions)
    assert found == calibrate(questions, 0.35)
    # choosing sees what it is then measured on only where it cheats
    assert found.held_out.answered.value <= at(found.threshold, questions).answered.value + 0.01


def test_a_threshold_that_fits_its_own_half_by_chance_is_not_reported_as_good():
    chooser = random.Random(4)  # scores that say nothing at all
    questions = scored([chooser.random() for _ in range(24)], [chooser.random() for _ in range(24)])
    found = calibrate(questions, 0.35)
    assert found.held_out.false.value > 0.5 and not found.held_out.good


def test_questions_that_cannot_be_told_apart_are_reported_so():
    found = calibrate(scored([0.5] * 20, [0.5] * 20), 0.35)
    assert not found.possible
    assert found.held_out.answered.value == found.held_out.false.value == 1.0


def test_thousands_of_questions_take_seconds_at_most():
    chooser = random.Random(5)
    answerable, unanswerable = ([chooser.betavariate(a, b) for _ in range(1000)] for a, b in ((8, 2), (2, 8)))
    found = calibrate(scored(answerable, unanswerable), 0.35)
    assert found.possible and found.held_out.good


@pytest.mark.parametrize(("answerable", "unanswerable"), [(19, 50), (50, 19), (0, 0)])
def test_too_few_questions_are_refused_with_their_numbers(answerable, unanswerable):
    with pytest.raises(DataError) as refused:
        calibrate(scored([0.9] * answerable, [0.1] * unanswerable), 0.35)
    for text in (refused.value.text("pt"), refused.value.text("en")):
        assert str(answerable) in text and str(unanswerable) in text and "20" in text
