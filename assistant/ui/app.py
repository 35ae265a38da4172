"""The whole page: header, tabs, languages, and how it is served.

Knows which page stands where. Refuses to know what the pages do. Served without telemetry, without a
public tunnel and without any file beyond what visitors upload themselves.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from typing import Any, Protocol

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from assistant.errors import ConfigurationError
from assistant.ui.adapters import AdaptersPage
from assistant.ui.chat import ChatPage
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant, PageOptions
from assistant.ui.corpora import CorporaPage
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.system import SystemPage
from assistant.ui.texts import LANGUAGES, Texts, texts
from assistant.ui.theme import Calm
from assistant.ui.training import TrainingPage
from assistant.ui.uploads import DOCUMENT_MB, KEPT_S, own_folder
from assistant.ui.words import Words

_VISITOR = re.compile(r"[A-Za-z0-9_-]{22,64}")


class Page(Protocol):
    """One of the pages beside the chat."""

    def build(self, tab: Any) -> None:
        """Place the widgets inside the open tab and connect them to it."""
        ...


def build_ui(assistant: Assistant, options: PageOptions | None = None) -> Any:
    """The pages over the services of `assistant`, as `gr.Blocks` not yet served."""
    own_folder()
    options = options or PageOptions()
    t = texts(options.language)
    words = Words(t)
    with gr.Blocks(analytics_enabled=False, title=t("page_title"), fill_width=True, delete_cache=KEPT_S) as blocks:
        session = gr.State(Session(language=t.language))
        # The key protects nothing: it only has to stay the same so that a restart keeps the conversations.
        visitor = gr.BrowserState("", storage_key="assistant-visitor", secret="assistant")  # noqa: S106
        language = gr.BrowserState("", storage_key="assistant-language", secret="assistant")  # noqa: S106
        header = gr.HTML(elem_id="header", js_on_load=BIND, apply_default_css=False)
        words.follow(header, _header)
        chat, adapters, corpora, system = _tabs(assistant, options, words, session)
        parts = list(dict.fromkeys([*words.components, *chat.outputs]))

        def paint(now: Session) -> dict[Any, Any]:
            return _merged(words.updates(texts(now.language)), chat.paint(now))

        def load(stored: str, spoken: str) -> dict[Any, Any]:
            who = stored if isinstance(stored, str) and _VISITOR.fullmatch(stored) else secrets.token_urlsafe(24)
            lang = spoken if spoken in LANGUAGES else options.language
            return {**paint(Session(who, lang)), visitor: who}

        def switch(now: Session, event: gr.EventData) -> dict[Any, Any]:
            lang = texts(str(event._data.get("language"))).language
            return {**paint(replace(now, language=lang)), language: lang}

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        blocks.load(load, [visitor, language], [*parts, visitor], **quiet)
        switched = header.select(switch, [session], [*parts, language], **quiet)
        adapters.after(switched)
        corpora.after(switched)
        system.after(switched)
        chat.wire()
        blocks.unload(chat.leave)
        blocks.unload(adapters.leave)
    blocks.queue(default_concurrency_limit=options.visitors, max_size=8 * options.visitors, api_open=False)
    return blocks


def _tabs(
    assistant: Assistant, options: PageOptions, words: Words, session: Any
) -> tuple[ChatPage, AdaptersPage, CorporaPage, SystemPage]:
    chat = ChatPage(assistant, options, words, session)
    adapters = AdaptersPage(assistant, options, words, session)
    corpora = CorporaPage(assistant, words, session)
    system = SystemPage(assistant, options, words, session)
    pages: dict[str, Page] = {
        "tab_corpora": corpora,
        "tab_adapters": adapters,
        "tab_training": TrainingPage(assistant, words, session),
        "tab_system": system,
    }
    with gr.Tabs(elem_id="pages"):
        with words.label(gr.Tab(words.t("tab_chat"), id="tab_chat"), label="tab_chat") as tab:
            chat.build(tab)
        for name, page in pages.items():
            tab = words.label(gr.Tab(words.t(name), id=name), label=name)
            with tab, gr.Column(elem_classes="page"):
                page.build(tab)
    return chat, adapters, corpora, system


def _merged(first: dict[Any, Any], second: dict[Any, Any]) -> dict[Any, Any]:
    """Both sets of updates; a widget named twice gets the properties of both."""
    merged = {**first, **second}
    for widget in first.keys() & second.keys():
        if isinstance(first[widget], dict) and isinstance(second[widget], dict):
            merged[widget] = {**first[widget], **second[widget]}
    return merged


def _header(t: Texts) -> Safe:
    languages = [
        tag(
            "button",
            name.upper(),
            type="button",
            class_="switch",
            aria_pressed="true" if name == t.language else "false",
            data_event="select",
            data_language=name,
        )
        for name in LANGUAGES
    ]
    drawer = tag(
        "button", "☰", type="button", class_="icon drawer", aria_label=t("conversations"), data_drawer="conversations"
    )
    theme = tag(
        "button", "◐", type="button", class_="icon", aria_label=t("theme"), title=t("theme"), data_drawer="theme"
    )
    switches = tag("div", *languages, role="group", aria_label=t("language"))
    return tag("div", drawer, tag("span", t("brand"), class_="brand"), switches, theme, class_="bar")


def launch(blocks: Any, host: str, port: int, *, language: str = "pt", block: bool = True) -> str:
    """Serve the pages and return their address; `block` waits until the process is stopped.

    Raises `ConfigurationError` when the address cannot be had, naming the port and who holds it.
    """
    _check_port(host, port)
    static = files("assistant.ui").joinpath("static")
    script = f"window.assistantLanguage = {language!r};\n{static.joinpath('page.js').read_text('utf-8')}"
    try:
        _, address, _ = blocks.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            inbrowser=False,
            show_error=False,
            prevent_thread_lock=not block,
            allowed_paths=[],
            max_file_size=f"{DOCUMENT_MB}mb",
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            theme=Calm(),
            css=static.joinpath("page.css").read_text("utf-8"),
            head=f"<script>{script}</script>",
        )
    except OSError as error:
        raise ConfigurationError(_taken(host, port, str(error))) from error
    return str(address)


def _check_port(host: str, port: int) -> None:
    if not 0 < port < 65536:
        raise ConfigurationError(f"Port {port} does not exist. Set ASSISTANT_PORT to a number from 1 to 65535.")
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        raise ConfigurationError(_taken(host, port, str(error))) from error


def _taken(host: str, port: int, reason: str) -> str:
    holder = next(_holders(port), "another program")
    return (
        f"The page cannot be served on {host}:{port}: {reason}. If {holder} uses the port, stop it, or choose "
        f"another one: ASSISTANT_PORT={port + 1 if port < 65535 else 7860} python -m assistant serve"
    )


def _holders(port: int) -> Iterator[str]:
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                yield f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return  # another user's process cannot be named
