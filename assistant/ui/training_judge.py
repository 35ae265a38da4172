"""The last step of the page Treino: judge a version in the background, read the verdict, put the version live.

Knows its widgets. Refuses to know how a verdict looks (`judgement_view`), how one comes about (the service) and when a
version may go live (`going_live`). What is shown is read anew at each look; versions from a browser are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import gradio as gr

from assistant.errors import AssistantError, InputRejected
from assistant.services.job_files import JobState
from assistant.services.judge_process import Judgement, JudgeState
from assistant.services.judging import Judging, Stage
from assistant.ui import formats, judgement_view
from assistant.ui.contracts import Assistant
from assistant.ui.going_live import forbidden, go_live
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.training_view import step
from assistant.ui.words import Words

Updates = dict[Any, Any]
_STAGES = {
    Stage.FORGETTING: "judging_forgetting",
    Stage.TRAFFIC: "judging_traffic",
    Stage.LOADING: "judging_loading",
    Stage.LEFT_OUT: "judging_left_out",
    Stage.SPEED: "judging_speed",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one visitor's page shows: the version that a training made last, the choices, and the verdict painted."""

    made: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    verdict: tuple[object, ...] = ()


class JudgeStep:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        words.follow(gr.HTML(apply_default_css=False), partial(step, 4))
        self._seen = gr.State(Seen())
        self._version = words.label(gr.Dropdown(elem_id="judge-version", filterable=False), label="judge_version")
        with gr.Row(elem_id="judge-actions", elem_classes="buttons"):
            self._start = words.label(gr.Button(variant="primary", elem_id="judge-start"), value="judge_go")
            self._stop = words.label(gr.Button(visible=False, elem_id="judge-stop"), value="judge_stop")
            self._live = words.label(gr.Button(visible=False, elem_id="judge-live"), value="go_live")
        self._note = gr.HTML(apply_default_css=False, elem_id="judge-note")
        with gr.Column(visible=False, elem_id="judge-overrule") as self._overrule:
            self._reason = words.label(gr.Textbox(elem_id="judge-reason"), label="overrule_reason")
            self._anyway = words.label(gr.Button(elem_id="judge-anyway"), value="overrule")
        self._now = gr.HTML(apply_default_css=False, elem_id="judge-now")
        self._found = gr.HTML(apply_default_css=False, elem_id="judge-found")
        words.follow(self._now, lambda t: "")  # painted anew by the next look

    def wire(self, tab: Any, timer: Any) -> None:
        """Connect the widgets to each other, to the tab and to the clock that ticks while it is open."""
        light: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        quiet = {**light, "queue": True}
        seen = [self._session, self._version, self._seen]
        gr.on([tab.select, timer.tick], self.look, seen, self.outputs, **light)
        self._version.input(self.choose, seen, self.told, **light)
        self._start.click(self.judge, seen, self.told, **light)
        self._stop.click(self.stop, seen, self.told, **quiet)
        self._live.click(self.activate, seen, self.told, **quiet)
        self._anyway.click(self.overrule, [*seen, self._reason], self.told, **quiet)

    @property
    def outputs(self) -> list[Any]:
        """What a look may change."""
        return [self._version, self._start, self._stop, self._live, self._now, self._found, self._seen]

    @property
    def told(self) -> list[Any]:
        """What a click may change."""
        return [*self.outputs, self._note, self._overrule, self._reason]

    # Looking

    def look(self, session: Session, version: str | None, seen: Seen) -> Updates:
        """How the judgement and the version are now; a version that a training has just made is chosen."""
        t = texts(session.language)
        now, choices, made = self._assistant.judging.now(), self._choices(t), self._made()
        known = {key for _, key in choices}
        chosen = version if version in known else None
        if made in known and made != seen.made:
            chosen = made
        running = now if now is not None and now.state is JudgeState.RUNNING else None
        if chosen is None and running is not None and running.key in known:
            chosen = running.key
        if chosen is None:
            chosen = next((key for _, key in choices), None)
        record = self._record(chosen)
        verdict = (chosen, t.language, *(str(record.get(key)) for key in ("created", "overruled")))
        updates: Updates = {
            self._start: gr.update(interactive=chosen is not None and running is None),
            self._stop: gr.update(visible=running is not None),
            self._live: gr.update(visible=chosen is not None and chosen not in self._live_keys()),
            self._now: status(now, chosen, {key: title for title, key in choices}, t),
            self._seen: Seen(made, choices, verdict),
        }
        if choices != seen.choices or chosen != version:  # else an open list would close
            updates[self._version] = gr.update(choices=list(choices), value=chosen)
        if verdict != seen.verdict:
            updates[self._found] = judgement_view.full(record, t)
        return updates

    def _choices(self, t: Texts) -> tuple[tuple[str, str], ...]:
        titles = {a.name: a.title.get(t.language) for a in self._assistant.adapters.list()}
        found = self._assistant.judging.candidates()
        return tuple((f"{titles.get(v.adapter, v.adapter)} · {v.number:04d}", v.key) for v in found)

    def _made(self) -> str:
        """The version that the latest training made."""
        done = (job for job in self._assistant.jobs.jobs() if job.state is JobState.DONE and job.version)
        return next((f"{job.adapter}@{job.version.partition('-')[0]}" for job in done), "")

    def _live_keys(self) -> set[str]:
        active = ((a.name, a.active) for a in self._assistant.adapters.list())
        return {f"{name}@{label.partition('-')[0]}" for name, label in active if label}

    def _record(self, key: str | None) -> Mapping[str, Any]:
        if key is None:
            return {}
        name, number = _version(key)
        try:
            return self._assistant.judgement.verdict(name, number) or {}
        except AssistantError:  # a damaged file: judging again replaces it
            return {}

    # Acting

    def choose(self, session: Session, version: str | None, seen: Seen) -> Updates:
        """Another version of the list."""
        return self._done(session, version, seen)

    def judge(self, session: Session, version: str | None, seen: Seen) -> Updates:
        """Judge the chosen version in the background."""
        return self._done(session, version, seen, lambda: self._assistant.judging.start(*_version(version)))

    def stop(self, session: Session, version: str | None, seen: Seen) -> Updates:
        """End the judgement that runs."""
        return self._done(session, version, seen, self._assistant.judging.stop)

    def activate(self, session: Session, version: str | None, seen: Seen) -> Iterator[Updates]:
        """Put the version live; where its verdict says no, ask for a reason."""
        yield from self._going_live(session, version, seen, "")

    def overrule(self, session: Session, version: str | None, seen: Seen, reason: str) -> Iterator[Updates]:
        """Put it live all the same; the reason is recorded."""
        yield from self._going_live(session, version, seen, str(reason or ""))

    def _going_live(self, session: Session, version: str | None, seen: Seen, reason: str) -> Iterator[Updates]:
        t = texts(session.language)
        yield {self._note: tag("p", t("working_on_it"), class_="pending", role="status")}
        told: list[str] = []
        refused = False
        try:
            name, number = _version(version)
            refused = forbidden(self._assistant, name, number)
        except AssistantError:  # told below
            pass

        def act() -> None:
            told.append(go_live(self._assistant, *_version(version), reason, t))

        updates = self._done(session, version, seen, act)
        if told:
            updates[self._note] = tag("p", "✓ ", *told, class_="done", role="status")
        elif refused:
            updates[self._overrule] = gr.update(visible=True)
        yield updates

    def _done(
        self, session: Session, version: str | None, seen: Seen, act: Callable[[], object] = lambda: None
    ) -> Updates:
        """Act and show what came of it; where it could not be done, the words that say why."""
        note: Safe | str = ""
        try:
            act()
        except AssistantError as error:
            note = tag("p", error.text(session.language), class_="failure", role="alert")
        told = {self._note: note, self._overrule: gr.update(visible=False), self._reason: ""}
        return {**told, **self.look(session, version, seen)}


def status(now: Judgement | None, chosen: str | None, titles: Mapping[str, str], t: Texts) -> Safe:
    """How far the judgement is, or why the one of the chosen version came to no verdict."""
    if now is None:
        return Safe("")
    if now.state is JudgeState.RUNNING:
        return _running(now, titles.get(now.key, now.key), t)
    if now.key != chosen or now.state is JudgeState.DONE:
        return Safe("")
    if now.state is JudgeState.STOPPED:
        return tag("p", t("judging_stopped"), class_="quiet", role="status")
    return tag("p", now.error.get(t.language), class_="failure", role="alert")


def _running(now: Judgement, title: str, t: Texts) -> Safe:
    at = now.at
    counted = at is not None and at.stage is Stage.ROWS and at.total > 0 and at.parts > 0
    share = round((at.part - 1 + at.done / at.total) / at.parts * 100) if at is not None and counted else 0
    return tag(
        "div",
        tag("p", t("judging_version", version=title, time=formats.duration(_since(now.created), t)), class_="pending"),
        tag("progress", value=share, max=100, aria_label=t("progress")) if counted else None,
        tag("p", _at(at, now.seconds_left, t), class_="quiet", role="status"),
        class_="panel-card",
    )


def _at(at: Judging | None, left: float | None, t: Texts) -> str:
    """What it is at, in words."""
    if at is None:
        return t("judging_starting")
    if at.stage is not Stage.ROWS:
        return t(_STAGES[at.stage])
    numbers = {key: formats.number(value, t) for key, value in (("done", at.done), ("total", at.total))}
    system = t(judgement_view.SYSTEMS.get(at.system, "system_candidate"))
    words = t("judging_rows", part=at.part, parts=at.parts, system=system, **numbers)
    return words if left is None else f"{words} {t('judging_left', time=formats.duration(left, t))}"


def _since(created: str) -> float:
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds())
    except (ValueError, TypeError):  # a damaged request
        return 0.0


def _version(key: object) -> tuple[str, int]:
    """Adapter and number of a version's key; raises `InputRejected` for what is none."""
    name, _, number = str(key or "").partition("@")
    if not name or not number.isdecimal() or len(number) > 9:
        raise InputRejected("Choose a version of the list.", pt="Escolha uma versão da lista.")
    return name, int(number)
