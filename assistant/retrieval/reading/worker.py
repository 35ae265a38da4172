"""The process that reads files: one request a line on standard input, one answer a line on standard output.

It limits its own memory, writes no file but temporary ones, and ends when nobody needs it any more. Whatever a library
prints goes to standard error. Refuses to know corpora, and to be trusted: who started it keeps the time.

    request   {"path", "name", "password", "max_bytes", "unlocked", "only"}
    answer    {"page", "of"}, any number of them, then one of
              {"document"} | {"unlocked"} | {"memory"} | {"refused": {"en", "pt", "password"}}
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from assistant.errors import DocumentRefused, PasswordNeeded
from assistant.retrieval.documents import Source, changing, damaged, too_large
from assistant.retrieval.reading.kinds import read
from assistant.retrieval.reading.unlocking import unlocked

_IDLE_S = 60.0  # without a request; starting again takes a quarter of a second
_NICE = 5
_FILE_BYTES = 2_000_000_000  # the largest temporary file


class Channel:
    """Lines of JSON on a file descriptor that no library knows of."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def say(self, message: Mapping[str, Any]) -> None:
        """Write one line; raises `OSError` where nobody reads any more."""
        data = memoryview(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        while data:
            data = data[os.write(self._descriptor, data) :]


def main(memory: int, seconds: int) -> None:
    """Answer requests until standard input ends, or for a minute nobody asks; `memory` in bytes."""
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
    ):
        with suppress(OSError, ValueError):  # macOS has no limit of address space, and a lower limit may be set
            resource.setrlimit(what, (most, most))
    with suppress(OSError):
        os.nice(_NICE)
    channel = Channel(os.dup(1))
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    while select.select([0], [], [], _IDLE_S)[0] and (line := sys.stdin.buffer.readline()):
        signal.alarm(seconds + 30)  # the last resort, where the process that keeps the time is gone
        channel.say(answer(json.loads(line), channel))
        signal.alarm(0)


def answer(request: Mapping[str, Any], channel: Channel) -> Mapping[str, Any]:
    """The answer to one request; a refusal is one too."""
    name = str(request["name"])
    try:
        path = Path(request["path"])
        data = whole(path, name, int(request["max_bytes"]))

        def on_page(page: int, of: int) -> None:
            channel.say({"page": page, "of": of})

        source = Source(name, data, str(request["password"]), on_page, int(request["only"]))
        if request["unlocked"]:
            content = unlocked(source)
            with Path(request["unlocked"]).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            return {"unlocked": True}
        document = read(source)
        if path.lstat().st_size != len(data):
            raise changing(name)
        return {"document": document.as_record()}
    except DocumentRefused as error:
        return _refused(error)
    except MemoryError:
        return {"memory": True}  # who started this process names the limit, and starts another
    # a library met a file that nobody foresaw: the file is refused, the next one is read
    except Exception as error:  # noqa: BLE001
        return _refused(damaged(name, Path(name).suffix.lstrip(".").upper(), error))


def whole(path: Path, name: str, max_bytes: int) -> bytes:
    """The bytes of a file that nobody is writing; raises `DocumentRefused`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if before.st_size > max_bytes:
                raise too_large(name, before.st_size, max_bytes)
            data = file.read(max_bytes + 1)
            after = os.fstat(descriptor)
    except OSError as error:
        raise DocumentRefused(
            f"{name} cannot be opened ({error}). Check the file's rights.",
            pt=f"{name} não pode ser aberto. Confira as permissões do arquivo.",
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise changing(name)
    return data


def _refused(error: DocumentRefused) -> Mapping[str, Any]:
    return {"refused": {"en": error.text("en"), "pt": error.text("pt"), "password": isinstance(error, PasswordNeeded)}}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
