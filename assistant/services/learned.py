"""What a version learned besides its weights, as JSON files in its folder.

Knows how such a file is written, read once, and read again when it has changed; a damaged one is told with the way
out. Refuses to know what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from assistant.errors import AdapterBroken
from assistant.services.residence import stamp
from assistant.stores.manifests import Version, write_atomically

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class LearnedFile(Generic[T]):
    """One such file. `build` makes the value of its fields, or raises `KeyError`, `TypeError`, `ValueError`."""

    def __init__(self, name: str, build: Callable[[Mapping[str, Any]], T]) -> None:
        self.name = name
        self._build = build
        self._cached = lru_cache(maxsize=16)(self._read)

    def keep(self, value: T, folder: Path) -> None:
        """Write it into a version's folder; raises `OSError`."""
        write_atomically(folder / self.name, json.dumps(asdict(value), ensure_ascii=False) + "\n")

    def of(self, version: Version) -> T | None:
        """What a version learned; None where it has no such file. Raises `AdapterBroken`."""
        file = version.path / self.name
        written = stamp(file)
        return self._cached(file, written) if any(written) else None

    def _read(self, file: Path, written: tuple[int, int]) -> T:
        try:
            return self._build(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise AdapterBroken(
                f"{file} cannot be read ({error}). Restore it or train the adapter again.",
                pt=f"{file} não pode ser lido. Restaure o arquivo ou treine o adaptador de novo.",
            ) from error
