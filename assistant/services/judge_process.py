"""A judgement in a process of its own, for a page: started, watched and stopped; one at a time.

Runs the same command that a terminal would, in a session of its own, so that it outlives the page, the browser and
the server. Everything it tells is read from `var/judging/`, which holds the latest judgement only:

    request.json, process.json, stop    as in a job's folder
    events.jsonl                        see `judging`
    stdout.txt, stderr.txt              the record, or the error in both languages; what a terminal would show

Refuses to judge, and to keep verdicts: the command writes them where everybody reads them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from assistant.errors import AdapterNotFound, ConfigurationError, StorageError
from assistant.services import judging
from assistant.services.commands import environment, error_in, last_line
from assistant.services.job_events import tail
from assistant.services.job_files import JobFolder, Phase, Request
from assistant.services.judging import Judging
from assistant.stores.manifests import NO_TEXT, Localized, Version

_ENDING_S = 10.0  # for a process that was told to end
_REAPING_S = 1.0  # for one that has ended already
_FILES = ("events.jsonl", "stdout.txt", "stderr.txt", "process.json")
_CRASHES = ("Traceback", "error:")  # standard error that tells why, besides how far it was


class JudgeState(StrEnum):
    """How the latest judgement stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The latest judgement. `seconds_left` is what the part it is at still takes, None where that is not known."""

    adapter: str
    number: int
    state: JudgeState
    created: str = ""
    at: Judging | None = None
    seconds_left: float | None = None
    error: Localized = NO_TEXT

    @property
    def key(self) -> str:
        """As versions are named everywhere: adapter@0001."""
        return f"{self.adapter}@{self.number:04d}"


class Source(Protocol):
    """The service that knows which versions can be judged."""

    def candidates(self) -> Sequence[Version]:
        """Versions of this base, latest first."""
        ...


class JudgeProcess:
    """Runs `judge` with the settings of this installation. Safe to call from any thread."""

    def __init__(
        self, source: Source, folder: Path, settings: Mapping[str, str] | None = None, python: str = sys.executable
    ) -> None:
        """`settings` are those of this installation as variables."""
        self._source = source
        self._folder = JobFolder(folder)
        self._settings = dict(settings or {})
        self._python = python
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def candidates(self) -> Sequence[Version]:
        """Versions that can be judged, latest first."""
        return self._source.candidates()

    def start(self, adapter: str, number: int) -> None:
        """Judge a version in the background.

        Raises `AdapterNotFound` for a version that there is not, `ConfigurationError` while another one is judged,
        `StorageError`.
        """
        if not any((v.adapter, v.number) == (adapter, number) for v in self.candidates()):
            raise AdapterNotFound(
                f"There is no version {number} of {adapter!r} for this base. Choose one of the list.",
                pt=f"Não há a versão {number} de {adapter!r} para este modelo base. Escolha uma da lista.",
            )
        with self._lock, self._alone():
            running = self._look()
            if running is not None and running.state is JudgeState.RUNNING:
                raise ConfigurationError(
                    f"{running.key} is being judged. Wait for it or stop it: one judgement runs at a time.",
                    pt=f"{running.key} está sendo julgada. Espere ou pare: roda um julgamento de cada vez.",
                )
            self._launch(adapter, number)

    def stop(self) -> None:
        """End the judgement that runs, if any; no verdict is written and an earlier one stays."""
        with self._lock:
            process = self._folder.process()
            if process is None:
                return
            self._folder.ask_to_stop()
            _signal(process[0], signal.SIGTERM)
        if not self._ends(process[0]):
            _signal(process[0], signal.SIGKILL)
            self._ends(process[0])

    def now(self) -> Judgement | None:
        """The latest judgement, None where nothing was judged from a page."""
        with self._lock:
            return self._look()

    def _look(self) -> Judgement | None:
        asked = self._folder.request()
        if asked is None:
            return None
        adapter, number = asked.adapter, _number(asked)
        at, left = judging.latest(tail(self._folder.path / "events.jsonl"))
        if self._folder.process() is not None:
            return Judgement(adapter, number, JudgeState.RUNNING, asked.created, at, left)
        self._reap()
        said = self._read("stdout.txt")
        error = error_in(said)
        if _is_record(said):
            return Judgement(adapter, number, JudgeState.DONE, asked.created, at)
        if error is None and (self._folder.path / "stop").exists():
            return Judgement(adapter, number, JudgeState.STOPPED, asked.created, at)
        words = error or _fault(self._read("stderr.txt"))
        return Judgement(adapter, number, JudgeState.FAILED, asked.created, at, error=words)

    def _reap(self) -> None:
        """Take the end of a child that has ended, so that it leaves no zombie; one still ending is waited for."""
        if self._child is None:
            return
        with suppress(subprocess.TimeoutExpired):  # it runs, but its folder does not say so any more
            self._child.wait(_REAPING_S)
            self._child = None

    def _launch(self, adapter: str, number: int) -> None:
        path = self._folder.path
        command = [
            self._python, "-m", "assistant", "judge", adapter, "--version", str(number), "--json",
            "--events", str(path.resolve() / "events.jsonl"),
        ]  # fmt: skip
        try:
            self._folder.forget_end()
            for name in _FILES:
                (path / name).unlink(missing_ok=True)
            self._folder.open(adapter, {"version": number})
            with (path / "stdout.txt").open("wb") as out, (path / "stderr.txt").open("wb") as err:
                child = subprocess.Popen(  # noqa: S603  # names are checked, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=environment(self._settings, PYTHONUNBUFFERED="1"),
                    start_new_session=True,
                )
        except OSError as error:
            raise StorageError(
                f"The judgement could not be started: {error}. Free space or memory and try again.",
                pt="Não foi possível iniciar o julgamento. Libere espaço ou memória e tente de novo.",
            ) from error
        self._child = child
        self._folder.set_phase(child.pid, Phase.JUDGING)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts one meanwhile, not even another server over the same folder."""
        try:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            file = (self._folder.path / ".lock").open("w")
        except OSError as error:
            raise StorageError(
                f"{self._folder.path} could not be written: {error}. Free space or check its rights.",
                pt=f"Não foi possível gravar {self._folder.path}. Verifique o espaço e as permissões do disco.",
            ) from error
        with file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield

    def _ends(self, pid: int) -> bool:
        """Wait for a process that was told to end; whether it did."""
        import psutil

        try:
            child = self._child
            if child is not None and child.pid == pid:
                child.wait(_ENDING_S)
            else:
                psutil.Process(pid).wait(_ENDING_S)
        except psutil.NoSuchProcess:
            return True
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            return False
        return True

    def _read(self, name: str) -> str:
        try:
            return (self._folder.path / name).read_text("utf-8", "replace")
        except OSError:
            return ""


def _number(asked: Request) -> int:
    version = asked.overrides.get("version")
    return version if isinstance(version, int) else 0


def _signal(pid: int, number: int) -> None:
    """To the process and to what it runs: they are its session."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _is_record(said: str) -> bool:
    try:
        return "verdict" in json.loads(said)
    except (ValueError, TypeError):
        return False


def _fault(complained: str) -> Localized:
    """What is known of a process that ended without a word."""
    if any(word in complained for word in _CRASHES):
        last = last_line(complained)
        return Localized(
            f"O julgamento não chegou ao fim: {last} Tente na linha de comando: python -m assistant judge",
            f"The judgement did not come to its end: {last} Try it on the command line: python -m assistant judge",
        )
    return Localized(
        "O processo do julgamento acabou sem aviso: foi encerrado, faltou memória ou a máquina reiniciou. Julgue de "
        "novo.",
        "The process of the judgement ended without a word: it was killed, the memory ran out or the machine was "
        "restarted. Judge again.",
    )
