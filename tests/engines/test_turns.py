"""Turns: one adapter at a time, first come, first served, together where it can be."""

from __future__ import annotations

import threading

from assistant.engines.turns import Turns

DEADLINE = 30.0


class Request(threading.Thread):
    """Takes a turn and keeps it until it is told to end."""

    def __init__(self, turns: Turns, adapter: str | None) -> None:
        super().__init__()
        self.turns, self.adapter = turns, adapter
        self.abandoned, self.begun, self.end = threading.Event(), threading.Event(), threading.Event()
        self.admitted: bool | None = None

    def run(self) -> None:
        with self.turns.turn(self.adapter, self.abandoned) as self.admitted:
            self.begun.set()
            if self.admitted:
                self.end.wait(DEADLINE)


def begin(turns: Turns, adapter: str | None) -> Request:
    waiting = len(turns._waiting) + turns._running
    request = Request(turns, adapter)
    request.start()
    while len(turns._waiting) + turns._running == waiting:
        request.join(0.001)
    return request


def test_requests_of_one_adapter_run_together() -> None:
    turns = Turns()
    requests = [begin(turns, "a"), begin(turns, "a")]
    assert all(request.begun.wait(DEADLINE) for request in requests)
    for request in requests:
        request.end.set()
        request.join(DEADLINE)


def test_another_adapter_is_not_overtaken_by_those_that_came_later() -> None:
    turns = Turns()
    first = begin(turns, "a")
    assert first.begun.wait(DEADLINE)
    other, late = begin(turns, None), begin(turns, "a")
    assert not other.begun.is_set() and not late.begun.is_set()
    first.end.set()
    assert other.begun.wait(DEADLINE)
    assert not late.begun.is_set()
    other.end.set()
    assert late.begun.wait(DEADLINE)
    late.end.set()
    for request in (first, other, late):
        request.join(DEADLINE)


def test_who_has_gone_makes_room_without_a_turn() -> None:
    turns = Turns()
    first = begin(turns, "a")
    assert first.begun.wait(DEADLINE)
    gone, late = begin(turns, "b"), begin(turns, "a")
    gone.abandoned.set()
    gone.join(DEADLINE)
    assert gone.admitted is False
    assert late.begun.wait(DEADLINE)
    for request in (first, late):
        request.end.set()
        request.join(DEADLINE)
