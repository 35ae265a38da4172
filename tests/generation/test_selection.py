"""A sentence that speaks clearly more of the question takes the place of the quoted one, word for word."""

import pytest

from assistant.generation.prompt import sources_of
from assistant.generation.selection import clearer_sentence, extracted, settled
from assistant.types import Outcome, Passage

TEXT = (
    "Aberto de terça a domingo. O rodízio de pizza custa 59 reais no sábado à noite. "
    "Crianças de até 5 anos não pagam.\n- A taxa de rolha é de 30 reais por garrafa"
)
SOURCES = sources_of([Passage("c", "casa", "precos.md", TEXT, 0.9, as_of="2025-01-10")])


def test_a_quote_beside_the_point_gives_way_to_the_sentence_that_holds_the_question():
    output = "«Aberto de terça a domingo» [1]\nAbrimos de terça a domingo [1]."
    checked = settled(output, SOURCES, "quanto custa o rodízio no sábado à noite?")
    assert checked.outcome is Outcome.GROUNDED
    assert checked.text == "O rodízio de pizza custa 59 reais no sábado à noite [1]."
    (source,) = checked.sources
    assert source.quote == TEXT[source.start : source.end]


def test_a_quote_to_the_point_stays():
    output = "«O rodízio de pizza custa 59 reais no sábado à noite» [1]\nO rodízio custa 59 reais no sábado [1]."
    question = "quanto custa o rodízio no sábado à noite?"
    assert clearer_sentence(question, output, SOURCES) is None
    assert settled(output, SOURCES, question).text == "O rodízio custa 59 reais no sábado [1]."


def test_an_item_of_a_list_is_taken_without_its_mark():
    sentence = clearer_sentence("qual a taxa de rolha por garrafa", "«Crianças de até 5 anos não pagam» [1]", SOURCES)
    assert sentence is not None
    assert extracted(sentence, SOURCES).text == "A taxa de rolha é de 30 reais por garrafa [1]."


@pytest.mark.parametrize(
    "output", ["Os documentos não respondem a isso.", "«um texto que não está na fonte» [1]\nSim [1].", "Bom dia!"]
)
def test_abstentions_inventions_and_small_talk_are_no_reason_to_extract(output):
    assert clearer_sentence("quanto custa o rodízio no sábado à noite?", output, SOURCES) is None


def test_a_question_without_longer_words_changes_nothing():
    assert clearer_sentence("e aí?", "«Aberto de terça a domingo» [1]", SOURCES) is None


def test_a_sentence_does_not_end_behind_an_abbreviated_article():
    text = "Pelo art. 49 do CDC, o consumidor pode desistir da compra em 7 dias. Não é preciso dar motivo."
    sources = sources_of([Passage("c", "direito", "cdc.md", text, 0.9)])
    answer = settled("«o consumidor pode desistir da compra em 7 dias» [1]\n7 dias [1].", sources, "Qual o prazo?")
    assert answer.text.startswith("Pelo art. 49 do CDC, o consumidor pode desistir da compra em 7 dias [1]")
    chosen = settled("«Não é preciso dar motivo» [1]\nNão [1].", sources, "O consumidor pode desistir da compra?")
    assert chosen.text.startswith("Pelo art. 49 do CDC")
