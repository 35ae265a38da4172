"""Quotes are checked against their passages by code; nothing unchecked passes as sourced."""

import pytest

from assistant.generation.citations import QuoteGate, check, find_quote
from assistant.types import Outcome, Passage, Source

MOONS_2023 = "Em fevereiro de 2023, Júpiter liderava com 92 luas conhecidas."
MOONS_2025 = "Em março de 2025, Saturno passou a ter 274 luas confirmadas."


def sources(*texts: str) -> tuple[Source, ...]:
    return tuple(
        Source(i, Passage(f"c{i}", "astro", f"{i}.md", text, 0.9, as_of="2025-03-11"))
        for i, text in enumerate(texts, start=1)
    )


def test_a_verbatim_quote_grounds_the_answer_and_keeps_its_offsets():
    checked = check("«Saturno passou a ter 274 luas» [1]\nSaturno, com 274 luas [1].", sources(MOONS_2025))
    assert checked.outcome is Outcome.GROUNDED
    assert checked.text == "Saturno, com 274 luas [1]."
    source = checked.sources[0]
    whole = "Em março de 2025, Saturno passou a ter 274 luas confirmadas"
    assert source.quote == MOONS_2025[source.start : source.end] == whole


@pytest.mark.parametrize(
    ("text", "quote", "cited"),
    [
        ("# Luas\n\n- Saturno tem 274 luas.\n- Marte tem duas.", "tem 274 luas", "Saturno tem 274 luas"),
        (
            "Abre às nove. Pelo art. 49 do CDC há sete dias. Fecha às seis.",
            "há sete dias",
            "Pelo art. 49 do CDC há sete dias",
        ),
        (
            "Uma frase só, " + "muito longa " * 30 + "com sete dias de prazo.",
            "sete dias de prazo",
            "sete dias de prazo",
        ),
    ],
)
def test_a_quote_is_widened_to_its_sentence_unless_that_is_too_long(text, quote, cited):
    source = check(f"«{quote}» [1]\nÉ o que dizem.", sources(text)).sources[0]
    assert source.quote == text[source.start : source.end]
    assert source.quote.endswith(cited)
    assert ("# Luas" in source.quote) is False


def test_case_accents_and_white_space_do_not_matter_but_words_do():
    assert find_quote("saturno  passou a TER 274 luás", MOONS_2025)
    assert find_quote("Saturno passou a ter 275 luas", MOONS_2025) is None


def test_a_wrong_marker_is_corrected_to_the_passage_that_holds_the_quote():
    answer = "«Saturno passou a ter 274 luas» [1]\nSaturno, com 274 luas [1]."
    checked = check(answer, sources(MOONS_2023, MOONS_2025))
    assert checked.text == "Saturno, com 274 luas [2]."
    assert [s.quote is not None for s in checked.sources] == [False, True]


def test_an_invented_quote_is_withheld():
    checked = check("«Saturno passou a ter 999 luas» [1]\nSaturno, com 999 luas [1].", sources(MOONS_2025))
    assert checked.outcome is Outcome.ABSTAINED
    assert "999" not in checked.text
    assert checked.dropped == 1


def test_a_number_that_no_quoted_passage_holds_gives_way_to_the_quoted_sentence():
    checked = check("«Saturno passou a ter 274 luas» [1]\nSaturno, com 312 luas [1].", sources(MOONS_2025))
    assert checked.outcome is Outcome.GROUNDED
    assert "312" not in checked.text
    assert checked.text == "Em março de 2025, Saturno passou a ter 274 luas confirmadas [1]."


def test_an_answer_without_a_marker_gets_the_marker_of_its_quote():
    checked = check("«Saturno passou a ter 274 luas» [1]\nSaturno, com 274 luas.", sources(MOONS_2025))
    assert checked.text == "Saturno, com 274 luas [1]."


def test_a_fragment_is_shown_as_the_sentence_it_was_taken_from():
    checked = check("«Saturno passou a ter 274 luas» [1]\nSaturno [1].", sources(MOONS_2025))
    assert checked.text == "Em março de 2025, Saturno passou a ter 274 luas confirmadas [1]."
    assert checked.brief == "Saturno."


def test_an_answer_that_says_more_than_its_sources_gives_way_to_them():
    said = "«Saturno passou a ter 274 luas» [1]\nSaturno, com 274 luas habitadas por golfinhos inteligentes [1]."
    assert "golfinhos" not in check(said, sources(MOONS_2025)).text


def test_words_of_the_question_may_be_used_in_the_answer():
    said = "«Saturno passou a ter 274 luas» [1]\nO planeta campeão é Saturno [1]."
    assert "campeão" not in check(said, sources(MOONS_2025)).text
    assert "campeão" in check(said, sources(MOONS_2025), "Qual é o planeta campeão em luas?").text


def test_a_marker_without_a_quote_is_no_evidence():
    assert check("Saturno, com 274 luas [1].", sources(MOONS_2025)).outcome is Outcome.ABSTAINED


def test_abstaining_is_recognised_with_and_without_documents():
    for given in (sources(MOONS_2025), ()):
        assert check(" Os documentos não respondem a isso.", given).outcome is Outcome.ABSTAINED


def test_small_talk_is_ungrounded_and_loses_stray_markers():
    checked = check("Olá! Em que posso ajudar? [1]", ())
    assert (checked.outcome, checked.text) == (Outcome.UNGROUNDED, "Olá! Em que posso ajudar?")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_gate_never_shows_a_quote_whatever_the_size_of_the_deltas(size):
    text = " «um trecho» [1] [2]\nA resposta [1]. «outro» [2]\nFim."
    gate = QuoteGate()
    shown = "".join(gate.feed(text[i : i + size]) for i in range(0, len(text), size)) + gate.flush()
    assert "trecho" not in shown
    assert "outro" not in shown
    assert shown.split() == ["A", "resposta", "[1].", "Fim."]


def test_the_gate_drops_a_quote_that_never_ends():
    gate = QuoteGate()
    assert gate.feed("Sim. «trecho sem fim") + gate.flush() == "Sim. "
