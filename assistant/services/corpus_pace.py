"""How fast a piece of work goes: pages and chunks a second, and the time that is left.

Knows the clock of one piece of work. Refuses to do the work.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from assistant.services.corpus_report import ENDED, FileReport, FileState, Work
from assistant.services.ingestion import Progress

_SURE_S = 1.0  # before it, nothing is foretold


class Pace:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = self._began  # step of the ingestion
        self._opened = self._began  # the document that is being read
        self._embedding = (0, 0.0)  # chunks, and the seconds that they took

    def opened(self) -> None:
        """A document is about to be read."""
        self._opened = time.monotonic()

    def read(self, page: int, of: int) -> dict[str, Any]:
        """What the line of the document says after a page: pages, pages a second, seconds until it is read."""
        seconds = time.monotonic() - self._opened
        rate = page / seconds if seconds > _SURE_S else 0.0
        return {"page": page, "pages": of, "rate": rate, "seconds_left": (of - page) / rate if rate else None}

    def embedded(self, line: FileReport, step: Progress) -> dict[str, Any]:
        """What the line says after some chunks: those that are done, chunks a second, seconds until all are."""
        now = time.monotonic()
        chunks, seconds = self._embedding
        self._embedding = chunks + step.embedded - line.embedded, seconds + now - self._last
        self._last = now
        rate = self._embedding[0] / max(1e-3, self._embedding[1])
        left = (step.chunks - step.embedded) / rate if rate else None
        return {"embedded": step.embedded, "chunks": step.chunks, "rate": rate, "seconds_left": left}

    def stepped(self) -> None:
        """Something else than embedding was done."""
        self._last = time.monotonic()

    def told(self, work: Work) -> Work:
        """The report with the time that has gone and the time that is left, by the bytes that are done.

        While a document is read by pages nothing is foretold: how many chunks it will have is not known yet.
        """
        seconds = time.monotonic() - self._began
        weights = [(max(1, line.size), line.share) for line in work.files if line.state is not FileState.REFUSED]
        whole, done = sum(w for w, _ in weights), sum(w * share for w, share in weights)
        left = seconds * (whole - done) / done if done and seconds > _SURE_S else None
        busy = [line for line in work.files if line.state not in ENDED]
        if any(line.is_being_read for line in busy):
            left = None
        if left is not None:
            left = max([left, *(line.seconds_left or 0.0 for line in busy)])
        return replace(work, seconds=round(seconds, 1), seconds_left=left)
