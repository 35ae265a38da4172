"""Trainings as jobs of their own: start, watch, stop, resume.

Starts the same command that a terminal would, in a session of its own, so that a job outlives the page, the
browser and the server. Everything it tells is read from the job's files. Refuses to train.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from assistant.errors import AdapterNotFound, ConfigurationError, StorageError
from assistant.services import forecast as forecasts
from assistant.services.commands import environment
from assistant.services.forecast import Forecast
from assistant.services.job_events import Event
from assistant.services.job_files import Job, JobFolder, Phase, job_folders, unknown_job
from assistant.services.job_process import new_job
from assistant.training.config import Recipe

_ENDING_S = 20.0  # a process that has stopped gives its memory back within seconds


class Source(forecasts.Source, Protocol):
    """The service that knows which adapters can be trained."""

    def trainable(self) -> Sequence[str]:
        """Names of the adapters that have a recipe."""
        ...


class JobsService:
    """The jobs under one folder. Safe to call from any thread; holds nothing but its own children."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment` is added to this process's own for the jobs."""
        self._source = source
        self._folder = folder
        self._python = python
        self._environment = dict(environment or {})
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def adapters(self) -> Sequence[str]:
        """Names of the adapters that can be trained."""
        return self._source.trainable()

    def recipe(self, adapter: str) -> Recipe:
        """An adapter's recipe; raises `AdapterNotFound`, `ConfigurationError`."""
        return self._source.recipe(self._known(adapter))

    def forecast(self, adapter: str, overrides: Mapping[str, object]) -> Forecast:
        """Tokens, steps, seconds and memory; raises `AdapterNotFound`, `ConfigurationError`, `DataError`."""
        return forecasts.forecast(self._source, self._folder, self._known(adapter), overrides)

    def start(self, adapter: str, overrides: Mapping[str, object]) -> str:
        """Queue a training and return the job's name.

        Raises `AdapterNotFound`, `ConfigurationError` for settings out of range, `StorageError`.
        """
        self._source.recipe(self._known(adapter), overrides)
        with self._lock:
            job = self._free_name(adapter)
            folder = JobFolder.of(self._folder, job)
            folder.open(adapter, overrides)
            self._launch(folder, adapter)
        return job

    def stop(self, job: str) -> Job:
        """Have a job write its checkpoint and end; a queued one just ends. A job that has ended stays as it is."""
        folder = self._known_job(job)
        with self._lock:
            process, child = folder.process(), self._child(job)
            if folder.outcome() is None and (process or child):
                folder.ask_to_stop()
                os.kill(process[0] if process else self._children[job].pid, signal.SIGTERM)
        return self.job(job)

    def resume(self, job: str) -> Job:
        """Go on with a job that was stopped, interrupted or failed; raises `ConfigurationError` for any other."""
        folder = self._known_job(job)
        with self._lock:
            now = folder.job(self._child(job))
            if not now.resumable:
                raise ConfigurationError(
                    f"The job {job} is {now.state}; only one that was stopped, interrupted or failed can be resumed.",
                    pt=f"O treino {job} não pode ser retomado: já terminou ou ainda está em andamento.",
                )
            self._source.recipe(self._known(now.adapter), now.overrides)
            self._let_end(folder)
            self._launch(folder, now.adapter)
        return self.job(job)

    def jobs(self) -> list[Job]:
        """Every job, latest first."""
        return [folder.job(self._child(folder.path.name)) for folder in job_folders(self._folder)]

    def job(self, job: str) -> Job:
        """One job; raises `ConfigurationError` where there is none of that name."""
        return self._known_job(job).job(self._child(job))

    def events(self, job: str) -> list[Event]:
        """The events of a job in order; raises `ConfigurationError` where there is none of that name."""
        return self._known_job(job).events()

    def _known(self, adapter: str) -> str:
        if adapter not in self._source.trainable():
            known = ", ".join(self._source.trainable())
            raise AdapterNotFound(
                f"No adapter {adapter!r} has a recipe. With a recipe: {known or 'none'}.",
                pt=f"Nenhum adaptador {adapter!r} tem receita. Com receita: {known or 'nenhum'}.",
            )
        return adapter

    def _known_job(self, job: str) -> JobFolder:
        folder = JobFolder.of(self._folder, job)
        if not folder.path.is_dir():
            raise unknown_job(job)
        return folder

    def _free_name(self, adapter: str) -> str:
        base = new_job(adapter)
        names = [base, *(f"{base[:45]}-{n}" for n in range(2, 100))]
        return next(name for name in names if not (self._folder / name).exists())

    def _child(self, job: str) -> bool:
        """Whether a process that this service started is still there; ended ones are reaped."""
        child = self._children.get(job)
        if child is not None and child.poll() is not None:
            self._children.pop(job, None)
            return False
        return child is not None

    def _let_end(self, folder: JobFolder) -> None:
        """Wait for a process that has written its end but is still there; two must not share a folder."""
        import psutil

        job, process = folder.path.name, folder.process()
        try:
            if self._child(job):
                self._children[job].wait(_ENDING_S)
            elif process is not None:
                psutil.Process(process[0]).wait(_ENDING_S)
        except psutil.NoSuchProcess:
            return
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired) as error:
            raise ConfigurationError(
                f"The process of the job {job} is still ending. Try again in a moment.",
                pt=f"O processo do treino {job} ainda está terminando. Tente de novo daqui a pouco.",
            ) from error

    def _launch(self, folder: JobFolder, adapter: str) -> None:
        job = folder.path.name
        command = [self._python, "-m", "assistant", "train", adapter, "--job", job]
        variables = environment(self._environment, PYTHONUNBUFFERED="1")
        try:
            folder.forget_end()
            with (folder.path / "stdout.txt").open("ab") as out, (folder.path / "stderr.txt").open("ab") as err:
                child = subprocess.Popen(  # noqa: S603  # names are checked, no shell
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=variables, start_new_session=True
                )
        except OSError as error:
            raise StorageError(
                f"The job {job} could not be started: {error}. Free space or memory and resume it.",
                pt=f"Não foi possível iniciar o treino {job}. Libere espaço ou memória e retome-o.",
            ) from error
        self._children[job] = child
        if folder.process() is None:  # its place in the queue is taken now, not when Python has started there
            folder.set_phase(child.pid, Phase.QUEUED)
