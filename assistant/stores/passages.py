"""The store of passages: a ledger that is the truth and a vector index that follows it.

A document is acknowledged when the ledger has committed it; the vectors come after, and every reader
notices when they are behind. Then it searches the index and, exactly, the ledger's own embeddings of what came
since; the next process that gets the writer's lock mends the index, without embedding. A whole index can
be made beside the one in use, and takes its place at once. Refuses to know files and Portuguese: it is
given the function that turns text into stems.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import CorpusError, IndexMismatch, StorageError
from assistant.stores.ledger import REBUILD, SCHEMA, Ledger
from assistant.stores.rows import DocumentRecord, StoredChunk
from assistant.stores.upkeep import IndexKeeper, Shown
from assistant.stores.vectors import Floats
from assistant.stores.writer import Writer

_PATH_WEIGHT = 0.5  # of title and heading against the text in BM25: nDCG 90.4; 0.25: 88.5, 1: 90.1, 2: 88.3
_NEXT = "next"  # folder of the index in the making
_DAMAGED = ".damaged"
_MATCHES = 20_000  # chunks of all terms together that full-text search weighs for one question: about 15 ms
_FACTS_PT = {"embedder": "o modelo de busca", "dimension": "a dimensão", "schema": "o esquema"}
_log = logging.getLogger(__name__)


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


class PassageStore:
    """Chunks of all corpora under one folder: many readers, one writer at a time.

    `stems` turns text into the terms of full-text search. The first write records embedder and
    dimension; with others every use but removing raises `IndexMismatch`, until an index made `beside` has
    taken its place.
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
        self._folder = folder
        self._stems = stems
        self._chroma_url = chroma_url
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
            target = self.path.with_name(f"{self.path.name}{_DAMAGED}")
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

    @contextmanager
    def beside(self) -> Iterator[PassageStore]:
        """A store to be filled, which takes this one's place when the block ends without an error.

        Until then this one is searched as it is, and has no other writer. A block that is interrupted, or
        killed, leaves what it has: the next one goes on with it, if it is for the same embedder. Raises
        `StoreBusy` and `StorageError`.
        """
        with self._keeper.locked():
            new = self._next()
            try:
                if not new._is_mine():
                    self._drop_next(new)
                yield new
                new.repair()
                self._keeper.receive(new._keeper)
                new._ledger.close()
                old = self._keeper.released()
                self._ledger.take_over(new.path)
                if old:
                    old.drop()
                shutil.rmtree(new._folder, ignore_errors=True)
            finally:
                new.close()

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
            yield from self._written()

    @contextmanager
    def removing(self) -> Iterator[Writer]:
        """The same for removing documents, which an index of another embedder allows, too."""
        with self._keeper.locked():
            yield from self._written()

    def _written(self) -> Iterator[Writer]:
        if (self._folder / _NEXT).exists():  # it holds what may be removed here
            self._drop_next(self._next())
        self._keeper.mend()
        writer = Writer(self._ledger, self._stems, self._keeper.publish)
        try:
            yield writer
        finally:
            if self._ledger.meta().get("erase"):
                for path in self._folder.glob(f"{self.path.name}{_DAMAGED}*"):
                    path.unlink(missing_ok=True)
            self._keeper.follow(writer.added)

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
        shown = self._keeper.current()
        while shown is not None:
            try:
                return self._search_shown(shown, vector, corpora, k)
            except CorpusError as error:
                # a writer of this process may have replaced the index meanwhile; else it is broken
                later = self._keeper.current()
                if later is None or later.index is shown.index:
                    _log.warning("%s Until then the ledger is searched.", error)
                    self._keeper.distrust()
                    break
                shown = later
        return self._scan(vector, corpora, k)

    def _search_shown(self, shown: Shown, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[Hit]:
        if self._ledger.meta().get("revision", "0") == shown.revision:
            return [Hit(*pair) for pair in shown.index.search(vector, corpora, k)]
        # the index is behind: without what is gone since, with what came since
        asked, found = k, shown.index.search(vector, corpora, k)
        while True:
            there = self._ledger.existing([chunk_id for chunk_id, _ in found])
            hits = [Hit(*pair) for pair in found if pair[0] in there]
            if len(hits) >= k or len(found) < asked:
                break
            asked *= 4
            found = shown.index.search(vector, corpora, asked)
        newer = [hit for hit in self._scan(vector, corpora, k, after=shown.through) if hit.chunk_id not in there]
        return sorted(hits + newer, key=lambda hit: -hit.score)[:k]

    def search_lexical(self, terms: Sequence[str], corpora: Sequence[str] | None, k: int) -> list[Hit]:
        """The k chunks with the best BM25 for any of the terms; no term can act as search syntax."""
        terms = [term.replace("\0", " ") for term in terms]
        terms = [term for term in terms if term.strip()]
        if not terms:
            return []
        self.check()
        # full-text search reads "" inside quotes as a quote, and everything quoted as plain words
        quoted = ['"' + term.replace('"', '""') + '"' for term in self._affordable(terms)]
        return [Hit(*row) for row in self._ledger.match(" OR ".join(quoted), corpora, k, _PATH_WEIGHT)]

    def under(self, terms: Sequence[str], corpora: Sequence[str] | None, limit: int) -> list[StoredChunk]:
        """Chunks that have these terms, in this order, in title and heading; of the newest documents first."""
        phrase = " ".join(term.replace('"', '""').replace("\0", " ") for term in terms)
        return self._ledger.under(f'path : "{phrase}"', corpora, limit) if phrase.strip() else []

    def revision(self) -> str:
        """Changes with every change of what is indexed."""
        return self._ledger.meta().get("revision", "0")

    def _affordable(self, terms: Sequence[str]) -> Sequence[str]:
        """The rarest terms, as many as have `_MATCHES` matches together: what the frequent ones add is least."""
        counts, _ = self._ledger.frequencies(terms)
        if sum(counts.values()) <= _MATCHES:
            return terms
        kept: list[str] = []
        matches = 0
        for term in sorted(terms, key=lambda term: counts.get(term, 0)):
            matches += counts.get(term, 0)
            if kept and matches > _MATCHES:
                break
            kept.append(term)
        return kept

    def cosines(self, vector: Floats, chunk_ids: Sequence[str]) -> dict[str, float]:
        """The cosine of a unit vector and each chunk, from the ledger's embeddings."""
        query = np.asarray(vector, np.float32)
        return {c: float(query @ values) for c, values in self._ledger.vectors(chunk_ids).items()}

    def get(self, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """Chunks by id; ids that are gone are left out."""
        return self._ledger.chunks(chunk_ids)

    def neighbours(self, chunk_id: str, radius: int = 1) -> list[StoredChunk]:
        """The chunks around one, itself included, in reading order; empty where it is gone."""
        return self._ledger.around(chunk_id, radius)

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

    def _scan(self, vector: Floats, corpora: Sequence[str] | None, k: int, after: int = 0) -> list[Hit]:
        query = np.asarray(vector, np.float32)
        found = [(chunk_id, values) for chunk_id, _, values in self._ledger.all_vectors(corpora, after)]
        if not found:
            return []
        scores = np.stack([values for _, values in found]) @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return [Hit(found[i][0], float(scores[i])) for i in best]

    def _is_mine(self) -> bool:
        """Whether what is there was made with this embedder."""
        try:
            self.check()
        except (IndexMismatch, CorpusError):
            return False
        return self._ledger.is_sound()

    def _next(self) -> PassageStore:
        """The index in the making."""
        name, dimension = self._facts["embedder"], int(self._facts["dimension"])
        return PassageStore(self._folder / _NEXT, name, dimension, self._stems, self._chroma_url)

    def _drop_next(self, new: PassageStore) -> None:
        try:
            new._keeper.drop()
        except CorpusError as error:
            _log.warning("%s It is left out.", error)
        new.close()
        shutil.rmtree(self._folder / _NEXT, ignore_errors=True)


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
