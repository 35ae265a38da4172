"""A cross-encoder reorders the first candidates; a question is answered whatever becomes of it."""

import logging
from datetime import date

import pytest

from assistant.errors import GenerationError, ModelUnavailable
from assistant.retrieval import lexical
from assistant.retrieval.reranking import FIRST, Reranking
from assistant.retrieval.retriever import Retriever
from assistant.services.corpora import CorporaService
from assistant.services.records import found_record
from assistant.stores.passages import PassageStore
from assistant.stores.rows import StoredChunk
from assistant.terminal import readable_passages

from ..word_embedder import WordEmbedder

LAW = """# Código de Defesa do Consumidor (CDC)

Art. 1º O consumidor de farol tem direito ao aviso.

Art. 2º O prazo do arrependimento é de sete dias.
"""
QUESTION = "Como funciona o farol da ilha?"


class Wanting:
    """Scores by how often a text has a word; `failure` is raised instead."""

    name = "test/wanting"

    def __init__(self, word, failure=None):
        self.word = word
        self.failure = failure
        self.asked = []

    def scores(self, question, texts):
        self.asked.append((question, list(texts)))
        if self.failure:
            raise self.failure
        return [float(text.count(self.word)) for text in texts]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reranking")
    embedder = WordEmbedder()
    store = PassageStore(folder / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(folder / "corpora", store, embedder)
    service.create("ilha", "Ilha")
    for at in range(15):
        farol = "O farol da ilha funciona. " * (15 - at)
        words = f"{farol}Nota de número {at}, escrita {'ontem ' * at}na praia {at}."
        service.add_document("ilha", f"n{at:02d}.txt", words.encode())
    service.create("leis", "Leis")
    service.add_document("leis", "cdc.md", LAW.encode())
    for _ in service.ingest():
        pass
    yield store
    store.close()


def retriever(store, reranker=None):
    made = Retriever(store, WordEmbedder(), today=lambda: date(2026, 6, 1))
    made.rerank_with(Reranking(reranker) if reranker else None)
    return made


def test_the_first_candidates_come_in_the_order_of_the_scores_and_say_them(store):
    plain = retriever(store).retrieve(QUESTION, corpora=["ilha"], k=15)
    assert all(p.reranked is None for p in plain)
    wanting = Wanting("ontem")
    found = retriever(store, wanting).retrieve(QUESTION, corpora=["ilha"], k=15)
    assert {p.chunk_id for p in found} == {p.chunk_id for p in plain}
    first, rest = found[:FIRST], found[FIRST:]
    assert {p.chunk_id for p in first} == {p.chunk_id for p in plain[:FIRST]}
    assert [p.reranked for p in first] == sorted((p.text.count("ontem") for p in first), reverse=True)
    assert [(p.chunk_id, p.reranked) for p in rest] == [(p.chunk_id, None) for p in plain[FIRST:]]
    assert [p.fused for p in found] == sorted((p.fused for p in found), reverse=True)
    ((asked, texts),) = wanting.asked
    assert asked == QUESTION and len(texts) == FIRST


def test_the_score_stands_in_the_records_of_a_search(store):
    found = retriever(store, Wanting("ontem")).retrieve(QUESTION, corpora=["ilha"], k=2)
    records = [found_record(p) for p in found]
    assert records[0]["reranked"] == found[0].reranked is not None
    assert f", reranked {found[0].reranked:.3f}" in readable_passages(records)
    plain = [found_record(p) for p in retriever(store).retrieve(QUESTION, k=2)]
    assert plain[0]["reranked"] is None and "reranked" not in readable_passages(plain)


def test_the_article_that_a_question_cites_comes_first_whatever_the_scores(store):
    wanting = Wanting("farol")
    found = retriever(store, wanting).retrieve("O que diz o art. 2º do CDC sobre o prazo?", k=3)
    assert "art. 2º" in found[0].heading
    assert not wanting.asked


@pytest.mark.parametrize(
    ("failure", "calls"),
    [(ModelUnavailable("no such model. Leave it empty."), 1), (GenerationError("it broke down."), 3)],
)
def test_questions_are_answered_without_a_broken_one_and_it_is_said_once(store, caplog, failure, calls):
    plain = retriever(store).retrieve(QUESTION, k=3)
    wanting = Wanting("ontem", failure)
    broken = retriever(store, wanting)
    with caplog.at_level(logging.WARNING):
        assert [broken.retrieve(QUESTION, k=3) for _ in range(3)] == [plain] * 3
    assert [record.message for record in caplog.records] == [f"{failure} Questions are answered without it."]
    assert len(wanting.asked) == calls  # what cannot be had is not asked for again
    wanting.failure = None
    again = broken.retrieve(QUESTION, k=3)
    assert (again != plain) is isinstance(failure, GenerationError)


def test_what_is_scored_already_is_not_read_again():
    document = [StoredChunk(f"c{at}", "x", "d", at, "a" * at, "", None, "", None) for at in range(3)]
    wanting, scores = Wanting("a"), {"c0": 9.0}
    assert [c.chunk_id for c in Reranking(wanting).order("?", document, scores)] == ["c0", "c2", "c1"]
    assert scores == {"c0": 9.0, "c1": 1.0, "c2": 2.0}
    Reranking(wanting).order("?", document, scores)
    assert len(wanting.asked) == 1 and len(wanting.asked[0][1]) == 2
    assert Reranking(wanting).order("?", [], {}) == []


def test_a_fault_at_the_start_is_not_told_again_at_the_first_question(store, caplog):
    reranking = Reranking(Wanting("ontem", ModelUnavailable("no such model.")))
    with caplog.at_level(logging.WARNING):
        reranking.warm_up()
        asked = retriever(store)
        asked.rerank_with(reranking)
        assert asked.retrieve(QUESTION, k=3) == retriever(store).retrieve(QUESTION, k=3)
    assert len(caplog.records) == 1
