"""Which sentence of the passages speaks of what was asked, by its words, without a model.

A small base knows whether passages answer better than it knows which sentence does. So the sentence
that the model quotes is compared with the others, and gives way to one that holds clearly more of the
question. Refuses to know engines and prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.generation.citations import (
    LONGEST_SENTENCE,
    Checked,
    check,
    fold,
    quoted_source,
    sentence_around,
    verified,
)
from assistant.types import Outcome, Source

CLEARER = 0.25
"""How much more of the question's words (share, 0 to 1) a sentence must hold to replace the quoted one. Measured with
words weighed by rarity, right sentence among the answered, never / 0.4 / 0.25 / 0.1: 88 own questions 68, 83, 89, 90 %;
56 of FaQuAD (whose paragraphs the adapter was trained on) 71, 95, 95, 95 %."""

_WORD = re.compile(r"[a-z]{4,}|\d+")
# not behind "art.", "arts.", "inc." and "n.", as in `citations`
_END = re.compile(r"(?<!\b[Aa]rt\.)(?<!\b[Aa]rts\.)(?<!\b[Ii]nc\.)(?<!\b[Nn]\.)(?<=[.!?;])\s+|\n+")
_MARKS = " \t-*#|>•"  # of lists, headings and tables at the edges of a line
_FEWEST_WORDS = 3  # a shorter piece is a heading or a cell


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a source; `share` (0 to 1) of the question's words stand in it."""

    source: Source
    start: int
    end: int
    share: float

    @property
    def text(self) -> str:
        """Its words on one line."""
        return " ".join(self.source.passage.text[self.start : self.end].split())


def clearer_sentence(question: str, output: str, sources: Sequence[Source]) -> Sentence | None:
    """The sentence that speaks clearly more of the question than the one quoted first in `output`.

    None where there is none, or where the quote stands in no source.
    """
    quote = output.partition("«")[2].partition("»")[0]
    source = quoted_source(quote, sources)
    if source is None:
        return None
    asked = _stems(question)
    quoted = sentence_around(verified(source, quote))
    best = best_sentence(question, sources)
    if best is None or fold(best.text)[0] in fold(quoted)[0]:
        return None
    return best if best.share - _share(asked, quoted) >= CLEARER else None


def best_sentence(question: str, sources: Sequence[Source]) -> Sentence | None:
    """The sentence that holds the most of the question's words, of equal ones the first; None where there is none."""
    return max(_sentences(_stems(question), sources), key=lambda s: s.share, default=None)


def as_quoted(sentence: Sentence) -> str:
    """The sentence as an adapter would quote it: "«...» [2]"."""
    return f"«{sentence.text.rstrip(' .;,')}» [{sentence.source.marker}]"


def extracted(sentence: Sentence, sources: Sequence[Source]) -> Checked:
    """The answer that is a sentence of a source, word for word."""
    cited = replace(
        sentence.source,
        quote=sentence.source.passage.text[sentence.start : sentence.end],
        start=sentence.start,
        end=sentence.end,
    )
    text = f"{sentence.text.rstrip(' .;,')} [{cited.marker}]."
    found = tuple(cited if source.marker == cited.marker else source for source in sources)
    return Checked(text, Outcome.GROUNDED, found, 0, sentence.text)


def settled(output: str, sources: Sequence[Source], question: str) -> Checked:
    """The answer that a whole output becomes: a clearer sentence where there is one, else what the check leaves."""
    sentence = clearer_sentence(question, output, sources)
    return extracted(sentence, sources) if sentence else check(output, sources, question)


def _sentences(asked: frozenset[str], sources: Sequence[Source]) -> list[Sentence]:
    found = []
    for source in sources:
        text = source.passage.text
        start = 0
        for end, following in [*((m.start(), m.end()) for m in _END.finditer(text)), (len(text), len(text))]:
            piece = text[start:end]
            left = start + len(piece) - len(piece.lstrip(_MARKS))
            right = start + len(piece.rstrip(_MARKS))
            if right - left <= LONGEST_SENTENCE and len(text[left:right].split()) >= _FEWEST_WORDS:
                found.append(Sentence(source, left, right, _share(asked, text[left:right])))
            start = following
    return found


def _share(asked: frozenset[str], text: str) -> float:
    return len(asked & _stems(text)) / len(asked) if asked else 0.0


def _stems(text: str) -> frozenset[str]:
    """Numbers, and the first five letters of the longer words: enough for Portuguese inflection."""
    return frozenset(word[:5] for word in _WORD.findall(fold(text)[0]))
