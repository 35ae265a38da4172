"""Notices what another process changes in the adapters, for instance a training in a terminal that ends.

Knows how often to look. Refuses to know what a change means: `LiveAdapters.apply` does.
"""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Protocol, Self

from assistant.errors import AssistantError

_LOOK_S = 0.5  # a few dozen file times each; a change is seen well within 2 s
_QUIET_S = 60.0  # versions that nobody was answered with for so long are freed

_log = logging.getLogger(__name__)


class Watched(Protocol):
    """What the watcher asks of the live adapters."""

    def outdated(self) -> bool:
        """Whether the disk has changed since it was read."""
        ...

    def apply(self) -> None:
        """Bring what answers in step with the disk."""
        ...

    def settle(self, quiet_s: float) -> bool:
        """Free what was not used for so many seconds."""
        ...


class Watcher:
    """A thread that looks while the context is entered: `with Watcher(adapters): serve()`."""

    def __init__(self, adapters: Watched, look_s: float = _LOOK_S) -> None:
        self._adapters = adapters
        self._look_s = look_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="adapters", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread; waits for a change that is being applied."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        said = ""
        while not self._ended.wait(self._look_s):
            try:
                if self._adapters.outdated():
                    self._adapters.apply()
                else:
                    self._adapters.settle(_QUIET_S)
                said = ""
            except AssistantError as error:  # what answers stays as it was; the next change is looked at again
                if str(error) != said:
                    _log.warning("A change of the adapters has no effect: %s", error)
                said = str(error)
