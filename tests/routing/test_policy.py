from __future__ import annotations

import pytest
from routing_material import LEGAL, QUESTIONS, REVIEW

from assistant.errors import AdapterNotFound
from assistant.routing.router import Choice, Pin, RoutePolicy, Router
from assistant.stores.manifests import Localized
from assistant.types import RouteOrigin, Turn

ADAPTERS = {
    "grounded-chat": Choice(Localized("resposta com documentos", "answer from documents"), "0002-gemma3-270m"),
    "legal-ner": Choice(Localized("parece um texto jurídico", "looks like a legal text"), "0001-gemma3-270m"),
    "restaurant-replies": Choice(
        Localized("parece uma avaliação de restaurante", "looks like a restaurant review"), "0001-gemma3-270m"
    ),
}
SAID = [Turn("Qual o planeta com mais luas?", "Saturno, com 274.", "grounded-chat")]
EXTRACTED = [Turn(LEGAL, "LEGISLACAO: art. 4.o", "legal-ner")]


@pytest.fixture
def policy(router: Router) -> RoutePolicy:
    return RoutePolicy(router, ADAPTERS, "grounded-chat")


def test_a_learned_route_gives_reason_and_version(policy: RoutePolicy) -> None:
    route = policy.route(REVIEW)
    assert (route.adapter, route.version, route.origin) == (
        "restaurant-replies", "0001-gemma3-270m", RouteOrigin.LEARNED,
    )  # fmt: skip
    assert route.reason == "parece uma avaliação de restaurante"
    assert policy.route(REVIEW, language="en").reason == "looks like a restaurant review"
    assert route.score == route.scores["restaurant-replies"] >= route.threshold
    assert not route.rejected


def test_what_fits_nothing_goes_to_the_fallback(policy: RoutePolicy, router: Router) -> None:
    route = policy.route("liga a luz da cozinha")
    assert (route.adapter, route.rejected, route.origin) == ("grounded-chat", True, RouteOrigin.FALLBACK)
    assert route.reason == "nenhum adaptador combina com o pedido"
    base = RoutePolicy(router, {}, "grounded-chat").route(REVIEW)
    assert (base.adapter, base.version, base.rejected) == (None, None, True)


def test_an_adapter_that_cannot_answer_now_is_not_chosen(router: Router) -> None:
    others = {name: choice for name, choice in ADAPTERS.items() if name != "legal-ner"}
    route = RoutePolicy(router, others, "grounded-chat").route(LEGAL)
    assert (route.adapter, route.origin) == ("grounded-chat", RouteOrigin.FALLBACK)


def test_a_pin_wins_over_everything(policy: RoutePolicy) -> None:
    pinned = policy.route(REVIEW, SAID, Pin("legal-ner"))
    assert (pinned.adapter, pinned.origin, pinned.reason) == ("legal-ner", RouteOrigin.PINNED, "escolhido por você")
    assert pinned.score == pinned.scores["legal-ner"]
    nobody = policy.route("e o segundo?", SAID, Pin(None), "en")
    assert (nobody.adapter, nobody.version, nobody.rejected) == (None, None, False)
    assert nobody.reason == "no adapter, by your choice"


def test_a_pin_on_an_unknown_adapter_says_which_there_are(policy: RoutePolicy) -> None:
    with pytest.raises(AdapterNotFound, match=r"'../etc'.*grounded-chat, legal-ner"):
        policy.route("oi", pinned=Pin("../etc"))


@pytest.mark.parametrize("text", ["e o segundo?", "e em 2023?", "por quê?", "resuma isso"])
@pytest.mark.parametrize("history", [SAID, EXTRACTED], ids=["chat", "legal"])
def test_a_follow_up_stays_with_its_conversation(policy: RoutePolicy, text: str, history: list[Turn]) -> None:
    route = policy.route(text, history)
    assert (route.adapter, route.origin, route.rejected) == (history[-1].adapter, RouteOrigin.FOLLOW_UP, False)
    assert route.score == route.scores[route.adapter or ""]


def test_another_adapters_input_leaves_the_conversation(policy: RoutePolicy) -> None:
    assert policy.route(REVIEW, SAID).adapter == "restaurant-replies"
    assert policy.route(LEGAL, SAID).adapter == "legal-ner"
    assert policy.route(QUESTIONS[0], EXTRACTED).adapter == "grounded-chat"
    assert policy.route("Essa pizza estava horrível, fria e queimada!", SAID).adapter == "restaurant-replies"


def test_a_follow_up_without_a_usable_conversation_is_decided_by_the_head(policy: RoutePolicy) -> None:
    gone = [Turn("x", "y", "an-adapter-of-yesterday")]
    for history in ([], gone, [Turn("x", "y", None)]):
        assert policy.route("e o segundo?", history).origin in (RouteOrigin.LEARNED, RouteOrigin.FALLBACK)
