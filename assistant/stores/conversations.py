"""Saved conversations, each readable only with the key of the visitor who had it.

Knows one SQLite file. Refuses to keep the visitor's key: rows carry its SHA-256, so the file alone
opens nothing. Deleted text is overwritten (`secure_delete`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import InputRejected, StorageError
from assistant.types import Answer, Entity, Outcome, Passage, Route, RouteOrigin, Source, Timings, Usage

_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, visitor TEXT NOT NULL, title TEXT NOT NULL, updated TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS conversations_of ON conversations (visitor, updated);
CREATE TABLE IF NOT EXISTS exchanges (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (conversation, position));
"""
_TITLE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question with what came of it: an answer, or the error that was shown instead.

    `feedback` is 1 (useful), -1 (not useful) or 0 (none given).
    """

    question: str
    answer: Answer | None = None
    error: str = ""
    feedback: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """An entry of the list; `updated` is UTC, ISO 8601."""

    id: str
    title: str
    updated: str


class ConversationStore:
    """The conversations of all visitors in one file; every call names the visitor's key."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The folder {file.parent} cannot be made: {error}. Free the disk.",
                pt=f"A pasta {file.parent} não pode ser criada. Libere espaço no disco e confira as permissões.",
            ) from error
        with self._open() as db:
            # No write-ahead log: it makes files beside this one even to read, which a full disk refuses.
            db.execute("PRAGMA journal_mode = DELETE")
            db.executescript(_SCHEMA)

    def list(self, visitor: str) -> tuple[Conversation, ...]:
        """The visitor's conversations, latest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, title, updated FROM conversations WHERE visitor = ? ORDER BY updated DESC, rowid DESC",
                (_owner(visitor),),
            ).fetchall()
        return tuple(Conversation(*row) for row in rows)

    def load(self, visitor: str, conversation: str) -> tuple[Exchange, ...]:
        """The exchanges, oldest first; raises `InputRejected` unless the visitor owns the conversation."""
        with self._open() as db:
            self._check(db, visitor, conversation)
            rows = db.execute(
                "SELECT payload FROM exchanges WHERE conversation = ? ORDER BY position", (conversation,)
            ).fetchall()
        return tuple(_read(json.loads(payload)) for (payload,) in rows)

    def save(self, visitor: str, conversation: str | None, exchanges: tuple[Exchange, ...]) -> str:
        """Replace the exchanges of a conversation (None begins one); returns its id."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._open() as db:
            if conversation is None:
                conversation = secrets.token_urlsafe(12)
                db.execute(
                    "INSERT INTO conversations VALUES (?, ?, ?, ?)",
                    (conversation, _owner(visitor), title_of(exchanges), now),
                )
            else:
                self._check(db, visitor, conversation)
                db.execute(
                    "UPDATE conversations SET title = ?, updated = ? WHERE id = ?",
                    (title_of(exchanges), now, conversation),
                )
                db.execute("DELETE FROM exchanges WHERE conversation = ?", (conversation,))
            db.executemany(
                "INSERT INTO exchanges VALUES (?, ?, ?)",
                [(conversation, position, json.dumps(asdict(exchange))) for position, exchange in enumerate(exchanges)],
            )
        return conversation

    def rate(self, visitor: str, conversation: str, position: int, feedback: int) -> None:
        """Keep what the visitor thought of one answer: 1, -1 or 0."""
        with self._open() as db:
            self._check(db, visitor, conversation)
            db.execute(
                "UPDATE exchanges SET payload = json_set(payload, '$.feedback', ?) "
                "WHERE conversation = ? AND position = ?",
                (max(-1, min(1, feedback)), conversation, position),
            )

    def delete(self, visitor: str, conversation: str) -> None:
        """Remove a conversation for good; raises `InputRejected` unless the visitor owns it."""
        with self._open() as db:
            self._check(db, visitor, conversation)
            db.execute("DELETE FROM conversations WHERE id = ?", (conversation,))

    def _check(self, db: sqlite3.Connection, visitor: str, conversation: str) -> None:
        found = db.execute(
            "SELECT 1 FROM conversations WHERE id = ? AND visitor = ?", (conversation, _owner(visitor))
        ).fetchone()
        if found is None:
            raise InputRejected(
                f"No conversation {conversation!r} is saved here. Open one from the list.",
                pt=f"A conversa {conversation!r} não está guardada aqui. Abra uma da lista.",
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._file, timeout=10)
            try:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("PRAGMA secure_delete = ON")
                with db:
                    yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise StorageError(
                f"The conversations in {self._file} cannot be used: {error}. "
                "Free the disk, or move the file away to begin anew.",
                pt=f"As conversas em {self._file} não podem ser usadas. Libere espaço no disco, ou mova o arquivo "
                "para começar de novo.",
            ) from error


def title_of(exchanges: tuple[Exchange, ...]) -> str:
    """The first question on one line, at most 60 characters, cut between words."""
    question = " ".join(exchanges[0].question.split()) if exchanges else ""
    question = question.encode("utf-8", "replace").decode()  # half a character pair cannot be stored as text
    if len(question) <= _TITLE_CHARS:
        return question
    return question[: _TITLE_CHARS - 1].rsplit(" ", 1)[0] + "…"


def _owner(visitor: str) -> str:
    return hashlib.sha256(visitor.encode()).hexdigest()


def _read(raw: Mapping[str, Any]) -> Exchange:
    answer = raw["answer"]
    return Exchange(raw["question"], answer and _answer(answer), raw["error"], raw["feedback"])


def _answer(raw: Mapping[str, Any]) -> Answer:
    sources = (Source(**{**s, "passage": _passage(s["passage"])}) for s in raw["sources"])
    return Answer(
        question=raw["question"],
        text=raw["text"],
        outcome=Outcome(raw["outcome"]),
        route=Route(**{**raw["route"], "origin": RouteOrigin(raw["route"]["origin"])}),
        sources=tuple(sources),
        entities=tuple(Entity(**e) for e in raw["entities"]),
        usage=Usage(**raw["usage"]),
        timings=Timings(**raw["timings"]),
        dropped=raw["dropped"],
        stopped=raw["stopped"],
        brief=raw.get("brief", ""),
    )


def _passage(raw: Mapping[str, Any]) -> Passage:
    return Passage(**{**raw, "joined": tuple(raw.get("joined", ()))})  # JSON has no tuples
