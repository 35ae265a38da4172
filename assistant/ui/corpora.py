"""The page "Corpora": what is there, adding documents, searching one corpus.

Refuses to read or store documents itself; a corpus name from the browser is checked against the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.corpora import Corpus, unknown_corpus
from assistant.services.ingestion import Progress, Stage
from assistant.types import Passage, Source
from assistant.ui import formats, render, sources, uploads
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.session import Session
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
                words.label(drop, label="add_document")
                words.follow(gr.HTML(apply_default_css=False), lambda t: tag("p", t("upload_hint"), class_="quiet"))
                add = words.label(gr.Button(elem_id="add"), value="add")
                report = gr.HTML(elem_id="added", apply_default_css=False)
            with gr.Column():
                query = words.label(
                    gr.Textbox(elem_id="corpus-query", max_lines=1), label="search_corpus", placeholder="search_hint"
                )
                go = words.label(gr.Button(elem_id="corpus-search"), value="search")
                found = gr.HTML(js_on_load=BIND, elem_id="found", apply_default_css=False)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        tab.select(self._refresh, [self._session], [shown, corpus], **quiet)
        drop.upload(_taken, [drop], None, queue=False, **quiet)
        add.click(self._add, [corpus, drop, self._session], [report, shown, drop], **quiet)
        gr.on([go.click, query.submit], self._search, [corpus, query, self._session], [found], **quiet)

    def _refresh(self, session: Session) -> tuple[Safe, Any]:
        t = texts(session.language)
        return self._list(t), self._choices(t)

    def _list(self, t: Texts) -> Safe:
        return listing(self._assistant.corpora.list(), t)

    def _choices(self, t: Texts) -> Any:
        pairs = [(c.card.title.get(t.language), c.card.name) for c in self._assistant.corpora.list()]
        return gr.update(label=t("corpus"), choices=pairs, value=pairs[0][1] if pairs else None)

    def _checked(self, name: str) -> str:
        known = [c.card.name for c in self._assistant.corpora.list()]
        if name not in known:
            raise unknown_corpus(name, known)
        return name

    def _add(self, corpus: str, paths: list[str] | None, session: Session) -> Iterator[tuple[Any, Any, Any]]:
        t = texts(session.language)
        if not paths or not corpus:
            yield render.note(t("nothing_chosen")), gr.skip(), gr.skip()
            return
        lines = self._taken_in(corpus, [Path(path) for path in paths], t)
        try:
            for step in self._assistant.corpora.ingest([self._checked(corpus)]):
                working = stage(step, t)
                if step.stage in {Stage.DONE, Stage.REFUSED, Stage.REPAIRED}:
                    lines.append(working)
                yield (
                    join(*lines, working if step.stage in {Stage.READING, Stage.EMBEDDING} else None),
                    gr.skip(),
                    gr.skip(),
                )
        except AssistantError as error:
            lines.append(tag("p", error.text(t.language), class_="failure", role="alert"))
        yield join(*lines), self._list(t), None

    def _taken_in(self, corpus: str, files: Sequence[Path], t: Texts) -> list[Safe]:
        """Put the files into the corpus; the words on those that cannot be."""
        refused: list[Safe] = []
        try:
            for path in files:
                try:
                    self._assistant.corpora.add_document(self._checked(corpus), path.name, path)
                except AssistantError as error:
                    refused.append(tag("p", error.text(t.language), class_="failure", role="alert"))
        finally:
            uploads.forget(files)
        return refused

    def _search(self, corpus: str, query: str, session: Session) -> Safe:
        t = texts(session.language)
        if not query.strip():
            return Safe("")
        try:
            return results(self._assistant.retriever.retrieve(query, corpora=[self._checked(corpus)], k=5), t)
        except AssistantError as error:
            return tag("p", error.text(t.language), class_="failure", role="alert")


def _taken(paths: list[str] | None) -> None:
    uploads.taken(map(Path, paths or ()))


def stage(step: Progress, t: Texts) -> Safe:
    """One line on a document that is read, indexed, done or refused, with what its reader warns of."""
    warnings = " ".join(warning.get(t.language) for warning in step.warnings)
    if step.stage is Stage.REFUSED:
        return tag("p", warnings or step.document, class_="failure", role="alert")
    note = tag("p", warnings, class_="note", role="status") if warnings else None
    if step.stage is Stage.REPAIRED:
        return join(note)
    if step.stage is Stage.DONE:
        return join(tag("p", "✓ " + t("added", name=step.document, n=step.chunks), role="status"), note)
    if step.stage is Stage.EMBEDDING:
        words = t("embedding", name=step.document, n=step.embedded, total=step.chunks)
    else:
        words = t("reading", name=step.document)
    return tag("p", words, class_="pending", role="status")


def listing(corpora: Sequence[Corpus], t: Texts) -> Safe:
    """Every corpus with its size and the dates it spans."""
    head = tag("div", tag("h1", t("tab_corpora")), tag("p", t("corpora_intro"), class_="quiet"))
    if not corpora:
        return join(head, tag("p", t("no_corpora"), class_="quiet"))
    keys = (("corpus", ""), ("documents", "figure"), ("passages", "figure"), ("oldest", ""), ("newest", ""))
    header = tag("tr", *(tag("th", t(key), scope="col", class_=cls or None) for key, cls in keys))
    table = tag("table", tag("thead", header), tag("tbody", *(_row(c, t) for c in corpora)))
    return tag("div", head, scroll_box(table, t("tab_corpora")), class_="stack")


def _row(corpus: Corpus, t: Texts) -> Safe:
    card, stats = corpus.card, corpus.stats
    name = join(
        tag("strong", card.title.get(t.language)),
        tag("p", card.description.get(t.language), class_="quiet"),
        tag("p", corpus.problem.get(t.language), class_="note") if corpus.problem else None,
    )
    return tag(
        "tr",
        tag("td", name),
        tag("td", formats.number(stats.documents, t), class_="figure"),
        tag("td", formats.number(stats.chunks, t), class_="figure"),
        tag("td", formats.day(stats.oldest, t), class_="nowrap"),
        tag("td", formats.day(stats.newest, t), class_="nowrap"),
    )


def results(passages: Sequence[Passage], t: Texts) -> Safe:
    """The passages found, as sources without quotes."""
    if not passages:
        return tag("p", t("found_nothing"), class_="quiet")
    return join(*(sources.card(Source(n, passage), t) for n, passage in enumerate(passages, 1)))
