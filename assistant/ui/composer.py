"""Where a question is written: the box, the choices that go along with it, send and stop, a line for notes.

Knows these widgets, and which choices there are. Refuses to know what becomes of a question.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import gradio as gr

from assistant.services.styles import LENGTHS, MANNERS
from assistant.ui import render
from assistant.ui.asking import Order
from assistant.ui.contracts import Assistant
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

Updates = dict[Any, Any]
Given = dict[Any, Any]  # values by widget
_TYPED = 200  # characters of a signature that can be typed; `services.styles` says how many it may have


class Composer:
    """The widgets below the thread; `build` places them, the chat connects them."""

    def __init__(self, assistant: Assistant, words: Words) -> None:
        self._assistant = assistant
        self._words = words

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        with gr.Column(elem_id="composer"):
            self.note = gr.HTML(elem_id="note", apply_default_css=False)
            box = gr.Textbox(lines=1, max_lines=8, container=False, elem_id="box", show_label=False, autofocus=True)
            self.box = words.label(box, label="question", placeholder="question_hint")
            self._build_style()
            with gr.Row(elem_id="choices"):
                self.adapter = words.follow(
                    gr.Dropdown(elem_id="adapter", min_width=140, filterable=False), self._adapter_choices
                )
                self.corpora = words.follow(
                    gr.Dropdown(elem_id="corpora", min_width=140, filterable=False), self._corpora_choices
                )
                self.send = words.label(gr.Button(variant="primary", elem_id="send", min_width=88), value="send")
                self.stop = words.label(gr.Button(visible=False, elem_id="stop", min_width=88), value="stop")

    def _build_style(self) -> None:
        """The row that only replies have: their manner, length and signature."""
        words = self._words
        with gr.Row(elem_id="style", visible=False) as self.style:
            self.manner = words.follow(
                gr.Dropdown(["", *MANNERS], value="", elem_id="manner", min_width=120, filterable=False),
                lambda t: _marks(t, "manner", MANNERS),
            )
            self.length = words.follow(
                gr.Dropdown(["", *LENGTHS], value="", elem_id="length", min_width=120, filterable=False),
                lambda t: _marks(t, "length", LENGTHS),
            )
            box = gr.Textbox(
                lines=1, max_lines=1, max_length=_TYPED, container=False, elem_id="signature", min_width=160
            )
            self.signature = words.label(box, label="signature", placeholder="signature_hint")

    @property
    def outputs(self) -> list[Any]:
        """Every widget here that an event may change."""
        return [self.note, self.box, self.send, self.stop]

    @property
    def inputs(self) -> set[Any]:
        """The choices that go along with a question."""
        return {self.adapter, self.corpora, self.manner, self.length, self.signature}

    def order(self, given: Given, question: str, at: int, **instead: str) -> Order:
        """What the widgets say, `instead` of which a click in the thread may name an adapter or corpora."""
        chosen = {
            name: str(given.get(getattr(self, name)) or "")
            for name in ("adapter", "corpora", "manner", "length", "signature")
        }
        return Order(question, at=at, **(chosen | instead))

    def offered(self, adapter: str, last: str | None) -> Updates:
        """The row of styles where the adapter in use learned some: the pinned one, else the one that answered last."""
        name = last if adapter == "auto" else adapter
        styles = next((a.styles for a in self._assistant.adapters.list() if a.compatible and a.name == name), None)
        return {
            self.style: gr.update(visible=styles is not None),
            self.manner: gr.update(visible=bool(styles and styles.manners)),
            self.length: gr.update(visible=bool(styles and styles.lengths)),
        }

    def known(self) -> tuple[set[str], set[str]]:
        """Names of the adapters and corpora that can be chosen; what a browser sends is checked against them."""
        adapters = {a.name for a in self._assistant.adapters.list() if a.compatible}
        return adapters, {c.card.name for c in self._assistant.corpora.list()}

    def said(self, message: str) -> Updates:
        """A line above the box."""
        return {self.note: render.note(message)}

    def working(self) -> Updates:
        """While an answer is written: stop instead of send."""
        return {self.send: gr.update(visible=False), self.stop: gr.update(visible=True)}

    def idle(self) -> Updates:
        """Ready for a question."""
        return {self.send: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def follow(self, tab: Any, session: Any) -> None:
        """Offer corpora that came or went while another page was open, when the chat's tab is opened again."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        tab.select(self.offer, [session, self.corpora], [self.corpora], **quiet)

    def offer(self, session: Session, chosen: str) -> Any:
        """The corpora that there are now; what is chosen stays, unless it is gone."""
        update = self._corpora_choices(texts(session.language))
        known = {value for _, value in update["choices"]}
        return update | {"value": chosen if chosen in known else "all"}

    def _adapter_choices(self, t: Texts) -> Any:
        usable = [(a.title.get(t.language), a.name) for a in self._assistant.adapters.list() if a.compatible]
        choices = [(t("adapter_auto"), "auto"), *usable, (t("adapter_none"), "none")]
        return gr.update(label=t("adapter"), choices=choices, value="auto")

    def _corpora_choices(self, t: Texts) -> Any:
        found = [(c.card.title.get(t.language), c.card.name) for c in self._assistant.corpora.list()]
        choices = [(t("corpora_all"), "all"), *found, (t("corpora_none"), "none")]
        return gr.update(label=t("corpora"), choices=choices, value="all")


def _marks(t: Texts, mark: str, names: Collection[str]) -> Any:
    """The choices of one mark of the style; what is chosen stays."""
    choices = [(t(f"{mark}_open"), ""), *((t(f"{mark}_{name}"), name) for name in names)]
    return gr.update(label=t(f"style_{mark}"), choices=choices)
