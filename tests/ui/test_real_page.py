"""The page over the real base, router, adapters and index, driven in a real browser."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import loops_left_open

pytestmark = [
    pytest.mark.browser,
    # gradio's queue statistics use options of pandas that pandas is about to drop
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]
WAIT_MS = 180_000  # a generation on a busy machine


@pytest.fixture(scope="module")
def address(real: Any) -> Iterator[str]:
    from assistant.ui.app import build_ui, launch

    real.routing.refit()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with loops_left_open():
        blocks = build_ui(real)
    yield launch(blocks, "127.0.0.1", port, block=False)
    blocks.close(verbose=False)
    del blocks
    with loops_left_open():
        gc.collect()


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    context = chromium.new_context(locale="pt-BR")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    page.wait_for_selector(".example")
    yield page
    context.close()


def run_example(page: Any, number: int) -> str:
    page.click(f".example >> nth={number}")
    page.wait_for_selector("#live .actions [data-event=edit]")
    return str(page.inner_text("#live"))


def test_a_fact_that_changed_is_answered_from_the_newest_document(page: Any) -> None:
    shown = run_example(page, 0)
    assert "Saturno" in shown and "274" in shown
    assert "Conversa com documentos" in page.inner_text("#live .badge")
    assert "luas" in page.inner_text("#sources mark >> nth=0")
    assert "2025" in page.inner_text("#sources")


def test_a_legal_text_shows_its_norms_in_place(page: Any) -> None:
    shown = run_example(page, 1)
    assert "12.376/2010" in shown and "4.657/1942" in shown
    assert "Entidades jurídicas" in page.inner_text("#live .badge")


def test_a_review_gets_its_reply(page: Any) -> None:
    shown = run_example(page, 2)
    assert "frango" in shown.lower()
    assert "Respostas a avaliações" in page.inner_text("#live .badge")
