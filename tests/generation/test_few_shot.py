"""An adapter's task as chat messages: what is told, what fits, and what comes back as a list."""

from __future__ import annotations

import pytest

from assistant.engines.base import Message
from assistant.generation.few_shot import few_shot_messages, instruction, on_one_line, room_for_question
from assistant.generation.prompt import Budget
from assistant.stores.manifests import Localized
from assistant.stores.registry import AdapterRegistry

SHOTS = [("Avaliação: um dois\nResposta:", "três"), ("Avaliação: quatro\nResposta:", "cinco seis")]


def words(tokens: int) -> Budget:
    return Budget(tokens, lambda text: len(text.split()))


def test_the_examples_stand_as_turns_between_instruction_and_question() -> None:
    assert few_shot_messages("Responda.", SHOTS, "Avaliação: sete\nResposta:", words(500)) == (
        Message("system", "Responda."),
        Message("user", SHOTS[0][0]),
        Message("assistant", "três"),
        Message("user", SHOTS[1][0]),
        Message("assistant", "cinco seis"),
        Message("user", "Avaliação: sete\nResposta:"),
    )


@pytest.mark.parametrize(("tokens", "shots"), [(1000, 2), (86, 2), (85, 1), (57, 1), (56, 0), (28, 0), (0, 0)])
def test_examples_give_way_to_the_question(tokens: int, shots: int) -> None:
    """With 12 tokens around a message: instruction and question take 1 + 3 + 24, each shot 29."""
    messages = few_shot_messages("Responda.", SHOTS, "Avaliação: sete\nResposta:", words(tokens))
    assert len(messages) == 2 + 2 * shots
    assert messages[-1].content == "Avaliação: sete\nResposta:"


def test_the_question_may_take_what_the_instruction_leaves() -> None:
    assert room_for_question("uma instrução curta", words(100)).tokens == 100 - 3 - 24


@pytest.mark.parametrize("language", ["pt", "en"])
def test_the_instruction_comes_from_the_card(registry: AdapterRegistry, language: str) -> None:
    for name in registry.names():
        card = registry.card(name)
        told = instruction(card, language)
        assert told.startswith(card.description.get(language))
        assert all(label in told for label in card.labels)
    assert "nenhuma" in instruction(registry.card("legal-ner"), language)
    assert "«" in instruction(registry.card("grounded-chat"), language)


def test_braces_in_a_card_stay_text(registry: AdapterRegistry) -> None:
    from dataclasses import replace

    card = replace(registry.card("legal-ner"), description=Localized("Acha {labels} {x}.", "Finds."), labels=("{y}",))
    assert instruction(card, "pt").startswith("Acha {labels} {x}. Liste")
    assert "As classes são: {y}." in instruction(card, "pt")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("PESSOA: Ana | LOCAL: Recife", "PESSOA: Ana | LOCAL: Recife"),
        ("- PESSOA: Ana\n\n* LOCAL: Recife\n", "PESSOA: Ana | LOCAL: Recife"),
        (" nenhuma\n", "nenhuma"),
        ("", ""),
    ],
)
def test_a_list_with_an_entity_a_line_reads_like_the_adapters(written: str, read: str) -> None:
    assert on_one_line(written) == read
