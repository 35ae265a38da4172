"""The store of passages: a ledger that is the truth and a vector index that follows it.

A document is acknowledged when the ledger has committed it; the vectors come after, and every reader
notices when they are behind. Then the readers scan the ledger's own embeddings, exactly, and the next
process that gets the writer's lock mends the index, without embedding. Refuses to know files and
Portuguese: it is given the function that turns text into stems.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from assistant.errors import CorpusError, IndexMismatch, StorageError, StoreBusy
from assistant.stores import ledger as sql
from assistant.stores.ledger import REBUILD, DocumentRecord, Ledger, NewChunk, StoredChunk
from assistant.stores.vectors import Floats, Vector, VectorIndex

_PATIENCE = 2.0  # seconds to wait for another writer
_PATH_WEIGHT = 0.5  # of title and heading against the text in BM25; see assistant/retrieval/retriever.py
_RETRY = (
    30.0  # seconds until an index that could not be mended is tried again; the ledger is searched meanwhile
)
_REBUILD_BELOW = 20_000  # chunks; fewer are indexed anew after a removal, so that no vector stays on disk
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before it has a place: `digest` identifies title, heading and text."""

    text: str
    heading: str
    page: int | None
    digest: str
    embedding: Floats


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk one search found; `score` is cosine for the dense one, BM25 for the lexical one."""

    chunk_id: str
    score: float


@dataclass(frozen=True, slots=True)
class CorpusStats:
    """What the index holds of a corpus; dates are the oldest and newest `as_of`."""

    documents: int
    refused: int
    chunks: int
    oldest: str | None
    newest: str | None


class Writer:
    """The one writer of a store; every call is a transaction of its own."""

    def __init__(self, ledger: Ledger, stems: Callable[[str], Sequence[str]]) -> None:
        self._ledger = ledger
        self._stems = stems
        self.added: list[str] = []
        self.removed: list[str] = []

    def replace(self, document: DocumentRecord, drafts: Sequence[Draft]) -> None:
        """Put a document in the place of the one with its name; both or neither is ever seen."""
        before = [c.chunk_id for c in self._ledger.chunks_of(document.corpus, document.name)]
        chunks = [self._placed(document, position, draft) for position, draft in enumerate(drafts)]
        with self._ledger.transaction() as connection:
            sql.delete_document(connection, document.corpus, document.name)
            sql.insert_document(connection, document, chunks)
            sql.bump(connection)
        after = {c.chunk_id for c in chunks}
        self.removed += [c for c in before if c not in after]
        self.added += [c.chunk_id for c in chunks]

    def remove(self, corpus: str, name: str) -> bool:
        """Remove a document, its words and vectors; False where it is not indexed."""
        before = [c.chunk_id for c in self._ledger.chunks_of(corpus, name)]
        with self._ledger.transaction() as connection:
            found = sql.delete_document(connection, corpus, name)
            if found:
                sql.bump(connection)
        self.removed += before
        return found

    def _placed(self, document: DocumentRecord, position: int, draft: Draft) -> NewChunk:
        place = f"{document.corpus}\0{document.name}\0{position}\0{draft.digest}"
        return NewChunk(
            chunk_id=hashlib.sha256(place.encode("utf-8")).hexdigest()[:24],
            text=draft.text,
            heading=draft.heading,
            page=draft.page,
            digest=draft.digest,
            path_stems=" ".join(self._stems(f"{document.title} {draft.heading}")),
            body_stems=" ".join(self._stems(draft.text)),
            embedding=draft.embedding,
        )


class PassageStore:
    """Chunks of all corpora under one folder: many readers, one writer at a time.

    `stems` turns text into the terms of full-text search. The first write records embedder and
    dimension; with others every use raises `IndexMismatch` until `reset`.
    """

    def __init__(
        self,
        folder: Path,
        embedder_name: str,
        dimension: int,
        stems: Callable[[str], Sequence[str]],
        chroma_url: str = "",
    ) -> None:
        self._folder = folder
        self._facts = {"embedder": embedder_name, "dimension": str(dimension), "schema": str(sql.SCHEMA)}
        self._stems = stems
        self._url = chroma_url
        self._ledger = Ledger(folder / "passages.sqlite")
        self._sync = threading.RLock()
        self._index: VectorIndex | None = None
        self._generation, self._seen = "", ""  # generation and revision that our open index shows
        self._retry_at = 0.0

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self._ledger.path

    def check(self) -> None:
        """Raise `IndexMismatch` for another embedder, `CorpusError` for a damaged ledger."""
        self._checked_meta()

    def is_sound(self) -> bool:
        """False where the ledger's file is damaged; then `set_aside` and ingest again."""
        return self._ledger.is_sound()

    def set_aside(self) -> Path:
        """Move a damaged ledger out of the way and start an empty one; gives the moved file."""
        with self._locked():
            self._ledger.close()
            target = self.path.with_name(f"{self.path.name}.damaged")
            try:
                self.path.replace(target)
                for suffix in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(f"The damaged index {self.path} cannot be moved: {error}.") from error
            self._drop_vectors()
        return target

    def reset(self) -> None:
        """Forget everything, for instance to index with another embedder."""
        with self._locked():
            self._ledger.clear()
            self._drop_vectors()
            self._ledger.scrub()

    def close(self) -> None:
        """Let go of all files."""
        with self._sync:
            self._forget()
            self._ledger.close()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Become the writer; raises `StoreBusy` where another one is at work.

        The vectors follow when the block ends, whatever ended it: what is committed is kept.
        """
        with self._locked():
            if not self._checked_meta():
                self._ledger.set_meta(**self._facts)
            self._mend()
            writer = Writer(self._ledger, self._stems)
            try:
                yield writer
            finally:
                self._follow(writer)

    def repair(self) -> bool:
        """Bring the vector index up to the ledger, without embedding; True where it had to be changed.

        Does nothing while another process writes: that one does it.
        """
        self._checked_meta()
        try:
            with self._locked(wait=0.0):
                return self._mend()
        except StoreBusy:
            return False

    def search_dense(self, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[Hit]:
        """The k chunks with the highest cosine; `corpora` None searches all."""
        index = self._current_index()
        for _ in range(2):
            if index is None:
                break
            try:
                return [Hit(*pair) for pair in index.search(vector, corpora, k)]
            except CorpusError as error:
                # a writer of this process may have replaced the index meanwhile; else it is broken
                later = self._current_index()
                if later is index:
                    _log.warning("%s Until then the ledger is searched.", error)
                    self._distrust()
                    break
                index = later
        return self._scan(vector, corpora, k)

    def search_lexical(self, terms: Sequence[str], corpora: Sequence[str] | None, k: int) -> list[Hit]:
        """The k chunks with the best BM25 for any of the terms; no term can act as search syntax."""
        # full-text search reads "" inside quotes as a quote, and everything quoted as plain words
        quoted = ['"' + term.replace('"', '""').replace("\0", " ") + '"' for term in terms if term.strip()]
        if not quoted:
            return []
        self._checked_meta()
        return [Hit(*row) for row in self._ledger.match(" OR ".join(quoted), corpora, k, _PATH_WEIGHT)]

    def cosines(self, vector: Floats, chunk_ids: Sequence[str]) -> dict[str, float]:
        """The cosine of a unit vector and each chunk, from the ledger's embeddings."""
        query = np.asarray(vector, np.float32)
        return {c: float(query @ values) for c, values in self._ledger.vectors(chunk_ids).items()}

    def get(self, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """Chunks by id; ids that are gone are left out."""
        return self._ledger.chunks(chunk_ids)

    def neighbours(self, chunk_id: str, radius: int = 1) -> list[StoredChunk]:
        """The chunks around one, itself included, in reading order; empty where it is gone."""
        chunk = self.get([chunk_id]).get(chunk_id)
        if chunk is None:
            return []
        around = self._ledger.chunks_of(chunk.corpus, chunk.document)
        return [c for c in around if abs(c.position - chunk.position) <= radius]

    def documents(self, corpus: str | None = None) -> list[DocumentRecord]:
        """Indexed and refused documents in the order of their names."""
        return self._ledger.documents(corpus)

    def chunks_of(self, corpus: str, document: str) -> list[StoredChunk]:
        """All chunks of a document in reading order."""
        return self._ledger.chunks_of(corpus, document)

    def known_vectors(self, digests: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Embeddings that some chunk already has, by digest."""
        return self._ledger.known_vectors(digests)

    def frequencies(self, terms: Sequence[str]) -> tuple[dict[str, int], int]:
        """How many chunks hold each term (absent: none), and how many chunks there are."""
        return self._ledger.frequencies(terms)

    def stats(self) -> dict[str, CorpusStats]:
        """Figures of each corpus that has documents."""
        groups: dict[str, list[DocumentRecord]] = {}
        for document in self.documents():
            groups.setdefault(document.corpus, []).append(document)
        return {corpus: _figures(documents) for corpus, documents in groups.items()}

    def _checked_meta(self) -> dict[str, str]:
        meta = self._ledger.meta()
        wrong = [
            f"{key} {meta[key]}, not {value}"
            for key, value in self._facts.items()
            if meta.get(key, value) != value
        ]
        if wrong:
            raise IndexMismatch(
                f"The index {self.path} was made with {'; '.join(wrong)}. Make it again: {REBUILD}"
            )
        return meta

    @contextmanager
    def _locked(self, wait: float = _PATIENCE) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._folder / "writer.lock", timeout=wait)
            lock.acquire()
        except Timeout as error:
            raise StoreBusy(
                f"Another process writes to the index {self.path}. Wait until it has finished, then try again."
            ) from error
        except OSError as error:
            raise StorageError(f"The folder {self._folder} cannot be written: {error}.") from error
        try:
            yield
        finally:
            lock.release()

    def _current_index(self) -> VectorIndex | None:
        """The open index if it shows the ledger's revision; else it is opened or mended, or None."""
        # the fast path of every question: one small read tells whether our open index is the latest
        meta = self._checked_meta()
        if self._shows(meta):
            return self._index
        if self._index and meta.get("vectors") == meta.get("revision", "0"):
            # another process changed the index: an open Chroma does not notice, a fresh one does
            index = VectorIndex(self._folder / "chroma", meta["generation"], url=self._url)
            if index.is_sealed():
                self._index.close()
                self._adopt(index, meta["vectors"])
                return index
        if time.monotonic() >= self._retry_at:
            self.repair()
        return self._index if self._shows(self._ledger.meta()) else None

    def _shows(self, meta: Mapping[str, str]) -> bool:
        with self._sync:
            latest = (meta.get("generation", ""), meta.get("revision", "0"), meta.get("revision", "0"))
            return bool(self._index) and latest == (self._generation, self._seen, meta.get("vectors"))

    def _distrust(self) -> None:
        self._forget()
        try:
            with self._locked(wait=0.0):
                self._ledger.set_meta(vectors="")
        except StoreBusy:
            _log.info("Another process writes; it will mend the vector index.")

    def _scan(self, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[Hit]:
        query = np.asarray(vector, np.float32)
        rows = [(chunk_id, values) for chunk_id, _, values in self._ledger.all_vectors(corpora)]
        if not rows:
            return []
        scores = np.stack([values for _, values in rows]) @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return [Hit(rows[i][0], float(scores[i])) for i in best]

    def _mend(self) -> bool:
        """Compare index and ledger under the lock and make them equal; True where anything changed."""
        meta = self._ledger.meta()
        if self._shows(meta):
            return False
        revision, generation = meta.get("revision", "0"), meta.get("generation", "")
        self._forget()
        index = VectorIndex(self._folder / "chroma", generation, url=self._url) if generation else None
        try:
            ids = self._ledger.ids()
            if index and index.is_sealed() and index.ids() == set(ids) and index.readable(ids):
                self._adopt(index, revision, record=meta.get("vectors") != revision)
                return False
        except CorpusError as error:
            _log.warning("%s", error)
        try:
            self._rebuild(index)
        except (CorpusError, OSError) as error:
            _log.warning("The vector index cannot be made now (%s); the ledger is searched instead.", error)
            self._retry_at = time.monotonic() + _RETRY
            return False
        return True

    def _rebuild(self, old: VectorIndex | None) -> None:
        """Write a new generation from the ledger, then switch to it, then remove the old one."""
        revision = self._ledger.meta().get("revision", "0")
        index = VectorIndex(self._folder / "chroma", VectorIndex.new_generation(), url=self._url)
        index.add(Vector(chunk_id, corpus, values) for chunk_id, corpus, values in self._ledger.all_vectors())
        index.seal()
        self._adopt(index, revision, record=True)
        if old:
            old.drop()
        self._sweep(index.generation)

    def _adopt(self, index: VectorIndex, revision: str, *, record: bool = False) -> None:
        if record:
            self._ledger.set_meta(generation=index.generation, vectors=revision)
        with self._sync:
            self._index, self._generation, self._seen = index, index.generation, revision

    def _forget(self) -> None:
        with self._sync:
            index, self._index, self._generation, self._seen = self._index, None, "", ""
        if index:
            index.close()

    def _follow(self, writer: Writer) -> None:
        """Bring the vectors after a session's commits; a failure is mended by the next reader."""
        if not (writer.added or writer.removed):
            return
        kept = set(self._ledger.ids())
        try:
            if self._index is None or (writer.removed and len(kept) <= _REBUILD_BELOW):
                self._rebuild(self._index)
            else:
                self._extend(self._index, writer, kept)
        except (CorpusError, OSError) as error:
            _log.warning("The vector index could not follow the ledger (%s); it will be mended.", error)
            self._forget()
        if writer.removed:
            self._ledger.scrub()

    def _extend(self, index: VectorIndex, writer: Writer, kept: set[str]) -> None:
        index.unseal()
        index.remove([c for c in writer.removed if c not in kept])
        added = [c for c in writer.added if c in kept]
        chunks, vectors = self._ledger.chunks(added), self._ledger.vectors(added)
        index.add(Vector(c, chunks[c].corpus, vectors[c]) for c in added)
        index.seal()
        self._adopt(index, self._ledger.meta().get("revision", "0"), record=True)

    def _drop_vectors(self) -> None:
        index = self._index
        self._forget()
        if index:
            index.drop()
        self._sweep("")

    def _sweep(self, current: str) -> None:
        # generations that a killed process left behind
        for path in (self._folder / "chroma").glob("passages-*"):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)


def _figures(documents: Sequence[DocumentRecord]) -> CorpusStats:
    states = Counter(d.state for d in documents)
    dates = sorted(d.as_of for d in documents if d.as_of)
    return CorpusStats(
        documents=states["ready"],
        refused=states["refused"],
        chunks=sum(d.chunks for d in documents),
        oldest=dates[0] if dates else None,
        newest=dates[-1] if dates else None,
    )


__all__ = ["CorpusStats", "DocumentRecord", "Draft", "Hit", "PassageStore", "StoredChunk", "Writer"]
