"""When not to answer: from scored questions to the threshold of one corpus, and what it costs on questions kept apart.

Knows counts, the curve and the rule by which a threshold is chosen. Refuses to know where scores come from.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.errors import DataError

LEAST_ANSWERED = 0.8  # aim: share of the answerable questions that are answered
MOST_FALSE = 0.1  # aim: share of the unanswerable questions that get through all the same
LEAST_QUESTIONS = 20  # of each sort: ten in each half; below, an interval says nothing
_Z = 1.959964  # 95 %
_DIGITS = 4  # of a threshold: what is kept is what was measured


@dataclass(frozen=True, slots=True)
class Scored:
    """A question's relevance (0 to 1) and whether the corpus answers it; `drawn` ones are about another subject."""

    score: float
    answerable: bool
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """`count` questions of `of`."""

    count: int
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


@dataclass(frozen=True, slots=True)
class Calibration:
    """The threshold that one half of the questions chose, and what it does on both halves.

    `default` is the held-out half at the threshold without calibration, `own` what gets through of its unanswerable
    questions that are not drawn, `curve` the held-out half at every threshold.
    """

    chosen: Point
    held_out: Point
    default: Point
    own: Share
    curve: tuple[Point, ...]

    @property
    def threshold(self) -> float:
        """The one that was chosen."""
        return self.chosen.threshold


def calibrate(questions: Sequence[Scored], default: float, seed: int = 0) -> Calibration:
    """Choose on one half, report on the other; raises `DataError` for fewer than 20 questions of either sort."""
    check_enough(sum(q.answerable for q in questions), sum(not q.answerable for q in questions))
    ours, theirs = halves(questions, seed)
    chosen = choose(curve(ours))
    own = [q for q in theirs if not q.answerable and not q.drawn]
    return Calibration(
        chosen,
        at(chosen.threshold, theirs),
        at(default, theirs),
        Share(sum(q.score >= chosen.threshold for q in own), len(own)),
        curve(theirs),
    )


def check_enough(answerable: int, unanswerable: int) -> None:
    """Raise `DataError` where there are too few questions to say anything."""
    if min(answerable, unanswerable) >= LEAST_QUESTIONS:
        return
    raise DataError(
        f"There are {answerable} questions that the documents answer and {unanswerable} that they do not; at least "
        f"{LEAST_QUESTIONS} of each are needed, half of them to choose and half to check. Write more.",
        pt=f"Há {answerable} perguntas que os documentos respondem e {unanswerable} que não; são precisas pelo menos "
        f"{LEAST_QUESTIONS} de cada, metade para escolher e metade para conferir. Escreva mais.",
    )


def halves(questions: Sequence[Scored], seed: int) -> tuple[list[Scored], list[Scored]]:
    """Two halves of each sort of question, shuffled by `seed`; an odd one goes to the second half."""
    chooser = random.Random(seed)  # noqa: S311  # no secret: a reproducible choice
    first: list[Scored] = []
    second: list[Scored] = []
    for sort in ((True, False), (False, False), (False, True)):
        same = [q for q in questions if (q.answerable, q.drawn) == sort]
        chooser.shuffle(same)
        first += same[: len(same) // 2]
        second += same[len(same) // 2 :]
    return first, second


def at(threshold: float, questions: Iterable[Scored]) -> Point:
    """What a threshold does to these questions."""
    counts = {True: [0, 0], False: [0, 0]}
    for question in questions:
        counts[question.answerable][0] += question.score >= threshold
        counts[question.answerable][1] += 1
    return Point(threshold, Share(*counts[True]), Share(*counts[False]))


def curve(questions: Sequence[Scored]) -> tuple[Point, ...]:
    """A point for every threshold that decides otherwise than its neighbours, from 0 to 1."""
    scores = sorted({question.score for question in questions})
    middles = {float(f"{(low + high) / 2:.{_DIGITS}g}") for low, high in pairwise(scores)}
    return tuple(at(threshold, questions) for threshold in sorted({0.0, 1.0, *middles}))


def choose(points: Sequence[Point]) -> Point:
    """The point of the rule.

    Of the thresholds that answer at least 80 % and let at most 10 % through, or where there is none, of those that
    answer at least 80 %: the widest gap between both shares (Youden, 1950), then the least false answers.
    """
    enough = [point for point in points if point.answers_enough]
    both = [point for point in enough if point.invents_little]
    return max(both or enough, key=lambda p: (p.answered.value - p.false.value, -p.false.value, p.threshold))
