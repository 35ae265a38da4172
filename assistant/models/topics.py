"""What a reply is to take up, and what it may not bring in: learned from an adapter's own pairs.

"demorou" comes back in nine of ten replies to a text that says it, "pedi" in none; "frango" in a reply comes from the
text, "desculpas" does not. Both shares are counted once, on the training pairs. The words that replies take up stand
in the prompt, as a list to work through, and tell which of several drafts fits better. Words are compared by their
first five letters, accents aside. Shared by what trains an adapter and by what questions it, so that both see the
same characters. Refuses to know engines and where the counts lie.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.models.prompt_format import NO_TOPICS

EXPECTED = 0.5  # share from which a word of the text counts as one that a reply takes up
TOLD = 0.25  # share from which a word that a training reply did take up was no accident

_WORD = re.compile(r"[^\W\d_]{3,}")
_SENTENCE = re.compile(r"[.!?;:\n]+")
_STEM = 5  # letters: enough for Portuguese inflection
_PRIOR = 2.0  # pairs that a word's share starts from, with the mean of all words
_FEWEST = 2  # texts that must hold a word for its share to be kept

Pairs = Sequence[tuple[str, str]]  # text, reply


@dataclass(frozen=True, slots=True)
class Topics:
    """Shares, 0 to 1, by stem.

    `taken_up`: how much oftener a reply has a word when its text has it; `from_text`: how much oftener a text has a
    word when its reply has it. The difference, because "sobre" is in every other reply, whatever the text says. A
    word that is not in a map has the map's `_rare` share: that of words seen once.
    """

    taken_up: Mapping[str, float]
    taken_up_rare: float
    from_text: Mapping[str, float]
    from_text_rare: float

    @classmethod
    def learn(cls, pairs: Pairs) -> Topics:
        """Count over (text, reply) pairs."""
        stems = [(_stems(text).keys(), _stems(reply).keys()) for text, reply in pairs]
        taken, rare = _shares(stems)
        held, rare_held = _shares([(reply, text) for text, reply in stems])
        return cls(taken, rare, held, rare_held)

    def expected(self, text: str) -> tuple[str, ...]:
        """The words of the text that replies take up, as it writes them, in their order."""
        return tuple(word for stem, word in _stems(text).items() if self._taken_up(stem) >= EXPECTED)

    def missing(self, reply: str, text: str) -> tuple[str, ...]:
        """The expected words of the text that this reply does not take up."""
        said = _stems(reply)
        return tuple(word for word in self.expected(text) if _stem(word) not in said)

    def outline(self, text: str, reply: str | None = None) -> str:
        """The words that a prompt lists, those of one sentence together: "demora, garçom; frango, peixe", or "nenhum".

        Of a text alone the expected ones; of a training pair those that its reply did take up, so that the model
        learns to take up whatever is listed.
        """
        said = None if reply is None else _stems(reply)
        known: set[str] = set()
        parts = []
        for sentence in _SENTENCE.split(text):
            words = {stem: word for stem, word in _stems(sentence).items() if stem not in known}
            known |= words.keys()
            kept = [word.lower() for stem, word in words.items() if self._listed(stem, said)]
            parts += [", ".join(kept)] if kept else []
        return "; ".join(parts) or NO_TOPICS

    def fit(self, reply: str, text: str) -> float:
        """How well a reply fits its text, 0 to 1: the F1 of what it takes up and of what it has from there."""
        said, known = _stems(reply).keys(), _stems(text).keys()
        recall = _part({stem: self._taken_up(stem) for stem in known}, said)
        precision = _part({stem: self.from_text.get(stem, self.from_text_rare) for stem in said}, known)
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    def _listed(self, stem: str, said: Collection[str] | None) -> bool:
        if said is None:
            return self._taken_up(stem) >= EXPECTED
        return stem in said and self._taken_up(stem) >= TOLD

    def _taken_up(self, stem: str) -> float:
        return self.taken_up.get(stem, self.taken_up_rare)


def _stems(text: str) -> dict[str, str]:
    """Stem to the first word that has it."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        found.setdefault(_stem(word), word)
    return found


def _stem(word: str) -> str:
    plain = unicodedata.normalize("NFD", word.lower())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))[:_STEM]


def _shares(pairs: Sequence[tuple[Collection[str], Collection[str]]]) -> tuple[dict[str, float], float]:
    """For each stem of the first side how much oftener the second has it, too, and that share for stems seen once."""
    seen = Counter(stem for first, _ in pairs for stem in first)
    other = Counter(stem for _, second in pairs for stem in second)
    both = Counter(stem for first, second in pairs for stem in set(first) & set(second))
    if not seen:
        return {}, 0.0
    mean = both.total() / seen.total()
    once = [stem for stem, count in seen.items() if count == 1]
    rare = sum(both[stem] for stem in once) / len(once) if once else mean
    shares = {}
    for stem, count in sorted(seen.items()):
        if count >= _FEWEST:
            without = (other[stem] - both[stem]) / max(1, len(pairs) - count)
            shares[stem] = round(max(0.0, (both[stem] + _PRIOR * mean) / (count + _PRIOR) - without), 2)
    return shares, round(rare, 2)


def _part(shares: Mapping[str, float], kept: Iterable[str]) -> float:
    whole = sum(shares.values())
    return sum(shares.get(stem, 0.0) for stem in set(kept)) / whole if whole else 1.0
