"""The text that was read from a document, page by page, beside the chunks that were made of it.

Knows how to find a chunk's place in a text without pages. Refuses to know how it looks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.retrieval.loading import LoadedDocument, load
from assistant.services.corpora import CorporaService
from assistant.stores.manifests import Localized
from assistant.stores.passages import PassageStore
from assistant.stores.rows import DocumentRecord, StoredChunk

_PART = 5_000  # characters of a text without pages that are shown at once
_HEAD = 40  # letters of a chunk that find its place
_KEPT = 4  # documents whose text stays in memory between two pages


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """A page, or a part of a text without pages: `number` is None then. `position` counts from 1 to `total`."""

    position: int
    total: int
    number: int | None
    text: str
    chunks: tuple[StoredChunk, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A document with one of its pages; `record` is None where it is not indexed yet."""

    name: str
    title: str
    as_of: str | None
    record: DocumentRecord | None
    warnings: tuple[Localized, ...]
    page: PreviewPage


class CorpusPreview:
    """Looks into documents. What was read of the last few stays in memory."""

    def __init__(self, corpora: CorporaService, store: PassageStore) -> None:
        self._corpora = corpora
        self._store = store
        self._read: OrderedDict[tuple[Path, int, int], LoadedDocument] = OrderedDict()

    def of(self, corpus: str, document: str, position: int = 1) -> Preview:
        """A page of a document, the nearest one there is; raises `CorpusNotFound`, `DocumentRefused`."""
        path = self._corpora.path_of(corpus, document)
        loaded = self._loaded(path)
        record = next((d for d in self._store.documents(corpus) if d.name == path.name), None)
        chunks = self._store.chunks_of(corpus, path.name)
        parts = _parts(loaded)
        place = min(max(1, position), len(parts))
        number, text = parts[place - 1]
        own = [c for c in chunks if c.page == number] if number is not None else _placed(parts, chunks)[place - 1]
        page = PreviewPage(place, len(parts), number, text, tuple(own))
        as_of = record.as_of if record else loaded.as_of
        return Preview(path.name, loaded.title, as_of, record, loaded.warnings, page)

    def _loaded(self, path: Path) -> LoadedDocument:
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        document = self._read.pop(key, None) or load(path)
        self._read[key] = document
        while len(self._read) > _KEPT:
            self._read.popitem(last=False)
        return document


def _parts(document: LoadedDocument) -> list[tuple[int | None, str]]:
    """Pages as they are; a text without pages in parts that end at a blank line."""
    parts: list[tuple[int | None, str]] = []
    for page in document.pages:
        if page.number is not None:
            parts.append((page.number, page.text))
            continue
        current = ""
        for block in page.text.split("\n\n"):
            if current and len(current) + len(block) > _PART:
                parts.append((None, current))
                current = ""
            current = f"{current}\n\n{block}" if current else block
        parts.append((None, current))
    return parts or [(None, "")]


def _placed(parts: Sequence[tuple[int | None, str]], chunks: Sequence[StoredChunk]) -> list[list[StoredChunk]]:
    """The chunks of each part: a chunk belongs where it begins, in reading order."""
    texts = [_letters(text) for _, text in parts]
    found: list[list[StoredChunk]] = [[] for _ in parts]
    at = 0
    for chunk in chunks:
        head = _letters(chunk.text)[:_HEAD]
        at = next((i for i in range(at, len(parts)) if head in texts[i]), at)
        found[at].append(chunk)
    return found


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())
