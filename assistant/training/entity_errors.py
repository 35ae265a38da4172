"""Why strict entity figures are what they are: every error of an extraction under one of seven names.

    other_class     the very span, with another class
    too_long        the right class, with words around the span
    too_short       the right class, a part of the span
    crossing        the right class, words in common with the span
    other_span      another class and another span, words in common
    missed          an entity of which nothing was found
    spurious        a span where nothing is

Each entity counts once, in this order of names. Pure functions over (label, text) pairs; offsets are not needed, so
files that name none can be read, and equal words at two places of a sentence are taken for each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.models.words import folded

Pair = tuple[str, str]
_CONTENT = 3  # letters; shorter words ("do", "nº") are in common by accident


@dataclass(frozen=True, slots=True)
class EntityError:
    """A kind of error; `gold` and `found` are the classes, None where there was nothing."""

    kind: str
    gold: str | None
    found: str | None


def entity_errors(gold: Sequence[Sequence[Pair]], found: Sequence[Sequence[Pair]]) -> Counter[EntityError]:
    """How often each kind of error occurs over sentences of (label, text) pairs."""
    counts: Counter[EntityError] = Counter()
    for expected, given in zip(gold, found, strict=True):
        counts.update(_of_sentence(expected, given))
    return counts


def _of_sentence(expected: Sequence[Pair], given: Sequence[Pair]) -> list[EntityError]:
    wanted = list((Counter(expected) - Counter(given)).elements())
    wrong = list((Counter(given) - Counter(expected)).elements())
    errors = []
    for kind, fits in _KINDS:
        for pair in list(wanted):
            other = next((candidate for candidate in wrong if fits(pair, candidate)), None)
            if other is not None:
                wanted.remove(pair)
                wrong.remove(other)
                errors.append(EntityError(kind, pair[0], other[0]))
    errors += [EntityError("missed", label, None) for label, _ in wanted]
    return errors + [EntityError("spurious", None, label) for label, _ in wrong]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", folded(text))


def _holds(text: str, part: str) -> bool:
    return f" {' '.join(_words(part))} " in f" {' '.join(_words(text))} "


def _touch(one: str, other: str) -> bool:
    common = set(_words(one)) & set(_words(other))
    return any(len(word) >= _CONTENT or word.isdigit() for word in common)


_KINDS: tuple[tuple[str, Callable[[Pair, Pair], bool]], ...] = (
    ("other_class", lambda gold, found: gold[1] == found[1]),
    ("too_long", lambda gold, found: gold[0] == found[0] and _holds(found[1], gold[1])),
    ("too_short", lambda gold, found: gold[0] == found[0] and _holds(gold[1], found[1])),
    ("crossing", lambda gold, found: gold[0] == found[0] and _touch(gold[1], found[1])),
    ("other_span", lambda gold, found: _touch(gold[1], found[1])),
)
