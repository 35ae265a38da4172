"""What an extract adapter wrote -> entities with offsets in the visitor's text.

Knows the output form "LABEL: text | LABEL: text" or "nenhuma", and how long texts are cut into
segments. Every span is found verbatim in the input (white space folded); what is not there is
dropped and counted. Refuses to know engines and prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.types import Entity

SEGMENT_CHARS = 800  # longest segment; the longest training text is about that long
WHOLE_CHARS = 400  # a line up to this length stays one segment: cutting between sentences costs context

_ABBREVIATION = re.compile(
    r"(?:\b(?:arts?|n|nº|fls?|inc|par|al|dec|res|min|rel|des|dr|dra|sr|sra|exmo|exma|proc|cf|ed|p|pp|vol|ltda|"
    r"cia|prof|profa|jr|c|obs|ex|av|reg|tab|súm|v|t)|\b[A-ZÀ-Ü])\.$",
    re.IGNORECASE,
)
_LINE = re.compile(r"\n+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-Ü\"“])")
_NOTHING = {"nenhuma", "nenhum", "nenhuma."}
# What stands at the foot of every page of a court's document and names nothing: the code by which the
# document is verified, and the line for the sheet's number.
_PAGE_FOOT = re.compile(r"C[óo]digo de Verifica[çc][ãa]o|\d{4}[A-Z]{3}[A-Z0-9]{12,}$|Fls\s?\.\s?_+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the input; `start` is its character offset there."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """(label, text) pairs of one output, and how many items had no known label."""

    pairs: tuple[tuple[str, str], ...]
    failures: int


def segments(text: str) -> list[Segment]:
    """Cut a text at line breaks; long lines also at ends of sentences, never after an abbreviation.

    A sentence longer than SEGMENT_CHARS is cut at the last blank before the limit.
    """
    pieces: list[Segment] = []
    start = 0
    for end, following in [*((m.start(), m.end()) for m in _LINE.finditer(text)), (len(text), len(text))]:
        if end - start <= WHOLE_CHARS:
            pieces += _limited(text, start, end)
        else:
            pieces += _sentences(text, start, end)
        start = following
    return pieces


def _sentences(text: str, start: int, end: int) -> Iterator[Segment]:
    for match in _SENTENCE.finditer(text, start, end):
        if not _ABBREVIATION.search(text, start, match.start()):
            yield from _limited(text, start, match.start())
            start = match.end()
    yield from _limited(text, start, end)


def _limited(text: str, start: int, end: int) -> Iterator[Segment]:
    while end - start > SEGMENT_CHARS:
        cut = text.rfind(" ", start, start + SEGMENT_CHARS)
        cut = cut if cut > start else start + SEGMENT_CHARS
        yield Segment(text[start:cut], start)
        start = cut
    if text[start:end].strip():
        yield Segment(text[start:end], start)


def parse(output: str, labels: Sequence[str]) -> Parsed:
    """Read the output of an extract adapter; an item without a known label is a failure."""
    body = output.strip()
    if not body or body.lower() in _NOTHING:
        return Parsed((), 0)
    pairs, failures = [], 0
    for item in body.split(" | "):
        label, separator, text = item.partition(":")
        if separator and label.strip() in labels and text.strip():
            pairs.append((label.strip(), text.strip()))
        else:
            failures += 1
    return Parsed(tuple(pairs), failures)


def locate(segment: Segment, pairs: Sequence[tuple[str, str]]) -> tuple[list[Entity], int]:
    """Entities with offsets in the whole input, and how many different pairs are not in the segment.

    Pairs come in the order of the text, so each is looked for behind the one before; one that only
    occurs earlier is taken there, unless another entity already covers it: then the output goes round in
    circles, and the pair is left out. Where only the case differs, the input's own wording counts.
    """
    found: list[Entity] = []
    invented: set[tuple[str, str]] = set()
    position = 0
    for label, text in pairs:
        words = r"\s+".join(re.escape(word) for word in text.split())
        tries = ((flags, start) for flags in (re.NOFLAG, re.IGNORECASE) for start in (position, 0))
        matches = (_free(re.compile(words, flags), segment.text, at, found, segment.start) for flags, at in tries)
        match = next((m for m in matches if m), None)
        if match is None:
            if not re.search(words, segment.text, re.IGNORECASE):
                invented.add((label, text))
            continue
        if _PAGE_FOOT.match(match[0]):
            continue
        position = max(position, match.end())
        start, end = segment.start + match.start(), segment.start + match.end()
        found.append(Entity(label, match[0], start, end))
    return sorted(found, key=lambda e: (e.start, e.end)), len(invented)


def _free(
    pattern: re.Pattern[str], text: str, position: int, found: Sequence[Entity], offset: int
) -> re.Match[str] | None:
    for match in pattern.finditer(text, position):
        taken = any(match.start() + offset < entity.end and entity.start < match.end() + offset for entity in found)
        if not taken:
            return match
    return None
