"""A question to dated passages: dense and lexical search, fused.

Knows how the two searches are weighed, when a question leans on the one before it, and when nothing
is close enough to answer from. Refuses to know prompts and files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, log

from assistant.engines.base import Embedder
from assistant.retrieval import lexical
from assistant.retrieval.freshness import is_outdated
from assistant.stores.passages import PassageStore, StoredChunk
from assistant.types import Passage, Turn

CANDIDATES = 24  # chunks taken from each search
RRF_K = 20  # reciprocal rank fusion: weight / (RRF_K + rank)
DENSE_WEIGHT = 1.0
LEXICAL_WEIGHT = 1.0
NEAR_DUPLICATE = 0.9  # Jaccard of the words of two chunks
RELEVANCE_THRESHOLD = 0.5
_FOLLOW_UP_WORDS = frozenset(
    "ele ela eles elas dele dela deles delas nele nela isso isto disso nisso esse essa esses essas desse dessa "
    "aquele aquela mesmo mesma outro outra outros outras segundo primeiro ultimo la ai entao".split()
)
_FOLLOW_UP_STARTS = frozenset("e mas ou entao agora".split())


@dataclass(slots=True)
class _Candidate:
    dense: int | None = None
    lexical: int | None = None
    fused: float = 0.0


class Retriever:
    """Hybrid search over a store. Holds nothing of a visitor: the history is an argument."""

    def __init__(
        self,
        store: PassageStore,
        embedder: Embedder,
        max_age_days: Callable[[str], int] = lambda corpus: 0,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._max_age_days = max_age_days
        self._today = today

    def retrieve(
        self,
        question: str,
        *,
        corpora: Sequence[str] | None = None,
        k: int = 3,
        history: Sequence[Turn] = (),
    ) -> tuple[Passage, ...]:
        """The k best passages, best first; `corpora` None searches all.

        Raises `IndexMismatch` and other `CorpusError`s of the store, `ModelUnavailable` of the embedder.
        """
        text = standalone(question, history)
        if not text.strip() or k < 1:
            return ()
        vector = self._embedder.embed_query(text)
        wanted = max(CANDIDATES, 3 * k)
        dense = self._store.search_dense(vector, corpora, wanted)
        words = self._store.search_lexical(lexical.question_terms(text), corpora, wanted)
        candidates: dict[str, _Candidate] = {}
        for rank, hit in enumerate(dense, 1):
            candidates.setdefault(hit.chunk_id, _Candidate()).dense = rank
        for rank, hit in enumerate(words, 1):
            candidates.setdefault(hit.chunk_id, _Candidate()).lexical = rank
        for found in candidates.values():
            found.fused = fuse(found.dense, found.lexical)
        order = sorted(candidates, key=lambda c: -candidates[c].fused)
        chunks = self._store.get(order)
        chosen = _distinct([chunks[c] for c in order if c in chunks], k)
        cosines = self._store.cosines(vector, [c.chunk_id for c in chosen])
        return tuple(
            self._passage(chunk, candidates[chunk.chunk_id], cosines.get(chunk.chunk_id, 0.0)) for chunk in chosen
        )

    def relevance(self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()) -> float:
        """How likely (0 to 1) some passage speaks of what is asked; 0 where there are none."""
        if not passages:
            return 0.0
        cosine = max(p.score for p in passages)
        return _logistic(cosine, self._coverage(standalone(question, history), passages))

    def is_relevant(
        self,
        question: str,
        passages: Sequence[Passage],
        history: Sequence[Turn] = (),
        threshold: float = RELEVANCE_THRESHOLD,
    ) -> bool:
        """False where no passage is close enough to answer from."""
        return self.relevance(question, passages, history) >= threshold

    def _coverage(self, text: str, passages: Sequence[Passage]) -> float:
        """The share of the question's words, by rarity, that the best covering passage holds (0 to 1)."""
        terms = lexical.question_terms(text)
        counts, total = self._store.frequencies(terms)
        rarity = {t: log((total + 1) / (counts.get(t, 0) + 0.5)) for t in terms}
        whole = sum(rarity.values())
        if whole <= 0:
            return 0.0
        held = [set(lexical.terms(f"{p.document} {p.heading} {p.text}")) for p in passages]
        return max(sum(v for t, v in rarity.items() if t in words) for words in held) / whole

    def _passage(self, chunk: StoredChunk, found: _Candidate, score: float) -> Passage:
        return Passage(
            chunk_id=chunk.chunk_id,
            corpus=chunk.corpus,
            document=chunk.document,
            text=chunk.text,
            score=score,
            page=chunk.page,
            as_of=chunk.as_of,
            heading=chunk.heading,
            fused=found.fused,
            dense_rank=found.dense,
            lexical_rank=found.lexical,
            outdated=is_outdated(chunk.as_of, self._today(), self._max_age_days(chunk.corpus)),
        )


def fuse(dense_rank: int | None, lexical_rank: int | None) -> float:
    """Weighted reciprocal rank fusion (Cormack et al. 2009): sum of weight / (RRF_K + rank)."""
    dense = DENSE_WEIGHT / (RRF_K + dense_rank) if dense_rank else 0.0
    return dense + (LEXICAL_WEIGHT / (RRF_K + lexical_rank) if lexical_rank else 0.0)


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question, joined to the one before it where it cannot be understood alone ("e Netuno?")."""
    words = lexical.words(question)
    if not history or not words or len(words) > 12:
        return question
    leans = words[0] in _FOLLOW_UP_STARTS or not _FOLLOW_UP_WORDS.isdisjoint(words)
    if leans or len(lexical.question_terms(question)) <= 1:
        return f"{history[-1].question} {question}"
    return question


def _distinct(chunks: Sequence[StoredChunk], k: int) -> list[StoredChunk]:
    """The first k chunks without near duplicates; of two that say the same the newer one stays."""
    kept: list[tuple[StoredChunk, set[str]]] = []
    for chunk in chunks:
        words = set(lexical.words(chunk.text))
        twin = next((i for i, (_, other) in enumerate(kept) if _jaccard(words, other) >= NEAR_DUPLICATE), None)
        if twin is None:
            if len(kept) < k:
                kept.append((chunk, words))
        elif (chunk.as_of or "") > (kept[twin][0].as_of or ""):
            kept[twin] = (chunk, words)
    return [chunk for chunk, _ in kept]


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0


def _logistic(cosine: float, coverage: float) -> float:
    return 1.0 / (1.0 + exp(-(40.0 * (cosine - 0.84) + 4.0 * (coverage - 0.5))))
