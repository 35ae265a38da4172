"""The documents of the open corpus: the table, a look into one, and its menu: date, newer version, removal.

Knows its widgets. Refuses to know how anything looks (`corpus_view`); names from a browser are checked by the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.ui import formats, uploads
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_add import Painter, Updates, hint
from assistant.ui.corpus_view import Row, delete_question, documents, preview
from assistant.ui.looking import Looking
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_ACTIONS = ("view", "date", "replace", "ask_delete")


class Documents:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, paint: Painter) -> None:
        self._assistant = assistant
        self._words = words
        self._paint = paint

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        with gr.Row(elem_id="documents-head"):
            words.follow(gr.HTML(apply_default_css=False), lambda t: tag("h3", t("documents")))
            self._filter = words.label(
                gr.Textbox(elem_id="documents-filter", max_lines=1, container=False), placeholder="documents_filter"
            )
        self._note = gr.HTML(apply_default_css=False, elem_id="documents-note")
        self._panel = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="document-panel")
        with gr.Column(visible=False, elem_id="document-dating", elem_classes="panel-card") as self._dating:
            self._asked = gr.HTML(apply_default_css=False)
            self._date = words.label(
                gr.Textbox(elem_id="document-date", max_lines=1), label="document_date", placeholder="date_example"
            )
            with gr.Row(elem_classes="buttons"):
                self._save = words.label(gr.Button(variant="primary", elem_id="document-date-save"),
                                         value="document_date_save")  # fmt: skip
                self._own = words.label(gr.Button(elem_id="document-date-own"), value="document_date_own")
                self._undated = words.label(gr.Button(elem_id="document-date-cancel"), value="cancel")
        with gr.Column(visible=False, elem_id="document-replacing", elem_classes="panel-card") as self._replacing:
            self._explained = gr.HTML(apply_default_css=False)
            self._newer = words.label(gr.File(elem_id="document-newer", height=112), label="document_replace_drop")
            words.follow(gr.HTML(apply_default_css=False), lambda t: hint("document-newer", t))
            self._unreplaced = words.label(gr.Button(elem_id="document-replace-cancel"), value="cancel")
        self.table = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="corpus-documents")
        self.outputs = [
            self._filter, self._note, self._panel, self._dating, self._asked, self._date, self._replacing,
            self._explained, self._newer, self.table,
        ]  # fmt: skip

    def wire(self, seen: list[Any], outputs: list[Any]) -> None:
        """Connect the widgets; `seen` are session and state, `outputs` every widget of the page."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "corpora"}
        for source in (self.table, self._panel):
            source.submit(self.act, seen, outputs, **quiet)
        self._filter.change(self.filter, [*seen, self._filter], outputs, **quiet, trigger_mode="always_last")
        gr.on([self._save.click, self._date.submit], self.date, [*seen, self._date], outputs, **quiet)
        self._own.click(self.undate, seen, outputs, **quiet)
        gr.on([self._undated.click, self._unreplaced.click], self.close, seen, outputs, **quiet)
        self._newer.upload(self.replace, [*seen, self._newer], outputs, **quiet)

    # Looking

    def paint(self, looking: Looking, t: Texts) -> Updates:
        """Table and open document; what is typed in the date's box stays unless another document was opened."""
        shown = looking.corpus and looking.document
        return {
            self._note: "",
            self._panel: self._panel_of(looking, t),
            self._dating: gr.update(visible=bool(shown) and looking.action == "date"),
            self._asked: tag("p", t("document_date_of", name=looking.document), class_="wanted"),
            self._replacing: gr.update(visible=bool(shown) and looking.action == "replace"),
            self._explained: tag("p", t("document_replace_of", name=looking.document), class_="wanted"),
            self._newer: None,
            self.table: self.listed(looking, t),
        }

    def listed(self, looking: Looking, t: Texts) -> Safe:
        """The documents as they are now."""
        if not looking.corpus:
            return Safe("")
        age = self._assistant.corpora.max_age_days(looking.corpus)
        return documents(self._rows(looking), looking.page, age, t, looking.words)

    def _rows(self, looking: Looking) -> list[Row]:
        corpora, words = self._assistant.corpora, looking.words.casefold()
        sizes = {path.name: path.stat().st_size for path in corpora.paths(looking.corpus) if path.exists()}
        records = {record.name: record for record in corpora.documents(looking.corpus)}
        given = self._assistant.corpus_tools.dates.of(looking.corpus)
        names = sorted(name for name in {*sizes, *records} if words in name.casefold())
        return [Row(name, sizes.get(name, 0), records.get(name), name in given) for name in names]

    def _panel_of(self, looking: Looking, t: Texts) -> Safe:
        if looking.action == "ask_delete":
            return delete_question(looking.document, t)
        if looking.action != "view":
            return Safe("")
        try:
            look = self._assistant.corpus_tools.preview.of(looking.corpus, looking.document, looking.position)
        except AssistantError as error:
            return tag("p", error.text(t.language), class_="failure wanted", role="alert")
        return preview(look, t)

    # Acting

    def act(self, session: Session, looking: Looking, event: gr.EventData) -> Updates:
        """A button of the table, or of the open document."""
        action, document = str(event._data.get("action")), str(event._data.get("document") or "")
        to = event._data.get("to")
        number = to if isinstance(to, int) and not isinstance(to, bool) else 1
        if action in _ACTIONS:
            return {**self._paint(session, looking.doing(action, document)), self._date: ""}
        if action == "turn":
            return self._paint(session, replace(looking, position=number))
        if action == "page":
            return self._paint(session, replace(looking, page=number))
        if action == "delete":
            return self._delete(session, looking, document)
        return self._paint(session, looking.closed())

    def filter(self, session: Session, looking: Looking, words: str) -> Updates:
        """Only documents with these words in their names."""
        said = str(words or "")[:120].strip()
        return (
            {self._note: gr.skip()}
            if said == looking.words
            else self._paint(session, replace(looking, words=said, page=1))
        )

    def close(self, session: Session, looking: Looking) -> Updates:
        """Think better of it."""
        return self._paint(session, looking.closed())

    def date(self, session: Session, looking: Looking, date: str) -> Updates:
        """The date that was typed."""
        t, said = texts(session.language), str(date or "")
        name = looking.document

        def act() -> str:
            kept = self._assistant.corpus_tools.upkeep.date(looking.corpus, name, said or "-")
            return t("document_dated", name=name, date=formats.day(kept, t))

        return self._done(session, looking, act)

    def undate(self, session: Session, looking: Looking) -> Updates:
        """The document speaks for itself again."""
        t, name = texts(session.language), looking.document

        def act() -> str:
            self._assistant.corpus_tools.upkeep.date(looking.corpus, name, "")
            return t("document_undated", name=name)

        return self._done(session, looking, act)

    def replace(self, session: Session, looking: Looking, path: str | None) -> Iterator[Updates]:
        """A newer document was dropped."""
        if not path:
            return
        file, t = Path(path), texts(session.language)
        uploads.taken([file])
        try:
            yield {self._note: tag("p", t("uploading", name=file.name), class_="pending", role="status")}
            yield self._done(session, looking, lambda: self._replaced(looking, file))
        finally:
            uploads.forget([file])

    def _replaced(self, looking: Looking, file: Path) -> str:
        self._assistant.corpus_tools.ingestions.replace(looking.corpus, looking.document, file)
        return ""  # the progress above the table tells of it

    def _delete(self, session: Session, looking: Looking, document: str) -> Updates:
        t = texts(session.language)

        def act() -> str:
            self._assistant.corpus_tools.upkeep.remove(looking.corpus, document)
            return t("document_deleted", name=document)

        return self._done(session, looking, act)

    def _done(self, session: Session, looking: Looking, act: Callable[[], str]) -> Updates:
        """Act and show what came of it; where it could not be done, the document stays open beside the reason."""
        try:
            words = act()
        except AssistantError as error:
            refused = tag("p", error.text(session.language), class_="failure wanted", role="alert")
            return {**self._paint(session, looking), self._note: refused}
        told = tag("p", "✓ ", words, class_="done wanted", role="status") if words else ""
        return {**self._paint(session, looking.closed()), self._note: told}
