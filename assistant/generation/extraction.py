"""What an extract adapter wrote -> entities with offsets in the visitor's text.

Knows the two forms of output, the text with its entities marked (`models.marking`) and the list "LABEL: text |
LABEL: text", or "nenhuma", and how long texts are cut into segments. Every span is found verbatim in the input (white
space folded); what is not there is dropped and counted. Refuses to know prompts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from assistant.engines.base import Delta
from assistant.models.marking import OPEN, Written, written
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
class Item:
    """One entity as an output names it: characters `start` to `end` of the output say so."""

    label: str
    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """The items of one output that lists entities, and how many had no known label."""

    items: tuple[Item, ...]
    failures: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The entities of one segment; `invented` counts spans that it does not hold, `failures` what no form allows."""

    entities: tuple[Entity, ...]
    invented: int = 0
    failures: int = 0


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


def read(output: Sequence[Delta], segment: Segment, labels: Sequence[str]) -> Reading:
    """Read the output of an extract adapter for a segment, whichever of the two forms it has.

    An entity's confidence is the probability of all that its mark or its item consists of, given what stands before
    it; None where the deltas carry none.
    """
    text = "".join(delta.text for delta in output)
    if OPEN in text:
        return _read_marks(written(text, labels), segment, output)
    if _letters(text) == _letters(segment.text):  # written again, nothing marked
        return Reading(())
    parsed = parse(text, labels)
    entities, invented = locate(segment, [_weighed(item, output) for item in parsed.items])
    return Reading(tuple(entities), invented, parsed.failures)


def parse(output: str, labels: Sequence[str]) -> Parsed:
    """Read a list of entities; an item without a known label is a failure."""
    if not output.strip() or output.strip().lower() in _NOTHING:
        return Parsed((), 0)
    items, failures, position = [], 0, 0
    for item in output.split(" | "):
        label, separator, text = item.partition(":")
        start, position = position, position + len(item) + len(" | ")
        if separator and label.strip() in labels and text.strip():
            end = min(start + len(item) + 1, len(output))  # with the blank that ends it
            items.append(Item(label.strip(), text.strip(), start, end))
        else:
            failures += 1
    return Parsed(tuple(items), failures)


def locate(
    segment: Segment, items: Sequence[tuple[Item, float | None]], found: Sequence[Entity] = ()
) -> tuple[list[Entity], int]:
    """Entities with offsets in the whole input, and how many different items are not in the segment.

    Items come with their confidence, in the order of the text, so each is looked for behind the one before (behind
    those `found` already); one that only occurs earlier is taken there, unless another entity already covers it: then
    the output goes round in circles, and the item is left out. Where only the case differs, the input's own wording
    counts.
    """
    entities = list(found)
    invented: set[tuple[str, str]] = set()
    position = max((entity.end - segment.start for entity in found), default=0)
    for item, confidence in items:
        words = r"\s+".join(re.escape(word) for word in item.text.split())
        tries = ((flags, start) for flags in (re.NOFLAG, re.IGNORECASE) for start in (position, 0))
        matches = (_free(re.compile(words, flags), segment.text, at, entities, segment.start) for flags, at in tries)
        match = next((m for m in matches if m), None)
        if match is None:
            if not re.search(words, segment.text, re.IGNORECASE):
                invented.add((item.label, item.text))
            continue
        position = max(position, match.end())
        entities.append(_entity(item.label, segment, match.start(), match.end(), confidence))
    named = [entity for entity in entities if not _PAGE_FOOT.match(entity.text)]
    return sorted(named, key=lambda e: (e.start, e.end)), len(invented)


def _read_marks(output: Written, segment: Segment, deltas: Sequence[Delta]) -> Reading:
    """Marks stand where they stand as long as the text was written again letter by letter; then they are looked for."""
    at = [i for i, character in enumerate(segment.text) if not character.isspace()]
    copied = [i for i, character in enumerate(output.text) if not character.isspace()]
    same = len(
        list(takewhile(lambda pair: output.text[pair[0]] == segment.text[pair[1]], zip(copied, at, strict=False)))
    )
    place = {copied[i]: at[i] for i in range(same)}
    found, rest = [], []
    for mark in output.marks:
        confidence = _probability(deltas, *mark.written)
        if mark.start in place and mark.end - 1 in place:
            found.append(_entity(mark.label, segment, place[mark.start], place[mark.end - 1] + 1, confidence))
        else:
            rest.append((Item(mark.label, output.text[mark.start : mark.end]), confidence))
    entities, invented = locate(segment, rest, found)
    return Reading(tuple(entities), invented, output.failures)


def _entity(label: str, segment: Segment, start: int, end: int, confidence: float | None) -> Entity:
    return Entity(label, segment.text[start:end], segment.start + start, segment.start + end, confidence)


def _weighed(item: Item, output: Sequence[Delta]) -> tuple[Item, float | None]:
    return item, _probability(output, item.start, item.end)


def _probability(output: Sequence[Delta], start: int, end: int) -> float | None:
    """The probability of the deltas that hold characters `start` to `end`, each given those before it."""
    total, position = 0.0, 0
    for delta in output:
        if position < end and start < position + len(delta.text):
            if delta.logprob is None:
                return None
            total += delta.logprob
        position += len(delta.text)
    return math.exp(total)


def _letters(text: str) -> str:
    return "".join(text.split())


def _free(
    pattern: re.Pattern[str], text: str, position: int, found: Sequence[Entity], offset: int
) -> re.Match[str] | None:
    for match in pattern.finditer(text, position):
        taken = any(match.start() + offset < entity.end and entity.start < match.end() + offset for entity in found)
        if not taken:
            return match
    return None
