"""A reply promises and invents nothing that the review does not mention."""

import pytest

from assistant.generation.verification import keep_honest


@pytest.mark.parametrize(
    "sentence",
    [
        "Oferecemos um desconto na próxima visita.",
        "Faremos o reembolso do valor.",
        "A sobremesa será cortesia da casa.",
        "Ligue para (11) 5555-0000.",
        "Escreva para contato@exemplo.com.",
        "Devolveremos R$ 50,00.",
        "Vamos devolver o dinheiro da entrega.",
        "A gerência vai devolver todo o valor.",
        "Vamos devolver o que você pagou.",
        "Faremos a devolução do seu pagamento.",
    ],
)
def test_a_promise_or_an_invented_fact_is_removed(sentence):
    reply, removed = keep_honest(f"Sentimos pela demora. {sentence}", "Demorou demais.")
    assert (reply, removed) == ("Sentimos pela demora.", 1)


def test_what_the_guest_mentions_may_be_taken_up():
    review = "Cobraram R$ 89,90 e quero reembolso."
    reply = "Lamentamos a cobrança de R$ 89,90. Vamos conferir o pedido de reembolso."
    assert keep_honest(reply, review) == (reply, 0)


def test_giving_back_a_dish_or_a_car_is_no_promise():
    review = "O valet demorou e o prato voltou duas vezes."
    reply = "Vamos rever a devolução dos carros e a forma de devolver o prato à mesa."
    assert keep_honest(reply, review) == (reply, 0)
