"""The figures of answers: what is asked of which file, how it is counted, and the real path on three paragraphs."""

import json

import pytest

from assistant.bootstrap import build
from assistant.errors import DataError
from assistant.services.answer_bench import (
    Asked,
    answer_corpus,
    answer_quality,
    asked_of,
    asked_questions,
    by_adapter,
    by_extraction,
    calibrated,
    figures,
)
from assistant.settings import Settings
from assistant.types import Answer, Outcome, Passage, Route, RouteOrigin, Source

FACTS = {
    "O mel das abelhas jataí cura na prateleira por noventa dias antes da venda.": (
        "Por quanto tempo o mel cura?",
        "noventa dias",
    ),
    "A ponte de Itaporã foi aberta ao trânsito em 1954, depois de seis anos de obra.": (
        "Quando a ponte foi aberta?",
        "1954",
    ),
    "O farol da ilha funciona com energia solar e pisca a cada dez segundos.": ("Qual energia move o farol?", "solar"),
    "A feira do porto abre aos sábados, das seis ao meio-dia.": ("Em que dia abre a feira do porto?", "sábados"),
    "O moinho de Santa Rita parou de moer trigo em 1988.": ("Quando o moinho parou de moer?", "1988"),
}


@pytest.fixture
def question_set(tmp_path):
    data = [
        {
            "title": f"t{number % 2}",
            "paragraphs": [{"context": context, "qas": [{"question": asked, "answers": [{"text": gold}]}]}],
        }
        for number, (context, (asked, gold)) in enumerate(FACTS.items())
    ]
    path = tmp_path / "perguntas.json"
    path.write_text(json.dumps({"data": data}), "utf-8")
    return path


def test_every_fifth_paragraph_is_kept_out_and_its_questions_have_no_answer(question_set, tmp_path):
    rows = asked_of(question_set)
    assert [bool(row.golds) for row in rows] == [True] * 4 + [False]
    answer_corpus(rows, tmp_path / "corpus")
    written = [path.read_text("utf-8") for path in sorted((tmp_path / "corpus" / "documents").iterdir())]
    assert written == list(FACTS)[:4]


def test_other_titles_are_not_asked_but_stand_among_the_paragraphs(question_set):
    rows = asked_of(question_set, ["t1"])
    assert [row.wanted for row in rows] == [False, True, False, True, False]
    assert all(row.indexed for row in rows[:4])
    with pytest.raises(DataError, match="no title 't9'"):
        asked_of(question_set, ["t9"])


def test_a_table_of_pira_says_which_questions_have_an_answer(tmp_path):
    path = tmp_path / "pira.csv"
    head = "question_pt_origin,abstract_translated_pt,answer_pt_origin,answer_pt_validate,at_labels\n"
    path.write_text(head + "Onde?,O texto,aqui,cá,1.0\nQuem?,O texto,ninguém,,0.0\nQuando?,O texto,ontem,,\n", "utf-8")
    assert [(row.golds, row.wanted) for row in asked_of(path)] == [(("aqui", "cá"), True), ((), True), ((), False)]
    path.write_text("question,answer\n", "utf-8")
    with pytest.raises(DataError, match="no column 'abstract_translated_pt'"):
        asked_of(path)


def grounded(quote, brief, text):
    passage = Passage("c", "p", "00000.txt", "O mel cura noventa dias. A venda é livre.", 0.9)
    source = Source(1, passage, quote, passage.text.find(quote), passage.text.find(quote) + len(quote))
    return Answer("?", text, Outcome.GROUNDED, ROUTE, (source,), brief=brief)


ROUTE = Route("grounded-chat", "0001", 1.0, 0.5, False, {}, "", RouteOrigin.PINNED)
ABSTAINED = Answer("?", "Os documentos não respondem a isso.", Outcome.ABSTAINED, ROUTE)


def test_a_wrong_quote_an_abstention_and_a_false_answer_each_count_where_they_belong():
    context = "O mel cura noventa dias. A venda é livre."
    row, nothing = Asked("?", context, ("noventa dias",)), Asked("?", "x", (), indexed=False)
    right = grounded("O mel cura noventa dias", "noventa dias", "O mel cura noventa dias [1].")
    wrong = grounded("A venda é livre", "livre", "A venda é livre [1].")
    found = figures(
        [(row, right), (row, wrong), (row, ABSTAINED), (row, ABSTAINED), (nothing, right), (nothing, ABSTAINED)]
    )
    assert found == {
        "token_f1": 0.25,
        "token_f1_answered": 0.5,
        "shown_f1": 0.3333,
        "answered": 0.5,
        "false_answers": 0.5,
        "citation_precision": 0.5,
        "right_paragraph": 1.0,
        "n": 6,
        "unanswerable": 2,
    }


def test_the_shipped_adapter_answers_from_the_paragraphs_and_from_nothing_else(question_set, real, tmp_path):
    rows = asked_of(question_set)
    answer_corpus(rows, tmp_path / "corpora" / "paragraphs")
    trial = build(Settings.load(home=tmp_path))
    trial.index()
    told = []
    answering = by_adapter(real.chat.over(trial.retriever), "grounded-chat")
    found = answer_quality(answering, asked_questions(rows, 4), lambda *at: told.append(at))
    trial.close()
    assert (found["n"], told[-1]) == (4, (4, 4))
    assert found["answered"] >= 0.5 and found["citation_precision"] >= 0.5
    assert found["right_paragraph"] == 1.0


def test_answers_without_a_model_are_sentences_of_the_paragraphs(question_set, tmp_path):
    rows = asked_of(question_set)
    answer_corpus(rows, tmp_path / "corpora" / "paragraphs")
    trial = build(Settings.load(home=tmp_path))
    trial.index()
    found = answer_quality(by_extraction(trial.retriever, 3), rows, lambda *at: None)
    trial.close()
    assert (found["n"], found["unanswerable"]) == (5, 1)
    assert found["answered"] >= 0.5 and found["citation_precision"] == found["right_paragraph"] == 1.0
    assert 0 < found["token_f1_answered"] == found["shown_f1"] < 1  # a whole sentence is more than the answer


def test_the_threshold_is_chosen_on_the_questions_that_are_not_asked(question_set, tmp_path):
    rows = asked_of(question_set)
    answer_corpus(rows, tmp_path / "corpora" / "paragraphs")
    trial = build(Settings.load(home=tmp_path))
    trial.index()
    known = [row for row in rows if row.golds]
    strange = [
        Asked(f"Quem escreveu o romance número {number} sobre o deserto?", "x", (), indexed=False)
        for number in range(20)
    ]
    pool = [Asked(f"{row.question} ({number})", row.context, row.golds) for number in range(6) for row in known]
    threshold = calibrated(trial.retriever, [*rows, *pool, *strange], rows, 3)
    relevance = {row: trial.retriever.relevance(row.question, trial.retriever.retrieve(row.question)) for row in rows}
    assert sum(relevance[row] >= threshold for row in known) >= 3
    with pytest.raises(DataError, match="at least 20 of each"):
        calibrated(trial.retriever, rows, rows, 3)
    trial.close()
