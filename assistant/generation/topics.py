"""What a reply is to take up, and what it may not bring in: learned from an adapter's own pairs.

"demorou" comes back in nine of ten replies to a text that says it, "pedi" in none; "frango" in a reply comes
from the text, "desculpas" does not. Both shares are counted once, on the training pairs, and tell which of several
drafts answers more of what was said with less that was not. Words are compared by their first five letters,
accents aside. Refuses to know engines and where the counts lie.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assistant.generation.citations import fold

_WORD = re.compile(r"[^\W\d_]{4,}")
_STEM = 5  # letters: enough for Portuguese inflection
_PRIOR = 2.0  # pairs that a word's share starts from, with the mean of all words
EXPECTED = 0.6  # share from which a word of the text counts as one that a reply takes up
_FEWEST = 2  # pairs that must hold a word for its share to be kept


@dataclass(frozen=True, slots=True)
class Topics:
    """Shares, 0 to 1, by stem.

    `taken_up`: of the texts with a word, those whose reply has it; `from_text`: of the replies with a word, those
    whose text has it. A word that is not in a map has the map's `_rare` share: that of words seen once.
    """

    taken_up: Mapping[str, float]
    taken_up_rare: float
    from_text: Mapping[str, float]
    from_text_rare: float

    @classmethod
    def learn(cls, pairs: Iterable[tuple[str, str]]) -> Topics:
        """Count over (text, reply) pairs."""
        stems = [(_stems(text).keys(), _stems(reply).keys()) for text, reply in pairs]
        taken, rare = _shares((text, reply) for text, reply in stems)
        held, rare_held = _shares((reply, text) for text, reply in stems)
        return cls(taken, rare, held, rare_held)

    def missing(self, reply: str, text: str) -> tuple[str, ...]:
        """The words of the text that a reply is expected to take up and this one does not, in their order."""
        said = _stems(reply)
        return tuple(
            word
            for stem, word in _stems(text).items()
            if stem not in said and self.taken_up.get(stem, self.taken_up_rare) >= EXPECTED
        )

    def fit(self, reply: str, text: str) -> float:
        """How well a reply fits its text, 0 to 1: the F1 of what it takes up and of what it has from there."""
        said, known = _stems(reply).keys(), _stems(text).keys()
        expected = {stem: self.taken_up.get(stem, self.taken_up_rare) for stem in known}
        told = {stem: self.from_text.get(stem, self.from_text_rare) for stem in said}
        recall = _part(expected, said)
        precision = _part(told, known)
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _stems(text: str) -> dict[str, str]:
    """Stem to the first word that has it."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        found.setdefault(fold(word)[0][:_STEM], word)
    return found


def _shares(pairs: Iterable[tuple[Iterable[str], Iterable[str]]]) -> tuple[dict[str, float], float]:
    """For each stem of the first side how often the second has it, too, and that share for stems seen once."""
    seen: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    for first, second in pairs:
        seen.update(first)
        shared.update(set(first) & set(second))
    if not seen:
        return {}, 0.0
    mean = shared.total() / seen.total()
    once = [stem for stem, count in seen.items() if count == 1]
    rare = sum(shared[stem] for stem in once) / len(once) if once else mean
    shares = {
        stem: round((shared[stem] + _PRIOR * mean) / (count + _PRIOR), 2)
        for stem, count in sorted(seen.items())
        if count >= _FEWEST
    }
    return shares, round(rare, 2)


def _part(shares: Mapping[str, float], kept: Iterable[str]) -> float:
    whole = sum(shares.values())
    return sum(shares.get(stem, 0.0) for stem in set(kept)) / whole if whole else 1.0
