"""How documents come in, as markup: what goes on now with each file, and the reports of what has ended.

Pure functions. Refuses to know widgets and services.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from assistant.services.corpus_report import ENDED, FileReport, FileState, Task, Work, WorkState
from assistant.ui import formats
from assistant.ui.clicks import button
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts

_SHOWN = 40  # files of one work that are shown; those with something to say come first
_REPORTS = 8
_WHOLE = 1000  # of a progress bar
_BAD = frozenset({FileState.REFUSED, FileState.STOPPED})
_TONES = {WorkState.DONE: "good", WorkState.RUNNING: "good", WorkState.FAILED: "bad"}


def progress(works: Sequence[Work], t: Texts, waiting: Collection[str] = ()) -> Safe:
    """What goes on and what has ended, latest first; nothing where there was nothing.

    `waiting` are the documents that wait for their password now: an older report may tell of others.
    """
    active = [going_on(work, t) for work in works if work.active]
    ended = [
        report(work, t, newest=n == 0, waiting=waiting) for n, work in enumerate(w for w in works if not w.active)
    ][:_REPORTS]
    heading = tag("h3", t("work_reports")) if ended else None
    return join(*active, heading, *ended)


def going_on(work: Work, t: Texts) -> Safe:
    """One piece of work with a bar for the whole and one for each file that is being worked on."""
    done, total = sum(f.state in ENDED for f in work.files), len(work.files)
    told = [t("work_count", done=formats.number(done, t), total=formats.number(total, t))]
    if work.seconds_left is not None:
        told.append(t("work_left", time=formats.duration(work.seconds_left, t)))
    share = sum(max(1, f.size) * f.share for f in work.files) / max(1, sum(max(1, f.size) for f in work.files))
    stop = button(t("stop"), "submit", class_="action strong danger", action="stop", id=work.id)
    return tag(
        "section",
        tag("div", tag("h3", title(work, t)), chip(work, t), stop, class_="work-head"),
        tag("p", work.waits.get(t.language), class_="note", role="status") if work.waits else None,
        tag("progress", value=round(_WHOLE * share), max=_WHOLE, aria_label=title(work, t)),
        tag("p", " · ".join(told), class_="quiet small figure"),
        _files(work, t),
        class_="panel-card work",
        data_work=work.id,
    )


def report(work: Work, t: Texts, newest: bool = False, waiting: Collection[str] = ()) -> Safe:
    """One piece of work that has ended, folded; the newest is open where something went wrong or is asked for."""
    bad = sum(f.state in _BAD for f in work.files)
    locked = sum(f.state is FileState.LOCKED for f in work.files)
    taken = len(work.files) - bad - locked
    counts = [formats.counted("documents", taken, t)] if taken or not locked else []
    counts += [formats.counted("locked", locked, t)] if locked else []
    counts += [formats.counted("refused", bad, t)] if bad else []
    counts.append(t("work_took", time=formats.duration(work.seconds, t)))
    when = _moment(work.created, t)
    summary = tag(
        "summary",
        tag("span", title(work, t), class_="work-title"),
        chip(work, t, any(f.state is FileState.LOCKED and f.name in waiting for f in work.files)),
        tag("span", " · ".join([when, *counts]), class_="quiet small figure"),
    )
    return tag(
        "details",
        summary,
        tag("p", work.error.get(t.language), class_="failure", role="alert") if work.error else None,
        tag("p", t("work_interrupted_hint"), class_="note") if work.state is WorkState.INTERRUPTED else None,
        _files(work, t, waiting),
        class_="work report",
        open=newest and bool(bad or locked or work.error or work.state is WorkState.INTERRUPTED),
        data_work=work.id,
    )


def title(work: Work, t: Texts) -> str:
    """What it is about."""
    if work.task is Task.REPLACE:
        return t("work_replace", name=work.replaces)
    return t("work_index" if work.task is Task.INDEX else "work_add")


def chip(work: Work, t: Texts, asks: bool = False) -> Safe:
    """Its state in a word; `asks`: it has ended, but for a password."""
    if asks:
        return tag("span", t("file_state_locked"), class_="chip warn")
    return tag("span", t(f"work_state_{work.state}"), class_=f"chip {_TONES.get(work.state, 'warn')}")


def _files(work: Work, t: Texts, waiting: Collection[str] = ()) -> Safe:
    """The files, those that are being worked on and those with something to say first."""
    order = sorted(work.files, key=_weight)
    rest = len(order) - _SHOWN
    more = tag("li", t("work_more", n=formats.number(rest, t)), class_="quiet small") if rest > 0 else None
    return tag("ul", *(_file(f, t, f.name in waiting) for f in order[:_SHOWN]), more, class_="files-report")


def _weight(file: FileReport) -> int:
    if file.state in (FileState.READING, FileState.INDEXING, FileState.FETCHING, FileState.CHECKING):
        return 0
    if file.state in _BAD or file.state is FileState.LOCKED:
        return 1
    return 2 if file.notes else 3


def _file(file: FileReport, t: Texts, waits: bool) -> Safe:
    tone = "bad" if file.state in _BAD else ("good" if file.state in ENDED - {FileState.LOCKED} else "warn")
    busy = file.state in (FileState.READING, FileState.INDEXING, FileState.FETCHING, FileState.CHECKING)
    facts = _under_way(file, t) if file.state not in ENDED else _found(file, t)
    origin = t("file_from", origin=file.origin) if file.origin and file.origin != file.name else ""
    told = " · ".join(part for part in (*facts, origin) if part)
    bar = tag("progress", value=round(_WHOLE * file.share), max=_WHOLE, aria_label=file.name) if busy else None
    return tag(
        "li",
        tag("div", tag("span", file.name, class_="file-name"), _chip(file, tone, t, waits), class_="file-line"),
        bar,
        tag("p", told, class_="quiet small figure") if told else None,
        *(tag("p", note.get(t.language), class_="note" if tone != "bad" else "failure") for note in file.notes),
        data_file=file.name,
    )


def _chip(file: FileReport, tone: str, t: Texts, waits: bool) -> Safe:
    was = file.state is FileState.LOCKED and not waits
    return tag("span", t("file_was_locked" if was else f"file_state_{file.state}"), class_=f"chip {tone}")


def _under_way(file: FileReport, t: Texts) -> list[str]:
    told = []
    if file.is_being_read:
        told.append(t("file_reading", page=formats.number(file.page, t), pages=formats.number(file.pages, t)))
        if file.rate:
            told.append(_pages_rate(file.rate, t))
    if file.embedded:
        numbers = {"n": formats.number(file.embedded, t), "total": formats.number(file.chunks, t)}
        told.append(t("file_progress", **numbers))
    if file.rate and file.embedded:
        told.append(t("file_rate", rate=formats.number(file.rate, t, 1 if file.rate < 10 else 0)))
    if file.seconds_left is not None:
        told.append(t("file_left", time=formats.duration(file.seconds_left, t)))
    return told


def _pages_rate(rate: float, t: Texts) -> str:
    """Pages a second, or a minute where a page takes longer."""
    if rate >= 1:
        return t("file_pages_second", rate=formats.number(rate, t, 1 if rate < 10 else 0))
    return t("file_pages_minute", rate=formats.number(60 * rate, t, 1 if rate < 1 / 6 else 0))


def _found(file: FileReport, t: Texts) -> list[str]:
    if file.state in _BAD or file.state is FileState.LOCKED:
        return []
    told = [formats.counted("pages", file.pages, t)] if file.pages else []
    told.append(formats.counted("passages", file.chunks, t))
    if file.language:
        told.append(t(f"language_{file.language}"))
    told.append(formats.day(file.as_of, t))
    return told


def _moment(created: str, t: Texts) -> str:
    at = datetime.fromisoformat(created).astimezone()
    return f"{formats.day(f'{at:%Y-%m-%d}', t)} {at:%H:%M}"
