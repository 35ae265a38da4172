"""Files of questions as people write them, and questions on other subjects."""

import json

import pytest

from assistant.errors import DataError
from assistant.services.abstention_questions import (
    Question,
    drawable,
    general_questions,
    keep,
    kept_questions,
    read_questions,
)


def written(tmp_path, name, text, encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        (
            "q.jsonl",
            '{"question": "Abre à noite?", "answerable": true}\n\n{"pergunta": "E o chefe?", "answerable": 0}',
            "utf-8",
        ),
        ("q.csv", "question,answerable\nAbre à noite?,true\nE o chefe?,false\n", "utf-8-sig"),
        ("q.csv", "Pergunta;Respondível\nAbre à noite?;Sim\nE o chefe?;NÃO\n", "cp1252"),
        ("q.tsv", "question\ttem_resposta\nAbre à noite?\ts\n  E o   chefe?\tn\n", "utf-8"),
    ],
)  # fmt: skip
def test_every_usual_way_of_writing_them_is_read(tmp_path, name, text, encoding):
    found = read_questions(written(tmp_path, name, text, encoding))
    assert found == [Question("Abre à noite?", True), Question("E o chefe?", False)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.jsonl", '{"question": "a?", "answerable": true}\n{"question": "b?"}', "line 2: the field 'answerable'"),
        ("q.jsonl", '{"answerable": true}', "line 1: the field 'question'"),
        ("q.jsonl", '{"question": "a?", "answerable": true}\n{"question', "line 2: no valid JSON"),
        ("q.jsonl", '{"question": "a?", "answerable": "talvez"}', "line 1: answerable is 'talvez'"),
        ("q.csv", "question,answerable\nA?,sim\n ?!,sim\n", "line 3: a question has 1 to 500"),
        ("q.csv", f"question,answerable\n{'a' * 501},sim\n", "line 2: a question has 1 to 500"),
        ("q.csv", "question,answerable\nAbre à noite?,sim\nE?,sim\nabre a NOITE,não\n", "line 4: 'abre a NOITE'"),
        ("q.csv", "question,answerable\n", "holds no questions"),
        ("q.jsonl", "", "holds no records"),
        ("q.pdf", "x", "of a kind that is not read"),
        ("q.csv", "question,answerable\n" + "a?,sim\n" * 2001, "2001 questions"),
    ],
)
def test_a_line_that_is_none_is_named_with_the_way_out(tmp_path, name, text, said):
    with pytest.raises(DataError) as refused:
        read_questions(written(tmp_path, name, text))
    assert said in str(refused.value) and refused.value.text("pt") != str(refused.value)


def test_a_missing_or_huge_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_questions(tmp_path / "nada.jsonl")
    with pytest.raises(DataError, match="limit is 2 MB"):
        read_questions(written(tmp_path, "q.csv", "x" * 2_000_001))


def test_the_same_question_counts_once_and_is_kept_as_it_was_written(tmp_path):
    found = read_questions(written(tmp_path, "q.csv", "question,answerable\nAbre à noite?,sim\nabre a noite,sim\n"))
    assert found == [Question("Abre à noite?", True)]
    keep(tmp_path, found)
    assert json.loads((tmp_path / "questions.jsonl").read_text("utf-8")) == {
        "question": "Abre à noite?",
        "answerable": True,
    }
    assert kept_questions(tmp_path) == found
    assert kept_questions(tmp_path / "nowhere") == []


def test_what_is_drawn_is_about_other_subjects_and_the_same_each_time():
    own = [Question("Quem escreveu Dom Casmurro?", True)]
    others = {"leis": [Question("Qual o prazo?", True), Question("E a pena?", False)], "notas": own}
    drawn = list(drawable(own, others))
    assert drawn == list(drawable(own, others))
    assert all(q.drawn and not q.answerable for q in drawn)
    texts = [q.text for q in drawn]
    assert "Qual o prazo?" in texts[:4] and "E a pena?" not in texts and "Quem escreveu Dom Casmurro?" not in texts
    assert {q.home for q in drawn} == {"", "leis"}


def test_the_packaged_questions_are_many_different_ones():
    found = general_questions()
    assert len(found) == len({Question(text, False).key for text in found}) == 60
    assert all(1 <= len(text) <= 120 for text in found)
