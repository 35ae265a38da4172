"""The store of passages: a ledger that is the truth and a vector index that follows it.

A document is acknowledged when the ledger has committed it; the vectors come after, and every reader
notices when they are behind. Then the readers scan the ledger's own embeddings, exactly, and the next
process that gets the writer's lock mends the index, without embedding. Refuses to know files and
Portuguese: it is given the function that turns text into stems.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import CorpusError, IndexMismatch, StorageError
from assistant.stores import rows
from assistant.stores.ledger import REBUILD, SCHEMA, Ledger
from assistant.stores.rows import DocumentRecord, NewChunk, StoredChunk
from assistant.stores.upkeep import IndexKeeper
from assistant.stores.vectors import Floats

_PATH_WEIGHT = 0.5  # of title and heading against the text in BM25: nDCG 90.4; 0.25: 88.5, 1: 90.1, 2: 88.3
_FACTS_PT = {"embedder": "o modelo de busca", "dimension": "a dimensão", "schema": "o esquema"}
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
            rows.delete_document(connection, document.corpus, document.name)
            rows.insert_document(connection, document, chunks)
            rows.bump(connection)
        after = {c.chunk_id for c in chunks}
        self.removed += [c for c in before if c not in after]
        self.added += [c.chunk_id for c in chunks]

    def remove(self, corpus: str, name: str) -> bool:
        """Remove a document, its words and vectors; False where it is not indexed."""
        before = [c.chunk_id for c in self._ledger.chunks_of(corpus, name)]
        with self._ledger.transaction() as connection:
            found = rows.delete_document(connection, corpus, name)
            if found:
                rows.bump(connection)
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
        self._facts = {"embedder": embedder_name, "dimension": str(dimension), "schema": str(SCHEMA)}
        self._stems = stems
        self._ledger = Ledger(folder / "passages.sqlite")
        self._keeper = IndexKeeper(folder, self._ledger, chroma_url)

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self._ledger.path

    def check(self) -> None:
        """Raise `IndexMismatch` for another embedder, `CorpusError` for a damaged ledger."""
        meta = self._ledger.meta()
        wrong = [(k, meta[k], v) for k, v in self._facts.items() if meta.get(k, v) != v]
        if wrong:
            en = "; ".join(f"{name} {old}, not {new}" for name, old, new in wrong)
            pt = "; ".join(f"{_FACTS_PT[name]} {old}, e não {new}" for name, old, new in wrong)
            raise IndexMismatch(
                f"The index {self.path} was made with {en}. Make it again: {REBUILD}",
                pt=f"O índice {self.path} foi feito com {pt}. Refaça-o: {REBUILD}",
            )

    def is_sound(self) -> bool:
        """False where the ledger's file is damaged; then `set_aside` and ingest again."""
        return self._ledger.is_sound()

    def set_aside(self) -> Path:
        """Move a damaged ledger out of the way and start an empty one; gives the moved file."""
        with self._keeper.locked():
            self._ledger.close()
            target = self.path.with_name(f"{self.path.name}.damaged")
            try:
                self.path.replace(target)
                for suffix in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(
                    f"The damaged index {self.path} cannot be moved: {error}. Check the rights of its folder.",
                    pt=f"O índice danificado {self.path} não pode ser movido. Confira as permissões da pasta.",
                ) from error
            self._keeper.drop()
        return target

    def reset(self) -> None:
        """Forget everything, for instance to index with another embedder."""
        with self._keeper.locked():
            self._ledger.clear()
            self._keeper.drop()
            self._ledger.scrub()

    def close(self) -> None:
        """Let go of all files; a later call opens them again."""
        self._keeper.forget()
        self._ledger.close()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Become the writer; raises `StoreBusy` where another one is at work.

        The vectors follow when the block ends, whatever ended it: what is committed is kept.
        """
        with self._keeper.locked():
            self.check()
            self._ledger.set_meta(**self._facts)
            self._keeper.mend()
            writer = Writer(self._ledger, self._stems)
            try:
                yield writer
            finally:
                self._keeper.follow(writer.added, writer.removed)

    def repair(self) -> bool:
        """Bring the vector index up to the ledger, without embedding; True where it was built anew.

        Raises `StoreBusy` while another process writes: that one does it.
        """
        self.check()
        with self._keeper.locked():
            return self._keeper.mend()

    def search_dense(self, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[Hit]:
        """The k chunks with the highest cosine; `corpora` None searches all."""
        self.check()
        if corpora is not None and not corpora:
            return []
        index = self._keeper.current()
        while index is not None:
            try:
                return [Hit(*pair) for pair in index.search(vector, corpora, k)]
            except CorpusError as error:
                # a writer of this process may have replaced the index meanwhile; else it is broken
                later = self._keeper.current()
                if later is index:
                    _log.warning("%s Until then the ledger is searched.", error)
                    self._keeper.distrust()
                    break
                index = later
        return self._scan(vector, corpora, k)

    def search_lexical(self, terms: Sequence[str], corpora: Sequence[str] | None, k: int) -> list[Hit]:
        """The k chunks with the best BM25 for any of the terms; no term can act as search syntax."""
        # full-text search reads "" inside quotes as a quote, and everything quoted as plain words
        quoted = ['"' + term.replace('"', '""').replace("\0", " ") + '"' for term in terms if term.strip()]
        if not quoted:
            return []
        self.check()
        return [Hit(*row) for row in self._ledger.match(" OR ".join(quoted), corpora, k, _PATH_WEIGHT)]

    def under(self, terms: Sequence[str], corpora: Sequence[str] | None, limit: int) -> list[StoredChunk]:
        """Chunks that have these terms, in this order, in title and heading; of the newest documents first."""
        phrase = " ".join(term.replace('"', '""').replace("\0", " ") for term in terms)
        return self._ledger.under(f'path : "{phrase}"', corpora, limit) if phrase.strip() else []

    def revision(self) -> str:
        """Changes with every change of what is indexed."""
        return self._ledger.meta().get("revision", "0")

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

    def _scan(self, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[Hit]:
        query = np.asarray(vector, np.float32)
        found = [(chunk_id, values) for chunk_id, _, values in self._ledger.all_vectors(corpora)]
        if not found:
            return []
        scores = np.stack([values for _, values in found]) @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return [Hit(found[i][0], float(scores[i])) for i in best]


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
