"""The threshold of a corpus: the curve, the rule of choice, halves that do not mix, and honesty with few questions."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import DataError
from assistant.retrieval.abstention import Point, Scored, Share, at, calibrate, choose, curve, halves


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


def test_the_rule_wants_eight_of_ten_answered_and_at_most_one_of_ten_let_through():
    wide, narrow = point(0.2, 20, 6), point(0.5, 17, 2)  # the wider gap is not allowed: 30 % get through
    assert choose([point(0, 20, 20), wide, narrow, point(0.9, 10, 0)]) == narrow
    # of those that hold both aims the widest gap, then the fewest false answers
    assert choose([point(0.3, 20, 2), point(0.5, 18, 0), point(0.6, 17, 0)]) == point(0.5, 18, 0)


def test_where_no_threshold_holds_both_aims_the_answers_are_kept_and_it_is_said():
    found = choose([point(0, 20, 20), point(0.4, 16, 9), point(0.5, 15, 1)])
    assert found == point(0.4, 16, 9)
    assert found.answers_enough and not found.invents_little


def test_halves_share_nothing_hold_each_sort_and_depend_on_the_seed_alone():
    questions = scored([n / 100 for n in range(41)], [n / 200 for n in range(20)], [n / 300 for n in range(11)])
    ours, theirs = halves(questions, 7)
    assert sorted(map(id, ours + theirs)) == sorted(map(id, questions))
    assert [(sum(q.answerable for q in half), sum(q.drawn for q in half), len(half)) for half in (ours, theirs)] == [
        (20, 5, 35),
        (21, 6, 37),
    ]
    assert halves(questions, 7) == (ours, theirs) != halves(questions, 8)


def test_what_is_reported_is_the_half_that_did_not_choose():
    chooser = random.Random(3)
    questions = scored(
        [chooser.gauss(0.7, 0.15) for _ in range(60)],
        [chooser.gauss(0.4, 0.15) for _ in range(40)],
        [chooser.gauss(0.1, 0.05) for _ in range(20)],
    )
    found = calibrate(questions, 0.35, seed=5)
    ours, theirs = halves(questions, 5)
    assert found.chosen == at(found.threshold, ours) and found.chosen in curve(ours)
    assert found.held_out == at(found.threshold, theirs) and found.default == at(0.35, theirs)
    assert found.curve == curve(theirs)
    assert (found.own.of, found.held_out.false.of) == (20, 30)
    assert found.own.count == found.held_out.false.count  # none of the drawn ones gets through here
    assert found.held_out.answered.value > 0.8 > 0.2 > found.held_out.false.value


def test_questions_that_cannot_be_told_apart_are_reported_so():
    same = [0.5] * 20
    found = calibrate(scored(same, same), 0.35)
    assert found.held_out.answers_enough and not found.held_out.invents_little
    assert not found.chosen.invents_little


@pytest.mark.parametrize(("answerable", "unanswerable"), [(19, 50), (50, 19), (0, 0)])
def test_too_few_questions_are_refused_with_their_numbers(answerable, unanswerable):
    with pytest.raises(DataError) as refused:
        calibrate(scored([0.9] * answerable, [0.1] * unanswerable), 0.35)
    for text in (refused.value.text("pt"), refused.value.text("en")):
        assert str(answerable) in text and str(unanswerable) in text and "20" in text
