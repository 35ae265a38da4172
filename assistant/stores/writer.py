"""The one writer of the index: whole documents in, whole documents out.

Knows how a chunk is named and that words are stored as stems. Refuses to know the vector index: it
keeps count of what came and went, for whoever brings the vectors after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.stores import rows
from assistant.stores.ledger import Ledger
from assistant.stores.rows import DocumentRecord, NewChunk
from assistant.stores.vectors import Floats

PUBLISHED_AT = 5_000  # chunks; readers look through those that came since, in about 10 ms


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before it has a place: `digest` identifies title, heading and text."""

    text: str
    heading: str
    page: int | None
    digest: str
    embedding: Floats


class Writer:
    """The one writer of a store; every call is a transaction of its own."""

    def __init__(
        self, ledger: Ledger, stems: Callable[[str], Sequence[str]], publish: Callable[[Sequence[str]], bool]
    ) -> None:
        """`publish` brings the vectors of chunks to the index in the middle of the work, where it can."""
        self._ledger = ledger
        self._stems = stems
        self._publish = publish
        self.added: list[str] = []  # ids of chunks, for the vector index

    def replace(self, document: DocumentRecord, drafts: Sequence[Draft]) -> None:
        """Put a document in the place of the one with its name; both or neither is ever seen."""
        before = {c.chunk_id for c in self._ledger.chunks_of(document.corpus, document.name)}
        chunks = [self._placed(document, position, draft) for position, draft in enumerate(drafts)]
        after = {c.chunk_id for c in chunks}
        with self._ledger.transaction() as connection:
            rows.delete_document(connection, document.corpus, document.name)
            rows.insert_document(connection, document, chunks)
            rows.bump(connection)
            if before - after:
                rows.mark_erased(connection)
        self.added += after
        if len(self.added) >= PUBLISHED_AT and self._publish(self.added):
            self.added = []

    def remove(self, corpus: str, name: str) -> bool:
        """Remove a document, its words and vectors; False where it is not indexed."""
        with self._ledger.transaction() as connection:
            found = rows.delete_document(connection, corpus, name)
            if found:
                rows.bump(connection)
                rows.mark_erased(connection)
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
