"""Entities are found verbatim in the input, whatever the model wrote and in which form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.base import Delta
from assistant.generation.extraction import SEGMENT_CHARS, Reading, Segment, parse, read, segments
from assistant.models.marking import marked
from assistant.training.formats import serialize_entities

LABELS = ("LOCAL", "PESSOA", "LEGISLACAO")


def listed(text: str, pairs: list[tuple[str, str]]) -> Reading:
    """What is read where these pairs are listed for a text."""
    return read([Delta(serialize_entities(pairs))], Segment(text, 0), LABELS)


def texts(reading: Reading) -> list[str]:
    return [entity.text for entity in reading.entities]


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
    output = " " + serialize_entities(pairs)
    items = parse(output, LABELS).items
    assert tuple((item.label, item.text) for item in items) == pairs
    assert [output[item.start : item.end].strip() for item in items] == ["LOCAL: Recife", "PESSOA: Ana: a juíza"]
    assert parse(" " + serialize_entities(()), LABELS).items == ()


def test_unknown_labels_and_loose_text_are_failures():
    parsed = parse("CIDADE: Recife | Ana | PESSOA: Ana", LABELS)
    assert ([(item.label, item.text) for item in parsed.items], parsed.failures) == ([("PESSOA", "Ana")], 2)


@pytest.mark.parametrize(
    "output",
    ["PESSOA: Ana | LOCAL: Recife", "⟨ Ana|PESSOA⟩ moram em⟨ Recife|LOCAL⟩"],
    ids=["listed", "marked"],
)
def test_offsets_refer_to_the_whole_input_and_repeats_go_in_order(output):
    text = "Ana e\nAna moram em  Recife"
    reading = read([Delta(output)], Segment(text[6:], 6), LABELS)
    assert [(e.start, e.end) for e in reading.entities] == [(6, 9), (20, 26)]
    assert (reading.invented, reading.failures) == (0, 0)


def test_a_span_that_is_not_in_the_text_is_dropped_and_counted():
    reading = listed("Ana mora aqui", [("PESSOA", "Ana"), ("PESSOA", "Ana"), ("LOCAL", "Olinda")])
    assert texts(reading) == ["Ana"]
    assert reading.invented == 1, "Olinda was invented; the second Ana is one too many, but stands in the text"


def test_white_space_in_the_input_may_differ():
    (found,) = read([Delta("LEGISLACAO: Lei 8.078")], Segment("Lei  \t8.078", 10), LABELS).entities
    assert (found.start, found.end, found.text) == (10, 21, "Lei  \t8.078")


def test_where_only_the_case_differs_the_inputs_wording_counts():
    reading = listed("(Dec.-lei 4.657/1942)", [("LEGISLACAO", "dec.-lei 4.657/1942")])
    assert (texts(reading), reading.invented) == (["Dec.-lei 4.657/1942"], 0)


def test_an_output_that_goes_round_in_circles_adds_nothing_and_invents_at_most_once():
    circle = [("LEGISLACAO", "Lei 8.078"), ("LOCAL", "Recife"), ("LOCAL", "Olinda")] * 5
    reading = listed("A Lei 8.078 vale em Recife.", circle)
    assert texts(reading) == ["Lei 8.078", "Recife"]
    assert reading.invented == 1, "Recife is in the text, however often it is said; Olinda is not"


@pytest.mark.parametrize("foot", ["Código de Verificação", "2018ACOAB3XYZ9Q71ZOE6V34P", "Fls . _____"])
@pytest.mark.parametrize("inline", [False, True])
def test_what_stands_at_the_foot_of_a_page_is_no_entity(foot, inline):
    text = f"Processo 20140110500434APO, Lei 9.099/95 {foot}"
    pairs = [("PESSOA", "20140110500434APO"), ("LEGISLACAO", "Lei 9.099/95"), ("LEGISLACAO", foot)]
    spans = [(label, text.index(words), text.index(words) + len(words)) for label, words in pairs]
    reading = read([Delta(marked(text, spans))], Segment(text, 0), LABELS) if inline else listed(text, pairs)
    assert texts(reading) == ["20140110500434APO", "Lei 9.099/95"]
    assert reading.invented == 0, "it is in the text, so nothing was invented"


def test_a_mark_counts_where_it_stands_and_not_where_its_words_come_first():
    text = "Recife recebeu a Ana de Recife."
    (found,) = read([Delta(" Recife recebeu a Ana de⟨ Recife|LOCAL⟩.")], Segment(text, 0), LABELS).entities
    assert (found.start, found.end) == (24, 30)


def test_behind_a_slip_of_the_copy_marks_are_looked_for_by_their_words():
    text = "A Ana foi ao Recife com a Rita e voltou."
    output = " A⟨ Ana|PESSOA⟩ foi a Recife com a⟨ Rita|PESSOA⟩ e o⟨ Zeca|PESSOA⟩ voltou."
    reading = read([Delta(output)], Segment(text, 0), LABELS)
    assert [(e.text, e.start) for e in reading.entities] == [("Ana", 2), ("Rita", 26)]
    assert reading.invented == 1, "nobody is called Zeca"


def test_a_text_that_is_written_again_without_a_mark_has_no_entities_and_no_fault():
    assert read([Delta(" A sessão foi aberta.")], Segment("A sessão foi  aberta.", 0), LABELS) == Reading(())
    assert read([Delta(" nenhuma")], Segment("A sessão foi aberta.", 0), LABELS) == Reading(())


@pytest.mark.parametrize(
    ("output", "failures"),
    [
        ("⟨ Ana|CARGO⟩ mora em⟨ Recife|LOCAL⟩", 1),
        ("⟨ Ana mora em⟨ Recife|LOCAL⟩", 1),
        (" Ana|PESSOA⟩ mora em⟨ Recife|LOCAL⟩", 1),
        (" Ana mora em⟨ Recife|LOCAL⟩⟩⟨", 2),
    ],
)
def test_a_broken_mark_is_a_failure_and_leaves_the_others_in_their_place(output, failures):
    reading = read([Delta(output)], Segment("Ana mora em Recife", 0), LABELS)
    assert [(e.text, e.start) for e in reading.entities] == [("Recife", 12)]
    assert (reading.failures, reading.invented) == (failures, 0)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["⟨", " Ana", "|PESSOA⟩", " e", "⟨ Rita", "|PESSOA", "⟩"], [0.5**3, 0.5**3]),
        (["PESSOA:", " Ana", " | PESSOA", ": Rita"], [0.5**3, 0.5**2]),
    ],
    ids=["marked", "listed"],
)
def test_the_confidence_is_the_probability_of_all_that_says_so(pieces, expected):
    half = math.log(0.5)
    reading = read([Delta(piece, half) for piece in pieces], Segment("Ana e Rita", 0), LABELS)
    assert [entity.confidence for entity in reading.entities] == pytest.approx(expected)
    unknown = read([Delta(piece) for piece in pieces], Segment("Ana e Rita", 0), LABELS)
    assert [entity.confidence for entity in unknown.entities] == [None, None]


words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="⟨⟩|"), min_size=1, max_size=8)


@given(st.lists(st.tuples(words, st.sampled_from([None, *LABELS])), min_size=1, max_size=12))
def test_every_marked_span_is_read_again_at_its_offsets(tokens):
    text, spans = "", []
    for word, label in tokens:
        text += " " * bool(text)
        if label:
            spans.append((label, len(text), len(text) + len(word)))
        text += word
    reading = read([Delta(marked(text, spans))], Segment(text, 0), LABELS)
    if spans:
        assert [(e.label, e.start, e.end) for e in reading.entities] == spans
