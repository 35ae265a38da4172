"""The data files of the adapter that is settled on the page Treino, and taking back what was added to them.

Knows its widgets and how the list looks. Refuses to touch recipes: the service does, and checks what a browser names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.additions import DataFile
from assistant.ui import formats
from assistant.ui.clicks import BIND, button
from assistant.ui.contracts import Assistant
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

Updates = dict[Any, Any]
_PARTS = {"train": "part_train", "validation": "part_validation", "test": "part_test"}


class DataFiles:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session

    def build(self) -> None:
        """Place the widgets."""
        self._list = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="training-files")
        self._note = gr.HTML(apply_default_css=False, elem_id="training-files-note")
        self._words.follow(self._note, lambda t: "")
        self.outputs = [self._list, self._note]

    def wire(self, adapter: Any, after: dict[str, Any]) -> None:
        """Follow the dropdown `adapter`; `after` is the event that a removal is followed by."""
        light: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        seen = [self._session, adapter]
        adapter.change(self.show, seen, self.outputs, **light)
        self._list.submit(self.act, seen, self.outputs, **light).then(**after)

    def show(self, session: Session, adapter: str | None) -> Updates:
        """The files as they are now."""
        return self._painted(session, adapter)

    def act(self, session: Session, adapter: str | None, event: gr.EventData) -> Updates:
        """A button of a file: ask again, think better of it, or take it back."""
        action, file = event._data.get("action"), str(event._data.get("file") or "")
        if action != "take_back":
            return self._painted(session, adapter, asked=file if action == "ask" else "")
        t = texts(session.language)
        try:
            gone = self._assistant.datasets.remove(str(adapter), file)
        except AssistantError as error:
            return self._painted(session, adapter, tag("p", error.text(t.language), class_="failure", role="alert"))
        told = tag("p", "✓ ", t("taken_back", names=", ".join(gone)), class_="done", role="status")
        return self._painted(session, adapter, told)

    def _painted(self, session: Session, adapter: str | None, note: Safe | str = "", asked: str = "") -> Updates:
        t = texts(session.language)
        try:
            files = self._assistant.datasets.files(str(adapter)) if adapter else ()
        except AssistantError:  # gone, or a recipe with faults: the fields beside it tell of it
            files = ()
        return {self._list: files_view(files, asked, t), self._note: note}


def files_view(files: Sequence[DataFile], asked: str, t: Texts) -> Safe:
    """The files that a recipe reads; what was added can be taken back, `asked` is the one that is asked about again."""
    if not files:
        return Safe("")
    keys = ("data_file", "data_part", "data_rows", "data_origin")
    header = tag("tr", *(tag("th", t(key), scope="col") for key in keys))
    table = tag("table", tag("thead", header), tag("tbody", *(_row(file, asked, t) for file in files)))
    added = any(file.origin for file in files)
    summary = tag("summary", formats.counted("data_files", len(files), t))
    return tag("details", summary, scroll_box(table, t("data_file")), class_="history files", open=added or None)


def _row(file: DataFile, asked: str, t: Texts) -> Safe:
    rows = formats.number(file.rows, t) if file.rows is not None else "—"
    cells = (file.name, t(_PARTS.get(file.part, "part_train")), rows)
    return tag("tr", *(tag("td", cell) for cell in cells), tag("td", _origin(file, asked, t)))


def _origin(file: DataFile, asked: str, t: Texts) -> Safe | None:
    """Where it is from, and how it goes again; the validation part goes with the training part."""
    if not file.origin:
        return None
    told = tag("p", t("data_added", name=file.origin, day=formats.day(file.added, t)))
    if file.part != "train":
        return told
    if file.name != asked:
        return join(told, button(t("take_back"), "submit", action="ask", file=file.name))
    return join(
        told,
        tag("p", t("take_back_sure")),
        button(t("take_back_yes"), "submit", class_="action strong danger", action="take_back", file=file.name),
        " ",
        button(t("cancel"), "submit", action="cancel", file=file.name),
    )
