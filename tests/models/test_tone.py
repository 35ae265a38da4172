"""Which tones a text asks of its reply, learned from pairs."""

import pytest

from assistant.models.tone import Tones

DISHES = ("frango", "peixe", "arroz", "bolo", "suco", "torta", "queijo", "massa", "sopa", "carne", "vinho", "doce")
FAULTS, PRAISE = ("frio", "cru", "duro"), ("top", "dez", "mil")
SOUR = [(f"Horrível, {dish} {word}.", f"Desculpe pelo {dish}.") for dish in DISHES for word in FAULTS]
SWEET = [(f"Adorei, {dish} {word}.", f"Que bom que gostou: {dish}!") for dish in DISHES for word in PRAISE]


@pytest.fixture(scope="module")
def tones():
    return Tones.learn(SOUR + SWEET)


def test_a_complaint_asks_for_an_apology_and_praise_for_thanks(tones):
    assert tones.of("Horrível, a picanha veio cru") == ("desculpas",)
    assert tones.of("ADOREI a picanha, dez") == ("agradecimento",)


def test_thanks_for_a_complaint_are_out_of_place_and_the_right_tone_is_not(tones):
    complaint = "Horrível, peixe frio, horrível e cru."
    assert tones.misplaced("Que bom que você gostou do peixe.", complaint) == 1
    assert tones.misplaced("Desculpe pelo peixe.", complaint) == 0
    assert tones.misplaced("Recebemos o seu relato.", complaint) == 0


def test_a_tone_with_too_few_replies_is_not_learned():
    few = Tones.learn([*SWEET, ("Horrível.", "Desculpe.")])
    assert few.of("Horrível.") == () and few.misplaced("Desculpe.", "Adorei.") == 0
    assert Tones.learn([]).of("Horrível.") == ()


def test_a_foretold_tone_is_not_that_of_the_pair_itself():
    """A pair against the rule of all others gets the tone of the others."""
    odd = ("Horrível, pudim frio.", "Que bom que gostou: pudim!")
    told = Tones.foretold([*SOUR, odd, *SWEET])
    assert told[len(SOUR)] == ("desculpas",)
    assert told[0] == ("desculpas",) and told[-1] == ("agradecimento",)
