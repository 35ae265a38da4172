"""The page "Treino": the command of each recipe, and the jobs of this machine.

Knows the files that a job leaves (var/jobs/<id>/: job.json, events.jsonl, at the end adapter/).
Refuses to start anything.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.ui import formats
from assistant.ui.chat import BIND, Session
from assistant.ui.contracts import Assistant, PageOptions
from assistant.ui.markup import Safe, tag
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_SILENT_S = 900  # a running job writes a step every few seconds; a validation takes minutes
_TAIL_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job as its files tell: `state` one of queued, running, stopped, done."""

    id: str
    adapter: str
    state: str
    step: int
    steps: int
    changed: str


class TrainingPage:
    """Commands to copy, and the list of jobs."""

    def __init__(self, assistant: Assistant, options: PageOptions, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._options = options
        self._words = words
        self._session = session

    def build(self, tab: Any) -> None:
        """Place the widgets and connect them."""
        shown = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="training-list")
        self._words.follow(shown, self._page)
        refresh = self._words.label(gr.Button(size="sm", elem_id="training-refresh"), value="refresh")
        gr.on(
            [tab.select, refresh.click], self._refresh, [self._session], [shown],
            show_progress="hidden", api_visibility="private", queue=False,
        )  # fmt: skip

    def _refresh(self, session: Session) -> Safe:
        return self._page(texts(session.language))

    def _page(self, t: Texts) -> Safe:
        recipes = sorted(p.parent.name for p in self._options.adapters_folder.glob("*/recipe.toml"))
        titles = {a.name: a.title.get(t.language) for a in self._assistant.adapters.list()}
        return tag(
            "div",
            tag("section", tag("h1", t("tab_training")), tag("p", t("training_intro"), class_="quiet")),
            recipe_list({name: titles.get(name, name) for name in recipes}, t),
            job_list(list(read_jobs(self._options.jobs)), t),
        )


def recipe_list(recipes: Mapping[str, str], t: Texts) -> Safe:
    """One card for each recipe: the command that trains it and the one that evaluates it."""
    cards = [
        tag(
            "div",
            tag("strong", title),
            command(f"python -m assistant train {name}", t),
            command(f"python -m assistant evaluate --adapter {name} --data FILE", t),
            class_="panel-card",
        )
        for name, title in recipes.items()
    ]
    body = tag("div", *cards, class_="stack") if cards else tag("p", t("no_recipes"), class_="quiet")
    return tag("section", tag("h2", t("recipes")), body)


def command(line: str, t: Texts) -> Safe:
    """A command with a button that copies it."""
    copy = tag(
        "button", t("copy"), type="button", class_="link", data_event="copy", data_text=line, data_done=t("copied")
    )
    return tag("div", tag("code", line), copy, class_="command")


def job_list(jobs: list[JobLine], t: Texts) -> Safe:
    """The jobs, latest first."""
    if not jobs:
        return tag("section", tag("h2", t("jobs")), tag("p", t("no_jobs"), class_="quiet"))
    keys = ("job", "adapter", "state", "progress", "last_change")
    header = tag("tr", *(tag("th", t(key), scope="col") for key in keys))
    rows = [tag("tr", *(tag("td", cell) for cell in _cells(job, t))) for job in jobs]
    table = tag("div", tag("table", tag("thead", header), tag("tbody", *rows)), class_="table-box")
    return tag("section", tag("h2", t("jobs")), table)


def _cells(job: JobLine, t: Texts) -> tuple[str, ...]:
    tone = {"stopped": "chip warn"}.get(job.state, "chip good")
    steps = t("steps", n=formats.number(job.step, t), total=formats.number(job.steps, t)) if job.steps else ""
    state = tag("span", t(f"job_{job.state}"), class_=tone)
    return job.id, job.adapter, state, steps, formats.day(job.changed, t)


def read_jobs(folder: Path) -> Iterator[JobLine]:
    """The jobs under `folder`, latest first; a line of a log that cannot be read is passed over."""
    logs = [path for path in folder.glob("*/events.jsonl") if path.is_file()]
    for path in sorted(logs, key=lambda p: p.stat().st_mtime, reverse=True):
        yield _read_job(path)


def _read_job(log: Path) -> JobLine:
    step, steps = 0, 0
    for event in _events(log):
        step, steps = _whole(event.get("step"), step), _whole(event.get("steps"), steps)
    touched = log.stat().st_mtime
    if (log.parent / "adapter").is_dir():
        state = "done"
    elif time.time() - touched > _SILENT_S:
        state = "stopped"
    else:
        state = "running" if steps else "queued"
    changed = datetime.fromtimestamp(touched, UTC).date().isoformat()
    return JobLine(log.parent.name, _adapter(log.parent), state, step, steps, changed)


def _adapter(folder: Path) -> str:
    try:
        return str(json.loads((folder / "job.json").read_text("utf-8")).get("adapter", ""))
    except (OSError, ValueError, AttributeError):
        return ""  # not written yet, or by hand: the job is listed all the same


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _events(path: Path) -> Iterator[Mapping[str, object]]:
    """The first line and the tail of a log: enough for adapter, state and step of a long job."""
    with path.open("rb") as file:
        lines = [file.readline()]
        file.seek(max(file.tell(), path.stat().st_size - _TAIL_BYTES))
        lines += file.read().splitlines()
    for line in lines:
        try:
            event = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError):
            continue  # half a line: the job writes at this moment, or the tail begins inside of it
        if isinstance(event, dict):
            yield event
