"""Texts that are nearly the same, so that a model is not tested on what it was trained on.

Two texts are near when their sets of words overlap by four fifths (Jaccard). Candidates by prefix
filtering (Chaudhuri, Ganti, Kaushik 2006; Bayardo, Ma, Srikant 2007): near texts share one of their
rarest words. Refuses to know meaning: a paraphrase is another text.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from assistant.models.words import folded as plain

NEAR = 0.8  # share of common words
MOST = 30_000  # different texts that are compared; above it only equal ones are found
_SHORTEST = 5  # words; shorter texts are near only when they are equal
_COMPARED = 200  # latest texts with a common word; bounds the time for sets made from one pattern
_WORD = re.compile(r"\w+")


def folded(text: str) -> str:
    """A text without accents, case, signs and white space: what makes two inputs the same."""
    return " ".join(_WORD.findall(plain(text)))


def clusters(texts: Sequence[str]) -> list[int]:
    """A number for each text, the same for texts that are equal or near, directly or through others."""
    keys: dict[str, int] = {}
    places = [keys.setdefault(folded(text) or text, len(keys)) for text in texts]
    parents = list(range(len(keys)))
    if len(keys) <= MOST:
        _join_near(list(keys), parents)
    return [_root(parents, place) for place in places]


def _join_near(keys: Sequence[str], parents: list[int]) -> None:
    sets = [frozenset(key.split()) for key in keys]
    frequency = Counter(word for words in sets for word in words)
    holders: dict[str, list[int]] = defaultdict(list)
    for at in sorted(range(len(sets)), key=lambda i: len(sets[i])):  # shorter ones first
        words = sets[at]
        if len(words) < _SHORTEST:
            continue
        rarest = sorted(words, key=lambda word: (frequency[word], word))
        for word in rarest[: len(words) - math.ceil(NEAR * len(words)) + 1]:
            for other in holders[word][-_COMPARED:]:
                if _root(parents, at) != _root(parents, other) and _near(words, sets[other]):
                    parents[_root(parents, at)] = _root(parents, other)
            holders[word].append(at)


def _near(a: frozenset[str], b: frozenset[str]) -> bool:
    common = len(a & b)
    return common >= NEAR * (len(a) + len(b) - common)


def _root(parents: list[int], at: int) -> int:
    while parents[at] != at:
        parents[at] = parents[parents[at]]  # shortens the way for the next
        at = parents[at]
    return at
