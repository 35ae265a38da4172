"""How well passages are found: the hybrid search against each of its parts, on labelled questions.

Reads own records {"question", "document", "quote"} or {"question", "document", "article"} against indexed corpora, and
question sets in SQuAD's form, whose paragraphs become the documents of a corpus of their own. Figures: recall@5 and
nDCG@10 with one relevant passage a question, 0 to 1. Refuses to know engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from assistant.engines.base import Embedder
from assistant.errors import DataError
from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever
from assistant.services.bench_corpora import paragraph_corpus
from assistant.stores.passages import PassageStore
from assistant.stores.rows import StoredChunk
from assistant.training.formats import numbered_jsonl, read_text, squad_questions
from assistant.types import Passage

DEPTH = 10  # passages looked at; a right one further down counts as not found
RANK_CONSTANT = 60  # of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009), measured beside
_NUMBER = re.compile(r"\d[\d.]*º?(?:-[A-Z]+)?")
_ARTICLE = re.compile(rf"\bart\. {_NUMBER.pattern}")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question and its right passage: of this document, with these words or of this article ("art. 49").

    Both empty: any passage of the document. Where the article is given, the document's ending does not count.
    """

    question: str
    document: str
    quote: str = ""
    article: str = ""

    def holds(self, found: Passage | StoredChunk) -> bool:
        """Whether a passage is the right one."""
        if self.article:
            named = {number(article) for article in _ARTICLE.findall(found.heading)}
            return Path(found.document).stem == Path(self.document).stem and number(self.article) in named
        return found.document == self.document and self.quote in " ".join(found.text.split())


def number(article: str) -> str:
    """The number of an article as every writer means it: "art. 1.046-A" and "1046-A" are "1046-A"."""
    found = _NUMBER.search(article)
    return found[0].replace(".", "").replace("º", "") if found else ""


def own_questions(path: Path) -> list[Labelled]:
    """Questions on indexed corpora, by quote or by article; raises `DataError` naming the bad line."""
    labelled = []
    for line, row in numbered_jsonl(read_text(path), str(path), ("question", "document")):
        item = Labelled(row["question"], row["document"], row.get("quote", ""), row.get("article", ""))
        if not item.quote and not number(item.article):
            raise DataError(
                f"{path}, line {line}: neither a quote nor the article of the right passage.",
                pt=f"{path}, linha {line}: falta o trecho (quote) ou o artigo (article) da passagem certa.",
            )
        labelled.append(item)
    return labelled


def squad_corpus(path: Path, folder: Path) -> list[Labelled]:
    """Write each paragraph of a SQuAD file as a document of the corpus `folder`; returns the questions.

    Raises `DataError` for a file that cannot be read.
    """
    rows = [(context, question) for _, context, question, _ in squad_questions(path)]
    names = paragraph_corpus((context for context, _ in rows), folder)
    return [Labelled(question, names[context]) for context, question in rows]


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
