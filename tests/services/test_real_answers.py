"""What the shipped adapters must get right on the real base, through the whole path."""

import pytest

from assistant.services.request import AskRequest
from assistant.types import Answered, Outcome

from .test_chat import MOONS, REVIEW, RULING


def ask(real, text, **fields):
    *_, last = real.chat.ask(AskRequest(text, **fields))
    assert isinstance(last, Answered)
    return last.answer


def test_the_planet_with_most_moons_is_saturn_by_the_newest_document(real):
    answer = ask(real, MOONS)
    assert answer.outcome is Outcome.GROUNDED
    assert answer.route.adapter == "grounded-chat"
    assert "Saturno" in answer.text
    assert "274" in answer.text
    cited = [s for s in answer.sources if s.quote]
    assert cited
    assert max(s.passage.as_of for s in cited) >= "2025"


def test_without_documents_the_bases_guess_is_marked_as_such(real):
    answer = ask(real, MOONS, corpora=(), adapter="none")
    assert answer.outcome is Outcome.UNGROUNDED
    assert answer.sources == ()


def test_the_norms_of_a_ruling_come_out_with_their_offsets(real):
    answer = ask(real, RULING)
    assert answer.route.adapter == "legal-ner"
    assert answer.outcome is Outcome.EXTRACTED
    laws = [e for e in answer.entities if e.label == "LEGISLACAO"]
    assert all(RULING[e.start : e.end] == e.text for e in answer.entities)
    found = " ".join(e.text for e in laws)
    assert "12.376/2010" in found
    assert "4.657/1942" in found


def test_the_review_gets_an_apology_that_takes_up_what_was_said(real):
    answer = ask(real, REVIEW)
    assert answer.route.adapter == "restaurant-replies"
    assert answer.outcome is Outcome.REPLIED
    reply = answer.text.lower()
    assert "frango" in reply
    assert any(word in reply for word in ("demora", "lent", "esper"))
    assert any(word in reply for word in ("desculp", "lament", "sentimos"))
    assert not any(word in reply for word in ("desconto", "reembols", "r$"))


def test_what_no_document_says_is_not_passed_as_sourced(real):
    answer = ask(real, "Qual a capital da Mongólia?")
    assert answer.outcome in (Outcome.ABSTAINED, Outcome.UNGROUNDED)
    assert not any(s.quote for s in answer.sources)


def test_the_restaurants_policy_is_cited(real):
    answer = ask(real, "Vocês aceitam cachorro?")
    assert answer.outcome is Outcome.GROUNDED
    assert any(s.quote and s.passage.corpus == "restaurante-exemplo" for s in answer.sources)


@pytest.mark.parametrize("text", ["<script>alert(1)</script> oi", "**oi** [x](javascript:1)", "oi 👋🏽", "a\x00b oi"])
def test_odd_input_is_answered_like_any_other(real, text):
    assert ask(real, text, max_tokens=24).text
