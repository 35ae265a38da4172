"""How a training looks: its forecast, its curve, its samples, and the list of jobs.

Pure functions from jobs and events to markup. Refuses to know widgets and services.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from assistant.services.forecast import Forecast
from assistant.services.job_events import Event
from assistant.services.job_files import Job, JobState
from assistant.training.report import DataReport
from assistant.ui import formats
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 220, 44, 24  # of the curve, in its own units
_POINTS = 240  # at most; a long job's steps are averaged
_PROMPT_CHARS = 400
_TONES = {JobState.STOPPED: "warn", JobState.INTERRUPTED: "warn", JobState.FAILED: "bad"}
_SMALL = 1e-2  # numbers below are written as powers of ten
_STEPS = ("step_data", "step_settings", "step_train", "step_judge")
_ABOUT = ("step_data_about", "step_settings_about", "step_train_about", "step_judge_about")
Titles = Mapping[str, str]


def intro(t: Texts) -> Safe:
    """What the page is for, and its four steps."""
    links = [tag("li", tag("a", f"{n} {t(key)}", href=f"#training-step-{n}")) for n, key in enumerate(_STEPS, 1)]
    steps = tag("ol", *links, class_="steps")
    return tag("section", tag("h1", t("tab_training")), tag("p", t("training_intro"), class_="quiet"), steps)


def step(number: int, t: Texts) -> Safe:
    """The heading of a step, and what is done there."""
    key = _STEPS[number - 1]
    head = tag("h2", tag("span", str(number), class_="step-number"), t(key), id=f"training-step-{number}")
    return tag("div", head, tag("p", t(_ABOUT[number - 1]), class_="quiet"), class_="step")


def created(title: str, t: Texts) -> Safe:
    """An adapter was made of the data; the page goes on here."""
    return tag("p", "✓ ", t("adapter_created", title=title), class_="done wanted", role="status")


def joined(title: str, report: DataReport, t: Texts) -> Safe:
    """Rows were added to an adapter's data; how many, and how many were left out."""
    split = report.split
    added = split.train + split.validation
    numbers = {"train": split.train, "validation": split.validation, "left": report.usable - added}
    words = t("rows_joined", title=title, **{key: formats.number(value, t) for key, value in numbers.items()})
    return tag("p", "✓ ", words, class_="done wanted", role="status")


def forecast_lines(forecast: Forecast, t: Texts) -> Safe:
    """What is to be expected, and from what that was computed."""
    about = t("forecast_measured") if forecast.measured else t("forecast_default")
    if not forecast.counted:
        about = f"{about} {t('forecast_estimated')}"
    left_out = formats.counted("left_out", forecast.left_out, t) if forecast.left_out else None
    facts = {
        "forecast_time": formats.duration(forecast.seconds, t),
        "memory_needed": formats.size(forecast.memory_mb * 1_000_000, t),
        "forecast_steps": formats.number(forecast.steps, t),
        "forecast_tokens": formats.number(forecast.tokens, t),
        "forecast_examples": formats.number(forecast.examples, t),
    }
    return tag(
        "div",
        _facts([(t(key), value) for key, value in facts.items()]),
        tag("p", left_out, class_="note") if left_out else None,
        tag("p", about, class_="quiet"),
        class_="panel-card",
    )


def detail(job: Job | None, events: Sequence[Event], titles: Titles, t: Texts) -> Safe:
    """One job: how far it is, its curve and samples, or what ended it."""
    if job is None:
        return Safe("")
    steps = [e for e in events if e.get("event") == "step"]
    looks = [e for e in events if e.get("event") == "validation"]
    samples = [e for e in events if e.get("event") == "sample"]
    return tag(
        "section",
        tag("h2", titles.get(job.adapter, job.adapter), " ", chip(job, t)),
        tag("p", job.id, class_="quiet"),
        tag("p", job.error.get(t.language), class_="failure", role="alert") if job.error else None,
        tag("p", t("job_made", version=job.version)) if job.version else None,
        tag("p", t("job_interrupted_hint"), class_="note") if job.state is JobState.INTERRUPTED else None,
        tag("progress", value=job.step, max=job.steps, aria_label=t("progress")) if job.steps else None,
        _facts(_job_facts(job, steps, looks, t)),
        curve(steps, looks, t) if len(steps) > 1 else None,
        _samples([e for e in samples if e.get("step") == samples[-1].get("step")], t) if samples else None,
        class_="panel-card",
    )


def chip(job: Job, t: Texts) -> Safe:
    """The state in a word."""
    word = t(f"job_{job.state}")
    if job.state is JobState.RUNNING and job.phase is not None:
        word = t(f"job_phase_{job.phase}")
    return tag("span", word, class_=f"chip {_TONES.get(job.state, 'good')}")


def _job_facts(job: Job, steps: Sequence[Event], looks: Sequence[Event], t: Texts) -> list[tuple[str, str]]:
    facts = []
    if job.steps:
        facts.append((t("progress"), _steps(job, t)))
    if job.seconds_left is not None:
        facts.append((t("time_left"), formats.duration(job.seconds_left, t)))
    if steps:
        facts.append((t("loss_training"), formats.number(_number(steps[-1], "loss"), t, 3)))
    if looks:
        best = min(looks, key=lambda e: _number(e, "loss"))
        lowest = t("loss_lowest", loss=formats.number(_number(best, "loss"), t, 3), n=best.get("step"))
        facts.append((t("loss_validation"), f"{formats.number(_number(looks[-1], 'loss'), t, 3)} ({lowest})"))
    if steps:
        facts.append((t("learning_rate"), scientific(_number(steps[-1], "learning_rate"), t)))
        facts.append((t("speed"), t("tokens_per_second", n=formats.number(job.tokens_per_second, t))))
    if job.memory_mb:
        facts.append((t("memory_used"), formats.size(job.memory_mb * 1_000_000, t)))
    if job.overrides:
        changed = (f"{name} = {value}" for name, value in job.overrides.items())
        facts.append((t("changed_settings"), ", ".join(changed)))
    return facts


def curve(steps: Sequence[Event], looks: Sequence[Event], t: Texts) -> Safe:
    """Loss over steps as a drawing: training averaged, validation with a dot each look, learning rate behind."""
    learned = _thinned([(_number(e, "step"), _number(e, "loss")) for e in steps])
    watched = [(_number(e, "step"), _number(e, "loss")) for e in looks]
    rates = _thinned([(_number(e, "step"), _number(e, "learning_rate")) for e in steps])
    last = max([*(x for x, _ in learned + watched), _number(steps[-1], "steps"), 1.0])
    top = max(y for _, y in learned + watched) or 1.0
    fastest = max(y for _, y in rates) or 1.0

    def place(x: float, y: float, high: float) -> tuple[float, float]:
        along = _LEFT + (_WIDTH - _LEFT - 8) * x / last
        return round(along, 1), round(8 + (_HEIGHT - _BOTTOM - 8) * (1 - y / high), 1)

    def line(points: Sequence[tuple[float, float]], high: float, name: str) -> Safe:
        at = " ".join(f"{a},{b}" for a, b in (place(x, y, high) for x, y in points))
        return tag("polyline", points=at, class_=f"line {name}")

    dots = [tag("circle", cx=str(a), cy=str(b), r="3", class_="dot") for a, b in (place(x, y, top) for x, y in watched)]
    summary = t("curve_summary", n=formats.number(learned[-1][0], t), loss=formats.number(learned[-1][1], t, 3))
    drawing = tag(
        "svg",
        *_axes(top, last, t),
        line(rates, fastest * 1.05, "rate"),
        line(learned, top, "learned"),
        line(watched, top, "watched"),
        *dots,
        viewbox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=summary,
    )
    names = {"learned": "loss_training", "watched": "loss_validation", "rate": "learning_rate"}
    legend = [tag("span", t(key), class_=f"key {name}") for name, key in names.items()]
    return tag("figure", drawing, tag("figcaption", *legend), class_="curve")


def _axes(top: float, last: float, t: Texts) -> list[Safe]:
    base = _HEIGHT - _BOTTOM
    parts = [tag("line", x1=_LEFT, y1=base, x2=_WIDTH - 8, y2=base, class_="axis")]
    for share in (0.0, 0.5, 1.0):
        y = round(8 + (base - 8) * (1 - share), 1)
        parts.append(tag("text", formats.number(top * share, t, 2), x=_LEFT - 6, y=str(y + 4), text_anchor="end"))
    parts.append(tag("text", "0", x=_LEFT, y=_HEIGHT - 6))
    parts.append(tag("text", formats.number(last, t), x=_WIDTH - 8, y=_HEIGHT - 6, text_anchor="end"))
    return parts


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `_POINTS` means of neighbours; each at its last x, so that the line ends where the job is."""
    count = min(len(points), _POINTS)
    cuts = [len(points) * i // count for i in range(count + 1)]
    return [(points[b - 1][0], sum(y for _, y in points[a:b]) / (b - a)) for a, b in pairwise(cuts)]


def _samples(samples: Sequence[Event], t: Texts) -> Safe:
    cards = [
        tag(
            "div",
            tag("p", _clipped(str(e.get("prompt", ""))), class_="sample-prompt"),
            tag(
                "dl",
                *_pair(t("sample_wanted"), e, "expected"),
                *_pair(t("sample_written"), e, "output"),
                class_="facts",
            ),
            class_="sample",
        )
        for e in samples
    ]
    head = tag("summary", t("samples_at", n=samples[0].get("step")))
    return tag("details", head, *cards, open=True, class_="samples")


def _pair(name: str, event: Event, key: str) -> tuple[Safe, Safe]:
    return tag("dt", name), tag("dd", str(event.get(key, "")).strip() or "—")


def job_list(jobs: Sequence[Job], titles: Titles, t: Texts) -> Safe:
    """The jobs, latest first; a click opens one."""
    if not jobs:
        return tag("section", tag("h2", t("jobs")), tag("p", t("no_jobs"), class_="quiet"))
    keys = ("job", "adapter", "state", "progress", "started")
    header = tag("tr", *(tag("th", t(key), scope="col") for key in keys))
    rows = [tag("tr", *(tag("td", cell) for cell in _cells(job, titles, t))) for job in jobs]
    table = scroll_box(tag("table", tag("thead", header), tag("tbody", *rows)), t("jobs"))
    return tag("section", tag("h2", t("jobs")), table)


def _cells(job: Job, titles: Titles, t: Texts) -> tuple[str, ...]:
    opener = tag("button", job.id, type="button", class_="link", data_event="select", data_id=job.id)
    started = formats.day(job.created[:10], t) if job.created else ""
    return opener, titles.get(job.adapter, job.adapter), chip(job, t), _steps(job, t) if job.steps else "", started


def _steps(job: Job, t: Texts) -> str:
    return t("steps", n=formats.number(job.step, t), total=formats.number(job.steps, t))


def _facts(pairs: Sequence[tuple[str, str]]) -> Safe:
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts")


def scientific(value: float, t: Texts) -> str:
    """0.0004 as "4,0e-4"; numbers from a hundredth on as they are."""
    if value >= _SMALL or value == 0:
        return formats.number(value, t, 3)
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{formats.number(float(mantissa), t, 1)}e{int(exponent)}"


def _clipped(text: str) -> str:
    return text if len(text) <= _PROMPT_CHARS else f"… {text[-_PROMPT_CHARS:]}"


def _number(event: Mapping[str, Any], key: str) -> float:
    value = event.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
