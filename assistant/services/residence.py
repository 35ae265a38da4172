"""Which adapter versions are in the engine, and whether they are still what lies on disk.

Knows the engine's one call, which says anew what is resident, and what its refusals mean to a person. Refuses to
know who may answer and who is being answered: it is told which versions to keep.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.engines.base import AdapterFiles, Engine, LoadFailure
from assistant.models.prompt_format import fill
from assistant.stores.manifests import Card, Localized, Version

_PROBE = "Qual é o prazo? O atendimento em São Paulo demorou, conforme o art. 5 da Lei 8.078/1990."


@dataclass(frozen=True, slots=True)
class LiveAdapter:
    """An adapter that may answer: its card and its active version."""

    card: Card
    version: Version

    @property
    def key(self) -> str:
        """The name that engines know the version by."""
        return self.version.key

    @property
    def label(self) -> str:
        """The name that people know the version by."""
        return self.version.label


@dataclass(frozen=True, slots=True)
class _Resident:
    """A version in the engine. `stamp` tells it from another one that was given the same name later."""

    files: AdapterFiles
    stamp: tuple[int, int]


class Residence:
    """The versions in one engine. Not thread-safe: whoever changes them makes one change at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._resident: dict[str, _Resident] = {}

    @property
    def keys(self) -> frozenset[str]:
        """The versions that are resident."""
        return frozenset(self._resident)

    def holds(self, adapters: Iterable[LiveAdapter]) -> bool:
        """Whether all of these are resident as they lie on disk now."""
        stamps = {a.version.key: stamp(a.version.path / "manifest.toml") for a in adapters}
        return all(key in self._resident and self._resident[key].stamp == found for key, found in stamps.items())

    def load(self, adapters: Iterable[LiveAdapter], kept: Collection[str]) -> dict[str, Localized]:
        """Make these resident beside the `kept` ones, and nothing else; what the engine refuses, by key, and why."""
        files = {key: resident.files for key, resident in self._resident.items() if key in kept}
        files |= {adapter.version.key: files_of(adapter) for adapter in adapters}
        chosen = {one.key: _Resident(one, stamp(one.folder / "manifest.toml")) for one in files.values()}
        failures = self._engine.set_adapters([resident.files for resident in chosen.values()])
        refused = {failure.key: _refusal(failure) for failure in failures}
        self._resident = {key: resident for key, resident in chosen.items() if key not in refused}
        return refused

    def moved(self, version: Version, hidden: Version) -> None:
        """The folder of a version that may still be in use has another name now."""
        if version.key in self._resident:
            files = self._resident[version.key].files
            moved = replace(files, folder=hidden.path, gguf=hidden.path / files.gguf.name)
            self._resident[version.key] = replace(self._resident[version.key], files=moved)


def files_of(adapter: LiveAdapter) -> AdapterFiles:
    """What an engine needs to make a version resident."""
    card, version = adapter.card, adapter.version
    return AdapterFiles(
        key=version.key,
        folder=version.path,
        gguf=version.path / "adapter.gguf",
        probe=fill(card.template, text=_PROBE),
    )


def stamp(path: Path) -> tuple[int, int]:
    """When a file was written, and which one it is; (0, 0) for none. Renaming its folder changes neither."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def _refusal(failure: LoadFailure) -> Localized:
    """The engine's reason, with the way out; reasons of its libraries exist in English only."""
    name, command = failure.key, f"python -m assistant train {failure.key.partition('@')[0]}"
    because = f": {failure.reason_pt}" if failure.reason_pt else ""
    return Localized(
        f"O motor não carregou {name}{because}. Treine o adaptador de novo: {command}",
        f"The engine did not load {name}: {failure.reason}. Train the adapter again: {command}",
    )
