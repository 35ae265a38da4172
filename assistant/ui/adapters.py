"""The page "Adaptadores": what is registered, its versions and scores.

Knows the markup of a list. Refuses to change anything: registering is a command.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from assistant.services.adapters import AdapterInfo
from assistant.ui import formats
from assistant.ui.chat import BIND, Session
from assistant.ui.contracts import Assistant
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words


class AdaptersPage:
    """The list; read again whenever the tab is opened."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session

    def build(self, tab: Any) -> None:
        """Place the widget and connect it to its tab."""
        shown = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="adapters-list")
        self._words.follow(shown, self._list)
        tab.select(
            self._refresh, [self._session], [shown], show_progress="hidden", api_visibility="private", queue=False
        )

    def _refresh(self, session: Session) -> Safe:
        return self._list(texts(session.language))

    def _list(self, t: Texts) -> Safe:
        return listing(list(self._assistant.adapters.list()), t)


def listing(adapters: list[AdapterInfo], t: Texts) -> Safe:
    """Every adapter as a table line, then its detail."""
    head = tag("div", tag("h1", t("tab_adapters")), tag("p", t("adapters_intro"), class_="quiet"))
    if not adapters:
        return join(head, tag("p", t("no_adapters"), class_="quiet"))
    keys = ("adapter", "state", "task", "base", "size")
    rows = [tag("tr", *(tag("td", cell) for cell in _cells(a, t))) for a in adapters]
    header = tag("tr", *(tag("th", t(key), scope="col") for key in keys))
    table = tag("div", tag("table", tag("thead", header), tag("tbody", *rows)), class_="table-box")
    details = tag("div", *(detail(a, t) for a in adapters), class_="stack")
    return tag("div", head, table, details, class_="stack")


def state(adapter: AdapterInfo, t: Texts) -> Safe:
    """Active, without a live version, or unable to serve; its note says why."""
    if adapter.compatible:
        return tag("span", t("active"), class_="chip good")
    return tag("span", t("unusable" if adapter.active else "inactive"), class_="chip warn")


def _cells(adapter: AdapterInfo, t: Texts) -> tuple[str, ...]:
    return (
        tag("strong", adapter.title.get(t.language)),
        state(adapter, t),
        t(f"kind_{adapter.kind}"),
        adapter.base,
        formats.size(adapter.size_bytes, t),
    )


def detail(adapter: AdapterInfo, t: Texts) -> Safe:
    """One adapter: description, scores, versions, what it quotes from, and its note."""
    scores = [
        join(tag("dt", name.replace("_", " ")), tag("dd", formats.number(v, t, 3), class_="figure"))
        for name, v in adapter.scores.items()
    ]
    versions = [
        tag(
            "li",
            label,
            tag("span", f" · {t('active')}") if label == adapter.active else None,
            class_="now" if label == adapter.active else None,
        )
        for label in adapter.versions
    ]
    return tag(
        "details",
        tag("summary", adapter.title.get(t.language), state(adapter, t)),
        tag("p", adapter.description.get(t.language)),
        tag("p", adapter.note.get(t.language), class_="note") if adapter.note else None,
        tag("h3", t("scores_title")),
        tag("dl", *scores, class_="facts") if scores else tag("p", t("no_scores"), class_="quiet"),
        join(tag("h3", t("versions")), tag("ul", *versions, class_="timeline")) if versions else None,
        tag("p", f"{t('answers_from')}: {', '.join(adapter.corpora)}", class_="quiet") if adapter.corpora else None,
        class_="panel-card",
    )
