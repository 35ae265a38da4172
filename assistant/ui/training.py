"""The page "Treino": bring data, settle a training, start it, and watch, stop or resume the jobs.

Knows its widgets. Refuses to know how data comes in (`training_data`), how a version is judged (`training_judge`),
how anything looks (`training_view`), what a setting means (`training_fields`) and how a job runs. Everything shown is
read from the jobs again at each look, so a reload, another browser or a restart shows the same; names and values from
the browser are checked by the service.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.job_files import Job
from assistant.training.fields import DEFAULT_PRESET, PRESETS
from assistant.ui import render
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant, Jobs
from assistant.ui.markup import Safe
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.training_data import DataStep
from assistant.ui.training_fields import field_widgets, filled, wanted
from assistant.ui.training_files import DataFiles
from assistant.ui.training_judge import JudgeStep
from assistant.ui.training_view import created, detail, forecast_lines, intro, job_list, joined, step
from assistant.ui.words import Words

_TICK_S = 2.0
Updates = dict[Any, Any]


class TrainingPage:
    """`build` places the widgets and connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session
        self._data = DataStep(assistant, words, session)
        self._files = DataFiles(assistant, words, session)
        self._judge = JudgeStep(assistant, words, session)

    def build(self, tab: Any) -> None:
        """Place the widgets inside the open tab and connect them to it."""
        words = self._words
        words.follow(gr.HTML(apply_default_css=False), intro)
        self._data.build()
        self._step(2)
        self._made = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="training-made")
        with gr.Row(elem_id="training-choice"):
            self._adapter = words.follow(gr.Dropdown(elem_id="training-adapter", filterable=False), self._choices)
            self._preset = words.follow(
                gr.Radio(list(PRESETS), elem_id="training-preset", value=DEFAULT_PRESET), _presets
            )
        self._files.build()
        with words.label(gr.Accordion(open=False, elem_id="training-fields"), label="more_settings"):
            with gr.Row(elem_classes="fields"):
                self._fields = field_widgets(words)
            self._again = words.label(gr.Button(size="sm", elem_id="training-forecast"), value="forecast_again")
        self._expected = gr.HTML(apply_default_css=False, elem_id="training-expected")
        self._note = gr.HTML(apply_default_css=False, elem_id="training-note")
        self._step(3)
        with gr.Row(elem_id="training-actions"):
            self._start = words.label(gr.Button(variant="primary", elem_id="training-start"), value="start_training")
            self._stop = words.label(gr.Button(visible=False, elem_id="training-stop"), value="stop_training")
            self._resume = words.label(gr.Button(visible=False, elem_id="training-resume"), value="resume_training")
        self._detail = gr.HTML(apply_default_css=False, elem_id="training-job")
        self._list = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="training-list")
        self._judge.build()
        words.follow(self._detail, lambda t: "")  # painted anew by the next look
        words.follow(self._expected, lambda t: "")
        words.follow(self._made, lambda t: "")
        self._kept = gr.BrowserState(["", ""], storage_key="assistant-training", secret="assistant")  # noqa: S106
        self._opened = gr.State("")  # the job that this visitor opened; none: the latest
        self._settled = gr.State("")  # adapter and preset that the fields show
        self._timer = gr.Timer(_TICK_S, active=False)
        self._data.wire(tab)
        self._judge.wire(tab, self._timer)
        self._wire(tab)

    def _step(self, number: int) -> None:
        """The heading of a step after the first, which has its own."""
        self._words.follow(gr.HTML(apply_default_css=False), partial(step, number))

    def _wire(self, tab: Any) -> None:
        light: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        heavy: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "forecast"}
        watching = [self._session, self._opened]
        shown = [self._detail, self._list, self._stop, self._resume]
        choice = [self._session, self._adapter, self._preset]
        pages = tab.parent

        def open_tab(session: Session, opened: str, event: gr.SelectData) -> Updates:
            here = event.index in (pages.children.index(tab), tab.id)
            return {self._timer: gr.Timer(active=here), **(self._look(session, opened) if here else {})}

        pages.select(open_tab, watching, [self._timer, *shown], **light)
        entered = [self._session, self._adapter, *self._fields]
        foretell = {"fn": self._foretell, "inputs": entered, "outputs": [self._expected, self._note], **heavy}
        filled_in = [self._settled, self._kept, self._note, *self._fields]
        settled = [self._adapter, self._preset, *filled_in]
        tab.select(self._settle, [*choice, self._settled, self._kept], settled, **light).then(**foretell)
        gr.on([self._adapter.input, self._preset.input], self._fill, choice, filled_in, **light).then(**foretell)
        goes_on = [*self._data.outputs, *settled, self._made]
        busy = {**heavy, "concurrency_id": "data"}
        files = {"fn": self._files.show, "inputs": choice[:2], "outputs": self._files.outputs, **light}
        self._data.create.click(self._create, self._data.typed, goes_on, **busy).then(**foretell)
        self._data.join.click(self._join, [self._session], goes_on, **busy).then(**files).then(**foretell)
        tab.select(**files)
        self._files.wire(self._adapter, foretell)
        self._again.click(**foretell)
        self._timer.tick(self._look, watching, shown, **light)
        told = [self._note, self._opened, *shown]
        self._start.click(self._begin, entered, told, **light)
        self._stop.click(self._end, watching, told, **light)
        self._resume.click(self._go_on, watching, told, **light)
        self._list.select(self._open, [self._session], told, **light)

    @property
    def _jobs(self) -> Jobs:
        return self._assistant.jobs

    # Settling

    def _choices(self, t: Texts) -> Any:
        titles = self._titles(t)
        pairs = [(titles.get(name, name), name) for name in self._jobs.adapters()]
        return gr.update(label=t("adapter"), choices=pairs)

    def _settle(self, session: Session, adapter: str | None, preset: str | None, settled: str, kept: object) -> Updates:
        """The tab is opened: fields that show no recipe yet, or one that is gone, are filled."""
        known = list(self._jobs.adapters())
        before = [str(item) for item in kept] if isinstance(kept, list) and len(kept) == 2 else ["", ""]
        name = _first(known, (adapter if settled else None, before[0])) or next(iter(known), None)
        how = _first(PRESETS, (preset if settled else None, before[1])) or DEFAULT_PRESET
        updates = self._chosen(session, name, how)
        if name is None or settled == _key(name, how):
            return updates
        filled_in = self._fill(session, name, how)
        return {**{widget: value for widget, value in filled_in.items() if widget is not self._note}, **updates}

    def _chosen(self, session: Session, name: str | None, preset: str) -> Updates:
        return {self._adapter: self._choices(texts(session.language)) | {"value": name}, self._preset: preset}

    def _create(self, session: Session, *typed: str) -> Updates:
        """The data becomes an adapter; where it did, it is the one that is settled next."""
        updates, name = self._data.made(session, *typed)
        if not name:
            return updates
        t = texts(session.language)
        return {**updates, **self._goes_on(session, name, created(self._titles(t).get(name, name), t))}

    def _join(self, session: Session) -> Updates:
        """The data goes to an adapter that is there; where it did, that one is settled next."""
        updates, made = self._data.added(session)
        if made is None:
            return updates
        t = texts(session.language)
        done = joined(self._titles(t).get(made.adapter, made.adapter), made.report, t)
        return {**updates, **self._goes_on(session, made.adapter, done)}

    def _goes_on(self, session: Session, name: str, done: Safe) -> Updates:
        chosen = self._chosen(session, name, DEFAULT_PRESET)
        return {**self._fill(session, name, DEFAULT_PRESET), **chosen, self._made: done}

    def _fill(self, session: Session, adapter: str | None, preset: str) -> Updates:
        try:
            shown = filled(self._jobs.recipe(str(adapter)), preset)
        except AssistantError as error:
            return {self._note: render.note(error.text(session.language))}
        fields = dict(zip(self._fields, shown, strict=True))
        settled = {self._settled: _key(str(adapter), preset), self._kept: [str(adapter), preset]}
        return {**settled, self._note: "", **fields}

    def _foretell(self, session: Session, adapter: str | None, *entered: object) -> Updates:
        try:
            recipe = self._jobs.recipe(str(adapter))
            forecast = self._jobs.forecast(str(adapter), wanted(recipe, entered))
        except AssistantError as error:
            return {self._expected: "", self._note: render.note(error.text(session.language))}
        return {self._expected: forecast_lines(forecast, texts(session.language)), self._note: ""}

    # Watching

    def _look(self, session: Session, opened: str) -> Updates:
        """How the jobs are now."""
        t = texts(session.language)
        jobs, titles = self._jobs.jobs(), self._titles(t)
        job = _shown(jobs, opened)
        return {
            self._detail: detail(job, self._jobs.events(job.id) if job else (), titles, t),
            self._list: job_list(jobs, titles, t),
            self._stop: gr.update(visible=job is not None and job.active),
            self._resume: gr.update(visible=job is not None and job.resumable),
        }

    def _titles(self, t: Texts) -> dict[str, str]:
        return {a.name: a.title.get(t.language) for a in self._assistant.adapters.list()}

    # Acting

    def _begin(self, session: Session, adapter: str | None, *entered: object) -> Updates:
        def start() -> str:
            return self._jobs.start(str(adapter), wanted(self._jobs.recipe(str(adapter)), entered))

        return self._done(session, "", start)

    def _end(self, session: Session, opened: str) -> Updates:
        return self._done(session, opened, lambda: self._jobs.stop(self._current(opened)).id)

    def _go_on(self, session: Session, opened: str) -> Updates:
        return self._done(session, opened, lambda: self._jobs.resume(self._current(opened)).id)

    def _open(self, session: Session, event: gr.EventData) -> Updates:
        return self._done(session, "", lambda: self._jobs.job(str(event._data.get("id"))).id)

    def _current(self, opened: str) -> str:
        job = _shown(self._jobs.jobs(), opened)
        return job.id if job else ""

    def _done(self, session: Session, opened: str, act: Callable[[], str]) -> Updates:
        """Act, and show the job it was about; where it could not be done, the words that say why."""
        try:
            opened, note = act(), Safe("")
        except AssistantError as error:
            note = render.note(error.text(session.language))
        return {self._note: note, self._opened: opened, **self._look(session, opened)}


def _shown(jobs: list[Job], opened: str) -> Job | None:
    """The job that was opened, else one that works, else the latest."""
    by_id = {job.id: job for job in jobs}
    return by_id.get(opened) or next((job for job in jobs if job.active), next(iter(jobs), None))


def _first(known: Collection[str], wanted: Sequence[str | None]) -> str | None:
    return next((item for item in wanted if item in known), None)


def _key(adapter: str, preset: str) -> str:
    return f"{adapter}/{preset}"


def _presets(t: Texts) -> Any:
    return gr.update(label=t("preset"), choices=[(t(f"job_preset_{name}"), name) for name in PRESETS])
