"""The page "Corpora": what is there, adding documents, searching one corpus.

Refuses to read or store documents itself; a corpus name from the browser is checked against the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError, CorpusNotFound
from assistant.types import Passage, Source
from assistant.ui import formats, render, sources
from assistant.ui.chat import BIND, Session
from assistant.ui.contracts import Assistant, CorpusLine
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_SUFFIXES = [".md", ".txt", ".html", ".htm", ".pdf"]


class CorporaPage:
    """The list, the drop zone and the search."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session

    def build(self, tab: Any) -> None:
        """Place the widgets and connect them."""
        words = self._words
        shown = words.follow(gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="corpora-list"), self._list)
        corpus = words.follow(gr.Dropdown(elem_id="corpus", filterable=False), self._choices)
        with gr.Row(elem_classes="corpus-work"):
            with gr.Column():
                drop = gr.File(file_count="multiple", file_types=_SUFFIXES, elem_id="drop", height=160)
                words.follow(drop, lambda t: gr.update(label=f"{t('add_document')} · {t('upload_hint')}"))
                add = words.label(gr.Button(elem_id="add"), value="add")
                report = gr.HTML(elem_id="added", apply_default_css=False)
            with gr.Column():
                query = words.label(gr.Textbox(elem_id="corpus-query", max_lines=1), label="search_corpus", placeholder="search_hint")
                go = words.label(gr.Button(elem_id="corpus-search"), value="search")
                found = gr.HTML(js_on_load=BIND, elem_id="found", apply_default_css=False)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        tab.select(self._refresh, [self._session], [shown, corpus], **quiet)
        add.click(self._add, [corpus, drop, self._session], [report, shown, drop], **quiet)
        gr.on([go.click, query.submit], self._search, [corpus, query, self._session], [found], **quiet)

    def _refresh(self, session: Session) -> tuple[Safe, Any]:
        t = texts(session.language)
        return self._list(t), self._choices(t)

    def _list(self, t: Texts) -> Safe:
        return listing(self._assistant.corpora.list(), t)

    def _choices(self, t: Texts) -> Any:
        pairs = [(c.title.get(t.language), c.name) for c in self._assistant.corpora.list()]
        return gr.update(label=t("corpus"), choices=pairs, value=pairs[0][1] if pairs else None)

    def _checked(self, name: str) -> str:
        known = [c.name for c in self._assistant.corpora.list()]
        if name not in known:
            raise CorpusNotFound(f"No corpus is called {name!r}. There are: {', '.join(known) or 'none'}.")
        return name

    def _add(self, corpus: str, paths: list[str] | None, session: Session) -> Iterator[tuple[Any, Any, Any]]:
        t = texts(session.language)
        if not paths or not corpus:
            yield render.note(t("nothing_chosen")), gr.skip(), gr.skip()
            return
        lines: list[Safe] = []
        for n, path in enumerate(map(Path, paths), 1):
            working = tag("p", t("adding", name=path.name, n=n, total=len(paths)), class_="pending", role="status")
            yield join(*lines, working), gr.skip(), gr.skip()
            lines.append(self._add_one(corpus, path, t))
        yield join(*lines), self._list(t), None

    def _add_one(self, corpus: str, path: Path, t: Texts) -> Safe:
        try:
            self._assistant.corpora.add_document(self._checked(corpus), path.name, path)
        except AssistantError as error:
            return tag("p", str(error), class_="failure", role="alert")
        return tag("p", "✓ " + t("added", name=path.name), role="status")

    def _search(self, corpus: str, query: str, session: Session) -> Safe:
        t = texts(session.language)
        if not query.strip():
            return Safe("")
        try:
            return results(self._assistant.corpora.search(self._checked(corpus), query), t)
        except AssistantError as error:
            return tag("p", str(error), class_="failure", role="alert")


def listing(corpora: Sequence[CorpusLine], t: Texts) -> Safe:
    """Every corpus with its size and the dates it spans."""
    head = join(tag("h1", t("tab_corpora")), tag("p", t("corpora_intro"), class_="quiet"))
    if not corpora:
        return join(head, tag("p", t("no_corpora"), class_="quiet"))
    keys = (("corpus", ""), ("documents", "figure"), ("passages", "figure"), ("oldest", ""), ("newest", ""))
    header = tag("tr", *(tag("th", t(key), scope="col", class_=cls or None) for key, cls in keys))
    table = tag("table", tag("thead", header), tag("tbody", *(_row(c, t) for c in corpora)))
    return tag("div", head, tag("div", table, class_="table-box"), class_="stack")


def _row(corpus: CorpusLine, t: Texts) -> Safe:
    name = join(tag("strong", corpus.title.get(t.language)), tag("p", corpus.description.get(t.language), class_="quiet"))
    return tag(
        "tr",
        tag("td", name),
        tag("td", formats.number(corpus.documents, t), class_="figure"),
        tag("td", formats.number(corpus.passages, t), class_="figure"),
        tag("td", formats.day(corpus.oldest, t), class_="nowrap"),
        tag("td", formats.day(corpus.newest, t), class_="nowrap"),
    )


def results(passages: Sequence[Passage], t: Texts) -> Safe:
    """The passages found, as sources without quotes."""
    if not passages:
        return tag("p", t("found_nothing"), class_="quiet")
    return join(*(sources.card(Source(n, passage), t) for n, passage in enumerate(passages, 1)))
