"""A citation opened in its page: what is marked, what a browser may ask for, and the keys that open and close it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
from conftest import event, loops_left_open, standing_alone
from demo_assistant import MOONS_2023, MOONS_2025, DemoAssistant, passage, quoting

from assistant.services.corpus_marks import Marks
from assistant.services.corpus_preview import Cited, Preview, PreviewPage
from assistant.stores.conversations import Exchange
from assistant.stores.manifests import Localized
from assistant.types import Answer, Outcome, Passage, Route, RouteOrigin, Source
from assistant.ui import page_reader, sources
from assistant.ui.chat import ChatPage
from assistant.ui.contracts import PageOptions
from assistant.ui.markup import join
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.words import Words

PT, EN = texts("pt"), texts("en")
EVIL = "<script>alert(1)</script>"
ROUTE = Route("grounded-chat", "0001", 0.9, 0.5, False, {}, "", RouteOrigin.LEARNED)
NEAR = quoting(1, passage("luas-2025.md", MOONS_2025, 0.91, "2025-03-11"), "274 luas confirmadas")
OLD = quoting(2, passage("luas-2023.md", MOONS_2023, 0.84, "2023-02", page=2), "Júpiter tem 92 luas")


def session(*found: Source) -> Session:
    return Session(exchanges=(Exchange("q", Answer("q", "a [1]", Outcome.GROUNDED, ROUTE, found)),))


def cited(text: str, marks: Marks, home: int | None = 2, total: int = 3) -> Cited:
    page = PreviewPage(2, total, 2, text, ())
    return Cited(Preview("a.pdf", "Título", "2024-05", None, (Localized("x", "x"),), page), marks, home)


def test_the_passage_is_marked_and_the_quoted_words_more() -> None:
    text = "antes A lua é <b> redonda. depois"
    shown = join(*page_reader.marked(text, Marks((6, 26), (12, 16), True)))
    assert (
        'antes <mark class="in-passage">A lua <mark class="quoted wanted" data-block="center">é &lt;b</mark>' in shown
    )
    assert shown.endswith("&gt; redonda.</mark> depois")
    alone = join(*page_reader.marked(text, Marks((6, 26))))
    assert '<mark class="in-passage wanted" data-block="center">A lua' in alone
    assert page_reader.marked(text, Marks()) == (text,)


def test_nothing_of_a_document_is_markup() -> None:
    found = Source(1, Passage("c", "x", EVIL, EVIL, 0.5), EVIL, 0, len(EVIL))
    shown = page_reader.reader(cited(EVIL * 3, Marks((0, 50), (0, 25))), found, 0, PT)
    assert "<script" not in shown and "&lt;script&gt;" in shown
    assert "<script" not in page_reader.opening(found, 0, PT, 3, 500)


def test_place_legend_and_the_way_back_are_said_in_both_languages() -> None:
    shown = page_reader.reader(cited("texto", Marks((0, 5), (0, 2), True)), NEAR, 4, PT)
    for words in ("Página 2 de 3 · 05/2024", "passagem que o assistente leu", "palavras citadas", "Voltar às fontes"):
        assert words in shown
    assert 'data-event="clear" data-turn="4" data-marker="1" data-escape' in shown
    assert 'data-to="1"' in shown and 'data-to="3"' in shown and "Ir ao trecho" not in shown
    away = page_reader.reader(cited("texto", Marks(), home=1), NEAR, 4, EN)
    assert "Page 2 of 3" in away and "The passage is on another page." in away and "To the passage" in away
    gone = page_reader.reader(cited("", Marks(), home=None, total=1), NEAR, 4, PT)
    assert "não está mais neste documento" in gone and "Página sem texto." in gone and "data-to" not in gone
    assert "lendo página 1.200 de 5.000" in page_reader.opening(NEAR, 0, PT, 1200, 5000)


def test_a_card_offers_its_page_once_the_answer_is_there() -> None:
    assert "Ver na página" not in sources.card(OLD, PT)
    assert "Ver na página" in sources.card(OLD, PT, turn=0)
    assert "Ver no documento" in sources.card(NEAR, PT, turn=0) and "See in its document" in sources.card(
        NEAR, EN, turn=0
    )
    back = sources.panel_of(session(NEAR, OLD).exchanges[0], PT, 0, 2, back=True)
    assert back.count("data-focus") == 1 and back.index("data-focus") > back.index("luas-2023.md")


@pytest.fixture
def page(assistant: DemoAssistant) -> Iterator[ChatPage]:
    with standing_alone() as tab:
        made = ChatPage(assistant, PageOptions(), Words(PT), gr.State(Session()))
        made.build(tab)
    yield made
    with loops_left_open():
        gc.collect()


def last(page: ChatPage, now: Session, **data: Any) -> Any:
    *_, shown = page.read_page(now, event(**data))
    return shown.get(page._panel)


def test_the_server_finds_the_page_by_itself(page: ChatPage) -> None:
    now = session(NEAR, OLD)
    shown = last(page, now, turn=0, marker=1)
    assert '<mark class="quoted wanted" data-block="center">274 luas confirmadas</mark>' in shown
    assert "Parte 1 de 1" in shown
    moved = last(page, now, turn=0, marker=2)
    assert ">Júpiter tem 92 luas</mark>" in moved, "it has no pages (any more): the text around the passage is shown"
    assert "luas-2023.md" in page.close_page(now, event(turn=0, marker=2))[page._panel]


@pytest.mark.parametrize(
    "data",
    [{}, {"turn": 0}, {"turn": 0, "marker": 9}, {"turn": 7, "marker": 1}, {"turn": "0", "marker": 1},
     {"turn": 0, "marker": "1; DROP"}, {"turn": -1, "marker": 1}],
)  # fmt: skip
def test_what_the_answer_did_not_cite_cannot_be_opened(page: ChatPage, data: dict[str, Any]) -> None:
    now = session(NEAR)
    assert last(page, now, **data) is None
    assert page._panel not in page.close_page(now, event(**data))


@pytest.mark.parametrize("to", [99, -5, 0, True, "2", None, [1]])
def test_a_page_that_is_not_there_is_the_nearest(page: ChatPage, to: Any) -> None:
    assert "Parte 1 de 1" in last(page, session(NEAR), turn=0, marker=1, to=to)


def test_a_document_that_went_is_said_in_the_visitors_language(page: ChatPage, assistant: DemoAssistant) -> None:
    assistant.corpus_tools.upkeep.remove("sistema-solar", "luas-2025.md")
    assert "não tem o documento" in last(page, session(NEAR), turn=0, marker=1)
    for corpus, document in (("../x", "a.md"), ("sistema-solar", "../corpus.toml")):
        strange = Source(1, Passage("c", corpus, document, "texto", 0.5))
        assert 'class="failure"' in last(page, session(strange), turn=0, marker=1)


Open = Callable[..., Any]


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_citation_opens_in_its_page_by_mouse_and_by_keyboard(open_page: Open) -> None:
    page = open_page(viewport={"width": 1366, "height": 800})
    page.click(".example >> nth=0")
    page.wait_for_selector("#live .actions [data-event=edit]")
    page.click("#live .marker >> nth=1")
    page.click("#sources .source.wanted .action")
    page.wait_for_selector("#sources .reader mark.quoted >> text=Júpiter tem 92 luas")
    page.wait_for_function("document.activeElement.dataset.escape !== undefined")
    page.wait_for_function(
        "(() => { const place = (s) => document.querySelector('#sources ' + s).getBoundingClientRect();"
        " const box = place('.page-text'), mark = place('mark.wanted');"
        " return box.top <= mark.top && mark.bottom <= box.bottom; })()"
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("#sources .source[data-source='2']")
    page.wait_for_function("document.activeElement.dataset.marker === '2'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sources .reader")
    page.click("#sources .reader >> text=Voltar às fontes")
    page.wait_for_selector("#sources .source[data-source='1']")
    page.click(".switch >> text=EN")
    page.click("#sources >> text=See in its document >> nth=0")
    page.wait_for_selector("#sources .reader >> text=Back to the sources")
    page.wait_for_selector("#sources .reader mark.in-passage >> text=Saturno passou")


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_on_a_phone_the_page_stands_in_the_drawer(open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 740})
    page.click(".example >> nth=0")
    page.wait_for_selector("#live .actions [data-event=edit]")
    page.click("#live .marker >> nth=0")
    page.click("#sources .source.wanted .action")
    page.wait_for_selector("#sources .reader mark.quoted")
    assert page.is_visible("#sources .reader mark.quoted")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    page.keyboard.press("Escape")
    page.wait_for_selector("#sources .source[data-source='1']")
    page.keyboard.press("Escape")
    page.wait_for_selector("#sources .source[data-source='1']", state="hidden")
