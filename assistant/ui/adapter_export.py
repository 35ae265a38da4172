"""A version as a file to download, on the page "Adaptadores".

Knows the widgets and the file's short life: it is made in a temporary folder that goes as soon as Gradio has its own
copy to serve. Refuses to make exports: a process of its own does. Version and form from a browser are checked here
and there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError, InputRejected
from assistant.services.export import Order
from assistant.services.export_forms import Form, form_of
from assistant.services.export_process import Event, Ready, Stopped, Working
from assistant.ui import formats
from assistant.ui.contracts import Assistant
from assistant.ui.markup import Safe, tag
from assistant.ui.runs import Runs
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

Updates = dict[Any, Any]

_WORDS = {
    Form.PEFT: "form_peft",
    Form.MERGED: "form_merged",
    Form.GGUF: "form_gguf",
    Form.GGUF_MERGED: "form_gguf_merged",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """The list of versions that one visitor sees: whose, and their numbers, newest first."""

    name: str = ""
    numbers: tuple[int, ...] = ()


class AdapterExport:
    """Version, form, and a button that becomes a file."""

    def __init__(self, assistant: Assistant, words: Words) -> None:
        self._assistant = assistant
        self._words = words
        self._runs = Runs()

    def build(self, session: Any, chosen: Any) -> None:
        """Place the widgets and connect them; `chosen` is the state that names the adapter."""
        words = self._words
        with words.label(gr.Accordion(open=False, elem_id="export"), label="export"):
            words.follow(gr.HTML(apply_default_css=False), lambda t: tag("p", t("export_intro"), class_="quiet"))
            with gr.Row():
                self._version = words.label(
                    gr.Dropdown(elem_id="export-version", filterable=False), label="scratch_version"
                )
                self._form = words.follow(gr.Dropdown(elem_id="export-form", filterable=False), _forms)
            with gr.Row(elem_classes="buttons"):
                self._go = words.label(gr.Button(elem_id="export-go"), value="export_go")
                self._stop = words.label(gr.Button(visible=False, elem_id="export-stop"), value="stop")
            self._note = gr.HTML(elem_id="export-note", apply_default_css=False)
            self._file = gr.DownloadButton(visible=False, variant="primary", elem_id="export-file")
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        self.outputs = [self._version, self._note, self._file]
        buttons = [self._go, self._stop]
        asked = self._go.click(self.queued, [session], [*self.outputs, *buttons], queue=False, **quiet)
        made = asked.then(
            self.make, [session, chosen, self._version, self._form], [*self.outputs, *buttons],
            concurrency_id="export", concurrency_limit=1, **quiet,
        )  # fmt: skip
        made.then(self.rested, None, buttons, queue=False, **quiet)  # also where the queue was full
        self._stop.click(self.stop, None, None, queue=False, **quiet)

    def offered(self, name: str) -> Offered:
        """The versions of an adapter that can be exported now."""
        return Offered(name, tuple(reversed(self._numbers(name))))

    def painted(self, before: Offered, now: Offered, t: Texts) -> Updates:
        """The list as it is now, for `outputs`. What was chosen and made stays, unless it is another adapter's."""
        choices = [(f"{number:04d}", str(number)) for number in now.numbers]
        newest = choices[0][1] if choices else None
        nothing = tag("p", t("export_nothing"), class_="quiet")
        if now.name != before.name:
            return {
                self._version: gr.update(choices=choices, value=newest),
                self._note: "" if choices else nothing,
                self._file: gr.update(visible=False),
            }
        painted: Updates = {self._version: gr.update(choices=choices)}
        if not before.numbers or set(before.numbers) - set(now.numbers):  # the chosen one may be gone
            painted[self._version] = gr.update(choices=choices, value=newest)
        if not choices:
            painted[self._note] = nothing
        elif not before.numbers:
            painted[self._note] = ""
        return painted

    def queued(self, session: Any) -> Updates:
        """A click is answered at once, whoever's file is being made."""
        return {
            self._go: gr.update(interactive=False),
            self._file: gr.update(visible=False),
            self._note: tag("p", texts(session.language)("export_queued"), class_="pending", role="status"),
        }

    def rested(self) -> Updates:
        """The buttons as they are while nothing is made."""
        return {self._go: gr.update(visible=True, interactive=True), self._stop: gr.update(visible=False)}

    def make(self, session: Any, chosen: Any, version: str, form: str, request: gr.Request) -> Iterator[Updates]:
        """Make the file, telling how long it has taken so far."""
        t, key = texts(session.language), str(request.session_hash)
        run = self._runs.start(key)
        if run is None:
            return
        busy = {self._go: gr.update(visible=False), self._stop: gr.update(visible=True)}
        try:
            with tempfile.TemporaryDirectory(prefix="assistant-export-") as folder:
                order = self._order(chosen.name, version, form, Path(folder), t)
                for event in self._assistant.export_process.run(order, run.cancel):
                    note, file = shown(event, t)
                    yield {**busy, self._note: note, self._file: gr.update(**file)}
        except AssistantError as error:
            yield {self._note: tag("p", error.text(t.language), class_="failure", role="alert")}
        finally:
            self._runs.finish(key, run)

    def stop(self, request: gr.Request) -> None:
        """Stop making the file; nothing of it stays."""
        self._runs.stop(str(request.session_hash))

    def leave(self, request: gr.Request) -> None:
        """The visitor closed the page."""
        self._runs.abandon(str(request.session_hash))

    def _order(self, name: str, version: str, form: str, folder: Path, t: Texts) -> Order:
        """What is asked for, checked against what there is; raises `InputRejected`."""
        checked, number = form_of(str(form or "")), str(version or "")
        if not number.isdecimal() or int(number) not in self._numbers(name):
            raise InputRejected(
                f"{name or 'This adapter'} has no version {number!r} of this base. Choose one of the list.",
                pt=f"{name or 'Este adaptador'} não tem a versão {number!r} para esta base. Escolha uma da lista.",
            )
        target = folder / f"{name}-{int(number):04d}-{checked}.zip"
        return Order(name, str(checked), target, number=int(number), language=t.language)

    def _numbers(self, name: str) -> list[int]:
        """Numbers of the versions that can be exported, oldest first."""
        try:
            return [v.number for v in self._assistant.adapters.detail(name).versions if v.fits] if name else []
        except AssistantError:  # gone meanwhile, or a card with faults: the page itself tells of it
            return []


def shown(event: Event, t: Texts) -> tuple[Safe, dict[str, Any]]:
    """The words on an event, and what becomes of the button that downloads."""
    match event:
        case Working(seconds):
            told = t("export_working", time=formats.duration(seconds, t))
            return tag("p", told, class_="pending", role="status"), {"visible": False}
        case Ready(path, size):
            label = t("export_file", name=path.name, size=formats.size(size, t))
            note = tag("p", "✓ ", t("export_ready"), class_="done", role="status")
            return note, {"value": str(path), "label": label, "visible": True}
        case Stopped():
            return tag("p", t("export_stopped"), class_="quiet", role="status"), {"visible": False}


def _forms(t: Texts) -> Any:
    pairs = [(t(_WORDS[form]), str(form)) for form in Form]
    return gr.update(label=t("export_form"), choices=pairs, value=str(Form.PEFT))
