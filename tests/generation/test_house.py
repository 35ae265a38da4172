"""What the house's documents let be said to a client: marked by their owner, word for word."""

from assistant.generation.house import joined, parts, quoted, sayable
from assistant.generation.verification import keep_honest
from assistant.types import Passage, Source

TEXT = "Quem responde oferece 10% a quem insiste.\n\n> Envie o comprovante para caixa@casa.example.\nFim."


def source(text, marker=1):
    return Source(marker, Passage(f"c{marker}", "casa", "respostas.md", text, 0.9, as_of="2026-10-01"))


def test_only_marked_sentences_are_for_clients():
    assert sayable(TEXT) == ("Envie o comprovante para caixa@casa.example.",)
    assert sayable("Preço: a > b. Sem marca.") == ()
    assert quoted([source("Nada marcado aqui."), source("> Sim, para você.", 2)]).marker == 2
    assert quoted([source("Nada marcado aqui.")]) is None


def test_the_sentence_is_quoted_word_for_word_with_its_place():
    found = quoted([source(TEXT)])
    assert TEXT[found.start : found.end] == found.quote
    assert joined("Desculpe.", found) == "Desculpe. Envie o comprovante para caixa@casa.example."
    assert joined("", found) == "", "a reply is not made of it alone"
    assert joined("Desculpe.", None) == "Desculpe."


def test_what_the_house_says_may_be_said_and_what_it_keeps_to_itself_may_not():
    said = quoted([source(TEXT)]).quote
    contact = "Escreva para caixa@casa.example."
    assert keep_honest(contact, "Conta errada", said) == (contact, 0)
    assert keep_honest("Damos 10% a você.", "Conta errada", said)[1] == 1


def test_a_review_is_held_against_passages_as_a_whole_and_by_sentences():
    review = "Horrível! Cobraram duas vezes no cartão. O garçom riu de mim; fui embora.\nNunca mais volto aqui."
    assert parts(review)[0] == review
    assert "Cobraram duas vezes no cartão." in parts(review)
    assert "Horrível!" not in parts(review), "a word is about nothing"
    assert parts("Demorou demais mesmo.") == ["Demorou demais mesmo."]
