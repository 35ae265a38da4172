"""What the pages need from the services behind them.

Protocols where only a part of a service is used; `bootstrap.Assistant` and the tests' demo assistant
both satisfy them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assistant.services.abstention import AbstentionService
from assistant.services.adapters import AdapterDetail, AdapterInfo
from assistant.services.additions import DataFile
from assistant.services.corpora import Corpus
from assistant.services.corpus_card import CorpusCard
from assistant.services.corpus_tools import CorpusTools
from assistant.services.datasets import Adopted
from assistant.services.export import Order
from assistant.services.export_process import Event as ExportEvent
from assistant.services.forecast import Forecast
from assistant.services.hub_data import Fetching
from assistant.services.intake_choice import Intake
from assistant.services.job_events import Event as JobEvent
from assistant.services.job_files import Job
from assistant.services.judge_process import Judgement
from assistant.services.memory import Memory
from assistant.services.request import AskRequest
from assistant.stores.activations import By
from assistant.stores.cards import CardChanges
from assistant.stores.conversations import ConversationStore
from assistant.stores.manifests import Card, Localized, Version
from assistant.stores.rows import DocumentRecord
from assistant.training.config import Recipe
from assistant.types import Event, Passage


class Chat(Protocol):
    """Answers questions as a stream of events that ends with `Answered`."""

    def ask(self, request: AskRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Raise `AssistantError` where no answer is possible."""
        ...


class Adapters(Protocol):
    """What is registered, and what may be decided about it. Names and numbers from a browser are checked."""

    def list(self) -> Sequence[AdapterInfo]:
        """Every registered adapter, of this base or another."""
        ...

    def detail(self, name: str) -> AdapterDetail:
        """One adapter with its card, versions and history."""
        ...

    def activate(self, name: str, number: int, by: By = ...) -> Version:
        """Let a version answer."""
        ...

    def roll_back(self, name: str, by: By = ...) -> Version:
        """Let the version answer that was live before."""
        ...

    def retire(self, name: str, by: By = ...) -> None:
        """Let no version answer."""
        ...

    def delete_version(self, name: str, number: int, by: By = ...) -> None:
        """Remove a version that is not live."""
        ...

    def delete(self, name: str) -> None:
        """Remove a retired adapter."""
        ...

    def edit_card(self, name: str, changes: CardChanges) -> Card:
        """Change a card; every fault is told at once."""
        ...


class Judgements(Protocol):
    """What was found about versions, and whether one may go live."""

    def verdict(self, name: str, number: int) -> Mapping[str, Any] | None:
        """The record of a judgement, None where there is none."""
        ...

    def permit(self, name: str, number: int, anyway: str = "") -> object:
        """Raise where a recorded verdict says no and nobody gives a reason to overrule it."""
        ...


class Judging(Protocol):
    """Judges versions in a process of its own, one at a time. What a browser names is checked by each call."""

    def candidates(self) -> Sequence[Version]:
        """Versions that can be judged, latest first."""
        ...

    def start(self, adapter: str, number: int) -> None:
        """Judge a version; raises while another one is judged."""
        ...

    def stop(self) -> None:
        """End the one that runs."""
        ...

    def now(self) -> Judgement | None:
        """How the latest one stands."""
        ...


class Corpora(Protocol):
    """What is there. Names from a browser are checked by each call."""

    def list(self) -> Sequence[Corpus]:
        """Every corpus."""
        ...

    def card(self, name: str) -> CorpusCard:
        """What a corpus says of itself."""
        ...

    def card_path(self, name: str) -> Path:
        """Its corpus.toml; raises where there is no such corpus."""
        ...

    def paths(self, name: str) -> Sequence[Path]:
        """Its documents on disk."""
        ...

    def documents(self, name: str) -> Sequence[DocumentRecord]:
        """Its documents in the index."""
        ...

    def max_age_days(self, name: str) -> int:
        """Days after which its sources are old; 0: never."""
        ...

    def create(self, name: str, title: str) -> Corpus:
        """Make an empty one."""
        ...


class Jobs(Protocol):
    """Trains adapters in processes of their own. Names and settings from a browser are checked by each call."""

    def adapters(self) -> Sequence[str]:
        """Names of the adapters that have a recipe."""
        ...

    def recipe(self, adapter: str) -> Recipe:
        """An adapter's recipe."""
        ...

    def forecast(self, adapter: str, overrides: Mapping[str, object]) -> Forecast:
        """What a training with these settings will take."""
        ...

    def start(self, adapter: str, overrides: Mapping[str, object]) -> str:
        """Queue a training; returns the job's name."""
        ...

    def stop(self, job: str) -> Job:
        """Have it write its checkpoint and end."""
        ...

    def resume(self, job: str) -> Job:
        """Go on with a job that was stopped, interrupted or failed."""
        ...

    def jobs(self) -> list[Job]:
        """Every job, latest first."""
        ...

    def job(self, job: str) -> Job:
        """One job."""
        ...

    def events(self, job: str) -> Sequence[JobEvent]:
        """Steps, validation losses and samples of a job, in order."""
        ...


class Intakes(Protocol):
    """Data sets that visitors brought, one for each. Whatever comes from a browser is checked by each call."""

    def bring(self, owner: str, files: Sequence[Path]) -> None:
        """Take a file, or the parts of a brat set; whole or not at all."""
        ...

    def bring_named(self, owner: str, name: str) -> Iterator[Fetching]:
        """Take a data set of the hub by its name, telling how far it is; whole or not at all."""
        ...

    def state(self, owner: str) -> Intake | None:
        """What a visitor brought, with its report."""
        ...

    def choose(self, owner: str, kind: str, columns: Sequence[str]) -> None:
        """Say what it is to teach, and which columns hold input, output and group."""
        ...

    def aim(self, owner: str, adapter: str) -> None:
        """Say whose data it is to be added to; empty: a new adapter is to be made."""
        ...

    def add(self, owner: str) -> Adopted:
        """Add the rows to the data of the adapter that was chosen."""
        ...

    def describe(self, owner: str, title: str, name: str, template: str) -> None:
        """Keep what was typed of the adapter to be."""
        ...

    def check_name(self, name: str) -> None:
        """Raise for a name that no new adapter can have."""
        ...

    def create(self, owner: str) -> Adopted:
        """Make the adapter that was described."""
        ...

    def drop(self, owner: str) -> None:
        """Remove what a visitor brought."""
        ...


class DataSets(Protocol):
    """The data files of adapters. Names from a browser are checked by each call."""

    def files(self, name: str) -> Sequence[DataFile]:
        """What an adapter's recipe reads."""
        ...

    def remove(self, name: str, file: str) -> Sequence[str]:
        """Undo an addition; returns the files that went."""
        ...


class Exports(Protocol):
    """Makes files of adapter versions, each in a process of its own."""

    def run(self, order: Order, cancel: threading.Event) -> Iterator[ExportEvent]:
        """What happens, until the file is at the order's target or `cancel` is set."""
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
    def judgement(self) -> Judgements:
        """What was found about new versions."""
        ...

    @property
    def judging(self) -> Judging:
        """New versions being judged."""
        ...

    @property
    def corpora(self) -> Corpora:
        """The documents."""
        ...

    @property
    def corpus_tools(self) -> CorpusTools:
        """What changes corpora and brings documents in."""
        ...

    @property
    def abstention(self) -> AbstentionService:
        """When which corpus answers."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Trainings."""
        ...

    @property
    def intake(self) -> Intakes:
        """Data for new adapters."""
        ...

    @property
    def datasets(self) -> DataSets:
        """The data that adapters have."""
        ...

    @property
    def export_process(self) -> Exports:
        """Versions as files."""
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

    @property
    def memory(self) -> Callable[[], Memory]:
        """What the base takes in each precision, and what this process takes."""
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
