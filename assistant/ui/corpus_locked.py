"""Documents that wait for their password, on the corpora page: which they are, a box for the password of one.

Knows its widgets. Refuses to keep a password: it goes to the service that opens the file, and the box is emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.corpus_locked import KEPT, LockedFile
from assistant.services.corpus_work import Ingestions
from assistant.ui import formats
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_add import Painter, Updates
from assistant.ui.looking import Looking
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words


class LockedStep:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, paint: Painter) -> None:
        self._assistant = assistant
        self._words = words
        self._paint = paint

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        self._asked = gr.State("")  # the document that the visitor sees asked for: another one is never meant
        with gr.Column(visible=False, elem_id="locked", elem_classes="panel-card") as self._panel:
            self._list = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="locked-list")
            self._password = words.label(
                gr.Textbox(
                    type="password",
                    elem_id="locked-password",
                    max_lines=1,
                    html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
                ),
                label="locked_password",
            )
            self._note = gr.HTML(apply_default_css=False, elem_id="locked-note")
            with gr.Row(elem_classes="buttons"):
                self._open = words.label(gr.Button(variant="primary", elem_id="locked-open"), value="locked_open")
                self._drop = words.label(gr.Button(elem_id="locked-drop"), value="locked_give_up")
        self.outputs = [self._asked, self._panel, self._list, self._password, self._note]

    def wire(self, seen: list[Any], outputs: list[Any]) -> None:
        """Connect the widgets; `seen` are session and state, `outputs` every widget of the page."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "corpora"}
        asked = [*seen, self._asked]
        opening = [*asked, self._password]
        gr.on([self._open.click, self._password.submit], self.open, opening, outputs, trigger_mode="once", **quiet)
        self._drop.click(self.give_up, asked, outputs, trigger_mode="once", **quiet)
        self._list.select(self.choose, seen, outputs, **quiet)

    def paint(self, looking: Looking, t: Texts) -> Updates:
        """What waits, and an empty box."""
        return {**self.listed(looking, t), self._password: "", self._note: ""}

    def listed(self, looking: Looking, t: Texts) -> Updates:
        """What waits; what is typed stays."""
        files = self._waiting(looking)
        chosen = next((file for file in files if file.name == looking.locked), files[0] if files else None)
        return {
            self._asked: chosen.name if chosen else "",
            self._panel: gr.update(visible=bool(files)),
            self._list: waiting(files, chosen.name, t) if chosen else "",
        }

    def open(self, session: Session, looking: Looking, asked: str, password: str) -> Iterator[Updates]:
        """Open the document that is asked for; a wrong password keeps it waiting."""
        t, name = texts(session.language), str(asked)
        yield {self._note: tag("p", t("locked_opening", name=name), class_="pending", role="status")}
        said = str(password or "").encode("utf-8", "replace").decode()
        yield self._done(session, looking, lambda: self._ingestions.unlock(looking.corpus, name, said))

    def give_up(self, session: Session, looking: Looking, asked: str) -> Updates:
        """Let go of the document that is asked for."""
        return self._done(session, looking, lambda: self._ingestions.give_up(looking.corpus, str(asked)))

    def choose(self, session: Session, looking: Looking, event: gr.EventData) -> Updates:
        """Another document that waits."""
        return self._paint(session, replace(looking, locked=str(event._data.get("document") or "")))

    def _done(self, session: Session, looking: Looking, act: Callable[[], object]) -> Updates:
        note: Safe | str = ""
        try:
            act()
        except AssistantError as error:
            note = tag("p", error.text(session.language), class_="failure", role="alert")
        return {**self._paint(session, looking), self._note: note}

    @property
    def _ingestions(self) -> Ingestions:
        return self._assistant.corpus_tools.ingestions

    def _waiting(self, looking: Looking) -> list[LockedFile]:
        return self._ingestions.locked(looking.corpus) if looking.corpus else []


def waiting(files: Sequence[LockedFile], chosen: str, t: Texts) -> Safe:
    """The documents that wait for their password, each a button where there are several."""
    title = t("locked_title_one") if len(files) == 1 else t("locked_title_many", n=formats.number(len(files), t))
    items = [tag("li", _waiting(file, file.name == chosen, len(files) > 1, t)) for file in files]
    return tag(
        "section",
        tag("h3", title),
        tag("ul", *items, class_="waiting-files"),
        tag("p", t("locked_hint"), class_="quiet small"),
        class_="wanted",
    )


def _waiting(file: LockedFile, chosen: bool, several: bool, t: Texts) -> Safe:
    until = (datetime.fromisoformat(file.since) + KEPT).astimezone()
    told = f"{formats.size(file.size, t)} · {t('locked_until', day=formats.day(f'{until:%Y-%m-%d}', t))}"
    name, meta = tag("span", file.name, class_="file-name"), tag("span", told, class_="quiet small figure")
    if not several:
        return tag("div", name, meta, class_="file-line")
    return tag(
        "button",
        name,
        meta,
        type="button",
        class_="file-line waiting-file",
        aria_label=t("locked_choose", name=file.name),
        aria_current="true" if chosen else None,
        data_event="select",
        data_document=file.name,
    )
