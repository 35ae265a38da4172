"""From a file's ending to its reader, and from what a reader found to a document.

Knows every kind that is read; a reader's libraries are imported when the first file of its kind comes. Refuses to know
limits of time and memory: those are the process's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from assistant.retrieval import freshness
from assistant.retrieval.documents import MAX_CHARS, LoadedDocument, Page, Parsed, Source, too_much_text, without_text
from assistant.retrieval.kinds import READERS
from assistant.retrieval.reading import instructions

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# what programs write where nobody gave a title
_NO_TITLE = re.compile(
    r"(?i)\A(?:microsoft (?:word|powerpoint|excel)\b.*|untitled.*|sem t[ií]tulo.*|documento?\s*\d*|"
    r"powerpoint presentation|apresenta[cç][aã]o do powerpoint|.*\.(?:docx?|pptx?|xlsx?|indd|pdf|odt|rtf))\Z"
)


def read(source: Source) -> LoadedDocument:
    """A file as a document; raises `DocumentRefused` with the reason and the way out."""
    module, _, function = READERS[Path(source.name).suffix.lower()].partition(":")
    reader: Callable[[Source], Parsed] = getattr(import_module(f"assistant.retrieval.reading.{module}"), function)
    return finished(source.name, reader(source), bool(source.only))


def finished(name: str, parsed: Parsed, partial: bool = False) -> LoadedDocument:
    """What a reader found as a document: clean text, with a title and the date it speaks of.

    A `partial` one may be empty.
    """
    pages = tuple(Page(p.number, _tidy(p.text)) for p in parsed.pages)
    letters = sum(len(p.text) for p in pages)
    if not partial and not any(p.text.strip() for p in pages):
        raise without_text(name)
    if letters > MAX_CHARS:
        raise too_much_text(name, letters)
    top = "\n".join(p.text for p in pages[:2])
    stem = Path(name).stem
    # when a file was made is the last resort: what its text or its name says speaks for the content
    as_of = (
        (freshness.parse(parsed.date) if parsed.date else None)
        or freshness.from_file_name(stem)
        or freshness.from_text(top)
        or (freshness.parse(parsed.made) if parsed.made else None)
    )
    heading = _HEADING.search(top)
    given = "" if _NO_TITLE.match(parsed.title.strip()) else parsed.title.strip()
    title = given or (heading[1] if heading else "") or stem.replace("-", " ")
    warnings = (*parsed.warnings, *instructions.warning(name, pages))
    return LoadedDocument(name, " ".join(title.split())[:200], as_of, pages, warnings)


def _tidy(text: str) -> str:
    text = _CONTROL.sub(" ", text).replace("\u00ad", "").replace("\u00a0", " ").replace("\u200b", "")
    return re.sub(r"\n{3,}", "\n\n", text.encode("utf-8", "replace").decode("utf-8")).strip()
