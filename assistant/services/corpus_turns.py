"""Whose turn it is to change the corpora inside this process.

A long ingestion gives way after each document to a person who changes something small. Refuses to know what is
changed; other processes are kept out by the store's own lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import StoreBusy

PATIENCE_S = 10.0  # a person does not wait longer for a document that is being indexed


class Turns:
    """One changes at a time; those who are `first` go before the one who is `last`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = False
        self._waiting = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for the one who is `last` to pause."""
        return self._waiting > 0

    @contextmanager
    def first(self, patience: float = PATIENCE_S) -> Iterator[None]:
        """Change something small; raises `StoreBusy` where the turn does not come in time."""
        with self._changed:
            self._waiting += 1
            try:
                if not self._changed.wait_for(lambda: not self._busy, patience):
                    raise StoreBusy(
                        "A large document is being indexed. Try again when it is done; the page shows how far it is.",
                        pt="Um documento grande está sendo indexado. Tente de novo quando ele terminar; o andamento "
                        "está nesta página.",
                    )
                self._busy = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        with self._released():
            yield

    @contextmanager
    def last(self) -> Iterator[None]:
        """Change something long, once nobody else changes anything or wants to."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and not self._waiting)
            self._busy = True
        with self._released():
            yield

    @contextmanager
    def _released(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
