"""The first candidates of a search in the order of a cross-encoder, which reads question and passage together.

Knows how many are read and that a question is answered whatever becomes of the model. Refuses to know how scores
come about.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from assistant.engines.base import Reranker
from assistant.errors import AssistantError, ModelUnavailable
from assistant.stores.rows import StoredChunk

FIRST = 12
"""Candidates that are read: four times the passages that are shown. What the search puts further down stays there."""

_log = logging.getLogger(__name__)


class Reranking:
    """Reorders candidates; shared by all questions of a process. A fault of the model is told once."""

    def __init__(self, reranker: Reranker, first: int = FIRST) -> None:
        self._reranker = reranker
        self._first = first
        self._lock = threading.Lock()
        self._told: set[type[AssistantError]] = set()
        self._gone = False

    def warm_up(self) -> None:
        """Have the model in memory before the first question."""
        self._scored("aquecimento", ["aquecimento"])

    def order(self, question: str, chunks: Sequence[StoredChunk], scores: dict[str, float]) -> list[StoredChunk]:
        """The chunks, the first ones by score; `scores` holds those that are known by id, and receives the others.

        The order stays as it is where the model cannot be had, for good, or fails, for this question.
        """
        first = chunks[: self._first]
        unknown = [chunk for chunk in first if chunk.chunk_id not in scores]
        values = self._scored(question, [_read(chunk) for chunk in unknown])
        if values is None:
            return list(chunks)
        scores.update(zip((chunk.chunk_id for chunk in unknown), values, strict=True))
        return [*sorted(first, key=lambda chunk: -scores[chunk.chunk_id]), *chunks[self._first :]]

    def _scored(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """Scores, or None where there are none to be had."""
        if not texts:
            return []
        if self._gone:
            return None
        try:
            return self._reranker.scores(question, texts)
        except AssistantError as error:
            self._gone = self._gone or isinstance(error, ModelUnavailable)
            self._tell(error)
            return None

    def _tell(self, error: AssistantError) -> None:
        with self._lock:
            if type(error) in self._told:
                return
            self._told.add(type(error))
        _log.warning("%s Questions are answered without it.", error)


def _read(chunk: StoredChunk) -> str:
    """What the model reads of a chunk: as for the search by meaning, the path says what its words may not."""
    path = dict.fromkeys(part for part in (chunk.title, chunk.heading) if part)
    return "\n".join([" > ".join(path), chunk.text]) if path else chunk.text
