"""Entities marked where they stand: "em⟨ Recife|LOCAL⟩, a autora".

The form in which an extract adapter writes a text again, shared by what trains it and by what reads it. The blank
before an entity stands inside its mark, so that its words are the same tokens as in the text, which makes them easier
to copy. Refuses to know prompts and offsets in a visitor's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OPEN, SEPARATOR, CLOSE = "⟨", "|", "⟩"  # one token each in Gemma 3's vocabulary

_SIGNS = rf"[^{OPEN}{CLOSE}\{SEPARATOR}]*"
_MARK = re.compile(
    rf"{OPEN}(?P<words>[^{OPEN}{CLOSE}]*)\{SEPARATOR}(?P<label>{_SIGNS}){CLOSE}"  # whole
    rf"|{OPEN}|\{SEPARATOR}{_SIGNS}{CLOSE}|{CLOSE}"  # what is left of one
)


@dataclass(frozen=True, slots=True)
class Mark:
    """An entity of a text written again: its characters there, `start` to `end`, without the blank before it.

    `written` are those of the whole mark in the output.
    """

    label: str
    start: int
    end: int
    written: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Written:
    """A text without its marks, the marks, and how many had no known label or were left open."""

    text: str
    marks: tuple[Mark, ...]
    failures: int


def marked(text: str, entities: Iterable[tuple[str, int, int]]) -> str:
    """The text with its (label, start, end) marked, a blank before it. One that lies in the one before is left out."""
    text = f" {text}"
    result, position = [], 0
    for label, start, end in sorted(entities, key=lambda entity: entity[1:]):
        at = start if text[start] == " " else start + 1  # the blank before it, or its first character
        if at >= position:
            result.append(f"{text[position:at]}{OPEN}{text[at : end + 1]}{SEPARATOR}{label}{CLOSE}")
            position = end + 1
    return "".join((*result, text[position:]))


def placed(text: str, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, int, int]]:
    """(label, start, end) of (label, text) pairs, each behind the one before; what does not stand there is left out."""
    found, position = [], 0
    for label, words in pairs:
        if (start := text.find(words, position)) >= 0:
            position = start + len(words)
            found.append((label, start, position))
    return found


def written(output: str, labels: Sequence[str]) -> Written:
    """Read a text with marks; what is left of a broken one is no part of the text."""
    text, marks, failures, position = "", [], 0, 0
    for match in _MARK.finditer(output):
        text += output[position : match.start()]
        words, label = match["words"] or "", (match["label"] or "").strip()
        start = len(text) + len(words) - len(words.lstrip())
        text += words
        end = len(text.rstrip())
        position = match.end()
        if label in labels and start < end:
            marks.append(Mark(label, start, end, match.span()))
        else:
            failures += 1
    return Written(text + output[position:], tuple(marks), failures)
