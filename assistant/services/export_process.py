"""An export in a process of its own, for a page: the one that serves stays small and quick, and never imports torch.

Knows the command and how it tells its end. Refuses to believe what it is given: names, numbers and forms are checked
before anything is started. The export itself is `services.export`'s.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from assistant.errors import AdapterError, AssistantError, InputRejected, StorageError
from assistant.services.commands import environment, error_in, last_line
from assistant.services.export import Order
from assistant.services.export_forms import form_of
from assistant.stores.manifests import check_name

_LOOK_S = 0.5  # between two looks at the process
_ENDING_S = 10.0  # for a process that was told to end


@dataclass(frozen=True, slots=True)
class Working:
    """It is being made, for `seconds` so far."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The file is there; `size` in bytes."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """It was told to stop: there is no file to offer."""


Event = Working | Ready | Stopped  # any number of `Working`, then one of the others


class ExportProcess:
    """Runs `adapters export` with the settings of this installation."""

    def __init__(self, environment: Mapping[str, str], python: str = sys.executable) -> None:
        """`environment` are the settings as variables."""
        self._environment = environment
        self._python = python

    def run(self, order: Order, cancel: threading.Event) -> Iterator[Event]:
        """Make the file of an order, until `cancel` is set.

        Raises what `ExportService.export` raises, and `AdapterError` where the process left no file.
        """
        command = self._command(order)
        started = time.monotonic()
        with _scratch() as out, _scratch() as err:
            process = self._start(command, order.language, out.fileno(), err.fileno())
            try:
                while process.poll() is None:
                    yield Working(time.monotonic() - started)
                    if cancel.wait(_LOOK_S):
                        break
            finally:
                _end(process)
            if cancel.is_set():
                yield Stopped()
                return
            if process.returncode or not order.target.is_file():
                raise _fault(process.returncode, _read(out), _read(err))
        yield Ready(order.target, order.target.stat().st_size)

    def _command(self, order: Order) -> list[str]:
        name, form = check_name(order.name, "an adapter"), form_of(order.form)
        if order.number is None or order.number < 1:
            raise InputRejected("Choose the version to export.", pt="Escolha a versão a exportar.")
        return [
            self._python, "-m", "assistant", "adapters", "export", name, "--version", str(order.number), "--form",
            str(form), "--to", str(order.target), "--prompts", str(order.prompts), "--json",
            *([] if order.every_form else ["--this-form"]),
        ]  # fmt: skip

    def _start(self, command: list[str], language: str, out: int, err: int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603  # names are checked, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(self._environment, ASSISTANT_LANGUAGE=language),
                start_new_session=True,
            )
        except OSError as error:
            raise StorageError(
                f"The export could not be started: {error}. Free some memory and try again.",
                pt="Não foi possível iniciar a exportação. Libere memória e tente de novo.",
            ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        process.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the process and to the converters that it runs: they are its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _scratch() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _fault(status: int, said: str, complained: str) -> AssistantError:
    """The error that the command wrote before it ended, in both languages, or what is known of its end."""
    if (error := error_in(said)) is not None:
        return AdapterError(error.en, pt=error.pt)
    if status == -signal.SIGKILL:
        return AdapterError(
            "The export was killed by the system: the memory may have run out. Close what is open and try again.",
            pt="O sistema matou a exportação: talvez tenha faltado memória. Feche outros programas e tente de novo.",
        )
    last = last_line(complained)
    return AdapterError(
        f"The export ended with status {status}: {last} Try it on the command line: "
        "python -m assistant adapters export",
        pt=f"A exportação terminou com o código {status}: {last} Tente na linha de comando: "
        "python -m assistant adapters export",
    )
