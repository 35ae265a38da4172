"""The page Sistema in the browser: memory and speed are there, and the pages follow the language that is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]
pytestmark = [
    pytest.mark.browser,
    # gradio's queue statistics use options of pandas that pandas is about to drop
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]


def test_memory_and_the_speed_of_ones_own_last_answer_in_both_languages(open_page: Open) -> None:
    page = open_page()
    page.click("button[role=tab]:has-text('Sistema')")
    page.wait_for_selector("#memory tr.now >> text=253 MB")
    assert "nenhuma nesta conversa" in page.inner_text("#facts")
    page.click("button[role=tab]:has-text('Conversa')")
    page.click(".example >> nth=0")
    page.wait_for_selector("#live .actions [data-event=edit]")
    page.click("button[role=tab]:has-text('Sistema')")
    page.wait_for_selector("#facts >> text=16,5 tokens/s")
    page.click("[data-language=en]")
    page.wait_for_selector("#facts >> text=16.5 tokens/s")
    page.wait_for_selector("#memory tr.now >> text=in use")
    assert "Precisão" not in page.inner_text("#memory")


def test_an_open_adapter_follows_the_language_and_what_is_being_typed_stays(open_page: Open) -> None:
    page = open_page()
    page.click("button[role=tab]:has-text('Adaptadores')")
    page.click(".adapter-row:has-text('Entidades jurídicas')")
    page.wait_for_selector("#adapter-detail h2:has-text('Entidades jurídicas')")
    page.click("#card button.label-wrap")
    page.fill("#card-utterances textarea", "ainda não salvo")
    page.click("[data-language=en]")
    page.wait_for_selector("#adapter-detail h2:has-text('Legal entities')")
    page.wait_for_selector(".adapter-row[aria-current]:has-text('Legal entities')")
    assert page.input_value("#card-utterances textarea") == "ainda não salvo"


def test_a_phone_shows_the_table_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 740})
    page.click(".overflow-menu > button")
    page.click(".overflow-dropdown button:has-text('Sistema')")
    page.wait_for_selector("#memory table")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert page.evaluate("(box => box.scrollWidth <= box.clientWidth)(document.querySelector('#memory .table-box'))")
