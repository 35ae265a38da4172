"""The text that was read from a document, page by page, beside the chunks that were made of it.

Knows how to find a chunk's place in a text without pages, and the page that an answer cites. Refuses to know how it
looks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.retrieval.documents import OnPage
from assistant.retrieval.kinds import is_by_page
from assistant.retrieval.loading import LoadedDocument, load, load_page
from assistant.services.corpora import CorporaService
from assistant.services.corpus_marks import MarkedText, Marks, Range, letters_of
from assistant.stores.manifests import Localized
from assistant.stores.passages import PassageStore
from assistant.stores.rows import DocumentRecord, StoredChunk
from assistant.types import Passage, Source

_PART = 5_000  # characters of a text without pages that are shown at once
_HEAD = 40  # letters of a chunk that find its place
_KEPT = 6  # documents, or pages of one, whose text stays in memory
_Key = tuple[Path, int, int, int]


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


@dataclass(frozen=True, slots=True)
class Cited:
    """A page of a document that an answer cites, with what is to be marked in its text.

    `home` is the position of the page that holds the passage, None where the document holds it no more.
    """

    preview: Preview
    marks: Marks
    home: int | None


class CorpusPreview:
    """Looks into documents. What was read of the last few stays in memory; of a PDF only the page that is looked at is.

    Reading a scan takes seconds a page: nobody waits for five hundred to see one.
    """

    def __init__(self, corpora: CorporaService, store: PassageStore) -> None:
        self._corpora = corpora
        self._store = store
        self._read: OrderedDict[_Key, LoadedDocument] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, corpus: str, document: str, position: int = 1) -> Preview:
        """A page of a document, the nearest one there is; raises `CorpusNotFound`, `DocumentRefused`."""
        path = self._corpora.path_of(corpus, document)
        return self._shown(corpus, path, position)

    def citing(self, source: Source, position: int | None = None, on_page: OnPage | None = None) -> Cited:
        """The page that a source is from, or another one of its document; raises like `of`.

        Where the passage is not on its own page, or the kind has to be read as a whole, `on_page` hears how far it is.
        """
        passage, words = source.passage, source.passage.text
        path = self._corpora.path_of(passage.corpus, passage.document)
        near = passage.page or 1
        start, end, quote = source.start, source.end, None
        if start is not None and end is not None and 0 <= start < end <= len(words):
            quote = (start, end)
        home = _home(_parts(self._page(path, near, on_page)), passage, quote)
        if home is None and is_by_page(path.name):
            home = _home(_parts(self._whole(path, on_page)), passage, quote)
        shown = self._shown(passage.corpus, path, position or home or near)
        # away from its page, only what goes on there is marked, not every line that reads like it
        marks = MarkedText(shown.page.text).marks(words, quote)
        here = shown.page.position == home or (shown.page.number is None and not marks.whole)
        return Cited(shown, marks if here else Marks(), home)

    def _shown(self, corpus: str, path: Path, position: int) -> Preview:
        loaded = self._page(path, position)
        place = min(max(1, position), len(_parts(loaded)))
        if place != position:
            loaded = self._page(path, place)
        record = next((d for d in self._store.documents(corpus) if d.name == path.name), None)
        chunks = self._store.chunks_of(corpus, path.name)
        parts = _parts(loaded)
        number, text = parts[place - 1]
        own = [c for c in chunks if c.page == number] if number is not None else _placed(parts, chunks)[place - 1]
        page = PreviewPage(place, len(parts), number, text, tuple(own))
        as_of = record.as_of if record else loaded.as_of
        title = record.title if record else loaded.title
        return Preview(path.name, title, as_of, record, loaded.warnings, page)

    def _page(self, path: Path, page: int, on_page: OnPage | None = None) -> LoadedDocument:
        """A document in which at least this page is read."""
        with self._lock:
            known = self._read.get(_key(path))
        if known is None and is_by_page(path.name):
            return self._kept(_key(path, max(1, page)), lambda: load_page(path, page))
        return self._whole(path, on_page)

    def _whole(self, path: Path, on_page: OnPage | None) -> LoadedDocument:
        return self._kept(_key(path), lambda: load(path, on_page=on_page))

    def _kept(self, key: _Key, read: Callable[[], LoadedDocument]) -> LoadedDocument:
        with self._lock:
            document = self._read.pop(key, None)
        document = document or read()
        with self._lock:
            self._read[key] = document
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return document


def _key(path: Path, page: int = 0) -> _Key:
    """The file as it is now, and the page that is read of it; 0: all."""
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size, page


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
    texts = [letters_of(text) for _, text in parts]
    found: list[list[StoredChunk]] = [[] for _ in parts]
    at = 0
    for chunk in chunks:
        head = letters_of(chunk.text)[:_HEAD]
        at = next((i for i in range(at, len(parts)) if head in texts[i]), at)
        found[at].append(chunk)
    return found


def _home(parts: Sequence[tuple[int | None, str]], passage: Passage, quote: Range | None) -> int | None:
    """The position of the part that holds a passage, its own page before others.

    Where a text without pages was parted within the passage: the part with the quoted words, else with most of it.
    """
    order = sorted(range(len(parts)), key=lambda i: parts[i][0] != passage.page)
    found = ((i, MarkedText(parts[i][1]).marks(passage.text, quote)) for i in order)
    most, place = (False, 0), None
    for i, marks in found:
        if marks.whole:
            return i + 1
        if marks.passage is not None and parts[i][0] == passage.page:
            held = marks.quote is not None, marks.passage[1] - marks.passage[0]
            most, place = (held, i + 1) if held > most else (most, place)
    return place
