"""The page "Adaptadores": see what is registered, decide which version answers, try one, edit its card.

Knows the widgets and what each event does. Refuses to know how anything looks (adapter_view) and how a
change takes effect (the service). Nothing a browser sends is trusted: names and numbers are checked by
the service, actions here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.adapters import AdapterDetail
from assistant.services.request import AskRequest
from assistant.ui import adapter_view, comparison, render
from assistant.ui.adapter_card import CardForm, changes_of
from assistant.ui.adapter_export import AdapterExport, Offered
from assistant.ui.asking import follow
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant, PageOptions
from assistant.ui.going_live import forbidden, go_live
from assistant.ui.markup import Safe, tag
from assistant.ui.runs import Runs
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.view import View
from assistant.ui.words import Words

Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one visitor looks at.

    `confirm` is the version whose removal is asked about again, 0 for the adapter; `overrule` the version
    whose verdict says no; `offered` what they were last offered to export.
    """

    name: str = ""
    confirm: int | None = None
    overrule: int | None = None
    offered: Offered = field(default_factory=Offered)

    def at(self, name: str, confirm: int | None = None) -> Chosen:
        """The same visitor, looking at an adapter with nothing else asked."""
        return replace(self, name=name, confirm=confirm, overrule=None)


class AdaptersPage:
    """The list, one adapter with its versions, a scratch chat and the card editor."""

    def __init__(self, assistant: Assistant, options: PageOptions, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._options = options
        self._words = words
        self._session = session
        self._form = CardForm(assistant, words)
        self._export = AdapterExport(assistant, words)
        self._runs = Runs()

    def build(self, tab: Any) -> None:
        """Place the widgets and connect them."""
        words = self._words
        self._chosen = gr.State(Chosen())
        with gr.Row(elem_id="adapters"):
            with gr.Column(elem_id="adapters-side"):
                self._list = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="adapters-list")
                words.follow(self._list, self._listed)
            with gr.Column(elem_id="adapters-main"):
                self._note = gr.HTML(elem_id="adapter-note", apply_default_css=False)
                self._detail = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="adapter-detail")
                with gr.Column(visible=False, elem_id="overrule") as self._overrule:
                    self._reason = words.label(gr.Textbox(elem_id="overrule-reason"), label="overrule_reason")
                    self._anyway = words.label(gr.Button(elem_id="overrule-go"), value="overrule")
                self._build_scratch()
                self._export.build(self._session, self._chosen)
                self._form.build()
        self._wire(tab)

    def _build_scratch(self) -> None:
        words = self._words
        with words.label(gr.Accordion(open=True, elem_id="scratch"), label="scratch"):
            words.follow(gr.HTML(apply_default_css=False), lambda t: tag("p", t("scratch_intro"), class_="quiet"))
            self._version = words.label(
                gr.Dropdown(elem_id="scratch-version", filterable=False), label="scratch_version"
            )
            self._box = words.label(
                gr.Textbox(elem_id="scratch-box", lines=2, max_lines=8), label="question", placeholder="scratch_hint"
            )
            with gr.Row(elem_classes="buttons"):
                self._send = words.label(gr.Button(variant="primary", elem_id="scratch-send"), value="try_it")
                self._stop = words.label(gr.Button(visible=False, elem_id="scratch-stop"), value="stop")
            self._answer = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="scratch-answer")

    def _wire(self, tab: Any) -> None:
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        light = {**quiet, "queue": False}
        seen = [self._session, self._chosen]
        tab.select(self.show, seen, self.outputs, **light)
        self._list.select(self.choose, seen, self.outputs, **light)
        self._detail.submit(self.act, seen, self.outputs, **quiet)
        self._anyway.click(self.overrule, [*seen, self._reason], self.outputs, **quiet)
        self._form.save.click(self.save, [*seen, *self._form.widgets], self.outputs, **quiet)
        self._form.undo.click(self.show, seen, self.outputs, **light)
        asks = {**quiet, "concurrency_id": "ask", "concurrency_limit": self._options.visitors}
        scratch = [self._answer, self._send, self._stop]
        asked = [*seen, self._version, self._box]
        gr.on([self._send.click, self._box.submit], self.ask, asked, scratch, trigger_mode="multiple", **asks)
        self._stop.click(self.stop, None, None, **light)

    def after(self, switched: Any) -> None:
        """Show list and detail again after a change of language; what is typed in the form stays."""
        seen, quiet = [self._session, self._chosen], {"show_progress": "hidden", "api_visibility": "private"}
        switched.then(lambda now, chosen: self._painted(texts(now.language), chosen), seen, self.outputs, **quiet)

    @property
    def outputs(self) -> list[Any]:
        """Every widget that an event of this page may change."""
        return [
            self._chosen, self._list, self._note, self._detail, self._overrule, self._reason,
            self._version, self._answer, self._form.note, *self._form.widgets, *self._export.outputs,
        ]  # fmt: skip

    def leave(self, request: gr.Request) -> None:
        """The visitor closed the page: what a version writes for them stops."""
        self._runs.abandon(str(request.session_hash))
        self._export.leave(request)

    # Looking

    def show(self, session: Session, chosen: Chosen) -> Updates:
        """The page as it is now: when its tab is opened, and to undo what was typed."""
        names = [info.name for info in self._assistant.adapters.list()]
        name = chosen.name if chosen.name in names else next(iter(names), "")
        return self._painted(texts(session.language), chosen.at(name), form=True)

    def choose(self, session: Session, chosen: Chosen, event: gr.EventData) -> Updates:
        """Another adapter of the list."""
        return {**self.show(session, chosen.at(str(event._data.get("id")))), self._answer: ""}

    def _listed(self, t: Texts, name: str = "") -> Safe:
        return adapter_view.listing(self._assistant.adapters.list(), t, name)

    def _painted(self, t: Texts, chosen: Chosen, note: Safe | str = "", form: bool = False) -> Updates:
        """List and detail; the card's fields only where `form` says so: somebody may be typing there."""
        offered = self._export.offered(chosen.name)
        painted: Updates = {
            self._chosen: replace(chosen, offered=offered),
            self._list: self._listed(t, chosen.name),
            self._note: note,
            self._overrule: gr.update(visible=chosen.overrule is not None),
            self._reason: "",
            self._detail: "",
            **self._export.painted(chosen.offered, offered, t),
        }
        try:
            detail = self._assistant.adapters.detail(chosen.name) if chosen.name else None
            if detail is not None:
                trainable = chosen.name in self._assistant.jobs.adapters()
                found = self._judgements(detail)
                painted[self._detail] = adapter_view.detail(detail, found, t, chosen.confirm, trainable)
                painted[self._version] = _versions(detail, t)
                if form:
                    painted |= dict(zip(self._form.widgets, self._form.values(detail.card, t), strict=True))
                    painted[self._form.note] = ""
        except AssistantError as error:
            painted[self._note] = adapter_view.failed(error, t)
        return painted

    def _judgements(self, detail: AdapterDetail) -> adapter_view.Judgements:
        found = {}
        for version in detail.versions:
            try:
                record = self._assistant.judgement.verdict(detail.card.name, version.number)
            except AssistantError:  # a damaged file: judging again replaces it, and the page goes on without
                continue
            if record:
                found[version.number] = record
        return found

    # Deciding

    def act(self, session: Session, chosen: Chosen, event: gr.EventData) -> Iterator[Updates]:
        """A button of a version, or of the adapter."""
        t, action, number = texts(session.language), event._data.get("action"), event._data.get("number")
        if not isinstance(number, int) or isinstance(number, bool) or not chosen.name:
            return
        if action == "try":
            yield {self._version: str(number), self._answer: ""}
        elif action in ("ask_delete", "cancel"):
            yield self._painted(t, chosen.at(chosen.name, number if action == "ask_delete" else None))
        elif action == "activate" and forbidden(self._assistant, chosen.name, number):
            yield from self._change(session, chosen, partial(self._activate, number, ""), number)
        elif change := self._changes(str(action), number):
            yield from self._change(session, chosen, change)

    def overrule(self, session: Session, chosen: Chosen, reason: str) -> Iterator[Updates]:
        """Activate what the gate refused, with a person's reason, which is recorded."""
        if chosen.overrule is not None:
            change = partial(self._activate, chosen.overrule, str(reason or ""))
            yield from self._change(session, chosen, change, chosen.overrule)

    def _changes(self, action: str, number: int) -> Callable[[str, Texts], str] | None:
        """What an action does to the adapter of a name, and the words that tell it."""
        adapters = self._assistant.adapters

        def roll_back(name: str, t: Texts) -> str:
            return t("now_live", n=f"{adapters.roll_back(name, 'page').number:04d}")

        def retire(name: str, t: Texts) -> str:
            adapters.retire(name, "page")
            return t("now_retired")

        def delete(name: str, t: Texts) -> str:
            if number:
                adapters.delete_version(name, number, "page")
            else:
                adapters.delete(name)
            return t("now_deleted")

        activate = partial(self._activate, number, "")
        known: dict[str, Callable[[str, Texts], str]] = {
            "activate": activate,
            "roll_back": roll_back,
            "retire": retire,
            "delete": delete,
            "train": self._train,
        }
        return known.get(action)

    def _train(self, name: str, t: Texts) -> str:
        """A job as the training page starts it, from the recipe as it stands, where none waits or runs."""
        jobs = self._assistant.jobs
        if any(job.active and job.adapter == name for job in jobs.jobs()):
            return t("training_already")
        jobs.start(name, {})
        return t("training_queued")

    def _activate(self, number: int, anyway: str, name: str, t: Texts) -> str:
        return go_live(self._assistant, name, number, anyway, t)

    def _change(
        self, session: Session, chosen: Chosen, change: Callable[[str, Texts], str], overrule: int | None = None
    ) -> Iterator[Updates]:
        """Say that it is being done, do it, and show what came of it; `overrule` is offered where it is refused."""
        t = texts(session.language)
        yield {self._note: tag("p", t("working_on_it"), class_="pending", role="status")}
        try:
            done = change(chosen.name, t)
        except AssistantError as error:
            after = replace(chosen, confirm=None, overrule=overrule)
            yield self._painted(t, after, adapter_view.failed(error, t))
            return
        names = [info.name for info in self._assistant.adapters.list()]
        after = chosen.at(chosen.name if chosen.name in names else next(iter(names), ""))
        yield self._painted(t, after, adapter_view.done(done), form=after.name != chosen.name)

    def save(self, session: Session, chosen: Chosen, *values: Any) -> Updates:
        """The card as it stands in the form."""
        t = texts(session.language)
        try:
            self._assistant.adapters.edit_card(chosen.name, changes_of(values))
        except AssistantError as error:
            return {self._form.note: adapter_view.failed(error, t)}
        return {
            **self._painted(t, chosen.at(chosen.name), form=True),
            self._form.note: adapter_view.done(t("card_saved")),
        }

    # Trying

    def ask(self, session: Session, chosen: Chosen, version: str, text: str, request: gr.Request) -> Iterator[Updates]:
        """One question to one version, live or not; nothing is kept."""
        t, key = texts(session.language), str(request.session_hash)
        number, question = str(version or ""), str(text or "").encode("utf-8", "replace").decode()
        if not number.isdecimal() or not question.strip() or not chosen.name:
            yield {self._answer: render.note(t("scratch_nothing"))}
            return
        run = self._runs.start(key)
        if run is None:
            return
        asked = AskRequest(question, adapter=chosen.name, language=t.language, version=int(number))
        titles = {a.name: a.title.get(t.language) for a in self._assistant.adapters.list()}
        view = View(t, datetime.now().astimezone().date(), titles)
        try:
            yield {
                self._answer: tag("p", t("thinking"), class_="pending", role="status"),
                self._send: gr.update(visible=False),
                self._stop: gr.update(visible=True),
            }
            for state in follow(question, partial(self._assistant.chat.ask, asked, run.cancel), t):
                shown = tag("div", *comparison.body(state, view), class_="scratch-answer", aria_live="polite")
                yield {self._answer: shown}
        finally:
            self._runs.finish(key, run)
        yield {self._send: gr.update(visible=True), self._stop: gr.update(visible=False)}

    def stop(self, request: gr.Request) -> None:
        """Stop writing; what is there stays."""
        self._runs.stop(str(request.session_hash))


def _versions(detail: AdapterDetail, t: Texts) -> Any:
    """The choice of the scratch chat: versions of this base, newest first, the newest that is not live chosen."""
    fitting: Sequence[Any] = [v for v in reversed(detail.versions) if v.fits]
    pairs = [(t("version_live", n=f"{v.number:04d}") if v.live else f"{v.number:04d}", str(v.number)) for v in fitting]
    return gr.update(choices=pairs, value=pairs[0][1] if pairs else None)
