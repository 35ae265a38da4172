"""Which version of an adapter was live when, and who decided: one line of JSON for each change.

Knows `adapters/<name>/activations.jsonl`, how to read back from it what was live before, and the lock that
keeps two processes from changing one adapter at once. Refuses to know cards and engines.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from assistant.errors import StorageError

FILE = "activations.jsonl"
By = Literal["page", "command"]


class Action(StrEnum):
    """What was decided."""

    ACTIVATE = "activate"
    ROLL_BACK = "roll_back"
    RETIRE = "retire"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Activation:
    """One decision. `version` is the number it was about (0 for retire), `before` the one that was live until then.

    `at` is ISO 8601 in UTC; `by` says whether the page or a command decided.
    """

    at: str
    by: str
    action: str
    version: int
    before: int


def record(folder: Path, action: Action, version: int, before: int, by: By) -> None:
    """Append one decision to an adapter's history; raises `StorageError`."""
    entry = Activation(datetime.now(UTC).isoformat(timespec="seconds"), by, str(action), version, before)
    try:
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")
    except OSError as error:
        raise StorageError(
            f"The history {folder / FILE} could not be written: {error}. Free space or check its permissions.",
            pt=f"Não foi possível gravar o histórico {folder / FILE}. Verifique o espaço e as permissões do disco.",
        ) from error


def history(folder: Path) -> tuple[Activation, ...]:
    """Every decision on an adapter, oldest first; a line that cannot be read is passed over."""
    try:
        lines = (folder / FILE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    entries = []
    for line in lines:
        try:
            raw = json.loads(line)
            entries.append(
                Activation(str(raw["at"]), str(raw["by"]), str(raw["action"]), int(raw["version"]), int(raw["before"]))
            )
        except (ValueError, KeyError, TypeError):
            continue  # half a line of a killed process, or an edit by hand: the other lines still hold
    return tuple(entries)


def live_before(entries: Sequence[Activation], current: int, existing: Collection[int]) -> int | None:
    """The version that was live before `current` (0: before the adapter was retired), None where there is none.

    Decisions pile up; rolling back takes the top ones off, so that a second roll back goes one further
    instead of to and fro. A card edited by hand shows in the next entry's `before`.
    """
    pile: list[int] = []
    for entry in entries:
        if entry.before and entry.before not in pile[-1:]:
            pile.append(entry.before)
        if entry.action == Action.ROLL_BACK:
            while pile and pile[-1] != entry.version:
                pile.pop()
        if entry.action in (Action.ACTIVATE, Action.ROLL_BACK) and entry.version not in pile[-1:]:
            pile.append(entry.version)
    if current and current not in pile[-1:]:
        pile.append(current)  # chosen by hand since the last entry
    earlier = [number for number in (pile[:-1] if current else pile) if number in existing and number != current]
    return earlier[-1] if earlier else None


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold the folder of all adapters for one change; another process waits. Raises `StorageError`."""
    path = folder / ".lock"
    try:
        file = path.open("a")
    except OSError as error:
        raise StorageError(
            f"The adapters' folder {folder} cannot be written: {error}. Check its permissions and the space left.",
            pt=f"A pasta dos adaptadores, {folder}, não pode ser gravada. Verifique o espaço e as permissões do disco.",
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it with the file, however the process ends
        yield
