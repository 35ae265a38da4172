"""The event log of a job: one JSON object a line, read while it is being written.

Knows that the last line may be half there and that a resumed run goes through some steps again. Refuses
to know what a job is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_TAIL_BYTES = 65_536
_RECENT_STEPS = 50  # the speed of these foretells the rest
Event = Mapping[str, Any]


def read(log: Path) -> list[Event]:
    """Every event in order; steps that a resumed run went through again are there once, as they went last."""
    try:
        lines = log.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    kept: list[Event] = []
    for event in _parsed(lines):
        if event.get("event") == "step":
            step = whole(event.get("step"))
            if kept and whole(kept[-1].get("step")) >= step:
                kept = [e for e in kept if whole(e.get("step")) < step]
        kept.append(event)
    return kept


def tail(log: Path) -> list[Event]:
    """The last events: enough for the state of a long job."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return list(_parsed(file.read().splitlines()))
    except FileNotFoundError:
        return []


def _parsed(lines: list[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # half a line: the job writes at this moment, or the tail begins inside of it
        if isinstance(event, dict):
            yield event


def seconds_left(steps: list[Event]) -> float | None:
    """Seconds to the last step at the speed of the latest ones of this start."""
    recent = steps[-_RECENT_STEPS:]
    seconds = [number(step.get("seconds")) for step in recent]
    begin = max((i for i in range(1, len(seconds)) if seconds[i] < seconds[i - 1]), default=0)
    if len(recent) - begin < 2:
        return None
    first, last = recent[begin], recent[-1]
    done = whole(last.get("step")) - whole(first.get("step"))
    left = whole(last.get("steps")) - whole(last.get("step"))
    return (seconds[-1] - seconds[begin]) / done * left if done > 0 else None


def whole(value: object) -> int:
    """A whole number of an event, 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def number(value: object) -> float:
    """A number of an event, 0 where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
