"""What a user can do with adapters: see them, and have the live ones answer.

Knows which versions fit the selected base and keeps the engine's resident set in step with the
cards. Refuses to know prompts, routing and training.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from assistant.engines.base import AdapterFiles, Engine, LoadFailure
from assistant.errors import AdapterIncompatible, AssistantError
from assistant.models.prompt_format import fill
from assistant.stores.manifests import NO_TEXT, AdapterRegistry, Card, Localized, Version
from assistant.types import AdapterKind

_PROBE = "Qual é o prazo? O atendimento em São Paulo demorou, conforme o art. 5 da Lei 8.078/1990."


@dataclass(frozen=True, slots=True)
class LiveAdapter:
    """An adapter that may answer: its card and its active version."""

    card: Card
    version: Version


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """One row of the adapters page. `note` says what keeps the adapter from answering; empty if nothing."""

    name: str
    title: Localized
    description: Localized
    kind: AdapterKind
    base: str
    active: str | None
    versions: tuple[str, ...]
    compatible: bool
    scores: Mapping[str, float]
    size_bytes: int
    corpora: tuple[str, ...]
    note: Localized


class AdaptersService:
    """The registered adapters, seen from the selected base."""

    def __init__(self, registry: AdapterRegistry, base: str, fingerprint: str) -> None:
        self._registry = registry
        self._base = base
        self._fingerprint = fingerprint
        self._lock = threading.Lock()
        self._notes: dict[str, Localized] = {}
        self._live: Mapping[str, LiveAdapter] = MappingProxyType({})
        self.refresh()

    @property
    def registry(self) -> AdapterRegistry:
        """The adapters on disk."""
        return self._registry

    def refresh(self) -> None:
        """Read cards and manifests again; an adapter with a fault is noted, the others live."""
        live: dict[str, LiveAdapter] = {}
        notes: dict[str, Localized] = {}
        for name in self._registry.names():
            try:
                adapter = self._usable(name)
            except AssistantError as error:
                notes[name] = Localized.of(error)
                continue
            if adapter is None:
                command = f"python -m assistant train {name}"
                notes[name] = Localized(
                    f"Nenhuma versão está ativa. Treine uma: {command}", f"No version is active. Train one: {command}"
                )
            else:
                live[name] = adapter
        with self._lock:
            self._live, self._notes = MappingProxyType(live), notes

    def attach(self, engine: Engine) -> None:
        """Make the live adapters resident in the engine; what it refuses is noted and not live."""
        adapters = self.live()
        failures = engine.set_adapters([files_of(adapter) for adapter in adapters.values()])
        refused = {failure.key: _refusal(failure) for failure in failures}
        with self._lock:
            self._live = MappingProxyType({name: a for name, a in adapters.items() if a.version.key not in refused})
            for adapter in adapters.values():
                if adapter.version.key in refused:
                    self._notes[adapter.card.name] = refused[adapter.version.key]

    def live(self) -> Mapping[str, LiveAdapter]:
        """The adapters that may answer, by name; a snapshot that never changes."""
        with self._lock:
            return self._live

    def list(self) -> list[AdapterInfo]:
        """Every registered adapter with its state; one whose card cannot be read is left to `doctor`."""
        infos = []
        for name in self._registry.names():
            try:
                infos.append(self._info(name))
            except AssistantError:  # a card with faults: `notes` tells of it
                continue
        return infos

    def notes(self) -> Mapping[str, Localized]:
        """What keeps an adapter from answering, by its name."""
        with self._lock:
            return dict(self._notes)

    def _usable(self, name: str) -> LiveAdapter | None:
        card = self._registry.card(name)
        version = self._registry.active(name)
        if version is None:
            return None
        manifest = self._registry.manifest(version)
        if manifest.base != self._base or manifest.base_fingerprint != self._fingerprint:
            raise AdapterIncompatible(
                f"{version.key} was trained on the base {manifest.base}, not on {self._base}. Train it again on "
                f"this base: python -m assistant train {name}",
                pt=f"{version.key} foi treinado para o modelo base {manifest.base}, não para {self._base}. Treine-o de "
                f"novo para este: python -m assistant train {name}",
            )
        self._registry.verify(version)
        return LiveAdapter(card, version)

    def _info(self, name: str) -> AdapterInfo:
        card = self._registry.card(name)
        versions = self._registry.versions(name)
        active = next((v for v in versions if v.number == card.active), None)
        scores: Mapping[str, float] = {}
        size = 0
        if active is not None:
            scores = self._registry.manifest(active).scores
            size = sum(p.stat().st_size for p in active.path.rglob("*") if p.is_file())
        return AdapterInfo(
            name=name,
            title=card.title,
            description=card.description,
            kind=card.kind,
            base=active.base if active else self._base,
            active=active.label if active else None,
            versions=tuple(version.label for version in versions),
            compatible=name in self.live(),
            scores=scores,
            size_bytes=size,
            corpora=card.corpora,
            note=self.notes().get(name, NO_TEXT),
        )


def _refusal(failure: LoadFailure) -> Localized:
    """The engine's reason, with the way out; reasons of its libraries exist in English only."""
    name, command = failure.key, f"python -m assistant train {failure.key.partition('@')[0]}"
    because = f": {failure.reason_pt}" if failure.reason_pt else ""
    return Localized(
        f"O motor não carregou {name}{because}. Treine o adaptador de novo: {command}",
        f"The engine did not load {name}: {failure.reason}. Train the adapter again: {command}",
    )


def files_of(adapter: LiveAdapter) -> AdapterFiles:
    """What an engine needs to make a version resident."""
    card, version = adapter.card, adapter.version
    return AdapterFiles(
        key=version.key,
        folder=version.path,
        gguf=version.path / "adapter.gguf",
        probe=fill(card.template, text=_PROBE),
    )
