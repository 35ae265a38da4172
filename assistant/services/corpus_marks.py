"""Where a passage, and the quoted words in it, stand in the text of a page.

Only letters and digits are compared: a passage has the page's own wording, but line breaks and the marks of headings
and lists may be others. Refuses to know how a mark looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Range = tuple[int, int]
_LEAST = 12  # letters of a sentence that is looked for alone: fewer are found anywhere
_SENTENCE = re.compile(r"\n|(?<=[.;!?])\s")


@dataclass(frozen=True, slots=True)
class Marks:
    """Character ranges in a page's text, end exclusive; None where they are not found.

    `quote` lies inside of `passage`; `whole` says that all of the passage stands there, one piece.
    """

    passage: Range | None = None
    quote: Range | None = None
    whole: bool = False


class MarkedText:
    """The text of a page, ready to be searched."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places = [i for i, c in enumerate(text) if c.isalnum()]
        self._letters = "".join(text[i] for i in self._places)

    def marks(self, passage: str, quote: Range | None = None) -> Marks:
        """Where the passage is, or the sentences of it that are here; `quote` are offsets in the passage."""
        letters = letters_of(passage)
        if not letters:
            return Marks()
        at = self._letters.find(letters)
        if at < 0:
            return self._in_part(passage, quote)
        found = self._range(at, at + len(letters), passage)
        if quote is None:
            return Marks(found, whole=True)
        first, last = (at + len(letters_of(passage[:offset])) for offset in quote)
        words = self._range(first, last, passage[slice(*quote)]) if last > first else None
        return Marks(found, words, whole=True)

    def _in_part(self, passage: str, quote: Range | None) -> Marks:
        """From the first to the last sentence of the passage that is here, in order, and on to the quoted words."""
        first, end, far = -1, 0, 2 * len(passage)
        for sentence in map(letters_of, _SENTENCE.split(passage)):
            at = self._letters.find(sentence, end) if len(sentence) >= _LEAST else -1
            if at < 0 or (first >= 0 and at - first > far):
                continue
            first, end = (at if first < 0 else first), at + len(sentence)
        if quote is None:
            return Marks() if first < 0 else Marks(self._range(first, end, ""))
        wording = passage[slice(*quote)]
        words = letters_of(wording)
        at = self._letters.find(words, max(0, first), end if len(words) < _LEAST else None) if words else -1
        if at < 0 or (first >= 0 and at - first > far):
            return Marks() if first < 0 else Marks(self._range(first, end, ""))
        first, end = (at if first < 0 else first), max(end, at + len(words))
        return Marks(self._range(first, end, wording), self._range(at, at + len(words), wording))

    def _range(self, first: int, end: int, wording: str) -> Range:
        """Letters as characters, with the marks that the wording ends with where they stand here, too."""
        start, stop = self._places[first], self._places[end - 1] + 1
        said = wording.rstrip()
        last = max((i for i, c in enumerate(said) if c.isalnum()), default=len(said) - 1)
        tail = said[last + 1 :]
        return start, stop + len(tail) if self.text.startswith(tail, stop) else stop


def letters_of(text: str) -> str:
    """A text without everything that is no letter and no digit."""
    return "".join(c for c in text if c.isalnum())
