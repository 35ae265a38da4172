"""The ledger: SQLite (WAL), the truth for documents, chunks, stems and embeddings.

Knows tables, transactions and how SQLite fails. Refuses to know Chroma, Portuguese and files of a
corpus: stems arrive ready, and a search takes terms.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import CorpusError, StorageError, StoreBusy
from assistant.stores.rows import DocumentRecord, StoredChunk, write_meta

SCHEMA = 1
_DEEPER = 16  # times as many matches are looked at where a search keeps to some corpora
REBUILD = "python -m assistant ingest --rebuild"
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, corpus TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
    title TEXT NOT NULL, as_of TEXT, pages INTEGER NOT NULL, state TEXT NOT NULL, notes TEXT NOT NULL,
    UNIQUE (corpus, name));
CREATE TABLE IF NOT EXISTS chunks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, text TEXT NOT NULL, heading TEXT NOT NULL, page INTEGER,
    digest TEXT NOT NULL, embedding BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS chunks_document ON chunks (document, position);
CREATE INDEX IF NOT EXISTS chunks_digest ON chunks (digest);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (path, body, tokenize = 'unicode61 remove_diacritics 0');
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (words, 'row');
"""
_log = logging.getLogger(__name__)
_COLUMNS = "c.id, d.corpus, d.name, c.position, c.text, c.heading, c.page, d.title, d.as_of"
_JOINED = "chunks c JOIN documents d ON d.id = c.document"


class Ledger:
    """One connection for each thread. SQLite's errors leave as the project's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._guard = threading.Lock()
        self._connections: list[sqlite3.Connection] = []

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading; raises `CorpusError`, `StoreBusy` or `StorageError`."""
        try:
            yield self._connection()
        except sqlite3.Error as error:
            raise self._translated(error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: committed and on disk when the block ends, undone when it raises."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._guard:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()

    def meta(self) -> dict[str, str]:
        """All recorded facts about the index: embedder, dimension, revision, generation."""
        with self.reading() as c:
            return dict(c.execute("SELECT key, value FROM meta").fetchall())

    def set_meta(self, **values: str) -> None:
        """Record facts about the index."""
        with self.transaction() as c:
            write_meta(c, values)

    def documents(self, corpus: str | None = None) -> list[DocumentRecord]:
        """Documents in the order of their names."""
        query = """SELECT d.corpus, d.name, d.sha256, d.title, d.as_of, d.pages,
            (SELECT count(*) FROM chunks c WHERE c.document = d.id), d.state, d.notes
            FROM documents d WHERE ?1 IS NULL OR d.corpus = ?1 ORDER BY d.corpus, d.name"""
        with self.reading() as c:
            rows = c.execute(query, (corpus,)).fetchall()
        return [DocumentRecord(*(*row[:-1], tuple(json.loads(row[-1])))) for row in rows]

    def chunks(self, chunk_ids: Sequence[str]) -> dict[str, StoredChunk]:
        """Chunks by id; ids that are gone are left out."""
        rows = self._by_ids(_COLUMNS, chunk_ids)
        return {row[0]: StoredChunk(*row) for row in rows}

    def chunks_of(self, corpus: str, document: str) -> list[StoredChunk]:
        """All chunks of a document in reading order."""
        query = f"SELECT {_COLUMNS} FROM {_JOINED} WHERE d.corpus = ? AND d.name = ? ORDER BY c.position"  # noqa: S608
        with self.reading() as c:
            return [StoredChunk(*row) for row in c.execute(query, (corpus, document))]

    def around(self, chunk_id: str, radius: int) -> list[StoredChunk]:
        """A chunk and those up to `radius` places before and behind it in its document, in reading order."""
        query = f"""SELECT {_COLUMNS} FROM {_JOINED} JOIN chunks m ON m.document = c.document
            WHERE m.id = ?1 AND c.position BETWEEN m.position - ?2 AND m.position + ?2 ORDER BY c.position"""  # noqa: S608
        with self.reading() as c:
            return [StoredChunk(*row) for row in c.execute(query, (chunk_id, radius))]

    def vectors(self, chunk_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Unit vectors by chunk id."""
        return {row[0]: np.frombuffer(row[1], np.float32) for row in self._by_ids("c.id, c.embedding", chunk_ids)}

    def all_vectors(
        self, corpora: Sequence[str] | None = None, after: int = 0
    ) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
        """(chunk id, corpus, unit vector) of every chunk with a number above `after`, oldest first."""
        query = f"""SELECT c.id, d.corpus, c.embedding FROM {_JOINED}
            WHERE c.number > ?2 AND (?1 IS NULL OR d.corpus IN (SELECT value FROM json_each(?1)))
            ORDER BY c.number"""  # noqa: S608
        with self.reading() as c:
            for chunk_id, corpus, blob in c.execute(query, (_listed(corpora), after)):
                yield chunk_id, corpus, np.frombuffer(blob, np.float32)

    def ids(self) -> list[str]:
        """Ids of all chunks, oldest first."""
        with self.reading() as c:
            return [row[0] for row in c.execute("SELECT id FROM chunks ORDER BY number")]

    def existing(self, chunk_ids: Sequence[str]) -> set[str]:
        """Those of the ids that are still there."""
        with self.reading() as c:
            query = "SELECT id FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
            return {row[0] for row in c.execute(query, (_listed(chunk_ids),))}

    def newest(self) -> int:
        """The highest number of a chunk; numbers are never given twice."""
        with self.reading() as c:
            return int(c.execute("SELECT coalesce(max(number), 0) FROM chunks").fetchone()[0])

    def counts(self, chunk_ids: Sequence[str] | None = None) -> dict[str, int]:
        """How many chunks each corpus has, of all or of these ids."""
        query = f"""SELECT d.corpus, count(*) FROM {_JOINED}
            WHERE ?1 IS NULL OR c.id IN (SELECT value FROM json_each(?1)) GROUP BY d.corpus"""  # noqa: S608
        with self.reading() as c:
            return dict(c.execute(query, (_listed(chunk_ids),)).fetchall())

    def known_vectors(self, digests: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Unit vectors of texts that some chunk already holds, by digest: they are not embedded again."""
        query = "SELECT digest, embedding FROM chunks WHERE digest IN (SELECT value FROM json_each(?))"
        with self.reading() as c:
            rows = c.execute(query, (_listed(digests),)).fetchall()
        return {digest: np.frombuffer(blob, np.float32) for digest, blob in rows}

    def match(
        self, expression: str, corpora: Sequence[str] | None, k: int, path_weight: float
    ) -> list[tuple[str, float]]:
        """(chunk id, BM25) of a full-text expression, best first; BM25 is positive, higher is better."""
        # the best are chosen before their chunks are looked up: a frequent word is in every second chunk
        query = """SELECT c.id, -best.score FROM
            (SELECT rowid AS number, bm25(words, ?1, 1.0) AS score FROM words WHERE words MATCH ?2
             ORDER BY score, number LIMIT ?3) best
            JOIN chunks c ON c.number = best.number JOIN documents d ON d.id = c.document
            WHERE ?4 IS NULL OR d.corpus IN (SELECT value FROM json_each(?4))
            ORDER BY best.score, best.number LIMIT ?5"""
        found: list[tuple[str, float]] = []
        for depth in (k,) if corpora is None else (_DEEPER * k, -1):  # -1: all of them
            with self.reading() as c:
                found = c.execute(query, (path_weight, expression, depth, _listed(corpora), k)).fetchall()
            if len(found) == k:
                break
        return found

    def under(self, expression: str, corpora: Sequence[str] | None, limit: int) -> list[StoredChunk]:
        """Chunks whose words match a full-text expression, of the newest documents first, in their reading order."""
        query = f"""SELECT {_COLUMNS} FROM words JOIN chunks c ON c.number = words.rowid
            JOIN documents d ON d.id = c.document WHERE words MATCH ?1
            AND (?2 IS NULL OR d.corpus IN (SELECT value FROM json_each(?2)))
            ORDER BY d.as_of DESC, d.id, c.position LIMIT ?3"""  # noqa: S608
        with self.reading() as c:
            return [StoredChunk(*row) for row in c.execute(query, (expression, _listed(corpora), limit))]

    def frequencies(self, terms: Sequence[str]) -> tuple[dict[str, int], int]:
        """How many chunks hold each term, and how many chunks there are."""
        query = "SELECT term, doc FROM vocabulary WHERE term IN (SELECT value FROM json_each(?))"
        with self.reading() as c:
            total: int = c.execute("SELECT count(*) FROM chunks").fetchone()[0]
            return dict(c.execute(query, (_listed(terms),)).fetchall()), total

    def scrub(self) -> bool:
        """Make deleted words unreadable: merge the full-text index, empty the write-ahead log.

        False where a reader of another process kept the log from being emptied: try again.
        """
        with self.reading() as c:
            c.execute("INSERT INTO words (words) VALUES ('optimize')")
            return self._empty_log(c)

    def take_over(self, other: Path) -> None:
        """Become a copy of another ledger, whose connections are closed: at once, or not at all.

        Whoever reads sees the old content until then, and the new one from then on.
        """
        with self.reading() as c:
            source = sqlite3.connect(other, isolation_level=None)
            try:
                source.backup(c)
            finally:
                source.close()
            self._empty_log(c)

    def _empty_log(self, connection: sqlite3.Connection) -> bool:
        busy: int = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchone()[0]
        if busy:
            _log.warning("The log of %s could not be emptied: another process reads it.", self.path)
        return not busy

    def is_sound(self) -> bool:
        """SQLite's own check of the whole file; seconds for a gigabyte."""
        try:
            with self.reading() as c:
                return bool(c.execute("PRAGMA quick_check (1)").fetchone()[0] == "ok")
        except (StoreBusy, StorageError):
            raise
        except CorpusError:
            return False

    def _by_ids(self, columns: str, chunk_ids: Sequence[str]) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {_JOINED} WHERE c.id IN (SELECT value FROM json_each(?))"  # noqa: S608
        with self.reading() as c:
            return c.execute(query, (_listed(chunk_ids),)).fetchall()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # acknowledged means on disk
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA secure_delete = ON")  # deleted words are overwritten
                connection.execute("PRAGMA temp_store = MEMORY")  # sorting leaves no words on the disk
                connection.executescript(_TABLES)
            except sqlite3.Error:
                connection.close()
                raise
            self._local.connection = connection
            with self._guard:
                self._connections.append(connection)
        return connection

    def _translated(self, error: sqlite3.Error) -> CorpusError | StorageError:
        text = str(error)
        if "locked" in text or "busy" in text:
            return StoreBusy(
                f"The index {self.path} is being written by another process. Try again shortly.",
                pt=f"O índice {self.path} está sendo gravado por outro processo. Tente de novo em instantes.",
            )
        if any(word in text for word in ("full", "readonly", "disk I/O", "unable to open")):
            return StorageError(
                f"The index {self.path} cannot be written ({text}). Free space, check its rights.",
                pt=f"O índice {self.path} não pode ser gravado. Libere espaço no disco e confira as permissões.",
            )
        return CorpusError(
            f"The index {self.path} is damaged ({text}). Make it again from corpora/: {REBUILD}",
            pt=f"O índice {self.path} está danificado. Refaça-o a partir de corpora/: {REBUILD}",
        )


def _listed(values: Sequence[str] | None) -> str | None:
    return None if values is None else json.dumps(list(values))
