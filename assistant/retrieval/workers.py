"""Processes that read files, so that no file can take the program down: bounded in time, memory and what they say.

Knows how a process is started, asked, kept warm for the next file, and replaced when it dies or breaks a bound. Refuses
to know kinds of files, and to believe what comes back: it is JSON, checked field by field.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from assistant.errors import DocumentRefused, PasswordNeeded, StorageError
from assistant.retrieval.documents import MAX_CHARS, LoadedDocument, OnPage, loaded, pt_number

_ROOT = str(Path(__file__).resolve().parents[2])  # the folder of the package, wherever the server was started
# what a library or a program needs to run; no key and no token is among them
_KEPT = ("PATH", "HOME", "TMPDIR", "TESSDATA_PREFIX", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_ENDING_S = 5.0  # for programs that were killed
_MODULE = "assistant.retrieval.reading.worker"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost."""

    page_s: float = 90.0  # without a sign of life: between two pages, or for a kind without pages in all
    total_s: float = 3600.0  # a thousand scanned pages
    memory: int = 3_000_000_000  # bytes of address space; LibreOffice and pdfium need about a third
    answer: int = 8 * MAX_CHARS  # bytes of what comes back: no text needs more


@dataclass(frozen=True, slots=True)
class Request:
    """A file to be read, or with `unlocked` to be written there without its password.

    `only` is the one page to be read, 0 for all.
    """

    path: Path
    name: str
    max_bytes: int
    password: str = field(default="", repr=False)
    unlocked: Path | None = None
    only: int = 0

    def line(self) -> bytes:
        """What is sent."""
        return (
            json.dumps(
                {
                    "path": str(self.path.absolute()),
                    "name": self.name,
                    "max_bytes": self.max_bytes,
                    "password": self.password,
                    "unlocked": str(self.unlocked.absolute()) if self.unlocked else "",
                    "only": self.only,
                }
            ).encode()
            + b"\n"
        )


class _Gone(Exception):
    """The process ended, or was ended, before it answered; the argument says why."""


class Worker:
    """One process; it answers one request at a time."""

    def __init__(self, limits: Limits, python: str = sys.executable) -> None:
        """Raises `StorageError` where no process can be started."""
        self._limits = limits
        self._rest = b""
        command = [python, "-m", _MODULE, str(limits.memory), str(int(limits.total_s))]
        try:
            self._process = subprocess.Popen(  # noqa: S603  # no word of it comes from a document
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise StorageError(
                f"The reader of documents could not be started: {error}. Free some memory and try again.",
                pt="Não foi possível iniciar o leitor de documentos. Libere memória e tente de novo.",
            ) from error

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, request: Request, on_page: OnPage | None) -> Mapping[str, Any]:
        """The answer; raises `_Gone` where there is none."""
        started = time.monotonic()
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(request.line())
            stdin.flush()
        except OSError as error:
            raise _Gone("ended") from error
        while True:
            message = self._message(started)
            if "page" not in message:
                return message
            if on_page is not None:
                on_page(int(message["page"]), int(message["of"]))

    def close(self) -> None:
        """End it and all that it started."""
        import psutil

        stdin, stdout = self._process.stdin, self._process.stdout
        children: list[Any] = []
        with suppress(psutil.Error):
            children = psutil.Process(self.pid).children(recursive=True)
        for process in (self._process, *children):
            with suppress(psutil.Error, OSError):
                process.send_signal(signal.SIGKILL)
        self._process.wait()
        psutil.wait_procs(children, _ENDING_S)
        for pipe in (stdin, stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _message(self, started: float) -> Mapping[str, Any]:
        """The next line as JSON, within the limits."""
        now = time.monotonic()
        end = min(now + self._limits.page_s, started + self._limits.total_s)
        pipe = self._process.stdout
        assert pipe is not None
        poll = select.poll()  # not select(): a busy server's file numbers pass its limit
        poll.register(pipe, select.POLLIN)
        pieces, size = [self._rest], len(self._rest)
        while b"\n" not in pieces[-1]:
            if not poll.poll(max(end - time.monotonic(), 0) * 1000):
                raise _Gone("time")
            piece = os.read(pipe.fileno(), 1 << 16)
            if not piece:
                raise _Gone("ended")
            pieces.append(piece)
            size += len(piece)
            if size > self._limits.answer:
                raise _Gone("answer")
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError as error:
            raise _Gone("ended") from error
        if not isinstance(message, dict):
            raise _Gone("ended")
        return message


class Workers:
    """Keeps a process warm between files; two at most work at the same time, further files wait."""

    def __init__(self, limits: Limits | None = None, start: Callable[[Limits], Worker] = Worker) -> None:
        self._limits = limits or Limits()
        self._start = start
        self._free = threading.BoundedSemaphore(2)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []

    def read(self, request: Request, on_page: OnPage | None = None) -> LoadedDocument:
        """The document of a file; raises `DocumentRefused`, `PasswordNeeded` or `StorageError`."""
        answer = self._ask(request, on_page)
        try:
            return loaded(answer["document"])
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(request.name) from error

    def unlock(self, request: Request) -> None:
        """Write a file without its password to `request.unlocked`; raises like `read`."""
        self._ask(request, None)

    def close(self) -> None:
        """End the processes that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def _ask(self, request: Request, on_page: OnPage | None) -> Mapping[str, Any]:
        with self._free:
            try:
                answer = self._answered(request, on_page)
            except _Gone as gone:
                raise self._refusal(request.name, str(gone)) from gone
        if refused := answer.get("refused"):
            kind = PasswordNeeded if refused.get("password") else DocumentRefused
            raise kind(str(refused.get("en", "")), pt=str(refused.get("pt", "")))
        return answer

    def _answered(self, request: Request, on_page: OnPage | None) -> Mapping[str, Any]:
        """By the warm process, or a fresh one: the warm one may go home just then, or suffer from the file before."""
        warm = self._warm()
        if warm is not None:
            try:
                return self._answer(warm, request, on_page)
            except _Gone as gone:
                if str(gone) != "ended":
                    raise
        return self._answer(self._start(self._limits), request, on_page)

    def _answer(self, worker: Worker, request: Request, on_page: OnPage | None) -> Mapping[str, Any]:
        """One worker's answer; it is kept for the next file only where it gave a whole one."""
        keep = False
        try:
            answer = worker.ask(request, on_page)
            if "memory" in answer:
                raise _Gone("memory")
            with self._lock:
                keep = not self._idle
                if keep:
                    self._idle.append(worker)
            return answer
        finally:
            if not keep:
                worker.close()

    def _warm(self) -> Worker | None:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None and not worker.is_alive():
            worker.close()
            return None
        return worker

    def _refusal(self, name: str, why: str) -> DocumentRefused:
        limits = self._limits
        if why == "time":
            return DocumentRefused(
                f"{name} took longer than allowed ({limits.page_s:.0f} s for a page, {limits.total_s:.0f} s in all) "
                "and was given up. Split it, or save it again in its own program.",
                pt=f"{name} passou do tempo permitido ({limits.page_s:.0f} s por página, {limits.total_s:.0f} s ao "
                "todo) e foi abandonado. Divida o arquivo ou salve-o de novo no programa em que foi feito.",
            )
        if why == "answer":
            return DocumentRefused(
                f"{name} holds more text than allowed ({limits.answer:,} bytes). Split it.",
                pt=f"{name} tem mais texto que o permitido ({pt_number(limits.answer)} bytes). Divida o arquivo.",
            )
        if why == "memory":
            return DocumentRefused(
                f"{name} needs more memory than allowed ({limits.memory / 1e9:.1f} GB) to be read. Split it.",
                pt=f"{name} precisa de mais memória que a permitida ({limits.memory / 1e9:.1f} GB) para ser lido. "
                "Divida o arquivo.",
            )
        return _broken(name)


def _broken(name: str) -> DocumentRefused:
    return DocumentRefused(
        f"{name} made the reader of documents break down; the file is damaged, or needs more memory than allowed. "
        "Save it again in its own program, or split it.",
        pt=f"{name} derrubou o leitor de documentos: o arquivo está danificado ou precisa de mais memória que a "
        "permitida. Salve-o de novo no programa em que foi feito ou divida-o.",
    )


def _environment() -> dict[str, str]:
    """What the process sees: no settings and no secrets; UTF-8 whatever the machine speaks."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": _ROOT, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}


@cache
def shared() -> Workers:
    """This program's processes, ended with it."""
    workers = Workers()
    atexit.register(workers.close)
    return workers
