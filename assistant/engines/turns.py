"""Who may generate now, where requests of different adapters cannot run together.

llama.cpp computes one adapter at a time: while a request runs, those of another adapter wait in their slots, and
as long as new ones of the first keep coming they wait without end. So requests wait here instead, first come,
first served; those of one adapter that stand in a row run together. Refuses to know what is generated.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

_LOOK_S = 0.05  # between two looks at whether the visitor has gone


class Turns:
    """A queue for one server; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._adapter: str | None = None
        self._running = 0

    @contextmanager
    def turn(self, adapter: str | None, abandoned: threading.Event) -> Iterator[bool]:
        """Wait for a turn and keep it; False, at once, where the visitor has gone meanwhile."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            while not abandoned.is_set() and not self._is_next(ticket, adapter):
                self._changed.wait(_LOOK_S)
            self._waiting.remove(ticket)
            admitted = not abandoned.is_set()
            if admitted:
                self._adapter, self._running = adapter, self._running + 1
            self._changed.notify_all()  # the one behind may run beside this one, or in its place
        try:
            yield admitted
        finally:
            if admitted:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _is_next(self, ticket: object, adapter: str | None) -> bool:
        return self._waiting[0] is ticket and (self._running == 0 or self._adapter == adapter)
