"""A generation in a thread of its own, and the reader who may leave before its end.

Knows threads, and the two ways in which a reader wants no more: it closes the stream, or `cancel` is
set. Refuses to know what is handed over.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

_POLL = 0.05  # seconds between two looks at `cancel` while nothing arrives

Item = TypeVar("Item")


class Streams(Generic[Item]):
    """The generations of one engine that run now; `thread` names their threads."""

    def __init__(self, thread: str) -> None:
        self._thread = thread
        self._running: set[threading.Event] = set()
        self._lock = threading.Lock()

    @contextmanager
    def running(
        self, work: Callable[[queue.SimpleQueue[Item], threading.Event], None], cancel: threading.Event | None
    ) -> Iterator[Iterator[Item]]:
        """What `work` puts into its queue, until the reader wants no more; then the event of `work` is set.

        The items end without a last one when `cancel` is set or the engine is closed.
        """
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        abandoned = threading.Event()
        with self._lock:
            self._running.add(abandoned)
        # Not a daemon: native code that calls back into a dying interpreter aborts the process.
        threading.Thread(target=work, args=(items, abandoned), name=self._thread, daemon=False).start()
        try:
            yield _arriving(items, cancel, abandoned)
        finally:
            abandoned.set()
            with self._lock:
                self._running.discard(abandoned)

    def abandon(self) -> None:
        """End every stream as if its reader had left."""
        with self._lock:
            for abandoned in self._running:
                abandoned.set()


def _arriving(
    items: queue.SimpleQueue[Item], cancel: threading.Event | None, abandoned: threading.Event
) -> Iterator[Item]:
    while not (abandoned.is_set() or (cancel is not None and cancel.is_set())):
        try:
            item = items.get(timeout=_POLL)
        except queue.Empty:
            continue
        yield item
