"""Dates that a person gave to documents: the table `[dates]` of corpus.toml, by file name.

A given date goes before whatever the document says of itself. Knows how a person writes a date, and how the index
follows without reading or embedding anything again. Refuses to know how a document's own date is found.
"""

from __future__ import annotations

import re
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from assistant.errors import InputRejected
from assistant.retrieval import freshness
from assistant.retrieval.loading import load
from assistant.retrieval.splitting import Chunk
from assistant.services.corpora import CorporaService
from assistant.services.corpus_card import dates_in, read_card
from assistant.services.ingestion import state_of
from assistant.stores.manifests import card_unreadable, write_atomically
from assistant.stores.passages import PassageStore
from assistant.stores.rows import DocumentRecord
from assistant.stores.writer import Draft

_editing = threading.Lock()
_MONTH = re.compile(r"(\d{1,2})/(\d{4})")


class CorpusDates:
    """The given dates of all corpora."""

    def __init__(self, corpora: CorporaService, store: PassageStore) -> None:
        self._corpora = corpora
        self._store = store

    def of(self, corpus: str) -> dict[str, str]:
        """The given dates by file name."""
        return dates_in(self._corpora.card_path(corpus))

    def set(self, corpus: str, document: str, date: str) -> str:
        """Give a document a date, or with "" have it speak for itself again; the date as it is kept.

        Raises `InputRejected` for what is no date, `CorpusNotFound` where there is no such document.
        """
        kept = checked_date(date) if date.strip() else ""
        name = self._corpora.path_of(corpus, document).name
        edited(self._corpora.card_path(corpus), lambda card: _put(card, name, kept))
        return kept

    def forget(self, corpus: str, document: str) -> None:
        """Remove the date of a document that is gone."""
        path = self._corpora.card_path(corpus)
        if document in dates_in(path):
            edited(path, lambda card: _put(card, document, ""))

    def apply(self, corpus: str, document: str) -> None:
        """Have the index show the date; nothing is embedded. A document that is not indexed yet gets it then."""
        record = self._record(corpus, document)
        if record is None or record.state != "ready":
            return
        path, given = self._corpora.path_of(corpus, document), self.of(corpus).get(document, "")
        state, content = state_of(path, given), state_of(path)
        if state == record.sha256 or content != ":".join(record.sha256.split(":")[:2]):
            return  # it shows the date already, or the file is another one by now: the next ingestion reads it
        date = given or load(path).as_of
        chunks = self._store.chunks_of(corpus, document)
        drafts = {c.position: Chunk(c.text, c.heading, c.page, c.title).digest for c in chunks}
        vectors = self._store.known_vectors(list(drafts.values()))
        if not all(digest in vectors for digest in drafts.values()):
            return  # cut by other rules than today's: the next ingestion reads it anew, with its date
        dated = DocumentRecord(
            corpus, document, state, record.title, date, record.pages, state="ready", notes=record.notes
        )
        with self._store.writing() as writer:
            ready = [
                Draft(c.text, c.heading, c.page, drafts[c.position], vectors[drafts[c.position]].tolist())
                for c in chunks
            ]
            writer.replace(dated, ready)

    def _record(self, corpus: str, document: str) -> DocumentRecord | None:
        return next((d for d in self._store.documents(corpus) if d.name == document), None)


def checked_date(text: str) -> str:
    """A date as people write it ("11/03/2025", "03/2025", "2025", "2025-03-11") in ISO; raises `InputRejected`."""
    said = text.strip()[:60]
    month = _MONTH.fullmatch(said)
    date = freshness.parse(f"{month[2]}-{int(month[1]):02d}" if month else said)
    if date is None:
        raise InputRejected(
            f"{said!r} is no date. Write 2025, 2025-03 or 2025-03-11.",
            pt=f"{said!r} não é uma data. Escreva 2025, 03/2025 ou 11/03/2025.",
        )
    return date


def edited(path: Path, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    """Change a corpus.toml, keeping its comments; raises `ConfigurationError`, `StorageError`."""
    with _editing:  # two changes at once would lose one
        try:
            document = tomlkit.parse(path.read_text("utf-8"))
            change(document)
            text = tomlkit.dumps(document)
            tomllib.loads(text)
        except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:  # tomlkit's are ValueErrors
            raise card_unreadable(path, error) from error
        write_atomically(path, text)
    read_card(path)


def _put(card: Any, document: str, date: str) -> None:
    if not date:
        if "dates" in card and document in card["dates"]:
            del card["dates"][document]
            if not card["dates"]:
                del card["dates"]
        return
    if "dates" not in card:
        card["dates"] = tomlkit.table()
    card["dates"][document] = date
