"""What the ledger holds: documents, chunks and facts, and how they are written inside a transaction.

Knows the columns of a row and that words go with their chunk. Refuses to begin and to end transactions:
that is `ledger`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document as the index holds it; `state` is "ready" or "refused", `notes` say why, in Portuguese."""

    corpus: str
    name: str
    sha256: str
    title: str
    as_of: str | None = None
    pages: int = 0
    chunks: int = 0
    state: str = "ready"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk on its way in; `embedding` is a unit vector, stems are what full-text search matches."""

    chunk_id: str
    text: str
    heading: str
    page: int | None
    digest: str
    path_stems: str
    body_stems: str
    embedding: Sequence[float] | NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with what its document says of itself; `position` counts from 0."""

    chunk_id: str
    corpus: str
    document: str
    position: int
    text: str
    heading: str
    page: int | None
    title: str
    as_of: str | None


def write_meta(connection: sqlite3.Connection, values: Mapping[str, str]) -> None:
    """Record facts inside a running transaction."""
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))


def bump(connection: sqlite3.Connection) -> None:
    """Count a change of the chunks, so that every process sees that its vectors are behind."""
    connection.execute("INSERT INTO meta VALUES ('revision', '1') ON CONFLICT (key) DO UPDATE SET value = value + 1")


def mark_erased(connection: sqlite3.Connection) -> None:
    """Say that the files still hold what the ledger no longer does, until they are made anew."""
    write_meta(connection, {"erase": "1"})


def delete_document(connection: sqlite3.Connection, corpus: str, name: str) -> bool:
    """Remove a document with its chunks and stems inside a running transaction; False where unknown."""
    row = connection.execute("SELECT id FROM documents WHERE corpus = ? AND name = ?", (corpus, name)).fetchone()
    if row is None:
        return False
    connection.execute("DELETE FROM words WHERE rowid IN (SELECT number FROM chunks WHERE document = ?)", row)
    connection.execute("DELETE FROM chunks WHERE document = ?", row)
    connection.execute("DELETE FROM documents WHERE id = ?", row)
    return True


def insert_document(connection: sqlite3.Connection, document: DocumentRecord, chunks: Sequence[NewChunk]) -> None:
    """Write a document with its chunks and stems inside a running transaction."""
    d = document
    cursor = connection.execute(
        "INSERT INTO documents (corpus, name, sha256, title, as_of, pages, state, notes) VALUES (?,?,?,?,?,?,?,?)",
        (
            d.corpus,
            d.name,
            d.sha256,
            d.title,
            d.as_of,
            d.pages,
            d.state,
            json.dumps(d.notes, ensure_ascii=False),
        ),
    )
    for position, chunk in enumerate(chunks):
        blob = np.asarray(chunk.embedding, np.float32).tobytes()
        row = connection.execute(
            "INSERT INTO chunks (id, document, position, text, heading, page, digest, embedding)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (
                chunk.chunk_id,
                cursor.lastrowid,
                position,
                chunk.text,
                chunk.heading,
                chunk.page,
                chunk.digest,
                blob,
            ),
        )
        connection.execute(
            "INSERT INTO words (rowid, path, body) VALUES (?,?,?)",
            (row.lastrowid, chunk.path_stems, chunk.body_stems),
        )
