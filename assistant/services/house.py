"""What the house lets be said to a client, found in the corpora that an adapter is bound to.

Knows which corpora are searched, and that each sentence of a review is held against the passages by the same gate of
relevance as a question: a review of four complaints is about none of them as a whole. Refuses to know drafts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from assistant.generation.house import parts, quoted, sayable
from assistant.generation.prompt import sources_of
from assistant.retrieval.question_dates import Moment
from assistant.stores.cards import EVERY_CORPUS
from assistant.stores.manifests import Card
from assistant.types import Passage, Source, Turn


class Retrieval(Protocol):
    """What the chat needs of the retriever."""

    def retrieve(
        self, question: str, *, corpora: Sequence[str] | None, k: int, history: Sequence[Turn]
    ) -> tuple[Passage, ...]:
        """The best k passages, best first."""
        ...

    def is_relevant(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> bool:
        """Whether some passage is close enough to answer from."""
        ...

    def moment(self, question: str, history: Sequence[Turn]) -> Moment | None:
        """The past time that a question asks about; None is now."""
        ...

    def earlier(self, passage: Passage, others: Sequence[Passage]) -> tuple[Passage, ...]:
        """Older versions of a passage, newest first, from the whole index and among `others`."""
        ...


def bound_corpora(card: Card, chosen: Sequence[str] | None) -> tuple[str, ...]:
    """The corpora that a reply may quote: those of the card, as far as the visitor wants them (None: all)."""
    if EVERY_CORPUS in card.corpora:  # whatever there is: only a corpus that the visitor names is the house's own
        return tuple(chosen or ())
    return tuple(name for name in card.corpora if chosen is None or name in chosen)


def house_words(retrieval: Retrieval, review: str, corpora: Sequence[str], k: int) -> tuple[Source | None, float]:
    """The passage whose sentence for clients the review is most about, or None; and the milliseconds it took."""
    started = time.perf_counter()
    near: list[Passage] = []
    for part in parts(review):
        found = retrieval.retrieve(part, corpora=corpora, k=k, history=())
        near += [p for p in found if sayable(p.text) and retrieval.is_relevant(part, [p], ())]
    near.sort(key=lambda passage: -passage.score)
    return quoted(sources_of(near[:1])), (time.perf_counter() - started) * 1000
