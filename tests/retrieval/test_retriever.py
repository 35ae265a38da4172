import json
from datetime import date
from math import log2
from pathlib import Path

import pytest

from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever, standalone
from assistant.services.corpora import CorporaService
from assistant.stores.passages import PassageStore
from assistant.types import Turn

ROOT = Path(__file__).parents[2]
MOONS = "Qual o planeta com mais luas no sistema solar?"


def lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (ROOT / "tests" / "data" / name).read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def store(tmp_path_factory, embedder):
    store = PassageStore(tmp_path_factory.mktemp("index"), embedder.name, embedder.dimension, lexical.terms)
    for _ in CorporaService(ROOT / "corpora", store, embedder).ingest():
        pass
    yield store
    store.close()


@pytest.fixture(scope="module")
def retriever(store, embedder):
    return Retriever(store, embedder, lambda corpus: 730, lambda: date(2026, 6, 1))


def test_the_newest_note_about_moons_is_found_and_dated(retriever):
    passages = retriever.retrieve(MOONS)
    first = passages[0]
    assert (first.document, first.as_of, first.dense_rank, first.lexical_rank) == ("luas-2025.md", "2025-03-11", 1, 1)
    assert "274" in first.text
    old = next(p for p in passages if p.document == "luas-2023.md")
    assert old.outdated
    assert not first.outdated


def test_every_passage_carries_the_cosine_whichever_search_found_it(retriever, embedder):
    query = embedder.embed_query("zoneamento Cassini")
    passages = retriever.retrieve("zoneamento Cassini", k=12)
    assert any(p.lexical_rank for p in passages)
    for passage in passages:
        assert -1 <= passage.score <= 1
    fused = [p.fused for p in passages]
    assert fused == sorted(fused, reverse=True)
    assert len(query) == 384


def test_only_the_corpora_asked_for_are_searched(retriever):
    passages = retriever.retrieve(MOONS, corpora=["restaurante-exemplo"], k=5)
    assert {p.corpus for p in passages} == {"restaurante-exemplo"}
    assert retriever.retrieve(MOONS, corpora=[]) == ()


def test_the_house_rules_answer_about_dogs(retriever):
    assert retriever.retrieve("Vocês aceitam cachorro?")[0].document == "politicas.md"


def test_a_follow_up_is_searched_with_the_question_before(retriever):
    history = [Turn("Quantas luas tem Urano?", "28")]
    assert retriever.retrieve("e Netuno?", history=history)[0].corpus == "sistema-solar"
    passages = retriever.retrieve("e quando elas foram descobertas?", history=[Turn("Quais são as luas de Marte?", "")])
    assert passages[0].document == "marte.md"


@pytest.mark.parametrize(
    ("question", "joined"),
    [
        ("e Netuno?", True),
        ("E o segundo?", True),
        ("quantas são?", True),
        ("quando ela foi descoberta?", True),
        ("Vocês aceitam cachorro na varanda?", False),
        ("Qual é o prazo para contestar uma ação trabalhista?", False),
    ],
)
def test_which_questions_lean_on_the_one_before(question, joined):
    history = [Turn("Quantas luas tem Urano?", "28")]
    assert (standalone(question, history) != question) is joined
    assert standalone(question, []) == question


@pytest.mark.parametrize("question", ['"', "body:luas OR", "NEAR(", "*", "'; DROP TABLE chunks; --", "\x00", "🪐" * 50])
def test_no_question_breaks_the_search(retriever, question):
    retriever.retrieve(question)
    assert retriever.retrieve(MOONS)


@pytest.mark.parametrize("question", ["", "   \n"])
def test_an_empty_question_finds_nothing(retriever, question):
    assert retriever.retrieve(question) == ()
    assert retriever.relevance(question, ()) == 0.0


def test_hybrid_is_no_worse_than_either_search_alone(retriever, store, embedder):
    def gain(rank):
        return 1 / log2(1 + rank) if rank else 0.0

    def first(chunks, quote):
        return next((rank for rank, c in enumerate(chunks, 1) if quote in " ".join(c.text.split())), None)

    hybrid = dense = words = 0.0
    for q in lines("retrieval_questions.jsonl"):
        hybrid += gain(first(retriever.retrieve(q["question"], k=10), q["quote"]))
        hits = store.search_dense(embedder.embed_query(q["question"]), None, 10)
        chunks = store.get([h.chunk_id for h in hits])
        dense += gain(first([chunks[h.chunk_id] for h in hits], q["quote"]))
        hits = store.search_lexical(lexical.question_terms(q["question"]), None, 10)
        chunks = store.get([h.chunk_id for h in hits])
        words += gain(first([chunks[h.chunk_id] for h in hits], q["quote"]))
    assert hybrid >= max(dense, words)


def test_near_duplicates_are_shown_once_and_the_newer_stays(tmp_path, embedder):
    folder = tmp_path / "corpora" / "notas"
    (folder / "documents").mkdir(parents=True)
    (folder / "corpus.toml").write_text('title={pt="N",en="N"}\ndescription={pt="N",en="N"}\n')
    text = "A sala de reuniões do terceiro andar comporta doze pessoas sentadas em volta da mesa."
    for year in ("2021", "2024"):
        (folder / "documents" / f"sala-{year}.md").write_text(f"# Sala\n\n{text}\n")
    store = PassageStore(tmp_path / "index", embedder.name, embedder.dimension, lexical.terms)
    list(CorporaService(tmp_path / "corpora", store, embedder).ingest())
    passages = Retriever(store, embedder).retrieve("Quantas pessoas cabem na sala de reuniões?")
    assert [p.document for p in passages] == ["sala-2024.md"]
    store.close()


def test_the_project_s_own_questions_are_answered_from_the_right_document(retriever):
    questions = lines("retrieval_questions.jsonl")
    found = [
        any(q["quote"] in " ".join(p.text.split()) for p in retriever.retrieve(q["question"], k=3)) for q in questions
    ]
    assert sum(found) / len(found) >= 0.95


def test_relevance_keeps_what_is_answered_and_stops_what_is_not(retriever):
    kept = [
        retriever.is_relevant(q["question"], retriever.retrieve(q["question"]))
        for q in lines("retrieval_questions.jsonl")
    ]
    let_through = [
        retriever.is_relevant(q["question"], retriever.retrieve(q["question"]))
        for q in lines("unanswerable_questions.jsonl")
    ]
    assert sum(kept) / len(kept) >= 0.92
    assert sum(let_through) / len(let_through) <= 0.22


@pytest.mark.parametrize("question", ["Qual a capital da Mongólia?", "Quem ganhou a Copa do Mundo de 2002?"])
def test_what_no_document_speaks_of_is_not_relevant(retriever, question):
    assert not retriever.is_relevant(question, retriever.retrieve(question))
