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

_ABBREVIATION = re.compile(
    r"(?:\b(?:arts?|n|nº|fls?|inc|par|al|dec|res|min|rel|des|dr|dra|sr|sra|exmo|exma|proc|cf|ed|p|pp|vol|ltda|"
    r"cia|prof|profa|jr|c|obs|ex|av|reg|tab|súm|v|t)|\b[A-ZÀ-Ü])\.$",
    re.IGNORECASE,
)
_BREAK = re.compile(r"\n+|(?<=[.!?;])\s+(?=[A-ZÀ-Ü0-9\"“(])")
_NOTHING = {"nenhuma", "nenhum", "nenhuma."}


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
    """Cut a text at line breaks and ends of sentences, never after an abbreviation.

    A sentence longer than SEGMENT_CHARS is cut at the last blank before the limit.
    """
    pieces: list[Segment] = []
    start = 0
    for match in _BREAK.finditer(text):
        if "\n" not in match[0] and _ABBREVIATION.search(text, start, match.start()):
            continue
        pieces += _limited(text, start, match.start())
        start = match.end()
    return pieces + list(_limited(text, start, len(text)))


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
    """Entities with offsets in the whole input, and how many pairs are not in the segment.

    Pairs come in the order of the text, so each is looked for behind the one before; one that only
    occurs earlier is taken there, unless another entity already covers it.
    """
    found: list[Entity] = []
    dropped, position = 0, 0
    for label, text in pairs:
        pattern = re.compile(r"\s+".join(re.escape(word) for word in text.split()))
        match = _free(pattern, segment.text, position, found, segment.start)
        match = match or _free(pattern, segment.text, 0, found, segment.start)
        if match is None:
            dropped += 1
            continue
        position = max(position, match.end())
        start, end = segment.start + match.start(), segment.start + match.end()
        found.append(Entity(label, match[0], start, end))
    return sorted(found, key=lambda e: (e.start, e.end)), dropped


def _free(
    pattern: re.Pattern[str], text: str, position: int, found: Sequence[Entity], offset: int
) -> re.Match[str] | None:
    for match in pattern.finditer(text, position):
        taken = any(match.start() + offset < entity.end and entity.start < match.end() + offset for entity in found)
        if not taken:
            return match
    return None
