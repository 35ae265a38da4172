"""What replies take up of their texts, and what in them comes from there, learned from pairs."""

import pytest

from assistant.models.topics import EXPECTED, Topics

PAIRS = [
    ("Pedi um frango e veio frio, que decepção.", "Desculpe pelo frango frio."),
    ("Pedi frango assado; veio cru por dentro.", "Lamentamos o frango cru por dentro."),
    ("Que demora! Pedi uma sopa e esperei muito.", "Desculpe pela demora com a sopa."),
    ("O atendimento demorou demais. Pedi a conta duas vezes.", "Lamentamos a demora no atendimento e na conta."),
    ("Pedi peixe frito. Nojo de lugar!", "Desculpe pelo peixe frito que recebeu."),
    ("Fomos domingo passado, cinco amigos, sem reserva nenhuma.", "Obrigado pela visita."),
]


@pytest.fixture(scope="module")
def topics():
    return Topics.learn(PAIRS)


def test_what_comes_back_in_replies_is_expected_and_what_never_does_is_not(topics):
    assert topics.taken_up["frang"] >= EXPECTED and topics.taken_up["demor"] >= EXPECTED
    assert topics.taken_up["pedi"] < EXPECTED
    assert topics.from_text["frang"] > 0.5 > topics.from_text["descu"]


def test_a_word_of_every_reply_is_not_taken_up():
    """ "pelo" stands in each reply, whatever its text says."""
    pairs = [("Frango frio, pelo menos barato", "Desculpe pelo frango frio."), ("pelo amor", "Pelo visto, sim.")]
    pairs += [(f"prato {dish}", f"Desculpe pelo {dish}.") for dish in ("arroz", "feijão", "bolo")]
    assert Topics.learn(pairs).taken_up["pelo"] == 0.0


def test_missing_words_are_named_as_the_text_writes_them_in_its_order(topics):
    review = "Quanta Demóra, e o FRANGO veio torto. Pedi ontem."
    assert topics.missing("Lamentamos o que houve.", review) == ("Demóra", "FRANGO")
    assert topics.missing("Lamentamos a demora e o frango.", review) == ()


def test_the_outline_of_a_text_keeps_the_words_of_a_sentence_together(topics):
    assert topics.outline("Que DEMORA! Pedi frango com frango. Nada.") == "demora; frango"
    assert topics.outline("Pedi o de sempre.") == topics.outline("") == "nenhum"


def test_the_outline_of_a_pair_lists_what_the_reply_took_up(topics):
    assert topics.outline("Que demora! Pedi frango.", "Desculpe pelo frango.") == "frango"
    assert topics.outline("Que demora! Pedi frango.", "Que pena. Você pediu e nos contou.") == "nenhum"


def test_the_outline_begins_with_the_tones_where_there_are_any(topics):
    assert topics.outline("Que demora!", tones=("cuidado", "desculpas")) == "cuidado, desculpas: demora"
    assert topics.outline("Pedi o de sempre.", tones=("agradecimento",)) == "agradecimento: nenhum"


def test_a_reply_fits_better_the_more_it_takes_up_and_the_less_it_brings_in(topics):
    review = "Demora no atendimento e frango frio."
    whole = topics.fit("Lamentamos a demora no atendimento e o frango.", review)
    half = topics.fit("Lamentamos o frango.", review)
    foreign = topics.fit("Lamentamos o frango e o peixe com sopa.", review)
    assert 1 >= whole > half > foreign > topics.fit("Desculpe.", review) >= 0


def test_a_word_never_seen_counts_as_words_seen_once_do(topics):
    assert "jabut" not in topics.taken_up
    assert topics.expected("jabuticaba") == (("jabuticaba",) if topics.taken_up_rare >= EXPECTED else ())


def test_no_pairs_and_no_words_give_no_expectations():
    nothing = Topics.learn([])
    assert nothing.missing("", "Frango frio") == ()
    assert nothing.fit("", "") == 1.0


def test_phrases_are_the_texts_own_words_with_the_short_ones_between():
    topics = Topics({"caco": 0.9, "vidro": 0.9, "salad": 0.9, "demor": 0.9}, 0.1, {}, 0.1)
    told = "Havia um caco de vidro na salada, e que demora! Guardei o vidro. DEMORA."
    assert topics.phrases(told) == ("caco de vidro na salada", "demora")
    assert topics.phrases("SALADA com vidro picado muito bem picado demora") == ("SALADA com vidro", "demora")
    assert topics.phrases("Nada disso.") == ()
    assert topics.phrases("Demora! Caco! Salada de vidro.") == ("Demora", "Caco", "Salada de vidro")
    topics = Topics(dict.fromkeys(("caco", "vidro", "salad", "demor", "prato"), 0.9), 0.1, {}, 0.1)
    assert topics.phrases("Demora! Caco! Prato! Salada de vidro.") == ("Demora", "Caco", "Salada de vidro")
