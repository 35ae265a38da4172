"""Judgements on disk: what was found about a version, what the gate said, and who overruled it.

Knows `var/judgements/<adapter>-<nnnn>.json`, one file a version, replaced when it is judged again; what was
overruled stays. Refuses to know how anything is judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import DataError, StorageError
from assistant.stores.manifests import check_name, write_atomically


class JudgementStore:
    """The judgements under one folder. Holds no state: the disk is the truth."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, adapter: str, number: int) -> Path:
        """Where the judgement of a version lies, or would lie."""
        return self._folder / f"{check_name(adapter, 'an adapter')}-{number:04d}.json"

    def read(self, adapter: str, number: int) -> dict[str, Any] | None:
        """The judgement of a version, None where there is none; raises `DataError` for a damaged file."""
        path = self.path(adapter, number)
        try:
            record = json.loads(path.read_text("utf-8"))
            bool(record["verdict"]["promote"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"The judgement {path} cannot be read ({error}). Judge the version again: "
                f"python -m assistant judge {adapter} --version {number}",
                pt=f"O julgamento {path} não pode ser lido. Julgue a versão de novo: "
                f"python -m assistant judge {adapter} --version {number}",
            ) from error
        return dict(record)

    def write(self, adapter: str, number: int, record: Mapping[str, Any]) -> Path:
        """Keep a judgement, with the overrules of the one before it; raises `StorageError`."""
        try:
            before = self.read(adapter, number) or {}
        except DataError:  # damaged: it is being replaced
            before = {}
        return self._write(adapter, number, {**record, "overruled": before.get("overruled", [])})

    def overrule(self, adapter: str, number: int, reason: str) -> None:
        """Record that a person decided against the verdict; raises `DataError` where there is none."""
        record = self.read(adapter, number)
        if record is None:
            raise DataError(
                f"{adapter}@{number} was never judged, so there is nothing to overrule.",
                pt=f"{adapter}@{number} nunca foi julgado; não há o que contrariar.",
            )
        entry = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "reason": reason}
        self._write(adapter, number, {**record, "overruled": [*record.get("overruled", []), entry]})

    def _write(self, adapter: str, number: int, record: Mapping[str, Any]) -> Path:
        path = self.path(adapter, number)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
        except OSError as error:
            raise StorageError(
                f"The judgement {path} could not be written: {error}. Free some space and judge again.",
                pt=f"Não foi possível gravar o julgamento {path}. Libere espaço e julgue de novo.",
            ) from error
        return path
