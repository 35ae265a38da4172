"""How well passages are found: the hybrid search against each of its parts, on labelled questions.

Reads own records {"question", "document", "quote"} against the indexed corpora, and question sets in
SQuAD's form, whose paragraphs become the documents of a corpus of their own. Figures: recall@5 and
nDCG@10 with one relevant passage a question, 0 to 1. Refuses to know engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from assistant.engines.base import Embedder
from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever
from assistant.stores.passages import PassageStore
from assistant.stores.rows import StoredChunk
from assistant.training.formats import read_jsonl, squad_questions
from assistant.types import Passage

DEPTH = 10  # passages looked at; a right one further down counts as not found
RANK_CONSTANT = 60  # of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009), measured beside
CARD = """title = { pt = "Parágrafos", en = "Paragraphs" }
description = { pt = "Parágrafos de um conjunto de perguntas.", en = "Paragraphs of a question set." }
"""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question and its right passage: of this document and, unless `quote` is empty, with these words."""

    question: str
    document: str
    quote: str = ""

    def holds(self, found: Passage | StoredChunk) -> bool:
        """Whether a passage is the right one."""
        return found.document == self.document and self.quote in " ".join(found.text.split())


def own_questions(path: Path) -> list[Labelled]:
    """Questions on indexed corpora; raises `DataError` naming the bad line."""
    rows = read_jsonl(path, ("question", "document", "quote"))
    return [Labelled(row["question"], row["document"], row["quote"]) for row in rows]


def paragraph_corpus(path: Path, folder: Path) -> list[Labelled]:
    """Write each paragraph of a SQuAD file as a document of the corpus `folder`; returns the questions.

    Raises `DataError` for a file that cannot be read.
    """
    (folder / "documents").mkdir(parents=True)
    (folder / "corpus.toml").write_text(CARD, "utf-8")
    names: dict[str, str] = {}
    questions = []
    for _, context, question, _ in squad_questions(path):
        if context not in names:
            names[context] = f"{len(names):05d}.txt"
            (folder / "documents" / names[context]).write_text(context, "utf-8")
        questions.append(Labelled(question, names[context]))
    return questions


def search_quality(
    store: PassageStore, embedder: Embedder, retriever: Retriever, questions: Sequence[Labelled]
) -> dict[str, Any]:
    """recall_at_5 and ndcg_at_10 of the shipped search, of its two parts and of plain rank fusion."""
    ranks: dict[str, list[int]] = {"hybrid": [], "dense": [], "bm25": [], "rank_fusion": []}
    for item in questions:
        dense = [hit.chunk_id for hit in store.search_dense(embedder.embed_query(item.question), None, DEPTH)]
        words = [hit.chunk_id for hit in store.search_lexical(lexical.question_terms(item.question), None, DEPTH)]
        chunks = store.get([*dense, *words])
        ranks["dense"].append(_rank(item, (chunks[c] for c in dense)))
        ranks["bm25"].append(_rank(item, (chunks[c] for c in words)))
        ranks["rank_fusion"].append(_rank(item, (chunks[c] for c in _fused(dense, words))))
        ranks["hybrid"].append(_rank(item, retriever.retrieve(item.question, k=DEPTH)))
    return {"questions": len(questions), **{name: _figures(found) for name, found in ranks.items()}}


def relevance_quality(retriever: Retriever, answerable: Sequence[str], unanswerable: Sequence[str], k: int) -> Any:
    """Share of the answerable questions that keep their passages, and of the others that are stopped."""

    def kept(texts: Sequence[str]) -> float:
        found = ((text, retriever.retrieve(text, k=k)) for text in texts)
        return sum(retriever.is_relevant(text, passages) for text, passages in found) / len(texts)

    return {
        "answerable_kept": round(kept(answerable), 4),
        "unanswerable_stopped": round(1 - kept(unanswerable), 4),
        "answerable": len(answerable),
        "unanswerable": len(unanswerable),
    }


def _rank(item: Labelled, found: Iterable[Passage | StoredChunk]) -> int:
    """The place of the right passage, from 1; 0 where it is missing."""
    return next((rank for rank, passage in enumerate(found, 1) if item.holds(passage)), 0)


def _fused(dense: Sequence[str], words: Sequence[str]) -> list[str]:
    score: dict[str, float] = {}
    for ranked in (dense, words):
        for rank, chunk_id in enumerate(ranked, 1):
            score[chunk_id] = score.get(chunk_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    return sorted(score, key=lambda c: -score[c])[:DEPTH]


def _figures(ranks: Sequence[int]) -> dict[str, float]:
    return {
        "recall_at_5": round(sum(0 < rank <= 5 for rank in ranks) / len(ranks), 4),
        "ndcg_at_10": round(sum(1 / log2(1 + rank) for rank in ranks if rank) / len(ranks), 4),
    }
