"""Entities are found verbatim in the input, whatever the model wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.generation.extraction import SEGMENT_CHARS, Segment, locate, parse, segments
from assistant.training.formats import serialize_entities

LABELS = ("LOCAL", "PESSOA", "LEGISLACAO")


@given(st.text(max_size=3000))
def test_segments_cover_the_text_at_their_offsets(text):
    pieces = segments(text)
    for piece in pieces:
        assert text[piece.start : piece.start + len(piece.text)] == piece.text
        assert len(piece.text) <= SEGMENT_CHARS
    assert "".join("".join(p.text for p in pieces).split()) == "".join(text.split())


def test_a_short_line_stays_whole_and_a_long_one_is_cut_between_sentences_only():
    short = "Conforme o art. 5 da Lei n. 8.078, julgou o Rel. Min. Paulo. O recurso foi negado."
    assert [s.text for s in segments(f"{short}\n\nFim.")] == [short, "Fim."]
    sentence = (
        "Conforme o art. 5 da Lei n. 8.078 e o Rel. Min. Paulo, " + "nega-se provimento ao recurso " * 7 + "aqui."
    )
    assert [s.text for s in segments(f"{sentence} {sentence}")] == [sentence, sentence]


def test_what_is_serialized_is_parsed_again():
    pairs = (("LOCAL", "Recife"), ("PESSOA", "Ana: a juíza"))
    assert parse(serialize_entities(pairs), LABELS).pairs == pairs
    assert parse(" " + serialize_entities(()), LABELS).pairs == ()


def test_unknown_labels_and_loose_text_are_failures():
    parsed = parse("CIDADE: Recife | Ana | PESSOA: Ana", LABELS)
    assert (parsed.pairs, parsed.failures) == ((("PESSOA", "Ana"),), 2)


def test_offsets_refer_to_the_whole_input_and_repeats_go_in_order():
    text = "Ana e\nAna moram em  Recife"
    segment = Segment(text[6:], 6)
    found, dropped = locate(segment, [("PESSOA", "Ana"), ("LOCAL", "Recife")])
    assert [(e.start, e.end) for e in found] == [(6, 9), (20, 26)]
    assert dropped == 0


def test_a_span_that_is_not_in_the_text_is_dropped_and_counted():
    found, dropped = locate(Segment("Ana mora aqui", 0), [("PESSOA", "Ana"), ("PESSOA", "Ana"), ("LOCAL", "Olinda")])
    assert [e.text for e in found] == ["Ana"]
    assert dropped == 2


def test_white_space_in_the_input_may_differ():
    found, _ = locate(Segment("Lei  \t8.078", 10), [("LEGISLACAO", "Lei 8.078")])
    assert (found[0].start, found[0].end, found[0].text) == (10, 21, "Lei  \t8.078")


def test_where_only_the_case_differs_the_inputs_wording_counts():
    found, dropped = locate(Segment("(Dec.-lei 4.657/1942)", 0), [("LEGISLACAO", "dec.-lei 4.657/1942")])
    assert ([e.text for e in found], dropped) == (["Dec.-lei 4.657/1942"], 0)


def test_an_output_that_goes_round_in_circles_adds_nothing_and_invents_at_most_once():
    text = "A Lei 8.078 vale em Recife."
    circle = [("LEGISLACAO", "Lei 8.078"), ("LOCAL", "Recife"), ("LOCAL", "Olinda")] * 5
    entities, dropped = locate(Segment(text, 0), circle)
    assert [entity.text for entity in entities] == ["Lei 8.078", "Recife"]
    assert dropped == 1, "Recife is in the text, however often it is said; Olinda is not"


@pytest.mark.parametrize("foot", ["Código de Verificação", "2018ACOAB3XYZ9Q71ZOE6V34P", "Fls . _____"])
def test_what_stands_at_the_foot_of_a_page_is_no_entity(foot):
    text = f"Processo 20140110500434APO, Lei 9.099/95 {foot}"
    pairs = [("PESSOA", "20140110500434APO"), ("LEGISLACAO", "Lei 9.099/95"), ("LEGISLACAO", foot)]
    entities, dropped = locate(Segment(text, 0), pairs)
    assert [entity.text for entity in entities] == ["20140110500434APO", "Lei 9.099/95"]
    assert dropped == 0, "it is in the text, so nothing was invented"
