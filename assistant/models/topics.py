"""What a reply is to take up, and what it may not bring in: learned from an adapter's own pairs.

"demorou" comes back in nine of ten replies to a text that says it, "pedi" in none; "frango" in a reply comes from the
text, "desculpas" does not. Both shares are counted once, on the training pairs. The words that replies take up stand
in the prompt, as a list to work through, and tell which of several drafts fits better. Words are compared by their
first five letters, accents aside. Shared by what trains an adapter and by what questions it, so that both see the
same characters. Refuses to know engines and where the counts lie.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.models.prompt_format import NO_TOPICS
from assistant.models.tone import Tones
from assistant.models.words import stem, stems

EXPECTED = 0.4  # share from which a word of the text counts as one that a reply takes up
TOLD = 0.25  # share from which a word that a training reply did take up was no accident

_SENTENCE = re.compile(r"[.!?;:\n]+")
_QUOTES = re.compile("['\"“”‘’«»]")  # one of a pair may be cut off
_MOST_PHRASES = 3
_BETWEEN = 2  # words between two of a phrase, at most, none of them longer than these letters
_SHORT = 4
_PRIOR = 2.0  # pairs that a word's share starts from, with the mean of all words
_FEWEST = 2  # texts that must hold a word for its share to be kept

NO_TONES = Tones({}, {})
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
    tones: Tones = NO_TONES

    @classmethod
    def learn(cls, pairs: Pairs) -> Topics:
        """Count over (text, reply) pairs."""
        found = [(stems(text).keys(), stems(reply).keys()) for text, reply in pairs]
        taken, rare = _shares(found)
        held, rare_held = _shares([(reply, text) for text, reply in found])
        return cls(taken, rare, held, rare_held, Tones.learn(pairs))

    def expected(self, text: str) -> tuple[str, ...]:
        """The words of the text that replies take up, as it writes them, in their order."""
        return tuple(word for stem, word in stems(text).items() if self._taken_up(stem) >= EXPECTED)

    def missing(self, reply: str, text: str) -> tuple[str, ...]:
        """The expected words of the text that this reply does not take up."""
        said = stems(reply)
        return tuple(word for word in self.expected(text) if stem(word) not in said)

    def gap(self, reply: str, text: str) -> float:
        """How many words a reply leaves out that such replies take up: the sum of their shares."""
        return sum(self._taken_up(stem(word)) for word in self.missing(reply, text))

    def phrases(self, text: str) -> tuple[str, ...]:
        """The expected words as the text says them, with the short words between: "caco de vidro na salada".

        At most three, the fullest ones.
        """
        wanted = {stem(word) for word in self.expected(text) if len(word) > _SHORT - 1}
        found: list[str] = []
        for sentence in _SENTENCE.split(text.replace(",", "\n")):
            words = list(re.finditer(r"\w+", sentence))
            at = [place for place, word in enumerate(words) if stem(word[0]) in wanted]
            while at:
                last = 0
                while last + 1 < len(at) and _linked(words[at[last] + 1 : at[last + 1]]):
                    last += 1
                found.append(sentence[words[at[0]].start() : words[at[last]].end()])
                wanted -= {stem(words[place][0]) for place in at[: last + 1]}
                at = [place for place in at[last + 1 :] if stem(words[place][0]) in wanted]
        fullest = sorted(range(len(found)), key=lambda place: -len(found[place].split()))[:_MOST_PHRASES]
        chosen = (_QUOTES.sub("", found[place]) for place in sorted(fullest))
        return tuple(phrase.lower() if phrase.isupper() else phrase for phrase in chosen)

    def outline(self, text: str, reply: str | None = None, tones: Sequence[str] | None = None) -> str:
        """What a prompt lists: tones, then words, those of one sentence together.

        As in "desculpas: demora, garçom; frango, peixe"; "nenhum" where no word is listed. Of a text alone the expected
        words; of a training pair those that its reply did take up, so that the model learns to take up whatever
        is listed. `tones` where they are not to be foretold.
        """
        said = None if reply is None else stems(reply)
        known: set[str] = set()
        parts = []
        for sentence in _SENTENCE.split(text):
            words = {key: word for key, word in stems(sentence).items() if key not in known}
            known |= words.keys()
            kept = [word.lower() for key, word in words.items() if self._listed(key, said)]
            parts += [", ".join(kept)] if kept else []
        heard = ", ".join(self.tones.wanted(text) if tones is None else tones)
        listed = "; ".join(parts) or NO_TOPICS
        return f"{heard}: {listed}" if heard else listed

    def fit(self, reply: str, text: str) -> float:
        """How well a reply fits its text, 0 to 1: the F1 of what it takes up and of what it has from there."""
        said, known = stems(reply).keys(), stems(text).keys()
        recall = _part({stem: self._taken_up(stem) for stem in known}, said)
        precision = _part({stem: self.from_text.get(stem, self.from_text_rare) for stem in said}, known)
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0

    def _listed(self, stem: str, said: Collection[str] | None) -> bool:
        if said is None:
            return self._taken_up(stem) >= EXPECTED
        return stem in said and self._taken_up(stem) >= TOLD

    def _taken_up(self, stem: str) -> float:
        return self.taken_up.get(stem, self.taken_up_rare)


def _linked(between: Sequence[re.Match[str]]) -> bool:
    return len(between) <= _BETWEEN and all(len(word[0]) <= _SHORT for word in between)


def _shares(pairs: Sequence[tuple[Collection[str], Collection[str]]]) -> tuple[dict[str, float], float]:
    """For each stem of the first side how much oftener the second has it, too, and that share for stems seen once."""
    seen = Counter(word for first, _ in pairs for word in first)
    other = Counter(word for _, second in pairs for word in second)
    both = Counter(word for first, second in pairs for word in set(first) & set(second))
    if not seen:
        return {}, 0.0
    mean = both.total() / seen.total()
    once = [word for word, count in seen.items() if count == 1]
    rare = sum(both[word] for word in once) / len(once) if once else mean
    shares = {}
    for word, count in sorted(seen.items()):
        if count >= _FEWEST:
            without = (other[word] - both[word]) / max(1, len(pairs) - count)
            shares[word] = round(max(0.0, (both[word] + _PRIOR * mean) / (count + _PRIOR) - without), 2)
    return shares, round(rare, 2)


def _part(shares: Mapping[str, float], kept: Iterable[str]) -> float:
    whole = sum(shares.values())
    return sum(shares.get(word, 0.0) for word in set(kept)) / whole if whole else 1.0
