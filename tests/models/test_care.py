"""Harm to health and threats of the law are answered with care, whatever the learned tone foretells."""

import pytest

from assistant.generation.verification import keep_honest
from assistant.models.care import careful_reply, needs_care
from assistant.models.names import PLACES, invented_names
from assistant.models.tone import CARE, Tones, has_tone

LEARNED = Tones({CARE: -3.0, "desculpas": 1.0}, {CARE: {}, "desculpas": {}})


@pytest.mark.parametrize(
    "text",
    [
        "Vou processar vocês!",
        "Meu advogado vai entrar em contato.",
        "Vou ao PROCON amanhã",
        "vejo vocês no tribunal",
        "Registrei boletim de ocorrência",
        "Passei muito mal depois do almoço",
        "estrogonofe de cogumelo de vcs me botou no soro",
        "Duas horas depois: tontura, suor frio, vômito.",
        "Avisei da alergia e veio camarão",
        "Quebrei um dente da frente na farofa",
        "Minha mãe foi parar na UPA",
        "queimou a língua da minha filha",
    ],
)
def test_health_and_law_need_care_even_where_the_tone_is_not_foretold(text):
    assert needs_care(text)
    assert LEARNED.wanted(text)[0] == CARE
    assert LEARNED.needs_care(text)


@pytest.mark.parametrize(
    "text",
    [
        "Horrível! Restaurante vazio e o atendimento ainda demora. Pedi um frango e veio com gosto de peixe. Nojo!",
        "O pedido demorou a ser processado no aplicativo.",
        "Fui mal atendido pelo garçom.",
        "Carne no ponto, ambiente hospitaleiro, a conta justa.",
        "A taça veio quebrada.",
        "Melhor feijoada da cidade!",
    ],
)
def test_other_complaints_and_praise_need_none(text):
    assert not needs_care(text)
    assert LEARNED.wanted(text) == ("desculpas",)


def test_plain_praise_that_tells_of_an_allergy_is_thanked_for():
    learned = Tones({CARE: -3.0, "agradecimento": 1.0}, {CARE: {}, "agradecimento": {}})
    praise = "Lembraram da minha alergia, que cuidado lindo!"
    assert needs_care(praise) and not learned.needs_care(praise)
    assert learned.wanted(praise) == ("agradecimento",)


def test_a_version_that_learned_no_care_is_asked_for_none():
    assert Tones({}, {}).wanted("Vou processar vocês!") == ()
    assert not Tones({}, {}).needs_care("Vou processar vocês!")


def test_the_careful_reply_repeats_what_was_told_and_promises_nothing():
    sick, threat = "Passei mal com o frango.", "A conta veio errada. Vou ao Procon!"
    both = careful_reply(f"{sick} {threat}", ["frango", "A conta veio errada"])
    assert "seriedade: frango; A conta veio errada." in both
    assert "médico" in both and "direito" in both
    assert "direito" not in careful_reply(sick, []) and "médico" not in careful_reply(threat, [])
    for text in (sick, threat):
        reply = careful_reply(text, ["frango"])
        assert has_tone(CARE, reply)
        assert keep_honest(reply, f"{text} frango", names=True) == (reply, 0)


def test_a_name_that_nobody_gave_is_removed_and_a_place_is_not():
    reply = "Sentimos pela demora. Fale com a Patrícia no balcão. Quem é da Bahia sabe."
    assert keep_honest(reply, "Sou baiana. Que demora!", names=True) == (
        "Sentimos pela demora. Quem é da Bahia sabe.",
        1,
    )
    assert keep_honest(reply, "Sou baiana. A Patrícia demorou!", names=True)[1] == 0
    assert keep_honest("Secretaria de Obras", "O buraco cresceu.")[1] == 0, "a class is no reply"
    assert invented_names("Fomos a Goiás com Ana", "", PLACES) == ["Ana"]
