"""The inside of a training process: its turn in the queue, its signals, and what it leaves behind.

Used by the `train` command, so that a job started from a terminal and one started from the page are the
same. Refuses to know the page; the training itself is `services.training`'s.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from assistant.errors import AssistantError, ConfigurationError, StorageError, TrainingStopped
from assistant.services.job_files import JobFolder, JobState, Outcome, Phase, job_folders
from assistant.stores.manifests import Localized, Version
from assistant.training.processes import here

_LOCK = ".lock"
_LOOK_S = 0.5  # between two looks at the queue
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Progress = Callable[[str], None]


class Control:
    """What the process lends to a training: whether to stop, and a place to say what it is at.

    While steps are made, a signal is a question answered between two of them; before and after, when
    no step could be lost, it interrupts at once, and so does a second one.
    """

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._asked = False
        self._patient = False

    def phase(self, phase: Phase) -> None:
        """Note what is being done; raises `KeyboardInterrupt` where a stop was asked for in the phase before."""
        self._patient = phase is Phase.TRAINING
        if self._asked and not self._patient:
            raise KeyboardInterrupt
        self._folder.set_phase(os.getpid(), phase)

    def should_stop(self) -> bool:
        """Whether the steps are to end here."""
        return self._asked

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler."""
        again, self._asked = self._asked, True
        if again or not self._patient:
            raise KeyboardInterrupt


class Trainer(Protocol):
    """The service that trains."""

    def train(self, name: str, progress: Progress, job: str, overrides: Mapping[str, Any], control: Control) -> Version:
        """See `services.training.TrainingService.train`."""
        ...


class Assistant(Protocol):
    """The service that makes the steps of a training with others."""

    def assist(self, name: str, progress: Progress) -> None:
        """See `services.training.TrainingService.assist`."""
        ...


def leads() -> bool:
    """Whether this process is a training's only one, or the first of `accelerate launch`; joins the others."""
    return here().first


def assist_job(trainer: Assistant, adapter: str, progress: Progress) -> None:
    """Make the steps of the job that the first process runs; a signal is for that one to answer.

    Raises `TrainingStopped` when that one stops or has ended, and whatever the training raises.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    trainer.assist(adapter, progress)


def new_job(adapter: str) -> str:
    """A job's name: when it was asked for, and for which adapter."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{adapter}"[:48].rstrip("-")


def run_job(trainer: Trainer, jobs: Path, adapter: str, job: str, progress: Progress) -> Version:
    """Wait for the job's turn, train, and write down how it ended; `job` is a new one or one to go on with.

    Raises `TrainingStopped` after a signal, `ConfigurationError` for a job that is done, runs already or
    belongs to another adapter, and whatever the training raises.
    """
    folder = JobFolder.of(jobs, job)
    overrides = _claim(folder, adapter)
    control = Control(folder)
    with _signals(control):
        try:
            folder.begin(os.getpid())
            with _turn(jobs, folder, progress):
                control.phase(Phase.PREPARING)
                version = trainer.train(adapter, progress, job, overrides, control)
        except (TrainingStopped, KeyboardInterrupt) as error:
            _end(folder, Outcome(JobState.STOPPED, memory_mb=_peak_mb()), progress)
            raise error if isinstance(error, TrainingStopped) else _interrupted(job) from error
        except AssistantError as error:
            _end(folder, Outcome(JobState.FAILED, error=Localized.of(error), memory_mb=_peak_mb()), progress)
            raise
        except Exception:  # the one broad look of a job: whatever ends it, its page must say so
            _end(folder, Outcome(JobState.FAILED, error=_fault(folder), memory_mb=_peak_mb()), progress)
            raise
        _end(folder, Outcome(JobState.DONE, version.label, memory_mb=_peak_mb()), progress)
    return version


def _claim(folder: JobFolder, adapter: str) -> Mapping[str, Any]:
    """The job's changed settings; raises `ConfigurationError` where this process must not touch it."""
    request, outcome, process = folder.request(), folder.outcome(), folder.process()
    name = folder.path.name
    if request is None:
        folder.open(adapter, {})
        return {}
    if request.adapter != adapter:
        raise ConfigurationError(
            f"The job {name} trains {request.adapter!r}, not {adapter!r}. Start a new job without --job.",
            pt=f"O treino {name} é de {request.adapter!r}, não de {adapter!r}. Inicie um treino novo.",
        )
    if outcome is not None and outcome.state is JobState.DONE:
        raise ConfigurationError(
            f"The job {name} is done: it made the version {outcome.version}. Start a new job without --job.",
            pt=f"O treino {name} já terminou: fez a versão {outcome.version}. Inicie um treino novo.",
        )
    if process is not None and process[0] != os.getpid():
        raise ConfigurationError(
            f"The job {name} runs already, in process {process[0]}. Wait for it or stop it.",
            pt=f"O treino {name} já está em andamento, no processo {process[0]}. Espere ou pare-o.",
        )
    return request.overrides


@contextmanager
def _turn(jobs: Path, folder: JobFolder, progress: Progress) -> Iterator[None]:
    """Hold the lock of this machine's one training; the earliest in the queue gets it first.

    The lock is the kernel's: it is free as soon as its holder ends, however it ended.
    """
    try:
        file = (jobs / _LOCK).open("w")
    except OSError as error:
        raise StorageError(
            f"{jobs / _LOCK} could not be opened: {error}. Check the folder's permissions.",
            pt=f"Não foi possível abrir {jobs / _LOCK}. Verifique as permissões da pasta.",
        ) from error
    with file:
        told = False
        while not _taken(file.fileno(), jobs, folder):
            if not told:
                progress("waiting for the training before this one")
            told = True
            time.sleep(_LOOK_S)
        yield


def _taken(lock: int, jobs: Path, folder: JobFolder) -> bool:
    own = folder.process()
    for other in job_folders(jobs):
        process = other.process() if other.path != folder.path else None
        if own and process and process[2] is Phase.QUEUED and (process[1], process[0]) < (own[1], own[0]):
            return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _signals(control: Control) -> Iterator[None]:
    before = {number: signal.signal(number, control.on_signal) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(folder: JobFolder, outcome: Outcome, progress: Progress) -> None:
    try:
        folder.end(outcome)
    except StorageError as error:  # the job's own end must still be told at the terminal
        progress(str(error))


def _peak_mb() -> int:
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


def _interrupted(job: str) -> TrainingStopped:
    return TrainingStopped(
        f"The job {job} was stopped. Go on with the same --job.", pt=f"O treino {job} foi parado. Dá para retomar."
    )


def _fault(folder: JobFolder) -> Localized:
    place = folder.path / "stderr.txt"
    return Localized(
        f"O treino falhou por um erro do programa. Os detalhes estão em {place}; retome-o depois de ver a aba Sistema.",
        f"The training failed by a fault of the program. Details are in {place}; resume it after a look at System.",
    )
