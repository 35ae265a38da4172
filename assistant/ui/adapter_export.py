"""A version as a file to download, on the page "Adaptadores".

Knows the widgets and the file's short life: it is made in a temporary folder that goes as soon as Gradio has its own
copy to serve. Refuses to make exports: a process of its own does. Version and form from a browser are checked here
and there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError, InputRejected
from assistant.services.export import Order
from assistant.services.export_forms import Form, form_of
from assistant.ui import formats
from assistant.ui.contracts import Assistant
from assistant.ui.markup import tag
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
        self._go.click(
            self.make, [session, chosen, self._version, self._form], [*self.outputs, self._go, self._stop],
            concurrency_id="export", concurrency_limit=1, **quiet,
        )  # fmt: skip
        self._stop.click(self.stop, None, None, queue=False, **quiet)

    def painted(self, name: str, t: Texts) -> Updates:
        """The versions of an adapter, for `outputs`; a file that was prepared is no longer offered."""
        choices = [(f"{number:04d}", str(number)) for number in reversed(self._numbers(name))]
        return {
            self._version: gr.update(choices=choices, value=choices[0][1] if choices else None),
            self._note: "" if choices else tag("p", t("export_nothing"), class_="quiet"),
            self._file: gr.update(visible=False),
        }

    def make(self, session: Any, chosen: Any, version: str, form: str, request: gr.Request) -> Iterator[Updates]:
        """Make the file, telling how long it has taken so far."""
        t, key = texts(session.language), str(request.session_hash)
        run = self._runs.start(key)
        if run is None:
            return
        idle = {self._go: gr.update(visible=True), self._stop: gr.update(visible=False)}
        busy = {self._go: gr.update(visible=False), self._stop: gr.update(visible=True)}
        try:
            with tempfile.TemporaryDirectory(prefix="assistant-export-") as folder:
                order = self._order(chosen.name, version, form, Path(folder), t)
                for spent in self._assistant.export_process.run(order, run.cancel):
                    told = t("export_working", time=formats.duration(spent, t))
                    yield {
                        **busy,
                        self._file: gr.update(visible=False),
                        self._note: tag("p", told, class_="pending", role="status"),
                    }
                if not order.target.is_file():
                    yield {**idle, self._note: tag("p", t("export_stopped"), class_="quiet", role="status")}
                    return
                label = t("export_file", name=order.target.name, size=formats.size(order.target.stat().st_size, t))
                ready = gr.update(value=str(order.target), label=label, visible=True)
                yield {
                    **idle,
                    self._file: ready,
                    self._note: tag("p", "✓ ", t("export_ready"), class_="done", role="status"),
                }
        except AssistantError as error:
            yield {**idle, self._note: tag("p", error.text(t.language), class_="failure", role="alert")}
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


def _forms(t: Texts) -> Any:
    pairs = [(t(_WORDS[form]), str(form)) for form in Form]
    return gr.update(label=t("export_form"), choices=pairs, value=str(Form.PEFT))
