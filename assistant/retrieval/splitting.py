"""Documents to chunks: norms by article, paragraph and item, other texts by heading, then by size.

A chunk never crosses a heading, an article or a page and is never only a heading; its text is the document's own
wording, so that a quote can be found in it. Refuses to know embeddings and the index.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from assistant.retrieval.law import LawReader, is_law
from assistant.retrieval.loading import LoadedDocument

if TYPE_CHECKING:
    from langchain_text_splitters import MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter

CHUNK_CHARS = 700
VERSION = 3  # of the rules in this file; another number makes every document new to the index
_LEVELS = [("#" * level, f"h{level}") for level in range(1, 7)]
_NAMELESS = re.compile(r"^[ \t]*#{1,6}[ \t]*$", re.MULTILINE)  # a heading without words
_SEPARATORS = ["\n\n", "\n", ". ", "; ", ", ", " ", ""]
_LAW_SEPARATORS = [r"\n\n", r"\n", r"(?<!\b[Aa]rt)(?<!\barts)\. ", r"; ", r", ", r" ", r""]  # "Art. 5º" is one word


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document; `heading` is its path ("Luas > Contagem", "CDC, art. 49"), `page` counts from 1."""

    text: str
    heading: str
    page: int | None
    title: str

    @property
    def embedding_text(self) -> str:
        """What is embedded: the path says what the words alone may not ("tem 274")."""
        path = [p for p in (self.title, self.heading) if p]
        return "\n".join([" > ".join(dict.fromkeys(path)), self.text]) if path else self.text

    @property
    def digest(self) -> str:
        """SHA-256 of what is embedded: equal digests have equal vectors."""
        return hashlib.sha256(self.embedding_text.encode("utf-8")).hexdigest()


def split(document: LoadedDocument) -> list[Chunk]:
    """The chunks of a document in reading order; empty only where it holds nothing but headings."""
    if is_law("\n".join(page.text for page in document.pages)):
        return list(_provisions(document))
    chunks: list[Chunk] = []
    heading = ""
    for page in document.pages:
        sections = [s for part in _NAMELESS.split(page.text) for s in _header_splitter().split_text(part)]
        for section in sections:
            if section.metadata or page.number is None:
                heading = " > ".join(str(section.metadata[k]) for _, k in _LEVELS if k in section.metadata)
            chunks += [Chunk(text, heading, page.number, document.title) for text in _sized(section.page_content)]
    return chunks


def _provisions(document: LoadedDocument) -> Iterator[Chunk]:
    reader = LawReader(document.title, CHUNK_CHARS)
    for page in document.pages:
        for piece in reader.read(page.text):
            for text in _sized(piece.text, law=True):
                yield Chunk(text, piece.heading, page.number, document.title)


def _sized(text: str, *, law: bool = False) -> Iterator[str]:
    for piece in _size_splitter(law=law).split_text(text):
        kept = piece.strip().lstrip(".;,").strip()
        if any(c.isalnum() for c in kept):
            yield kept


@cache
def _header_splitter() -> MarkdownHeaderTextSplitter:
    from langchain_text_splitters import MarkdownHeaderTextSplitter

    return MarkdownHeaderTextSplitter(_LEVELS, strip_headers=True)


@cache
def _size_splitter(*, law: bool) -> RecursiveCharacterTextSplitter:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        separators=_LAW_SEPARATORS if law else _SEPARATORS,
        is_separator_regex=law,
        chunk_size=CHUNK_CHARS,
        chunk_overlap=0,
        keep_separator="end",
    )
