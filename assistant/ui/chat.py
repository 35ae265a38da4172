"""The page "Conversa": widgets, and what each event does.

Knows the thread, the list and the sources, and what each event makes of the visitor's session. Refuses to
know how anything looks (render, sources, comparison, conversation_list), how an answer comes about (asking)
and where a question is written (composer). Nothing a browser sends is trusted: choices are checked again
here, conversations by their owner in the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.request import AskRequest
from assistant.stores.conversations import Exchange
from assistant.types import Source
from assistant.ui import comparison, conversation_list, page_reader, render, sources
from assistant.ui.asking import Order, follow, to_request
from assistant.ui.clicks import BIND
from assistant.ui.composer import Composer, Given
from assistant.ui.contracts import Assistant, PageOptions
from assistant.ui.runs import Run, Runs
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.view import Progress, View
from assistant.ui.welcome import welcome
from assistant.ui.words import Words

Updates = dict[Any, Any]


class ChatPage:
    """The chat: `build` places the widgets, `wire` connects them, the rest answers events."""

    def __init__(self, assistant: Assistant, options: PageOptions, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._options = options
        self._words = words
        self._session = session
        self._composer = Composer(assistant, words)
        self._runs = Runs()

    def build(self, tab: Any) -> None:
        """Place the widgets inside the open tab."""
        with gr.Row(elem_id="chat"):
            with gr.Column(elem_id="side"):
                self._new = self._words.label(gr.Button(size="sm", elem_id="new"), value="new_conversation")
                self._list = gr.HTML(js_on_load=BIND, elem_id="conversations", apply_default_css=False)
            with gr.Column(elem_id="middle"):
                with gr.Column(elem_id="scroll"):
                    self._past = gr.HTML(js_on_load=BIND, elem_id="past", apply_default_css=False)
                    self._live = gr.HTML(js_on_load=BIND, elem_id="live", apply_default_css=False)
                    self._compared = gr.HTML(js_on_load=BIND, elem_id="compared", apply_default_css=False)
                self._composer.build()
                self._composer.follow(tab, self._session)
            with gr.Column(elem_id="aside"):
                self._panel = gr.HTML(js_on_load=BIND, elem_id="sources", apply_default_css=False)

    def wire(self) -> None:
        """Connect the events. Answers share one queue, so that visitors stream side by side."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asks = {
            **quiet,
            "concurrency_id": "ask",
            "concurrency_limit": self._options.visitors,
            "trigger_mode": "multiple",
        }
        light = {**quiet, "queue": False}
        composer = self._composer
        choices = {self._session, *composer.inputs}
        asked = [
            gr.on(
                [composer.send.click, composer.box.submit], self.send, {composer.box, *choices}, self.outputs, **asks
            ),
            gr.on([self._past.submit, self._live.submit], self.again, choices, self.outputs, **asks),
        ]
        pinned = [self._session, composer.adapter]
        self._live.option_select(self.compare, [*pinned, composer.corpora], self.outputs, **asks)
        self._compared.clear(self.close_comparison, None, self.outputs, **light)
        composer.stop.click(self.stop, None, None, **light)
        gr.on([self._past.select, self._live.select], self.open_source, [self._session], self.outputs, **light)
        self._panel.submit(self.read_page, [self._session], self.outputs, **quiet)
        self._panel.clear(self.close_page, [self._session], self.outputs, **light)
        gr.on([self._past.like, self._live.like], self.rate, [self._session], self.outputs, **light)
        self._live.edit(self.edit, [self._session], self.outputs, **light)
        asked.append(self._new.click(self.new, [self._session], self.outputs, **light))
        asked.append(self._list.select(self.open, [self._session], self.outputs, **light))
        offered = [composer.style, composer.manner, composer.length]
        for offer in (composer.adapter.change, *(done.then for done in asked)):
            offer(self.offer, pinned, offered, **light)
        self._list.delete(self.delete, [self._session], self.outputs, **light)

    @property
    def outputs(self) -> list[Any]:
        """Every widget that an event of this page may change."""
        return [
            self._session, self._list, self._past, self._live, self._compared, self._panel, *self._composer.outputs,
        ]  # fmt: skip

    def paint(self, session: Session) -> Updates:
        """The whole page as the session has it: after loading, opening and a change of language."""
        view, last = self._view(session), len(session.exchanges) - 1
        exchange = session.exchanges[-1] if session.exchanges else None
        return {
            self._session: session,
            self._list: self._listed(session),
            self._past: render.history(session.exchanges[:-1], view),
            self._live: render.exchange(exchange, last, view, last=True) if exchange else welcome(view.t),
            self._panel: sources.panel_of(exchange, view.t, last),
            self._compared: "",
            self._composer.note: "",
            **self._composer.idle(),
        }

    def leave(self, request: gr.Request) -> None:
        """The visitor closed the page: whatever is written for them stops."""
        self._runs.abandon(str(request.session_hash))

    # Asking

    def send(self, given: Given, request: gr.Request) -> Iterator[Updates]:
        """A question from the composer."""
        session: Session = given[self._session]
        at = len(session.exchanges) - (1 if session.editing and session.exchanges else 0)
        text = str(given[self._composer.box] or "")
        yield from self._ask(self._composer.order(given, text, at), session, request)

    def again(self, given: Given, event: gr.EventData, request: gr.Request) -> Iterator[Updates]:
        """An example card, "refazer", another adapter, or without documents: from a click in the thread."""
        session: Session = given[self._session]
        question, at = event._data.get("question"), len(session.exchanges)
        if not isinstance(question, str):
            if event._data.get("turn") != at - 1:
                return
            at -= 1
            question = session.exchanges[at].question
        instead = {key: str(value) for key in ("adapter", "corpora") if (value := event._data.get(key))}
        yield from self._ask(self._composer.order(given, question, at, **instead), session, request)

    def offer(self, session: Session, adapter: str) -> Updates:
        """The row of styles, or none, for the adapter in use."""
        last = session.exchanges[-1].answer if session.exchanges else None
        return self._composer.offered(str(adapter), last.route.adapter if last else None)

    def _ask(self, order: Order, session: Session, request: gr.Request) -> Iterator[Updates]:
        t, kept = texts(session.language), session.exchanges[: order.at]
        try:
            ask = to_request(order, kept, self._composer.known(), self._options.max_question_chars, t)
        except AssistantError as error:
            yield self._composer.said(error.text(session.language))
            return
        key = str(request.session_hash)
        run = self._runs.start(key)
        if run is None:
            yield self._composer.said(t("busy"))
            return
        try:
            yield from self._stream(ask, replace(session, exchanges=kept, editing=False), run)
        finally:
            self._runs.finish(key, run)

    def _stream(self, ask: AskRequest, session: Session, run: Run) -> Iterator[Updates]:
        view = self._view(session)
        yield {
            self._past: render.history(session.exchanges, view),
            self._live: render.progress(Progress(ask.question), view),
            self._panel: sources.panel((), view.t, empty="searching"),
            **{self._compared: "", self._composer.note: "", self._composer.box: "", **self._composer.working()},
        }
        for state in follow(ask.question, partial(self._assistant.chat.ask, ask, run.cancel), view.t):
            if isinstance(state, Exchange):
                session = self._keep(replace(session, exchanges=(*session.exchanges, state)))
                if not run.abandoned:
                    yield self.paint(session)
            elif not run.abandoned:
                yield self._painted(state, view)

    def _painted(self, state: Progress, view: View) -> Updates:
        changed: Updates = {self._live: render.progress(state, view)}
        if state.sources is not None and not state.text:
            changed[self._panel] = sources.panel(state.sources, view.t)
        return changed

    def _keep(self, session: Session) -> Session:
        if not session.visitor:
            return session
        try:
            saved = self._assistant.conversations.save(session.visitor, session.conversation, session.exchanges)
        except AssistantError as error:
            gr.Warning(error.text(session.language))
            return session
        return replace(session, conversation=saved)

    def stop(self, request: gr.Request) -> None:
        """Stop writing; what is there stays."""
        self._runs.stop(str(request.session_hash))

    def compare(
        self, session: Session, adapter: str, corpora: str, event: gr.EventData, request: gr.Request
    ) -> Iterator[Updates]:
        """The last question in four columns, filled as the answers come."""
        at = len(session.exchanges) - 1
        if at < 0 or event._data.get("turn") != at:
            return
        answer = session.exchanges[at].answer
        chosen = answer.route.adapter if answer and answer.route.adapter in self._composer.known()[0] else None
        order = Order(
            session.exchanges[at].question, chosen or "auto", "all" if corpora == "none" else str(corpora), at
        )
        key, t = str(request.session_hash), texts(session.language)
        run = self._runs.start(key)
        if run is None:
            yield self._composer.said(t("busy"))
            return
        try:
            ask = to_request(order, (), self._composer.known(), self._options.max_question_chars, t)
            yield self._composer.working()
            for markup in comparison.run(self._assistant.chat, ask, self._view(session), run):
                if not run.abandoned:
                    yield {self._compared: markup}
            if not run.abandoned:
                yield self._composer.idle()
        finally:
            self._runs.finish(key, run)

    def close_comparison(self, request: gr.Request) -> Updates:
        """Take the comparison away; stop it if it is still being written."""
        self._runs.abandon(str(request.session_hash))
        return {self._compared: "", **self._composer.idle()}

    # Reading, rating, changing

    def open_source(self, session: Session, event: gr.EventData) -> Updates:
        """Show the sources of one turn, the clicked marker's one open."""
        turn, marker = event._data.get("turn"), event._data.get("marker")
        exchange = session.at(turn)
        if exchange is None or exchange.answer is None:
            return {self._composer.note: gr.skip()}
        number = marker if isinstance(marker, int) else None
        return {self._panel: sources.panel_of(exchange, texts(session.language), turn, number)}

    def read_page(self, session: Session, event: gr.EventData) -> Iterator[Updates]:
        """The page that a source is from, or one beside it, in the place of the sources."""
        turn, to = event._data.get("turn"), event._data.get("to")
        source = _source(session.at(turn), event._data.get("marker"))
        if source is None:
            yield {self._composer.note: gr.skip()}
            return
        position = to if isinstance(to, int) and not isinstance(to, bool) else None
        preview, t = self._assistant.corpus_tools.preview, texts(session.language)
        for markup in page_reader.shown(preview, source, turn, position, t):
            yield {self._panel: markup}

    def close_page(self, session: Session, event: gr.EventData) -> Updates:
        """The sources again, the one whose page was open in view."""
        turn = event._data.get("turn")
        exchange = session.at(turn)
        source = _source(exchange, event._data.get("marker"))
        if source is None:
            return {self._composer.note: gr.skip()}
        return {self._panel: sources.panel_of(exchange, texts(session.language), turn, source.marker, back=True)}

    def rate(self, session: Session, event: gr.EventData) -> Updates:
        """Keep a thumb; a second click takes it back."""
        turn, value = event._data.get("turn"), event._data.get("value")
        exchange = session.at(turn)
        if exchange is None or value not in (-1, 0, 1):
            return {self._composer.note: gr.skip()}
        rated = list(session.exchanges)
        rated[turn] = replace(exchange, feedback=value)
        session = replace(session, exchanges=tuple(rated))
        if session.conversation:
            self._assistant.conversations.rate(session.visitor, session.conversation, turn, value)
        full = self.paint(session)
        return {part: full[part] for part in (self._session, self._past, self._live)}

    def edit(self, session: Session) -> Updates:
        """Put the last question back into the composer."""
        if not session.exchanges:
            return {self._composer.note: gr.skip()}
        t = texts(session.language)
        return {
            self._session: replace(session, editing=True),
            self._composer.box: session.exchanges[-1].question,
            **self._composer.said(t("editing")),
        }

    def new(self, session: Session, request: gr.Request) -> Updates:
        """An empty page."""
        self._runs.abandon(str(request.session_hash))
        return self.paint(Session(session.visitor, session.language))

    def open(self, session: Session, event: gr.EventData, request: gr.Request) -> Updates:
        """A saved conversation, if it is this visitor's."""
        wanted = str(event._data.get("id"))
        try:
            exchanges = self._assistant.conversations.load(session.visitor, wanted)
        except AssistantError as error:
            return {**self._composer.said(error.text(session.language)), self._list: self._listed(session)}
        self._runs.abandon(str(request.session_hash))
        return self.paint(Session(session.visitor, session.language, wanted, exchanges))

    def delete(self, session: Session, event: gr.EventData, request: gr.Request) -> Updates:
        """Remove a saved conversation, if it is this visitor's."""
        gone = str(event._data.get("id"))
        try:
            self._assistant.conversations.delete(session.visitor, gone)
        except AssistantError as error:
            return {**self._composer.said(error.text(session.language)), self._list: self._listed(session)}
        return self.new(session, request) if gone == session.conversation else {self._list: self._listed(session)}

    # What the widgets show

    def _view(self, session: Session) -> View:
        titles = {a.name: a.title.get(session.language) for a in self._assistant.adapters.list() if a.compatible}
        return View(texts(session.language), datetime.now().astimezone().date(), titles)

    def _listed(self, session: Session) -> str:
        saved = self._assistant.conversations.list(session.visitor) if session.visitor else ()
        now = datetime.now().astimezone()
        return conversation_list.listing(saved, session.conversation, now, texts(session.language))


def _source(exchange: Exchange | None, marker: object) -> Source | None:
    """The source of a number that came from a browser; None where there is none."""
    answer = exchange.answer if exchange else None
    return next((s for s in answer.sources if s.marker == marker), None) if answer else None
