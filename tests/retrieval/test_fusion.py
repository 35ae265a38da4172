"""The joint score of both searches: a chance that follows meaning and words alike."""

import pytest

from assistant.retrieval import lexical
from assistant.retrieval.fusion import coverage, fuse, rarities
from assistant.stores.rows import StoredChunk

QUESTION = "Qual o prazo de troca da mesa?"
COUNTS = {"praz": 3, "troc": 1, "mes": 4}


def chunk(name, text, heading="", document="regras.md"):
    return StoredChunk(name, "loja", document, 0, text, heading, None, "Regras", None)


def fused(*chunks, **cosines):
    terms = lexical.question_terms(QUESTION)
    return fuse({c.chunk_id: c for c in chunks}, cosines, rarities(terms, COUNTS, 10))


def test_of_equally_near_chunks_the_one_with_the_question_s_words_comes_first():
    answer = chunk("answer", "O prazo de troca da mesa é de trinta dias.")
    other = chunk("other", "A entrega leva uma semana.")
    scores = fused(answer, other, answer=0.85, other=0.85)
    assert scores["answer"] > 0.9
    assert sum(scores.values()) == pytest.approx(1.0)


def test_of_chunks_with_the_same_words_the_nearer_one_comes_first():
    one, two = chunk("one", "A mesa tem troca."), chunk("two", "Troca-se a mesa.")
    scores = fused(one, two, one=0.86, two=0.84)
    assert scores["one"] > scores["two"]


def test_words_together_in_one_sentence_count_more_than_the_same_words_spread_out():
    together = chunk("together", "O prazo de troca da mesa é longo. A loja abre cedo.")
    spread = chunk("spread", "O prazo é longo. A troca é feita cedo. A mesa fica na loja.")
    scores = fused(together, spread, together=0.85, spread=0.85)
    assert scores["together"] > scores["spread"]


def test_words_of_the_heading_count():
    under = chunk("under", "São trinta dias, contados da entrega.", "Mesas > Prazo de troca")
    bare = chunk("bare", "São trinta dias, contados da entrega.")
    scores = fused(under, bare, under=0.85, bare=0.85)
    assert scores["under"] > scores["bare"]


def test_rarer_words_weigh_more():
    rarity = rarities(["praz", "troc", "mes"], COUNTS, 10)
    assert rarity["troc"] > rarity["praz"] > rarity["mes"] > 0
    assert coverage({"troc"}, rarity) > coverage({"mes"}, rarity)
    assert coverage({"praz", "troc", "mes"}, rarity) == pytest.approx(1.0)


def test_a_question_without_words_and_no_chunks_have_scores_too():
    assert coverage({"troc"}, {}) == 0.0
    assert fuse({}, {}, {}) == {}
    assert fuse({"a": chunk("a", "..."), "b": chunk("b", "!")}, {"a": -1.0, "b": -1.0}, {}) == {"a": 0.5, "b": 0.5}


def test_scores_far_apart_do_not_overflow():
    scores = fused(chunk("near", "A mesa."), chunk("far", "Nada."), near=1.0, far=-1.0)
    assert scores["near"] == pytest.approx(1.0)
    assert scores["far"] >= 0.0
