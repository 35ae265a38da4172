from __future__ import annotations

import gc
import os
import shutil
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from demo_assistant import DemoAssistant

from assistant.stores.conversations import ConversationStore
from assistant.ui.texts import texts
from assistant.ui.view import View

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def loops_left_open() -> Iterator[None]:
    """Gradio leaves event loops behind while it builds; they are collected here, not in a later test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@contextmanager
def standing_alone() -> Iterator[Any]:
    """A tab without the other pages around it, to build one page in."""
    import gradio as gr

    with loops_left_open(), gr.Blocks(), gr.Tabs(), gr.Tab() as tab:
        yield tab
    with loops_left_open():
        gc.collect()


def event(**data: Any) -> Any:
    """What a click on a page's own markup sends."""
    import gradio as gr

    return gr.EventData(None, data)


def written(folder: Path, name: str, text: str) -> Path:
    """A file with these words."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def view() -> View:
    titles = {"grounded-chat": "Resposta com documentos", "legal-ner": "Entidades jurídicas"}
    return View(texts("pt"), date(2025, 11, 20), titles)


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[DemoAssistant]:
    made = DemoAssistant(ConversationStore(tmp_path / "conversations.sqlite"))
    yield made
    made.close()


@pytest.fixture
def blocks(assistant: DemoAssistant) -> Iterator[Any]:
    """The pages, not served."""
    from assistant.ui.app import build_ui

    with loops_left_open():
        built = build_ui(assistant)
    yield built
    del built
    with loops_left_open():
        gc.collect()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One headless Chromium for the run; skipped visibly where there is none, a failure in CI."""
    found = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("No chromium is installed: apt-get install chromium")
        pytest.skip("no chromium on this machine: the page is not driven (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@dataclass
class Served:
    """The page under an address; `hold` makes every answer wait before each delta until `release`."""

    url: str
    assistant: DemoAssistant
    gate: threading.Event
    waiting: threading.Semaphore

    def hold(self) -> None:
        self.gate.clear()

    def release(self) -> None:
        self.gate.set()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from assistant.ui.app import build_ui, launch

    folder = tmp_path_factory.mktemp("page")
    demo = DemoAssistant(ConversationStore(folder / "conversations.sqlite"))
    gate, waiting = threading.Event(), threading.Semaphore(0)
    gate.set()

    def wait(cancel: threading.Event) -> None:
        waiting.release()
        while not gate.wait(0.02):
            if cancel.is_set():
                return

    demo.chat.gate = wait
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with loops_left_open():
        blocks = build_ui(demo)
    url = launch(blocks, "127.0.0.1", port, block=False)
    yield Served(url, demo, gate, waiting)
    gate.set()
    blocks.close(verbose=False)
    demo.close()
    del blocks
    with loops_left_open():
        gc.collect()


@pytest.fixture
def open_page(chromium: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """Open the page as a visitor of one's own; errors of the page fail the test."""
    contexts, errors = [], []

    def open_it(**options: Any) -> Any:
        context = chromium.new_context(locale=options.pop("locale", "pt-BR"), **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.url)
        page.wait_for_selector(".example, .turn")
        return page

    yield open_it
    served.release()
    for context in contexts:
        context.close()
    assert errors == []
