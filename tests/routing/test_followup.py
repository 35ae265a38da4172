from __future__ import annotations

import pytest

from assistant.routing.followup import Leaning, leaning


@pytest.mark.parametrize(
    "text",
    [
        "e o segundo?", "e em 2023?", "por quê?", "Por que não?", "resuma isso", "me explica melhor", "tem certeza?",
        "o último?", "a segunda", "mais curto, por favor", "traduza isso", "and the second?", "why?", "e hoje?",
        "explain that again", "continue", "E NO DOMINGO??", "quando?", "mas e Júpiter?",
    ],
)  # fmt: skip
def test_means_nothing_without_what_came_before(text: str) -> None:
    assert leaning(text) is Leaning.CERTAIN


@pytest.mark.parametrize(
    "text", ["quando ele foi descoberto?", "qual a lei que trata disso?", "e qual o horário de funcionamento?"]
)
def test_points_back_but_could_stand_alone(text: str) -> None:
    assert leaning(text) is Leaning.POSSIBLE


@pytest.mark.parametrize(
    "text",
    [
        "", " \x00", "oi", "e aí", "e aí, blz?", "obrigado", "Qual a capital da Mongólia?",
        "explica a lei do inquilinato",        "Vocês aceitam cachorro?", "Comida fria e cara.", "isso " * 50_000,
        "e o senhor relator, nos termos do artigo 5º da Constituição, negou provimento ao recurso do réu",
    ],
)  # fmt: skip
def test_stands_alone(text: str) -> None:
    assert leaning(text) is Leaning.NONE
