"""What the pages need from the services behind them.

Protocols where only a part of a service is used; `bootstrap.Assistant` and the tests' demo assistant
both satisfy them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assistant.services.adapters import AdapterInfo
from assistant.services.corpora import Corpus, Progress
from assistant.services.request import AskRequest
from assistant.stores.conversations import ConversationStore
from assistant.stores.manifests import Localized
from assistant.types import Event, Passage


class Chat(Protocol):
    """Answers questions as a stream of events that ends with `Answered`."""

    def ask(self, request: AskRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Raise `AssistantError` where no answer is possible."""
        ...


class Adapters(Protocol):
    """Lists what is registered."""

    def list(self) -> Sequence[AdapterInfo]:
        """Every registered adapter, of this base or another."""
        ...


class Corpora(Protocol):
    """Lists and extends the corpora."""

    def list(self) -> Sequence[Corpus]:
        """Every corpus."""
        ...

    def add_document(self, corpus: str, filename: str, content: bytes | Path) -> Path:
        """Keep a copy of the file in the corpus; raises `DocumentRefused`."""
        ...

    def ingest(self, names: Sequence[str] | None = None) -> Iterator[Progress]:
        """Bring the index up to the files, telling how far it is."""
        ...


class Search(Protocol):
    """Finds passages."""

    def retrieve(self, question: str, *, corpora: Sequence[str] | None, k: int) -> Sequence[Passage]:
        """The nearest passages of the named corpora, best first."""
        ...


class CheckLine(Protocol):
    """One finding of the doctor."""

    @property
    def name(self) -> Localized:
        """What was checked."""
        ...

    @property
    def ok(self) -> bool:
        """Whether it is in order."""
        ...

    @property
    def detail(self) -> Localized:
        """What was found."""
        ...

    @property
    def remedy(self) -> Localized:
        """What to do about it; empty where nothing is to be done."""
        ...


class Assistant(Protocol):
    """Everything the pages call."""

    @property
    def chat(self) -> Chat:
        """Answers."""
        ...

    @property
    def adapters(self) -> Adapters:
        """What is registered."""
        ...

    @property
    def corpora(self) -> Corpora:
        """The documents."""
        ...

    @property
    def retriever(self) -> Search:
        """The search over them."""
        ...

    @property
    def conversations(self) -> ConversationStore:
        """What visitors keep."""
        ...

    @property
    def doctor(self) -> Callable[[], Sequence[CheckLine]]:
        """Checks of the whole installation."""
        ...


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
