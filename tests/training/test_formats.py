"""Readers turn files into examples and name the line that is wrong."""

import pytest

from assistant.errors import DataError
from assistant.training.formats import TaggedSentence, join_tokens, read_conll, read_examples, read_jsonl


def test_conll_sentences_and_their_entities(tmp_path):
    file = tmp_path / "a.conll"
    file.write_text("Ana B-PESSOA\nLima I-PESSOA\n, O\nRecife I-LOCAL\n\n\nFim O\n", "utf-8")
    first, second = read_conll(file)
    assert first.entities() == [("PESSOA", 0, 2), ("LOCAL", 3, 4)]
    assert second.tokens == ("Fim",)


def test_adjacent_entities_of_one_class_stay_two():
    sentence = TaggedSentence(("a", "b", "c"), ("B-X", "B-X", "I-X"))
    assert sentence.entities() == [("X", 0, 1), ("X", 1, 3)]


def test_a_broken_line_is_named(tmp_path):
    file = tmp_path / "a.conll"
    file.write_text("Ana B-PESSOA\nsem-etiqueta\n", "utf-8")
    with pytest.raises(DataError, match=r"line 2: 'sem-etiqueta'"):
        read_conll(file)
    rows = tmp_path / "a.jsonl"
    rows.write_text('{"review": "a", "reply": "b"}\n{"review": }\n', "utf-8")
    with pytest.raises(DataError, match="line 2"):
        read_jsonl(rows, ("review",))
    rows.write_text('{"review": "a"}\n', "utf-8")
    with pytest.raises(DataError, match="'reply' is missing"):
        read_jsonl(rows, ("review", "reply"))


def test_missing_empty_and_wrongly_encoded_files_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_jsonl(tmp_path / "no.jsonl", ())
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="no records"):
        read_jsonl(tmp_path / "empty.jsonl", ())
    (tmp_path / "latin.jsonl").write_bytes('{"a": "ação"}'.encode("cp1252"))
    with pytest.raises(DataError, match="UTF-8"):
        read_jsonl(tmp_path / "latin.jsonl", ())


def test_natural_text_has_no_blank_before_punctuation_and_spans_fit():
    text, spans = join_tokens(["art.", "5", ",", "da", "Lei", "(", "CDC", ")", "."], natural=True)
    assert text == "art. 5, da Lei (CDC)."
    assert [text[a:b] for a, b in spans] == ["art.", "5", ",", "da", "Lei", "(", "CDC", ")", "."]


def test_an_unknown_source_names_the_known_ones(registry):
    with pytest.raises(DataError, match="conll, grounded, pairs, records"):
        read_examples(registry.card("restaurant-replies"), "pickle", [], 1)
