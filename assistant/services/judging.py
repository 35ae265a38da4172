"""How far a judgement is: what `judge` is at, told as events that a terminal and a page put into words of their own.

Knows the stages and how they lie in a log, one JSON object a line. Refuses to judge.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from assistant.services.job_events import Event, number, whole

_LINE_EVERY = 50  # rows between two lines at a terminal


class Stage(StrEnum):
    """What a judgement is at."""

    FORGETTING = "forgetting"  # how much general Portuguese is forgotten
    TRAFFIC = "traffic"  # what the router sends where
    LOADING = "loading"  # an engine of its own
    ROWS = "rows"  # held-out rows through one system
    LEFT_OUT = "left_out"  # the live version cannot be loaded
    SPEED = "speed"


@dataclass(frozen=True, slots=True)
class Judging:
    """One event. `done` of `total` prompts through `system` (base, few_shot, live, candidate), the `part`th of `parts`.

    `reason` says why the live version is left out.
    """

    stage: Stage
    system: str = ""
    done: int = 0
    total: int = 0
    part: int = 0
    parts: int = 0
    reason: str = ""


Tell = Callable[[Judging], None]


def readable(event: Judging) -> str:
    """The line that a terminal shows, empty where there is nothing worth a line."""
    if event.stage is Stage.ROWS:
        if not event.done:
            return f"{event.total} prompts through {event.system}"
        return f"{event.done}/{event.total}" if event.done % _LINE_EVERY == 0 or event.done == event.total else ""
    return {
        Stage.FORGETTING: "measuring how much general Portuguese is forgotten",
        Stage.TRAFFIC: "measuring what the router sends where",
        Stage.LOADING: "loading an engine for the judgement",
        Stage.LEFT_OUT: f"the live version cannot be loaded and is left out: {event.reason}",
        Stage.SPEED: "measuring the speed",
    }[event.stage]


def told(say: Callable[[str], None]) -> Tell:
    """A `Tell` that says the readable lines."""

    def tell(event: Judging) -> None:
        if line := readable(event):
            say(line)

    return tell


@contextmanager
def logged(path: Path | None, tell: Tell) -> Iterator[Tell]:
    """A `Tell` that also appends every event to a log, with the seconds since now; None: no log."""
    if path is None:
        yield tell
        return
    started, lock = time.monotonic(), threading.Lock()
    with path.open("a", encoding="utf-8", buffering=1) as log:

        def both(event: Judging) -> None:
            line = {"event": "judging", **asdict(event), "seconds": round(time.monotonic() - started, 1)}
            with lock:  # prompts end on several threads
                log.write(json.dumps(line, ensure_ascii=False) + "\n")
            tell(event)

        yield both


def latest(events: Sequence[Event]) -> tuple[Judging | None, float | None]:
    """The last event of a log, and the seconds that its system still takes where that can be foretold."""
    read = [(event, found) for event in events if (found := _event(event)) is not None]
    if not read:
        return None, None
    now = read[-1][1]
    same = [(number(e.get("seconds")), found.done) for e, found in read if _same(found, now)]
    (began, first), (last, done) = same[0], same[-1]
    if now.stage is not Stage.ROWS or done <= first:
        return now, None
    return now, (last - began) / (done - first) * (now.total - done)


def _same(one: Judging, other: Judging) -> bool:
    return (one.stage, one.system) == (other.stage, other.system)


def _event(raw: Event) -> Judging | None:
    try:
        stage = Stage(str(raw.get("stage")))
    except ValueError:  # another version of the program wrote it
        return None
    done, total, part, parts = (whole(raw.get(key)) for key in ("done", "total", "part", "parts"))
    return Judging(stage, str(raw.get("system", "")), done, total, part, parts, str(raw.get("reason", "")))
