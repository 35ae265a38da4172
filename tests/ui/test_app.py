from __future__ import annotations

import gc
import os
import socket
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from conftest import loops_left_open
from demo_assistant import ADAPTERS, Check, DemoAssistant, DemoChat

from assistant.errors import ConfigurationError, InputRejected
from assistant.models.style import Length, Manner, Style
from assistant.services.corpora import Corpus
from assistant.services.corpus_card import CorpusCard
from assistant.services.corpus_report import Task, Work, WorkState
from assistant.services.request import AskRequest
from assistant.stores.conversations import Exchange
from assistant.stores.manifests import Localized
from assistant.stores.passages import CorpusStats
from assistant.types import Answered, Event, Redrafting, TokenDelta
from assistant.ui import adapter_view, corpus_progress, corpus_view, system
from assistant.ui.app import launch
from assistant.ui.asking import Order, follow, to_request
from assistant.ui.composer import Composer
from assistant.ui.runs import Runs
from assistant.ui.texts import texts
from assistant.ui.view import Progress
from assistant.ui.words import Words

PT = texts("pt")
KNOWN = ({"legal-ner"}, {"direito"})


def test_a_port_in_use_is_named_with_the_way_out(blocks: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"127.0.0.1:{port}.*process {os.getpid()}.*ASSISTANT_PORT="):
            launch(blocks, "127.0.0.1", port, block=False)


@pytest.mark.parametrize("language", ["pt", "en"])
@pytest.mark.parametrize("kept", [WorkState.FAILED, WorkState.DONE])
def test_what_services_say_is_shown_in_the_language_of_the_page(language: str, kept: WorkState) -> None:
    t, said = texts(language), Localized("isto falta", "this is missing")
    card = CorpusCard("x", Localized("X", "X"), Localized("X", "X"))
    noted = [a for a in ADAPTERS if a.note]
    shown = [
        system.findings([Check(said, False, said, said)], t),
        corpus_view.listing([corpus_view.Listed(Corpus(card, CorpusStats(0, 0, 0, None, None), (), said))], t),
        corpus_progress.progress([Work("w", "x", Task.ADD, "2025-01-01", kept, (), error=said)], t),
        adapter_view.listing(noted, t).replace(noted[0].note.get(language), said.get(language)),
    ]
    other = said.get("pt" if language == "en" else "en")
    assert all(said.get(language) in page and other not in page for page in shown)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(ConfigurationError, match="ASSISTANT_PORT"):
        launch(None, "127.0.0.1", port)


def test_no_endpoint_of_the_page_is_public(blocks: Any) -> None:
    assert all(fn.api_visibility == "private" for fn in blocks.fns.values())


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order(" \n", "auto", "all", 0), "Escreva"),
        (Order("a" * 101, "auto", "all", 0), "limite é 100"),
        (Order("oi", "../../etc/passwd", "all", 0), "passwd"),
        (Order("oi", "auto", "outro", 0), "outro"),
        (Order("oi", "auto", "all", 0, manner="grosso"), "'grosso' is no manner"),
        (Order("oi", "auto", "all", 0, length="../x"), "'../x' is no length"),
        (Order("oi", "auto", "all", 0, signature="a" * 81), "81 characters"),
    ],
)
def test_choices_from_a_browser_are_checked(order: Order, message: str) -> None:
    with pytest.raises(InputRejected, match=message):
        to_request(order, (), KNOWN, 100, PT)


@pytest.mark.parametrize(("choice", "corpora"), [("all", None), ("none", ()), ("direito", ("direito",))])
def test_the_choice_of_corpora_becomes_the_request(choice: str, corpora: object) -> None:
    request = to_request(Order("oi", "legal-ner", choice, 0), (Exchange("x", error="e"),), KNOWN, 100, PT)
    assert request == AskRequest("oi", (), "legal-ner", corpora)


@pytest.fixture
def composer(assistant: DemoAssistant) -> Iterator[Composer]:
    made = Composer(assistant, Words(PT))
    with loops_left_open(), gr.Blocks() as built:
        made.build()
    yield made
    del built
    with loops_left_open():
        gc.collect()


def test_style_and_signature_become_the_request() -> None:
    order = Order("oi", "auto", "all", 0, "warm", "short", " Equipe\n<b>do</b>\x07 Cantinho \ud83d")
    request = to_request(order, (), KNOWN, 100, PT)
    assert request.style == Style(Manner.WARM, Length.SHORT)
    assert request.signature == "Equipe <b>do</b> Cantinho ?"


@pytest.mark.parametrize(
    ("adapter", "last", "shown"),
    [
        ("restaurant-replies", None, True),
        ("auto", "restaurant-replies", True),
        ("auto", "legal-ner", False),
        ("auto", None, False),
        ("legal-ner", "restaurant-replies", False),
        ("none", "restaurant-replies", False),
        ("../x", None, False),
    ],
)
def test_styles_are_offered_where_the_adapter_in_use_learned_them(
    composer: Composer, adapter: str, last: str | None, shown: bool
) -> None:
    changed = composer.offered(adapter, last)
    assert [changed[part]["visible"] for part in (composer.style, composer.manner)] == [shown, shown]
    assert not changed[composer.length]["visible"], "the demo learned no lengths"


def test_a_question_goes_with_what_the_widgets_say_and_a_click_may_name_another_adapter(composer: Composer) -> None:
    given = {composer.adapter: "auto", composer.corpora: "all", composer.manner: "formal", composer.signature: None}
    assert composer.order(given, "oi", 2) == Order("oi", "auto", "all", 2, "formal", "", "")
    assert composer.order(given, "oi", 2, adapter="legal-ner").adapter == "legal-ner"


def test_half_a_character_breaks_nothing() -> None:
    assert to_request(Order("oi \ud83d", "auto", "all", 0), (), KNOWN, 100, PT).question == "oi ?"


def test_states_come_in_order_and_end_with_the_exchange() -> None:
    states = list(follow("Qual?", lambda: DemoChat().ask(AskRequest("Qual?")), PT))
    assert isinstance(states[0], Progress) and states[0].route is not None and states[0].sources is None
    assert isinstance(states[1], Progress) and len(states[1].sources or ()) == 2 and states[1].text == ""
    assert isinstance(states[-1], Exchange) and states[-1].answer is not None


def test_a_draft_under_revision_is_told_at_once() -> None:
    def events() -> Iterator[Event]:
        yield TokenDelta("Desculpe.")
        yield Redrafting(("demora",))
        yield from DemoChat().ask(AskRequest("Qual?"))

    states = [state for state in follow("Qual?", events, PT) if isinstance(state, Progress)]
    assert (states[1].text, states[1].redrafting) == ("Desculpe.", Redrafting(("demora",)))


@pytest.mark.parametrize("fault", [RuntimeError("segredo interno"), None])
def test_an_unexpected_fault_is_told_calmly_and_without_its_insides(fault: Exception | None) -> None:
    def broken() -> object:
        if fault:
            raise fault
        yield from ()

    (state,) = follow("Qual?", broken, PT)  # type: ignore[arg-type]
    assert state == Exchange("Qual?", error=PT("unexpected"))


def test_one_run_for_each_visitor() -> None:
    runs = Runs()
    first, other = runs.start("a"), runs.start("b")
    assert first is not None and other is not None and runs.start("a") is None
    runs.stop("a")
    assert first.cancel.is_set() and not first.abandoned and not other.cancel.is_set()
    runs.finish("a", first)
    assert runs.start("a") is not None


def test_an_abandoned_run_makes_room_and_ends_without_harm() -> None:
    runs = Runs()
    gone = runs.start("a")
    assert gone is not None
    runs.abandon("a")
    following = runs.start("a")
    assert gone.abandoned and gone.cancel.is_set() and following is not None
    runs.finish("a", gone)
    assert runs.start("a") is None
    runs.stop("nobody")


def test_closing_the_stream_closes_the_answer() -> None:
    closed = []

    def events() -> object:
        try:
            yield from DemoChat().ask(AskRequest("Qual?"))
        finally:
            closed.append(True)

    stream = follow("Qual?", events, PT)  # type: ignore[arg-type]
    next(stream)
    stream.close()
    assert closed == [True]


def test_the_demo_ends_every_answer() -> None:
    assert isinstance(list(DemoChat().ask(AskRequest("Qual?")))[-1], Answered)
