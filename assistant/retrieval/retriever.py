"""A question to dated passages: dense and lexical search, fused.

Knows how the two searches are weighed, when a question leans on the one before it, that the version in force
answers, and when nothing is close enough to answer from. Refuses to know prompts and files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from math import exp

from assistant.engines.base import Embedder
from assistant.retrieval import fusion, lexical
from assistant.retrieval.freshness import is_outdated
from assistant.retrieval.joining import REACH, Joined, join
from assistant.retrieval.law import paths_in
from assistant.retrieval.law_names import reference
from assistant.retrieval.question_dates import Moment, moment_of, undated
from assistant.retrieval.reranking import Reranking
from assistant.retrieval.versions import Shelf, Versions, held, is_later, of_the_time, stands_for
from assistant.stores.passages import PassageStore
from assistant.stores.rows import StoredChunk
from assistant.types import Passage, Turn

CANDIDATES = 24  # chunks taken from each search
_WIDER = 4  # times as many, where versions of the same leave too few
_BESIDE = 0.009  # chance of the other pieces of an article whose paragraph a question cites, beside that one's
NEAR_DUPLICATE = 0.9  # Jaccard of the words of two chunks
# relevance = logistic(70 * (cosine - 0.889) + 5.5 * (coverage - 0.5)): a logistic regression on tests/data (102
# answerable questions, 40 unanswerable ones, most of them close to a document), rounded. The best cosines of
# multilingual-e5-small lie between 0.84 and 0.93 there, so the constants hold for that embedder alone.
# Answerable kept / unanswerable stopped, 20-fold cross-validated: 97.1 / 82.5 % at 0.2, 96.1 / 87.5 % at 0.35,
# 92.2 / 90.0 % at 0.5; by cosine alone 86.3 / 85.0 %, by coverage alone 81.4 / 85.0 %.
# The threshold of corpora without one of their own (`retrieval.abstention` chooses those).
RELEVANCE_THRESHOLD = 0.35
_POINTING = """
ele ela eles elas dele dela deles delas nele nela isso isto disso nisso esse essa esses essas desse dessa
aquele aquela mesmo mesma outro outra outros outras segundo primeiro ultimo la ai entao
"""
_FOLLOW_UP_WORDS = frozenset(_POINTING.split())
_FOLLOW_UP_STARTS = frozenset(("e", "mas", "ou", "entao", "agora"))


@dataclass(frozen=True, slots=True)
class _Found:
    """What the two searches say of a chunk; ranks count from 1, None where a search missed it."""

    dense: int | None
    lexical: int | None
    fused: float
    cosine: float


@dataclass(frozen=True, slots=True)
class _Query:
    """A question that stands by itself, its vector, where it is searched and of which time."""

    text: str
    vector: Sequence[float]
    corpora: Sequence[str] | None
    moment: Moment | None


_NOWHERE = _Found(None, None, 0.0, 0.0)


class Retriever:
    """Hybrid search over a store. Holds nothing of a visitor: the history is an argument."""

    def __init__(
        self,
        store: PassageStore,
        embedder: Embedder,
        max_age_days: Callable[[str], int] = lambda corpus: 0,
        today: Callable[[], date] = date.today,
        threshold: Callable[[str], float] = lambda corpus: RELEVANCE_THRESHOLD,
    ) -> None:
        self._store = store
        self._reranking: Reranking | None = None
        self._shelf = Shelf(store)
        self._embedder = embedder
        self._max_age_days = max_age_days
        self._today = today
        self._threshold = threshold

    def rerank_with(self, reranking: Reranking | None) -> None:
        """Let this put the first candidates in its order from now on; None: the search's own order."""
        self._reranking = reranking

    def retrieve(
        self,
        question: str,
        *,
        corpora: Sequence[str] | None = None,
        k: int = 3,
        history: Sequence[Turn] = (),
    ) -> tuple[Passage, ...]:
        """The k best passages, best first; `corpora` None searches all.

        Of a text that there is at several dates the version in force answers: now, or when the question says.
        Raises `IndexMismatch` and other `CorpusError`s of the store, `ModelUnavailable` of the embedder.
        """
        text = standalone(question, history)
        if not text.strip() or k < 1:
            return ()
        query = _Query(text, self._embedder.embed_query(text), corpora, self.moment(question, history))
        scores: dict[str, float] = {}
        for size in (max(CANDIDATES, 3 * k), _WIDER * max(CANDIDATES, 3 * k)):
            found, chunks = self._search(query, size)
            cited = self._cite(query, found, chunks)
            candidates = [chunks[c] for c in sorted(found, key=lambda c: -found[c].fused)]
            if self._reranking and not cited:  # the article that a question cites comes first in any case
                candidates = self._reranking.order(text, candidates, scores)
            chosen = self._joined(query, candidates, k)
            if len(chosen) >= k or cited or len(found) < size:
                break
        unknown = [one.found.chunk_id for one, _ in chosen if one.found.chunk_id not in found]
        cosines = self._store.cosines(query.vector, unknown) if unknown else {}
        ranks = {c: replace(_NOWHERE, cosine=cosines[c]) for c in unknown} | found
        scored, best = [], 1.0
        for one, lead in chosen:
            best = min(best, found[lead].fused)  # what comes later for its date counts no more than what is before it
            passage = self._passage(one.found, replace(ranks[one.found.chunk_id], fused=best))
            scored.append(replace(one.shown(passage), reranked=scores.get(one.found.chunk_id)))
        return tuple(scored)

    def moment(self, question: str, history: Sequence[Turn] = ()) -> Moment | None:
        """The past time that a question asks about, with the one before it where it leans on that; None is now."""
        today = self._today()
        return moment_of(question, today) or moment_of(standalone(question, history), today)

    def earlier(self, passage: Passage, others: Sequence[Passage] = ()) -> tuple[Passage, ...]:
        """Older versions of a passage, newest first, from the whole index and among `others`."""
        chunks = self._store.get([*passage.chunk_ids, *(p.chunk_id for p in others)])
        own = [chunks.pop(c) for c in passage.chunk_ids if c in chunks]
        versions = Versions(self._shelf, list(chunks.values()))
        older = {c.chunk_id: c for chunk in own for c in versions.earlier(chunk)}
        newest_first = sorted(older.values(), key=lambda c: c.as_of or "", reverse=True)
        return tuple(self._passage(c, _NOWHERE) for c in newest_first)

    def _joined(self, query: _Query, chunks: Sequence[StoredChunk], k: int) -> list[tuple[Joined, str]]:
        """The first k passages: chunks in force with what belongs to them, and the id that each stands for."""
        wanted = k
        while True:
            chosen = self._in_force(query, chunks, wanted)
            passages = join([chunk for chunk, _ in chosen], self._near)
            if len(passages) >= k or len(chosen) < wanted:
                leads = {chunk.chunk_id: lead for chunk, lead in chosen}
                return [(one, leads[one.found.chunk_id]) for one in passages[:k]]
            wanted += k - len(passages)

    def _near(self, chunk: StoredChunk) -> Sequence[StoredChunk]:
        return self._store.neighbours(chunk.chunk_id, REACH)

    def _in_force(self, query: _Query, chunks: Sequence[StoredChunk], k: int) -> list[tuple[StoredChunk, str]]:
        """The first k chunks as they were in force, and the id of the found chunk that each stands for.

        Provisions that there were not yet at the time asked about come after all others.
        """
        versions, moment = Versions(self._shelf, chunks), query.moment
        chosen: list[tuple[StoredChunk, str]] = []
        later: list[tuple[StoredChunk, str]] = []
        for chunk in chunks:
            current = versions.in_force(chunk, moment, query.text)
            both = [current]
            if current is not chunk and not stands_for(current, chunk, query.text):
                both += [chunk] if moment is None or moment.covers(chunk.as_of) else []
            place = later if moment and is_later(current, moment) else chosen
            for one in both:
                if len(chosen) < k and not any(_repeats(one, kept) for kept, _ in place):
                    place.append((one, chunk.chunk_id))
            if len(chosen) >= k:
                break
        return [*chosen, *later][:k]

    def _cite(self, query: _Query, found: dict[str, _Found], chunks: dict[str, StoredChunk]) -> bool:
        """Put the article that a question cites before all others that were found; False where none is cited."""
        cited = reference(query.text)
        if cited is None:
            return False
        rows = of_the_time(self._shelf.article(cited.article, query.corpora), query.moment)
        if not rows:
            return False
        cosines = self._store.cosines(query.vector, [c.chunk_id for c in rows])
        for c, known in list(found.items()):
            found[c] = replace(known, fused=known.fused * _BESIDE / 10)
        for row in rows:
            known = found.get(row.chunk_id, replace(_NOWHERE, cosine=cosines[row.chunk_id]))
            there = cited.path in paths_in(row.heading, row.text)
            share = 0.9 + 0.1 * held(query.text, row.text)
            found[row.chunk_id] = replace(known, fused=share if there else share * _BESIDE)
            chunks[row.chunk_id] = row
        return True

    def _search(self, query: _Query, k: int) -> tuple[dict[str, _Found], dict[str, StoredChunk]]:
        """What the two searches find, each its k best: ranks and scores of the chunks, and the chunks."""
        terms = lexical.question_terms(query.text)
        dense = self._store.search_dense(query.vector, query.corpora, k)
        words = self._store.search_lexical(terms, query.corpora, k)
        by_meaning = {hit.chunk_id: rank for rank, hit in enumerate(dense, 1)}
        by_words = {hit.chunk_id: rank for rank, hit in enumerate(words, 1)}
        # chunks that only the words found get their cosine, too: from the stored embeddings
        cosines = self._store.cosines(query.vector, list(by_meaning | by_words))
        chunks = self._store.get(list(cosines))
        fused = fusion.fuse(chunks, cosines, fusion.rarities(terms, *self._store.frequencies(terms)))
        return {c: _Found(by_meaning.get(c), by_words.get(c), fused[c], cosines[c]) for c in fused}, chunks

    def relevance(self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()) -> float:
        """How likely (0 to 1) some passage speaks of what is asked; 0 where there are none."""
        if not passages:
            return 0.0
        cosine = max(p.score for p in passages)
        text = standalone(question, history)
        # a text that was in force in 1998 need not say 1998, though a note may
        asked = {text} if self.moment(question, history) is None else {text, undated(text)}
        return _logistic(cosine, max(self._coverage(words, passages) for words in asked))

    def is_relevant(self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()) -> bool:
        """False where no corpus has passages close enough to answer from, by its own threshold."""
        return any(
            self.relevance(question, [p for p in passages if p.corpus == corpus], history) >= self._threshold(corpus)
            for corpus in dict.fromkeys(p.corpus for p in passages)
        )

    def _coverage(self, text: str, passages: Sequence[Passage]) -> float:
        """The share of the question's words, by rarity, that the best covering passage holds (0 to 1)."""
        terms = lexical.question_terms(text)
        rarity = fusion.rarities(terms, *self._store.frequencies(terms))
        held = [set(lexical.terms(f"{p.document} {p.heading} {p.text}")) for p in passages]
        return max(fusion.coverage(words, rarity) for words in held)

    def _passage(self, chunk: StoredChunk, found: _Found) -> Passage:
        return Passage(
            chunk_id=chunk.chunk_id,
            corpus=chunk.corpus,
            document=chunk.document,
            text=chunk.text,
            score=found.cosine,
            page=chunk.page,
            as_of=chunk.as_of,
            heading=chunk.heading,
            fused=found.fused,
            dense_rank=found.dense,
            lexical_rank=found.lexical,
            outdated=is_outdated(chunk.as_of, self._today(), self._max_age_days(chunk.corpus)),
        )


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question, joined to the one before it where it cannot be understood alone ("e Netuno?")."""
    words = lexical.words(question)
    if not history or not words or len(words) > 12:
        return question
    leans = words[0] in _FOLLOW_UP_STARTS or not _FOLLOW_UP_WORDS.isdisjoint(words)
    if leans or len(lexical.question_terms(question)) <= 1:
        return f"{history[-1].question} {question}"
    return question


def _repeats(one: StoredChunk, kept: StoredChunk) -> bool:
    """Whether a chunk is, or says, what is there already."""
    if one.chunk_id == kept.chunk_id:
        return True
    a, b = _word_set(one.text), _word_set(kept.text)
    return len(a & b) >= NEAR_DUPLICATE * len(a | b)


@lru_cache(maxsize=4096)
def _word_set(text: str) -> frozenset[str]:
    return frozenset(lexical.words(text))


def _logistic(cosine: float, coverage: float) -> float:
    return 1.0 / (1.0 + exp(-(70.0 * (cosine - 0.889) + 5.5 * (coverage - 0.5))))
