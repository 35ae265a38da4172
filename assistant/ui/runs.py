"""Answers under way, one for each visitor at most, and how they are stopped.

Knows the session's key and a cancel event. Refuses to know what is being answered.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Run:
    """One answer under way. `abandoned`: the visitor went elsewhere, nothing may be shown any more."""

    cancel: threading.Event = field(default_factory=threading.Event)
    abandoned: bool = False


class Runs:
    """The runs of all sessions of one page; safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Run] = {}

    def start(self, session: str) -> Run | None:
        """Begin a run; None while another one of the same session is under way."""
        with self._lock:
            if session in self._running:
                return None
            run = self._running[session] = Run()
            return run

    def finish(self, session: str, run: Run) -> None:
        """End a run however it ended; whatever still works for it stops."""
        run.cancel.set()
        with self._lock:
            if self._running.get(session) is run:
                del self._running[session]

    def stop(self, session: str) -> None:
        """Stop the answer; what is written so far stays."""
        with self._lock:
            run = self._running.get(session)
        if run is not None:
            run.cancel.set()

    def abandon(self, session: str) -> None:
        """Stop the answer and forget it: the visitor left, or opened something else."""
        with self._lock:
            run = self._running.pop(session, None)
        if run is not None:
            run.abandoned = True
            run.cancel.set()
