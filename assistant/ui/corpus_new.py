"""Corpora that are not there yet: an empty one by its title, or one from a file that was exported elsewhere.

Knows its widgets. Refuses to check names and files: the service does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.dataset_files import safe_stem
from assistant.ui import uploads
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_add import Painter, Updates
from assistant.ui.looking import Looking
from assistant.ui.markup import tag
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.words import Words


class NewCorpus:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, paint: Painter) -> None:
        self._assistant = assistant
        self._words = words
        self._paint = paint

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        with words.label(gr.Accordion(open=False, elem_id="corpus-new", elem_classes="fold"), label="corpus_new"):
            self._title = words.label(
                gr.Textbox(elem_id="corpus-new-title", max_lines=1),
                label="corpus_title", placeholder="corpus_title_example",
            )  # fmt: skip
            self._name = words.label(
                gr.Textbox(elem_id="corpus-new-name", max_lines=1), label="corpus_name", info="corpus_name_hint"
            )
            self._create = words.label(gr.Button(variant="primary", elem_id="corpus-create"), value="corpus_create")
        with words.label(gr.Accordion(open=False, elem_id="corpus-import", elem_classes="fold"), label="corpus_import"):
            words.follow(
                gr.HTML(apply_default_css=False), lambda t: tag("p", t("corpus_import_hint"), class_="quiet small")
            )
            self._other = words.label(gr.Textbox(elem_id="corpus-import-name", max_lines=1), label="corpus_import_name")
            self._file = words.label(gr.File(elem_id="corpus-import-file", height=112), label="corpus_import")
        self._note = gr.HTML(apply_default_css=False, elem_id="corpus-new-note")
        self.outputs = [self._title, self._name, self._other, self._file, self._note]

    def wire(self, seen: list[Any], outputs: list[Any]) -> None:
        """Connect the widgets; `seen` are session and state, `outputs` every widget of the page."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "corpora"}
        made = [*seen, self._title, self._name]
        gr.on([self._create.click, self._title.submit], self.create, made, outputs, trigger_mode="once", **quiet)
        self._file.upload(self.bring, [*seen, self._file, self._other], outputs, **quiet)

    def paint(self) -> Updates:
        """Nothing is said."""
        return {self._note: "", self._file: None}

    def create(self, session: Session, looking: Looking, title: str, name: str) -> Updates:
        """An empty corpus of that title."""
        said, wanted = str(title or "").strip(), str(name or "").strip()
        t = texts(session.language)

        def make() -> str:
            return self._assistant.corpora.create(wanted or safe_stem(said), said).card.name

        return self._done(session, looking, make, lambda made: t("corpus_created", name=made))

    def bring(self, session: Session, looking: Looking, path: str | None, name: str) -> Iterator[Updates]:
        """An exported corpus; it is indexed in the background."""
        if not path:
            return
        file, t, tools = Path(path), texts(session.language), self._assistant.corpus_tools
        uploads.taken([file])

        def take() -> str:
            made = tools.transfer.import_file(file, str(name or ""))
            tools.ingestions.index(made)
            return made

        try:
            yield {self._note: tag("p", t("uploading", name=file.name), class_="pending", role="status")}
            yield self._done(session, looking, take, lambda made: t("corpus_imported", name=made))
        finally:
            uploads.forget([file])

    def _done(self, session: Session, looking: Looking, make: Callable[[], str], told: Callable[[str], str]) -> Updates:
        try:
            name = make()
        except AssistantError as error:
            refused = tag("p", error.text(session.language), class_="failure", role="alert")
            return {self._note: refused, self._file: None}
        words = tag("p", "✓ ", told(name), class_="done", role="status")
        typed = {self._title: "", self._name: "", self._other: ""}
        return {**self._paint(session, looking.at(name), form=True), **typed, self._note: words}
