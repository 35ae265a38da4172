"""The figures of the search: on paragraphs of a question set, and on the shipped corpora."""

import json

import pytest

from assistant.bootstrap import build
from assistant.errors import DataError
from assistant.services.retrieval_bench import (
    Labelled,
    own_questions,
    paragraph_corpus,
    relevance_quality,
    search_quality,
)
from assistant.settings import Settings

PARAGRAPHS = {
    "O mel das abelhas jataí cura na prateleira por noventa dias antes da venda.": "Por quanto tempo o mel cura?",
    "A ponte de Itaporã foi aberta ao trânsito em 1954, depois de seis anos de obra.": "Quando a ponte foi aberta?",
    "O farol da ilha funciona com energia solar e pisca a cada dez segundos.": "A cada quanto o farol pisca?",
}
ANSWERS = ("noventa dias", "1954", "dez segundos")


@pytest.fixture
def question_set(tmp_path):
    paragraphs = [
        {"context": context, "qas": [{"question": question, "answers": [{"text": answer, "answer_start": 0}]}]}
        for (context, question), answer in zip(PARAGRAPHS.items(), ANSWERS, strict=True)
    ]
    path = tmp_path / "perguntas.json"
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}), "utf-8")
    return path


def test_paragraphs_become_a_corpus_and_their_questions_find_them(question_set, tmp_path):
    labelled = paragraph_corpus(question_set, tmp_path / "corpora" / "paragraphs")
    assert [item.document for item in labelled] == ["00000.txt", "00001.txt", "00002.txt"]
    trial = build(Settings.load(home=tmp_path))
    trial.index()
    figures = search_quality(trial.store, trial.embedder, trial.retriever, labelled)
    trial.close()
    assert figures["questions"] == 3
    for name in ("hybrid", "dense", "bm25", "rank_fusion"):
        assert figures[name] == {"recall_at_5": 1.0, "ndcg_at_10": 1.0}


def test_a_passage_that_is_not_found_counts_nothing(demo):
    lost = Labelled("Quantas luas tem Saturno?", "nenhum-documento.md")
    found = Labelled("Quantas luas tem Saturno?", "luas-2025.md")
    figures = search_quality(demo.store, demo.embedder, demo.retriever, [lost, found])
    assert figures["hybrid"]["recall_at_5"] == 0.5
    assert 0 < figures["hybrid"]["ndcg_at_10"] <= 0.5


def test_relevance_is_judged_on_both_sides(demo):
    figures = relevance_quality(demo.retriever, ["Quantas luas tem Saturno?"], ["Quem ganhou a Copa de 2002?"], 3)
    assert figures == {"answerable_kept": 1.0, "unanswerable_stopped": 1.0, "answerable": 1, "unanswerable": 1}


def test_a_record_without_its_document_is_named(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"question": "x", "quote": "y"}), "utf-8")
    with pytest.raises(DataError, match="line 1: the field 'document' is missing"):
        own_questions(path)
