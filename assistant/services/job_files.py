"""A job's folder as everybody reads it: who runs it, how far it is, how it ended.

    request.json    adapter, changed settings, when it was asked for (written first)
    process.json    process id, when that process started, phase; written by the process itself
    outcome.json    how it ended: done, stopped or failed with the error's words; removed by a new start
    stop            somebody asked it to stop
    events.jsonl    see `training.job`
    stdout.txt, stderr.txt

Nothing is remembered in memory: after a reload, a restart or a kill the files say everything. Refuses to
start or to end a process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError, StorageError
from assistant.services import job_events
from assistant.services.job_events import Event, number, seconds_left, whole
from assistant.stores.manifests import NO_TEXT, Localized, check_name, write_atomically

_START_TOLERANCE_S = 2.0  # between two readings of one process's start


class JobState(StrEnum):
    """What a job is doing, in one word."""

    QUEUED = "queued"  # waits for the job before it
    RUNNING = "running"
    STOPPED = "stopped"  # on request, with a checkpoint
    INTERRUPTED = "interrupted"  # killed, or the machine was restarted
    FAILED = "failed"
    DONE = "done"


class Phase(StrEnum):
    """What a running job is at."""

    QUEUED = "queued"
    PREPARING = "preparing"  # reads data, loads the base
    TRAINING = "training"
    JUDGING = "judging"  # converts and judges the new version


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; `overrides` are the settings that differ from the recipe."""

    adapter: str
    overrides: Mapping[str, Any]
    created: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. `memory_mb` is its peak of resident memory, 0 where it was not measured."""

    state: JobState
    version: str = ""
    error: Localized = NO_TEXT
    memory_mb: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One job as its files tell. `seconds_left` is None where nothing can be foretold; `created` is ISO 8601, UTC."""

    id: str
    adapter: str
    state: JobState
    phase: Phase | None = None
    created: str = ""
    step: int = 0
    steps: int = 0
    tokens_per_second: float = 0.0
    seconds_left: float | None = None
    memory_mb: int = 0
    version: str = ""
    error: Localized = NO_TEXT
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether a process works on it, or waits to."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    @property
    def resumable(self) -> bool:
        """Whether it can go on."""
        return self.state in (JobState.STOPPED, JobState.INTERRUPTED, JobState.FAILED)


class JobFolder:
    """One job's folder; every method reads or writes the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, jobs: Path, job: str) -> JobFolder:
        """The folder of a job by its name; raises `ConfigurationError` for a name that is no folder name."""
        return cls(jobs / check_name(job, "a job"))

    def request(self) -> Request | None:
        """What was asked for, None where nothing is written."""
        raw = self._read("request.json")
        if not raw:
            header = self._read("job.json")  # a job from before there were requests
            return Request(str(header.get("adapter", "")), {}, "") if header else None
        return Request(str(raw.get("adapter")), dict(raw.get("overrides", {})), str(raw.get("created", "")))

    def open(self, adapter: str, overrides: Mapping[str, Any]) -> None:
        """Make the folder with its request; raises `StorageError`."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        self._write("request.json", asdict(Request(adapter, dict(overrides), created)))

    def begin(self, pid: int) -> None:
        """Note that this process works on the job now."""
        self.forget_end()
        self.set_phase(pid, Phase.QUEUED)

    def forget_end(self) -> None:
        """Forget how an earlier start ended: a new one begins."""
        for name in ("outcome.json", "stop"):
            (self.path / name).unlink(missing_ok=True)

    def set_phase(self, pid: int, phase: Phase) -> None:
        """Note what the process is at."""
        self._write("process.json", {"pid": pid, "started": _started(pid), "phase": str(phase)})

    def end(self, outcome: Outcome) -> None:
        """Note how the job ended."""
        self._write("outcome.json", asdict(outcome))

    def ask_to_stop(self) -> None:
        """Note that it is to stop; the signal is the caller's."""
        self.path.joinpath("stop").touch()

    def process(self) -> tuple[int, float, Phase] | None:
        """Id and start (seconds since the epoch) of the living process that works on it, and its phase."""
        raw = self._read("process.json")
        try:
            pid, started, phase = int(raw["pid"]), float(raw["started"]), Phase(raw["phase"])
        except (KeyError, TypeError, ValueError):
            return None
        now = _started(pid)
        return (pid, started, phase) if now is not None and abs(now - started) < _START_TOLERANCE_S else None

    def outcome(self) -> Outcome | None:
        """How the job ended, None while it has not."""
        raw = self._read("outcome.json")
        try:
            error = Localized(**raw.get("error", {"pt": "", "en": ""}))
            return Outcome(JobState(raw["state"]), str(raw.get("version", "")), error, int(raw.get("memory_mb", 0)))
        except (KeyError, TypeError, ValueError):
            return None

    def job(self, starting: bool = False) -> Job:
        """Everything about it. `starting`: its process is there but has not yet said so."""
        request = self.request() or Request("", {}, "")
        outcome, process = self.outcome(), self.process()
        active = process is not None and outcome is None
        state = self._ended(outcome)
        if process is not None and outcome is None:
            state = JobState.QUEUED if process[2] is Phase.QUEUED else JobState.RUNNING
        elif starting and process is None:
            state = JobState.QUEUED
        steps = [event for event in job_events.tail(self.path / "events.jsonl") if event.get("event") == "step"]
        done, total = (whole(steps[-1].get(key)) for key in ("step", "steps")) if steps else (0, 0)
        return Job(
            id=self.path.name,
            adapter=request.adapter,
            state=state,
            phase=process[2] if process and active else None,
            created=request.created,
            step=done,
            steps=total,
            tokens_per_second=number(steps[-1].get("tokens_per_second")) if steps else 0.0,
            seconds_left=seconds_left(steps) if state is JobState.RUNNING else None,
            memory_mb=outcome.memory_mb if outcome else (_memory_mb(process[0]) if process else 0),
            version=outcome.version if outcome else "",
            error=outcome.error if outcome and state is JobState.FAILED else NO_TEXT,
            overrides=request.overrides,
        )

    def events(self) -> list[Event]:
        """Every event in order; see `job_events.read`."""
        return job_events.read(self.path / "events.jsonl")

    def _ended(self, outcome: Outcome | None) -> JobState:
        """The state where no process works on it."""
        if outcome is not None:
            return outcome.state
        if (self.path / "stop").exists():
            return JobState.STOPPED
        ended = (self.path / "adapter").is_dir() and not (self.path / "process.json").exists()
        return JobState.DONE if ended else JobState.INTERRUPTED

    def _read(self, name: str) -> dict[str, Any]:
        try:
            raw = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}  # not written yet, or damaged: the job is listed all the same
        return raw if isinstance(raw, dict) else {}

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / name, json.dumps(record, ensure_ascii=False, indent=1))
        except OSError as error:
            raise StorageError(
                f"{self.path / name} could not be written: {error}. Free space or check the permissions.",
                pt=f"Não foi possível gravar {self.path / name}. Verifique o espaço e as permissões do disco.",
            ) from error


def job_folders(jobs: Path) -> list[JobFolder]:
    """Every job, latest first."""
    marks = {p.parent for name in ("request.json", "job.json", "events.jsonl") for p in jobs.glob(f"*/{name}")}
    return [JobFolder(p) for p in sorted(marks, key=lambda p: (_changed(p), p.name), reverse=True)]


def unknown_job(job: str) -> ConfigurationError:
    """The error of a job that is not there."""
    return ConfigurationError(
        f"There is no job {job!r}. Open the Training page, or look into var/jobs.", pt=f"Não há treino {job!r}."
    )


def _changed(path: Path) -> float:
    """When the job was asked for, or first seen."""
    return min((p.stat().st_ctime for p in (path / "request.json", path / "job.json") if p.is_file()), default=0.0)


def _started(pid: int) -> float | None:
    """When a living process started, None where there is none; a zombie has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def _memory_mb(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss / 1e6)
    except psutil.Error:
        return 0
