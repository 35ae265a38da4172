"""Bringing documents in, on the corpora page: dropped files, a pasted text, a page of the web, and how far it is.

Knows its widgets. Refuses to read files and addresses: the service does, and it checks whatever a browser sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from assistant.errors import AssistantError, InputRejected
from assistant.retrieval.kinds import readable, unreadable
from assistant.ui import uploads
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_progress import progress
from assistant.ui.looking import Looking
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

Updates = dict[Any, Any]


class Painter(Protocol):
    """Paints the page as it is now; `form` fills the settings anew, too."""

    def __call__(self, session: Session, looking: Looking, form: bool = False) -> Updates:
        """What every widget shows."""
        ...


class AddStep:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, paint: Painter) -> None:
        self._assistant = assistant
        self._words = words
        self._paint = paint

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        self._drop = words.label(gr.File(file_count="multiple", elem_id="drop", height=120), label="add_document")
        words.follow(gr.HTML(apply_default_css=False, elem_id="drop-hint"), lambda t: hint("drop", t))
        self._note = gr.HTML(apply_default_css=False, elem_id="add-note")
        with gr.Row(elem_id="other-ways"):
            self._build_text()
            self._build_url()

    def build_progress(self) -> None:
        """Place what tells how far it is; other parts may stand between."""
        self.progress = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="corpus-progress")
        self.outputs = [self._drop, self._note, self._title, self._text, self._url, self.progress]

    def _build_text(self) -> None:
        words = self._words
        with words.label(gr.Accordion(open=False, elem_id="add-text", elem_classes="fold"), label="add_text"):
            self._title = words.label(
                gr.Textbox(elem_id="add-title", max_lines=1), label="add_text_title",
                placeholder="add_text_title_example",
            )  # fmt: skip
            self._text = words.label(gr.Textbox(elem_id="add-body", lines=4, max_lines=16), label="add_text_body")
            self._text_date = words.label(
                gr.Textbox(elem_id="add-text-date", max_lines=1), label="add_date", placeholder="date_example"
            )
            self._add_text = words.label(gr.Button(elem_id="add-text-go"), value="add_text_go")

    def _build_url(self) -> None:
        words = self._words
        with words.label(gr.Accordion(open=False, elem_id="add-url", elem_classes="fold"), label="add_url"):
            self._url = words.label(
                gr.Textbox(elem_id="add-address", max_lines=1, placeholder="https://"),
                label="add_url_label", info="add_url_hint",
            )  # fmt: skip
            self._url_date = words.label(
                gr.Textbox(elem_id="add-url-date", max_lines=1), label="add_date", placeholder="date_example"
            )
            self._add_url = words.label(gr.Button(elem_id="add-url-go"), value="add_url_go")

    def wire(self, seen: list[Any], outputs: list[Any]) -> None:
        """Connect the widgets; `seen` are session and state, `outputs` every widget of the page."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "corpora"}
        self._drop.upload(self.bring, [*seen, self._drop], outputs, **quiet)
        self._add_text.click(
            self.bring_text, [*seen, self._title, self._text, self._text_date], outputs, trigger_mode="once", **quiet
        )
        asked = [*seen, self._url, self._url_date]
        gr.on([self._add_url.click, self._url.submit], self.bring_url, asked, outputs, trigger_mode="once", **quiet)
        self.progress.submit(self.act, seen, outputs, **{**quiet, "concurrency_id": None, "queue": False})

    def paint(self, looking: Looking, t: Texts) -> Updates:
        """How far it is; nothing is said."""
        return {self._note: "", self._drop: None, self.progress: self.running(looking, t)}

    def running(self, looking: Looking, t: Texts) -> Safe:
        """What comes into the corpus now, and what became of what came before."""
        if not looking.corpus:
            return Safe("")
        waiting = {file.name for file in self._ingestions.locked(looking.corpus)}
        return progress(self._ingestions.works(looking.corpus), t, waiting)

    def bring(self, session: Session, looking: Looking, paths: list[str] | None) -> Iterator[Updates]:
        """Dropped files, laid ready at once; what becomes of each is told as it goes on."""
        files, t = [Path(path) for path in paths or ()], texts(session.language)
        uploads.taken(files)
        try:
            names = ", ".join(file.name for file in files[:3]) + ("…" if len(files) > 3 else "")
            yield {self._note: tag("p", t("uploading", name=names), class_="pending", role="status")}
            yield self._brought(session, looking, lambda: self._ingestions.add_files(looking.corpus, files))
        finally:
            uploads.forget(files)

    def bring_text(self, session: Session, looking: Looking, title: str, text: str, date: str) -> Updates:
        """A pasted text; the boxes are emptied where it was taken."""
        said = [str(value or "") for value in (title, text, date)]
        cleared = {self._title: "", self._text: "", self._text_date: ""}
        return self._brought(session, looking, lambda: self._ingestions.add_text(looking.corpus, *said), cleared)

    def bring_url(self, session: Session, looking: Looking, url: str, date: str) -> Updates:
        """A page of the web, fetched in the background."""
        said = [str(value or "") for value in (url, date)]
        cleared = {self._url: "", self._url_date: ""}
        return self._brought(session, looking, lambda: self._ingestions.add_url(looking.corpus, *said), cleared)

    def act(self, session: Session, looking: Looking, event: gr.EventData) -> Updates:
        """The button that stops a piece of work."""
        if event._data.get("action") != "stop":
            return {self._note: ""}
        return self._brought(session, looking, lambda: self._ingestions.stop(str(event._data.get("id"))))

    @property
    def _ingestions(self) -> Any:
        return self._assistant.corpus_tools.ingestions

    def _brought(
        self, session: Session, looking: Looking, bring: Callable[[], object], cleared: Updates | None = None
    ) -> Updates:
        note: Safe | str = ""
        try:
            if not looking.corpus:
                raise InputRejected("No corpus is open. Choose or make one.", pt=texts("pt")("nothing_chosen"))
            bring()
        except AssistantError as error:
            note, cleared = tag("p", error.text(session.language), class_="failure", role="alert"), None
        return {**self._paint(session, looking), **(cleared or {}), self._note: note}


def hint(zone: str, t: Texts) -> Safe:
    """What may be dropped; the browser fills and shows the second line for a file that is too large to send."""
    limit = uploads.DOCUMENT_MB
    kinds = ", ".join(kind.label.get(t.language) for kind in readable())
    missing = [
        tag(
            "p",
            t("kinds_missing", program=program.name, kinds=", ".join(kind.label.get(t.language) for kind in without)),
            " ",
            tag("code", f"sudo apt install {program.packages}"),
            class_="quiet small",
        )
        for program, without in unreadable().items()
    ]
    too_large = t("upload_too_large", name="{name}", size="{size}", limit=limit)
    guard = tag(
        "p", class_="failure", role="alert", hidden=True, data_limit=limit, data_words=too_large, data_guards=zone
    )
    return tag("div", tag("p", t("upload_hint", limit=limit, kinds=kinds), class_="quiet small"), *missing, guard)
