"""Documents read beside, so that each page can be told while it goes on and a long reading can be left half-way.

Also keeps what was read when a document was checked until the index asks for it: none is read twice. Refuses to know
what becomes of a document.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from assistant.retrieval.documents import MAX_CHARS, OnPage
from assistant.retrieval.loading import LoadedDocument

_MOST = 2 * MAX_CHARS  # characters kept between check and index
_Read = TypeVar("_Read")
_Told = TypeVar("_Told")
_Stamp = tuple[int, int, int]


class _Left(Exception):
    """Nobody waits for the document any more."""


def by_page(read: Callable[[OnPage], _Read], tell: Callable[[int, int], _Told]) -> Generator[_Told, None, _Read]:
    """Run `read` in a thread, yielding what `tell` makes of pages read and pages in all; returns what `read` does.

    Raises what `read` raises. Closing the generator ends the reading at its next page, and waits for that.
    """
    told: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
    left = threading.Event()

    def on_page(page: int, of: int) -> None:
        if left.is_set():
            raise _Left
        told.put((page, of))

    with ThreadPoolExecutor(1, "reading") as beside:
        reading = beside.submit(read, on_page)
        reading.add_done_callback(lambda _: told.put(None))
        try:
            while (pages := told.get()) is not None:
                yield tell(*pages)
        finally:
            left.set()
        return reading.result()


class Checked:
    """Documents as they were read when they were checked. The latest stay, within a bound; each is taken once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Path, tuple[_Stamp, LoadedDocument]] = OrderedDict()

    def keep(self, path: Path, document: LoadedDocument) -> None:
        """Keep what was read from the file that lies there now."""
        with self._lock:
            self._kept.pop(path, None)
            self._kept[path] = (_stamp(path), document)
            while self._kept and sum(_letters(known) for _, known in self._kept.values()) > _MOST:
                self._kept.popitem(last=False)

    def take(self, path: Path) -> LoadedDocument | None:
        """What was read from this very file; None where nothing was, or it has changed."""
        with self._lock:
            stamp, document = self._kept.pop(path, (None, None))
        return document if stamp is not None and stamp == _stamp(path) else None


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _letters(document: LoadedDocument) -> int:
    return sum(len(page.text) for page in document.pages)
