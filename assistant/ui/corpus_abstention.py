"""When the open corpus does not answer, in its settings: questions come in, the threshold and its curve are shown.

Knows its widgets. Refuses to read questions and to choose: the service does, and it checks whatever a browser sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.ui import uploads
from assistant.ui.abstention_view import progress, state
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_add import Updates
from assistant.ui.looking import Looking
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_TOLD = 25  # questions between two looks at how far it is


class CorpusAbstention:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words) -> None:
        self._assistant = assistant
        self._words = words

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        words.follow(gr.HTML(apply_default_css=False), lambda t: tag("h3", t("abstention")))
        self._state = gr.HTML(apply_default_css=False, elem_id="abstention-state")
        self._drop = words.label(gr.File(elem_id="abstention-questions", height=120), label="abstention_file")
        words.follow(gr.HTML(apply_default_css=False), lambda t: tag("p", t("abstention_hint"), class_="quiet small"))
        with gr.Row(elem_classes="buttons"):
            self._again = words.label(gr.Button(elem_id="abstention-again"), value="abstention_again")
            self._default = words.label(gr.Button(elem_id="abstention-default"), value="abstention_use_default")
        self._note = gr.HTML(apply_default_css=False, elem_id="abstention-note")
        self.outputs = [self._state, self._drop, self._again, self._default, self._note]

    def wire(self, seen: list[Any]) -> None:
        """Connect the widgets; `seen` are session and state."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        long = {**quiet, "concurrency_id": "abstention", "trigger_mode": "once"}  # the search is busy for seconds
        self._drop.upload(self.bring, [*seen, self._drop], self.outputs, **long)
        self._again.click(self.again, seen, self.outputs, **long)
        self._default.click(self.use_default, seen, self.outputs, **quiet)

    def paint(self, looking: Looking, t: Texts) -> Updates:
        """Where the corpus stands; nothing is said."""
        return {self._note: "", self._drop: None, **self._painted(looking, t)}

    def bring(self, session: Session, looking: Looking, path: str | None) -> Iterator[Updates]:
        """A file of questions: calibrated on at once."""
        if not path:
            return
        file = Path(path)
        uploads.taken([file])
        try:
            yield from self._calibrated(session, looking, file)
        finally:
            uploads.forget([file])

    def again(self, session: Session, looking: Looking) -> Iterator[Updates]:
        """Once more, on the questions that the corpus keeps."""
        yield from self._calibrated(session, looking, None)

    def use_default(self, session: Session, looking: Looking) -> Updates:
        """The threshold of every other corpus."""
        t = texts(session.language)
        try:
            self._assistant.abstention.use_default(looking.corpus)
        except AssistantError as error:
            return {self._note: _failed(error, t)}
        return {**self._painted(looking, t), self._note: _done(t("abstention_defaulted"))}

    def _calibrated(self, session: Session, looking: Looking, file: Path | None) -> Iterator[Updates]:
        t = texts(session.language)
        try:
            for at in self._assistant.abstention.calibrate(looking.corpus, file):
                if at.done % _TOLD == 1:
                    yield {self._note: progress(at, t)}
        except AssistantError as error:
            yield {self._note: _failed(error, t), self._drop: None}
            return
        yield {**self._painted(looking, t), self._drop: None, self._note: _done(t("abstention_done"))}

    def _painted(self, looking: Looking, t: Texts) -> Updates:
        try:
            known = self._assistant.abstention.state(looking.corpus)
        except AssistantError:  # the head of the page tells of a card with faults
            return {self._state: "", self._again: gr.update(visible=False), self._default: gr.update(visible=False)}
        return {
            self._state: state(known, t),
            self._again: gr.update(visible=known.asked > 0),
            self._default: gr.update(visible=known.kept is not None),
        }


def _done(words: str) -> Safe:
    return tag("p", "✓ ", words, class_="done", role="status")


def _failed(error: AssistantError, t: Texts) -> Safe:
    return tag("p", error.text(t.language), class_="failure", role="alert")
