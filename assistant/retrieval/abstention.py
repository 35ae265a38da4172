"""When not to answer: from scored questions to the threshold of one corpus, and what it costs on questions kept apart.

Knows counts, the curve and the rule by which a threshold is chosen. Refuses to know where scores come from.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from assistant.errors import DataError

LEAST_ANSWERED = 0.8  # aim: share of the answerable questions that are answered
MOST_FALSE = 0.1  # aim: share of the unanswerable questions that get through all the same
LEAST_QUESTIONS = 20  # of each sort: ten in each half; below, an interval says nothing
_Z = 1.959964  # 95 %
SPLITS = 100
_ANSWERABLE, _OWN, _DRAWN = (True, False), (False, False), (False, True)  # sorts: answerable, drawn
_DIGITS = 4  # of a threshold: what is kept is what was measured


@dataclass(frozen=True, slots=True)
class Scored:
    """A question's relevance (0 to 1) and whether the corpus answers it; `drawn` ones are about another subject."""

    score: float
    answerable: bool
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """`count` questions of `of`; a mean over splits counts fractions of questions."""

    count: float
    of: int

    @property
    def value(self) -> float:
        """0 to 1; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % confidence (Wilson's score interval, 1927): honest for few questions."""
        if not self.of:
            return 0.0, 1.0
        n, p, z2 = self.of, self.value, _Z * _Z
        middle = p + z2 / (2 * n)
        half = _Z * ((p * (1 - p) + z2 / (4 * n)) / n) ** 0.5
        low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does: answerable questions that are answered, unanswerable ones that get through."""

    threshold: float
    answered: Share
    false: Share

    @property
    def answers_enough(self) -> bool:
        """Whether the first aim holds."""
        return self.answered.value >= LEAST_ANSWERED

    @property
    def invents_little(self) -> bool:
        """Whether the second aim holds."""
        return self.false.value <= MOST_FALSE

    @property
    def good(self) -> bool:
        """Whether both aims hold."""
        return self.answers_enough and self.invents_little


@dataclass(frozen=True, slots=True)
class Calibration:
    """The threshold that was chosen, and what choosing so does to questions that did not choose.

    `held_out` and `own` (what gets through of the unanswerable questions that are not drawn) are means over splits,
    each measured on the half that did not choose. `default` is the threshold without calibration, `curve` every
    threshold: both on all questions, since nothing was chosen there.
    """

    threshold: float
    held_out: Point
    own: Share
    default: Point
    curve: tuple[Point, ...]

    @property
    def possible(self) -> bool:
        """Whether some threshold holds both aims at all."""
        return any(point.good for point in self.curve)


def calibrate(questions: Sequence[Scored], default: float) -> Calibration:
    """Choose on one half and measure on the other, for each of 100 seeded splits; the median of the choices is kept.

    One split of fifty questions decides by chance: of two halves of one file, one may choose 0.2 and the other 0.5.
    Raises `DataError` for fewer than 20 questions of either sort.
    """
    answerable = sum(question.answerable for question in questions)
    if min(answerable, len(questions) - answerable) < LEAST_QUESTIONS:
        raise too_few(answerable, len(questions) - answerable)
    chosen: list[float] = []
    held = [0] * len(questions)
    passed = [0] * len(questions)
    for seed in range(SPLITS):
        ours, theirs = halves(questions, seed)
        threshold = choose(curve([questions[number] for number in ours])).threshold
        chosen.append(threshold)
        for number in theirs:
            held[number] += 1
            passed[number] += questions[number].score >= threshold
    kept = _rounded(median(chosen))
    rates = [count / times if times else 0.0 for count, times in zip(passed, held, strict=True)]

    def share(*sorts: tuple[bool, bool]) -> Share:
        of = [rate for q, rate in zip(questions, rates, strict=True) if (q.answerable, q.drawn) in sorts]
        return Share(sum(of), len(of))

    held_out = Point(kept, share(_ANSWERABLE), share(_OWN, _DRAWN))
    return Calibration(kept, held_out, share(_OWN), at(default, questions), curve(questions))


def too_few(answerable: int, unanswerable: int) -> DataError:
    """The error of so few questions that nothing can be said."""
    return DataError(
        f"There are {answerable} questions that the documents answer and {unanswerable} that they do not; at least "
        f"{LEAST_QUESTIONS} of each are needed, half of them to choose and half to check. Write more.",
        pt=f"Há {answerable} perguntas que os documentos respondem e {unanswerable} que não; são precisas pelo menos "
        f"{LEAST_QUESTIONS} de cada, metade para escolher e metade para conferir. Escreva mais.",
    )


def halves(questions: Sequence[Scored], seed: int) -> tuple[list[int], list[int]]:
    """The places of the questions in two halves of each sort, shuffled by `seed`; the halves take turns at odd ones."""
    chooser = random.Random(seed)  # noqa: S311  # no secret: a reproducible choice
    first: list[int] = []
    second: list[int] = []
    for sort in (_ANSWERABLE, _OWN, _DRAWN):
        same = [number for number, q in enumerate(questions) if (q.answerable, q.drawn) == sort]
        chooser.shuffle(same)
        cut = (len(same) + seed % 2) // 2
        first += same[:cut]
        second += same[cut:]
    return first, second


def at(threshold: float, questions: Iterable[Scored]) -> Point:
    """What a threshold does to these questions."""
    return _points([threshold], questions)[0]


def curve(questions: Sequence[Scored]) -> tuple[Point, ...]:
    """A point for every threshold that decides otherwise than its neighbours, from 0 to 1."""
    scores = sorted({question.score for question in questions})
    middles = {_rounded((low + high) / 2) for low, high in pairwise(scores)}
    return _points(sorted({0.0, 1.0, *middles}), questions)


def choose(points: Sequence[Point]) -> Point:
    """The point of the rule, of a whole curve.

    The middle of the thresholds at which both aims hold: as far from keeping silent as from inventing. Where they hold
    at none, of those that answer at least 80 % the one that lets the fewest through, then the one that answers most.
    """
    enough = [point for point in points if point.answers_enough]
    both = [point for point in enough if point.good]
    if not both:
        return min(enough, key=lambda p: (p.false.value, -p.answered.value, -p.threshold))
    middle = (both[0].threshold + both[-1].threshold) / 2
    return min(both, key=lambda p: abs(p.threshold - middle))


def _points(thresholds: Sequence[float], questions: Iterable[Scored]) -> tuple[Point, ...]:
    scores: dict[bool, list[float]] = {True: [], False: []}
    for question in questions:
        insort(scores[question.answerable], question.score)

    def reach(threshold: float, sort: bool) -> Share:
        return Share(len(scores[sort]) - bisect_left(scores[sort], threshold), len(scores[sort]))

    return tuple(Point(threshold, reach(threshold, True), reach(threshold, False)) for threshold in thresholds)


def _rounded(threshold: float) -> float:
    return float(f"{threshold:.{_DIGITS}g}")
