"""What became of documents that were brought: one report for each piece of work, one line for each file.

Knows the states and how a report lies on the disk, so that a reload, another browser or a restart shows the same.
Refuses to do the work.

    var/ingestions/<id>.json    written while the work goes on; a report whose process has gone was interrupted
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from assistant.errors import StorageError
from assistant.stores.manifests import NO_TEXT, Localized, is_name, write_atomically

_KEPT = 20  # reports of one corpus
_READ, _READ_AT_ONCE = 0.3, 0.05  # how much of a document is done when it is read: by pages, and without
_START_TOLERANCE_S = 2.0  # between two readings of one process's start


class Task(StrEnum):
    """What is to be done."""

    ADD = "add"  # put documents into a corpus
    REPLACE = "replace"  # put one in the place of an older one
    INDEX = "index"  # bring the index in step with a corpus that was imported or renamed


class FileState(StrEnum):
    """Where one file stands."""

    WAITING = "waiting"
    FETCHING = "fetching"  # from the web
    CHECKING = "checking"  # whether it can be read at all
    KEPT = "kept"  # in the corpus, not yet in the index
    READING = "reading"
    INDEXING = "indexing"
    DONE = "done"
    UNCHANGED = "unchanged"  # the index had it already
    REFUSED = "refused"
    STOPPED = "stopped"  # somebody stopped the work before its turn
    LOCKED = "locked"  # it waits for its password, see `corpus_locked`


ENDED = frozenset({FileState.DONE, FileState.UNCHANGED, FileState.REFUSED, FileState.STOPPED, FileState.LOCKED})


class WorkState(StrEnum):
    """Where the whole work stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # its process has gone


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file. `origin` is its place in a ZIP or on the web.

    `page` of `pages` are read, `embedded` of `chunks` are embedded. `rate` counts pages, then chunks a second;
    `seconds_left` of that stage is None where nothing can be foretold. `notes` are warnings, or why it was refused.
    """

    name: str
    state: FileState = FileState.WAITING
    origin: str = ""
    size: int = 0
    page: int = 0
    pages: int = 0
    chunks: int = 0
    embedded: int = 0
    language: str = ""
    as_of: str | None = None
    rate: float = 0.0
    seconds_left: float | None = None
    notes: tuple[Localized, ...] = ()

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1; most of the time goes into the vectors."""
        if self.state in ENDED:
            return 1.0
        read = _READ * self.page / self.pages if self.page and self.pages else 0.0
        if self.state is FileState.INDEXING and self.chunks:
            read = max(read, _READ_AT_ONCE)
            return read + (1 - read) * self.embedded / self.chunks
        return read

    @property
    def is_being_read(self) -> bool:
        """Whether somebody is at one of its pages."""
        return self.state in (FileState.CHECKING, FileState.READING) and 0 < self.page < self.pages


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work. `created` is ISO 8601, UTC.

    `seconds_left` foretells the whole; `waits` says for what it waits, empty where it does not.
    """

    id: str
    corpus: str
    task: Task
    created: str
    state: WorkState = WorkState.QUEUED
    files: tuple[FileReport, ...] = ()
    replaces: str = ""
    seconds: float = 0.0
    seconds_left: float | None = None
    waits: Localized = NO_TEXT
    error: Localized = NO_TEXT

    @property
    def active(self) -> bool:
        """Whether somebody works on it, or will."""
        return self.state in (WorkState.QUEUED, WorkState.RUNNING)

    def file(self, name: str) -> FileReport | None:
        """The line of a file that has not been refused; None where there is none."""
        return next((f for f in self.files if f.name == name and f.state is not FileState.REFUSED), None)

    def with_file(self, name: str, **changes: Any) -> Work:
        """The work with the line of a file changed."""
        line = self.file(name)
        if line is None:
            return self
        changed = replace(line, **changes)
        return replace(self, files=tuple(changed if f is line else f for f in self.files))


class Reports:
    """The reports under one folder; one that has ended is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ended: dict[Path, tuple[int, Work]] = {}

    def write(self, work: Work) -> None:
        """Keep a report as it is now; raises `StorageError`."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self._folder} cannot be written: {error}. Check its rights and the free space.",
                pt=f"A pasta {self._folder} não pode ser gravada. Confira as permissões e o espaço no disco.",
            ) from error
        record = asdict(work) | {"process": [os.getpid(), _started(os.getpid())]}
        write_atomically(self._path(work), json.dumps(record, ensure_ascii=False))

    def all(self, corpus: str | None = None) -> list[Work]:
        """The reports, latest first; what cannot be read is left out."""
        works = [self._read(path) for path in sorted(self._folder.glob("*.json"), reverse=True)]
        return [work for work in works if work is not None and corpus in (None, work.corpus)]

    def forget(self, corpus: str) -> None:
        """Remove every report of a corpus: they name its files."""
        for work in self.all(corpus):
            self._path(work).unlink(missing_ok=True)

    def rename(self, corpus: str, to: str) -> None:
        """Have the reports of a corpus follow its name."""
        for work in self.all(corpus):
            self.write(replace(work, corpus=to))

    def prune(self, corpus: str) -> None:
        """Keep the latest reports of a corpus only."""
        for work in self.all(corpus)[_KEPT:]:
            self._path(work).unlink(missing_ok=True)

    def _path(self, work: Work) -> Path:
        return self._folder / f"{work.id}.json"

    def _read(self, path: Path) -> Work | None:
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:  # removed meanwhile
            return None
        known = self._ended.get(path)
        if known and known[0] == stamp:
            return known[1]
        work = _read(path)
        if work is not None and not work.active:
            self._ended[path] = (stamp, work)
        return work


def _read(path: Path) -> Work | None:
    try:
        raw = json.loads(path.read_text("utf-8"))
        work = _work(raw) if is_name(path.stem) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if work is not None and work.active and not _lives(raw.get("process")):
        return replace(work, state=WorkState.INTERRUPTED, seconds_left=None, waits=NO_TEXT)
    return work


def _work(raw: Mapping[str, Any]) -> Work:
    plain = {key: raw[key] for key in ("id", "corpus", "created", "replaces", "seconds", "seconds_left")}
    return Work(
        **plain,
        task=Task(raw["task"]),
        state=WorkState(raw["state"]),
        files=tuple(_file(line) for line in raw["files"]),
        waits=Localized(**raw["waits"]),
        error=Localized(**raw["error"]),
    )


def _file(raw: Mapping[str, Any]) -> FileReport:
    notes = tuple(Localized(**note) for note in raw["notes"])
    return FileReport(**{**raw, "state": FileState(raw["state"]), "notes": notes})


def _lives(process: object) -> bool:
    """Whether the process that wrote a report still works."""
    if not isinstance(process, list) or len(process) != 2:
        return False
    now = _started(int(process[0]))
    return now is not None and process[1] is not None and abs(now - float(process[1])) < _START_TOLERANCE_S


def _started(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
