"""What the pages need from the services behind them.

Protocols only; `bootstrap.Assistant` and the tests' demo assistant both satisfy them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assistant.services.chat import AskRequest
from assistant.stores.conversations import ConversationStore
from assistant.stores.manifests import Localized
from assistant.types import AdapterKind, Event, Passage


class Chat(Protocol):
    """Answers questions as a stream of events that ends with `Answered`."""

    def ask(self, request: AskRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Raise `AssistantError` where no answer is possible."""
        ...


class AdapterLine(Protocol):
    """One registered adapter as its service describes it."""

    @property
    def name(self) -> str: ...  # noqa: D102  # described by services.adapters.AdapterInfo
    @property
    def title(self) -> Localized: ...  # noqa: D102
    @property
    def description(self) -> Localized: ...  # noqa: D102
    @property
    def kind(self) -> AdapterKind: ...  # noqa: D102
    @property
    def base(self) -> str: ...  # noqa: D102
    @property
    def active(self) -> str | None: ...  # noqa: D102
    @property
    def versions(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def compatible(self) -> bool: ...  # noqa: D102
    @property
    def scores(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def size_bytes(self) -> int: ...  # noqa: D102
    @property
    def corpora(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def note(self) -> str: ...  # noqa: D102


class Adapters(Protocol):
    """Lists what is registered."""

    def list(self) -> Sequence[AdapterLine]:
        """Every registered adapter, of this base or another."""
        ...


class CorpusLine(Protocol):
    """One corpus as its service describes it; dates are ISO 8601, None without any."""

    @property
    def name(self) -> str: ...  # noqa: D102  # described by services.corpora
    @property
    def title(self) -> Localized: ...  # noqa: D102
    @property
    def description(self) -> Localized: ...  # noqa: D102
    @property
    def documents(self) -> int: ...  # noqa: D102
    @property
    def passages(self) -> int: ...  # noqa: D102
    @property
    def oldest(self) -> str | None: ...  # noqa: D102
    @property
    def newest(self) -> str | None: ...  # noqa: D102


class Corpora(Protocol):
    """Lists, extends and searches the corpora."""

    def list(self) -> Sequence[CorpusLine]:
        """Every corpus."""
        ...

    def add_document(self, corpus: str, filename: str, path: Path) -> Any:
        """Take a copy of the file into the corpus and index it; raises `DocumentRefused`."""
        ...

    def search(self, corpus: str, query: str, k: int = 5) -> Sequence[Passage]:
        """The nearest passages of one corpus."""
        ...


class CheckLine(Protocol):
    """One finding of the doctor."""

    @property
    def name(self) -> str: ...  # noqa: D102  # described by the doctor
    @property
    def ok(self) -> bool: ...  # noqa: D102
    @property
    def detail(self) -> str: ...  # noqa: D102
    @property
    def remedy(self) -> str: ...  # noqa: D102


class Assistant(Protocol):
    """Everything the pages call."""

    @property
    def chat(self) -> Chat: ...  # noqa: D102  # the services above
    @property
    def adapters(self) -> Adapters: ...  # noqa: D102
    @property
    def corpora(self) -> Corpora: ...  # noqa: D102
    @property
    def conversations(self) -> ConversationStore: ...  # noqa: D102
    @property
    def doctor(self) -> Callable[[], Sequence[CheckLine]]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Plain values the pages show or obey; `visitors` is how many may be answered at once."""

    language: str = "pt"
    max_question_chars: int = 20_000
    visitors: int = 16
    engine: str = "llama_cpp"
    base_title: str = ""
    base_licence: str = ""
    base_notice: str = ""
    jobs: Path = Path("var/jobs")
    adapters_folder: Path = Path("adapters")
