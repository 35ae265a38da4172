"""Documents on disk into the index: read, split, embed what is new, write.

Knows what is unchanged and what vanished. Refuses to know which files belong to a corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assistant.engines.base import Embedder
from assistant.errors import DocumentRefused, StorageError
from assistant.retrieval.freshness import origin_note
from assistant.retrieval.loading import LoadedDocument, load
from assistant.retrieval.splitting import VERSION, Chunk, split
from assistant.services.corpus_reading import Checked, by_page
from assistant.stores.manifests import Localized, sha256_of
from assistant.stores.passages import PassageStore
from assistant.stores.rows import DocumentRecord
from assistant.stores.vectors import Floats
from assistant.stores.writer import Draft, Writer

BULK_FROM = 64  # new chunks read ahead; the bulk embedder's start takes as long as the embedder takes for 30 to 40
_WINDOW = 256  # chunks that are read ahead of the embedder
_EMBED_AT_ONCE = 16  # chunks between two progress events
_BULK_AT_ONCE = 64  # the same in bulk, about two seconds; of similar lengths among so many, little is padded
Bulk = AbstractContextManager[Embedder]


class Stage(StrEnum):
    """Where the ingestion of a document stands."""

    READING = "reading"
    EMBEDDING = "embedding"
    DONE = "done"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    REMOVED = "removed"
    REPAIRED = "repaired"  # the index itself was damaged and is being made again


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of an ingestion; `done` of `total` documents are finished when it is reported."""

    corpus: str
    document: str
    stage: Stage
    done: int
    total: int
    chunks: int = 0
    embedded: int = 0  # chunks of this document embedded so far
    page: int = 0  # while it is read: pages read so far
    pages: int = 0
    warnings: tuple[Localized, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A document that is cut but not embedded yet."""

    record: DocumentRecord
    chunks: Sequence[Chunk]
    warnings: tuple[Localized, ...]


class _Embedding:
    """The embedder of a run, and the bulk embedder from where it pays."""

    def __init__(self, embedder: Embedder, bulk: Callable[[], Bulk] | None, open_while_running: ExitStack) -> None:
        self._embedder = embedder
        self._bulk = bulk
        self._stack = open_while_running
        self._opened: Embedder | None = None

    def some(self, texts: Mapping[str, str], missing: Sequence[str]) -> Iterator[tuple[str, Floats]]:
        """(digest, vector) of some of `texts`, by digest; of the `missing` ones first of all.

        The bulk embedder is opened where it pays, stays open for the run, and is given the next
        documents' texts, too; the embedder keeps to the missing ones, so that little is lost by a kill.
        """
        if self._opened is None and self._bulk is not None and len(texts) >= BULK_FROM:
            self._opened = self._stack.enter_context(self._bulk())
        batch = list(missing)[:_EMBED_AT_ONCE]
        if self._opened is not None:
            batch = list(dict.fromkeys([*missing, *texts]))[:_BULK_AT_ONCE]
        embedder = self._opened or self._embedder
        yield from zip(batch, embedder.embed_passages([texts[d] for d in batch]), strict=True)


class _Work:
    """Where a run writes and how far it has come: documents finished, documents cut ahead of the embedder."""

    def __init__(self, store: PassageStore, writer: Writer, embedding: _Embedding, total: int) -> None:
        self.store = store
        self.writer = writer
        self.embedding = embedding
        self.total = total
        self.done = 0
        self.window: list[_Read] = []

    def finished(self) -> int:
        """Count one more document; gives how many there are now."""
        self.done += 1
        return self.done


@dataclass(frozen=True, slots=True)
class File:
    """A document on disk and the corpus it belongs to; `as_of` is the date that a person gave it, "" for none."""

    corpus: str
    path: Path
    as_of: str = ""


class Ingestion:
    """Brings the index up to given files; see `CorporaService.ingest`.

    `bulk` opens an embedder that is quicker for many chunks; without it, the embedder does all. What is in `checked`
    is not read again.
    """

    def __init__(
        self,
        embedder: Embedder,
        max_bytes: int,
        bulk: Callable[[], Bulk] | None = None,
        checked: Checked | None = None,
    ) -> None:
        self._embedder = embedder
        self._max_bytes = max_bytes
        self._bulk = bulk
        self._checked = checked or Checked()

    def run(self, store: PassageStore, writer: Writer, corpora: set[str], files: Sequence[File]) -> Iterator[Progress]:
        """`files` are all that there are of `corpora`; whatever else the index holds of these is forgotten."""
        known = {(d.corpus, d.name): d.sha256 for d in store.documents()}
        yield from _forget_vanished(writer, corpora, files, known)
        with ExitStack() as open_while_running:
            embedding = _Embedding(self._embedder, self._bulk, open_while_running)
            work = _Work(store, writer, embedding, total=len(files))
            for file in files:
                yield from self._read(work, file, known.get((file.corpus, file.path.name)))
                if sum(len(read.chunks) for read in work.window) >= _WINDOW:
                    yield from self._write(work)
            yield from self._write(work)

    def _read(self, work: _Work, file: File, known: str | None) -> Iterator[Progress]:
        """Put a document that is new or changed into the window."""
        corpus, name = file.corpus, file.path.name
        try:
            digest = state_of(file.path, file.as_of)
            if digest == known:
                yield Progress(corpus, name, Stage.UNCHANGED, work.finished(), work.total)
                return
            yield Progress(corpus, name, Stage.READING, work.done, work.total)
            document = yield from self._loaded(work, file)
            chunks = split(document)
            if not chunks:
                raise DocumentRefused(
                    f"{name} holds headings only. Add text to it or remove the file.",
                    pt=f"{name} só tem títulos. Acrescente texto ou remova o arquivo.",
                )
        except DocumentRefused as error:
            reason = Localized.of(error)
            state = state_of(file.path, file.as_of)
            work.writer.replace(DocumentRecord(corpus, name, state, name, state="refused", notes=(reason.pt,)), [])
            yield Progress(corpus, name, Stage.REFUSED, work.finished(), work.total, warnings=(reason,))
            return
        as_of = file.as_of or document.as_of
        top = "\n".join(page.text for page in document.pages[:2])
        dated = origin_note(document.as_of, file.path.stem, top)  # its own, whatever date was given to it
        notes = (*(warning.pt for warning in document.warnings), dated)
        record = DocumentRecord(corpus, name, digest, document.title, as_of, len(document.pages), notes=notes)
        work.window.append(_Read(record, chunks, document.warnings))

    def _loaded(self, work: _Work, file: File) -> Generator[Progress, None, LoadedDocument]:
        """The text of a document, telling each page."""
        checked = self._checked.take(file.path)
        if checked is not None:
            return checked

        def tell(page: int, of: int) -> Progress:
            return Progress(file.corpus, file.path.name, Stage.READING, work.done, work.total, page=page, pages=of)

        return (yield from by_page(lambda on_page: load(file.path, max_bytes=self._max_bytes, on_page=on_page), tell))

    def _write(self, work: _Work) -> Iterator[Progress]:
        """Embed what is new in the window's documents and write them, one after another."""
        window, work.window = work.window, []
        digests = [c.digest for read in window for c in read.chunks]
        vectors: dict[str, Floats] = dict(work.store.known_vectors(digests))
        texts = {c.digest: c.embedding_text for read in window for c in read.chunks if c.digest not in vectors}
        unclaimed = set(texts)
        for read in window:
            record, own = read.record, {c.digest for c in read.chunks}
            fresh = len(own & unclaimed)  # of a text in two documents, the first one is told
            unclaimed -= own
            while missing := [d for d in texts if d in own]:
                for digest, values in work.embedding.some(texts, missing):
                    vectors[digest] = values
                    del texts[digest]
                count = fresh - len(own & texts.keys())
                yield Progress(
                    record.corpus, record.name, Stage.EMBEDDING, work.done, work.total, len(read.chunks), count
                )
            work.writer.replace(record, [_draft(c, vectors[c.digest]) for c in read.chunks])
            yield Progress(
                record.corpus,
                record.name,
                Stage.DONE,
                work.finished(),
                work.total,
                len(read.chunks),
                fresh,
                warnings=read.warnings,
            )


def state_of(path: Path, given: str = "") -> str:
    """What a document is read from, in short: its content, the rules that cut it, and the date that was given to it.

    Where any of these is another one, the document is new to the index; texts that it knows are not embedded again.
    """
    try:
        content = sha256_of(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error}. Check its rights.",
            pt=f"{path} não pode ser lido. Confira as permissões do arquivo.",
        ) from error
    return f"{VERSION}:{content}:{given}" if given else f"{VERSION}:{content}"


def content_of(state: str) -> str:
    """The SHA-256 of the content in a document's state."""
    return state.split(":")[1] if ":" in state else ""


def _forget_vanished(
    writer: Writer, corpora: set[str], files: Sequence[File], known: Iterable[tuple[str, str]]
) -> Iterator[Progress]:
    present = {(f.corpus, f.path.name) for f in files}
    for corpus, name in known:
        if corpus in corpora and (corpus, name) not in present:
            writer.remove(corpus, name)
            yield Progress(corpus, name, Stage.REMOVED, 0, len(files))


def _draft(chunk: Chunk, embedding: Floats) -> Draft:
    return Draft(chunk.text, chunk.heading, chunk.page, chunk.digest, embedding)
