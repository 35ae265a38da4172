"""Which adapter versions answer now, and how that changes while people are being answered.

Knows the order that disturbs nobody: what becomes live is resident in the engine before the router can
choose it; what an answer is being written with stays resident until that answer has ended. Where the active
version is of another base, an instruct base may do the task by examples meanwhile. Refuses to know why something
changes: cards and versions on disk are the truth, `apply` brings this in step with them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType

from assistant.engines.base import Engine
from assistant.errors import AdapterBroken, AdapterIncompatible, AssistantError
from assistant.routing.router import tried_route
from assistant.services.few_shot import Answerer, FewShot, FewShots, trained
from assistant.services.request import AskRequest
from assistant.services.residence import LiveAdapter, Residence, stamp
from assistant.stores.manifests import Card, Localized, Version
from assistant.stores.registry import AdapterRegistry
from assistant.types import Route

_TRIES = 5  # a route may be outdated by a change between the decision and its use; then it is asked for again
_NOT_ACTIVE = Localized(
    "Nenhuma versão está ativa. Treine uma: python -m assistant train ",
    "No version is active. Train one: python -m assistant train ",
)

Prepare = Callable[[Mapping[str, Answerer]], Callable[[], None]]
"""Learns to route to these adapters, which takes its time; calling the result puts that into service at once."""


class LiveAdapters:
    """The adapters that answer on one base, their residence in its engine, and who uses them; thread-safe."""

    def __init__(
        self, registry: AdapterRegistry, base: str, fingerprint: str, few_shots: FewShots | None = None
    ) -> None:
        """`few_shots` stand in for adapters of another base; None: such adapters do not answer."""
        self._registry = registry
        self._base = base
        self._fingerprint = fingerprint
        self._few_shots = few_shots
        self._changes = threading.RLock()  # one change at a time; seconds
        self._lock = threading.Lock()  # guards answerers, notes and users; never held while anything is computed
        self._answerers: Mapping[str, Answerer] = MappingProxyType({})
        self._notes: dict[str, Localized] = {}
        self._users: Counter[str] = Counter()  # answers being written, by version key
        self._prepare: Prepare | None = None
        self._residence: Residence | None = None  # there is none before an engine answers
        self._seen: object = None
        self._used = time.monotonic()
        self.refresh()

    @property
    def registry(self) -> AdapterRegistry:
        """The adapters on disk."""
        return self._registry

    def answerers(self) -> Mapping[str, Answerer]:
        """Who may answer, by the adapter's name: a version, or the base by examples; a snapshot that never changes."""
        with self._lock:
            return self._answerers

    def live(self) -> Mapping[str, LiveAdapter]:
        """The adapters of which a version may answer, by name."""
        return trained(self.answerers())

    def notes(self) -> Mapping[str, Localized]:
        """What keeps an adapter's version from answering, by the adapter's name."""
        with self._lock:
            return dict(self._notes)

    # Changing what is live

    def refresh(self) -> None:
        """Read cards and manifests again, where no engine answers yet; an adapter with a fault is noted."""
        answerers, notes = self._read()
        with self._lock:
            self._answerers, self._notes = MappingProxyType(answerers), notes

    def attach(self, engine: Engine) -> None:
        """Answer with this engine from now on; what it refuses is noted and not live. The router is left alone."""
        with self._changes:
            self._residence = Residence(engine)
            self._apply(None)

    def route_with(self, prepare: Prepare) -> None:
        """Have every later change refit the router by `prepare`."""
        self._prepare = prepare

    def apply(self) -> None:
        """Bring what answers in step with cards and versions on disk, without a pause.

        New versions are loaded beside the old ones, then the router is fitted, then both change at once; answers
        that are being written end as they began. Raises `ModelUnavailable`; then everything stays as it was.
        """
        with self._changes:
            self._apply(self._prepare)

    def _apply(self, prepare: Prepare | None) -> None:
        self._seen = self.state_of_disk()
        answerers, notes = self._read()
        for adapter, refusal in self._load(trained(answerers).values()):
            notes[adapter.card.name] = refusal
            del answerers[adapter.card.name]
        snapshot = MappingProxyType(answerers)
        install = prepare(snapshot) if prepare else None
        with self._lock:
            self._answerers, self._notes = snapshot, notes
            if install:
                install()
        self._used = time.monotonic()

    def outdated(self) -> bool:
        """Whether cards or versions have changed on disk since they were read, by whomever."""
        return self._seen != self.state_of_disk()

    def state_of_disk(self) -> object:
        """Names and times of every card and version: equal as long as nothing has changed. Reads no file."""
        folder = self._registry.folder
        files = sorted([*folder.glob("*/card.toml"), *folder.glob("*/versions/*/manifest.toml")])
        return [(str(path), stamp(path)) for path in files]

    def settle(self, quiet_s: float = 0.0) -> bool:
        """Free what nobody needs any more: earlier versions, tried ones. Nothing where the last use is fresh.

        Until then a roll back or another try of the same version is immediate. Returns whether anything was freed.
        """
        with self._changes:
            with self._lock:
                needed = {a.key for a in trained(self._answerers).values()} | set(self._users)
            idle = time.monotonic() - self._used >= quiet_s
            if self._residence is None or not idle or self._residence.keys <= needed:
                return False
            self._lose(self._residence.load((), needed))
            return True

    # Answering

    @contextmanager
    def answering(self, request: AskRequest, decide: Callable[[], Route]) -> Iterator[tuple[Route, Answerer | None]]:
        """The route of one question and the adapter it names, which stays resident until the answer has ended.

        `decide` asks the router. A request that names a version is not routed: that version answers, live or not.
        Raises what `decide` and `trial` raise.
        """
        if request.version is not None:
            with self.trial(request.adapter, request.version) as tried:
                yield tried_route(tried.card.name, tried.version.label, request.language), tried
            return
        route, live = decide(), None
        for _ in range(_TRIES):
            live = self._hold(route.adapter)
            if live is not None or route.adapter is None:
                break
            route = decide()
        try:
            by_examples = isinstance(live, FewShot)
            yield (replace(route, version=live.label, few_shot=by_examples) if live else route), live
        finally:
            if live is not None and live.key is not None:
                self._release(live.key)

    @contextmanager
    def trial(self, name: str, number: int) -> Iterator[LiveAdapter]:
        """Any version of an adapter, resident for this use under its own key; the router never chooses it.

        It stays loaded for a while, so that the next try is immediate (see `settle`). Raises
        `AdapterNotFound`, `AdapterIncompatible` for one of another base and `AdapterBroken`.
        """
        with self._changes:
            card, version = self._registry.card(name), self._registry.version(name, number)
            tried = LiveAdapter(card, version)
            if self._residence is None or version.key not in self._residence.keys:
                self._check(version)
            for adapter, refusal in self._load([tried]):
                if adapter == tried:
                    raise AdapterBroken(refusal.en, pt=refusal.pt)
            with self._lock:
                self._users[version.key] += 1
        try:
            yield tried
        finally:
            self._release(version.key)
            self._used = time.monotonic()

    def _hold(self, name: str | None) -> Answerer | None:
        with self._lock:
            live = self._answerers.get(name or "")
            if live is not None and live.key is not None:
                self._users[live.key] += 1
            return live

    def _release(self, key: str) -> None:
        with self._lock:
            self._users[key] -= 1
            if self._users[key] <= 0:
                del self._users[key]

    # Reading and loading; only under `_changes`, but for the first reading

    def _read(self) -> tuple[dict[str, Answerer], dict[str, Localized]]:
        answerers: dict[str, Answerer] = {}
        notes: dict[str, Localized] = {}
        for name in self._registry.names():
            try:
                card = self._registry.card(name)
                version = self._registry.active(name)
                if version is None:
                    notes[name] = Localized(_NOT_ACTIVE.pt + name, _NOT_ACTIVE.en + name)
                    continue
                answerers[name] = self._answerer(card, version)
                if isinstance(answerers[name], FewShot):
                    notes[name] = self._by_examples(version)
            except AssistantError as error:
                notes[name] = Localized.of(error)
        return answerers, notes

    def _answerer(self, card: Card, version: Version) -> Answerer:
        """The active version, or who stands in for one of another base; raises what `_check` raises."""
        try:
            self._check(version)
        except AdapterIncompatible:
            stand_in = self._few_shots.of(card) if self._few_shots else None
            if stand_in is None:
                raise
            return stand_in
        return LiveAdapter(card, version)

    def _by_examples(self, active: Version) -> Localized:
        """Why the base does a task by examples, and how it is left to an adapter again."""
        name = active.adapter
        fitting = [v.number for v in self._registry.versions(name) if v.base == self._base]
        command = f"adapters --activate {name}@{fitting[-1]}" if fitting else f"train {name}"
        pt = "Ative a versão deste modelo base" if fitting else "Treine de novo neste modelo base"
        en = "Activate the version of this base" if fitting else "Train it again on this base"
        return Localized(
            f"{active.key}, a versão ativa, é de {active.base}; neste modelo base ({self._base}) a tarefa é feita por "
            f"exemplos. {pt}: python -m assistant {command}",
            f"{active.key}, the live version, is of {active.base}; on this base ({self._base}) the task is done by "
            f"examples. {en}: python -m assistant {command}",
        )

    def _check(self, version: Version) -> None:
        """Raise `AdapterIncompatible` for a version of another base, `AdapterBroken` for a damaged one."""
        manifest = self._registry.manifest(version)
        if manifest.base != self._base or manifest.base_fingerprint != self._fingerprint:
            raise AdapterIncompatible(
                f"{version.key} was trained on the base {manifest.base}, not on {self._base}. Train it again on "
                f"this base: python -m assistant train {version.adapter}",
                pt=f"{version.key} foi treinado para o modelo base {manifest.base}, não para {self._base}. Treine-o de "
                f"novo para este: python -m assistant train {version.adapter}",
            )
        self._registry.verify(version)

    def _load(self, adapters: Iterable[LiveAdapter]) -> list[tuple[LiveAdapter, Localized]]:
        """Make these resident beside whatever answers or is in use; those that the engine refuses, and why."""
        if self._residence is None:
            return []
        wanted = {adapter.version.key: adapter for adapter in adapters}
        if self._residence.holds(wanted.values()):
            return []
        with self._lock:
            kept = set(self._users) | {a.key for a in trained(self._answerers).values()}
        refused = self._residence.load(wanted.values(), kept)
        self._lose(refused)
        return [(wanted[key], reason) for key, reason in refused.items() if key in wanted]

    def _lose(self, refused: Mapping[str, Localized]) -> None:
        """What answered until now and is refused answers no more; it may have been damaged meanwhile."""
        with self._lock:
            lost = {name: refused[a.key] for name, a in trained(self._answerers).items() if a.key in refused}
            if lost:
                self._notes |= lost
                left = {name: a for name, a in self._answerers.items() if name not in lost}
                self._answerers = MappingProxyType(left)

    def _moved(self, version: Version, hidden: Version) -> None:
        """The folder of a version that may still be in use has another name now."""
        if self._residence is not None:
            self._residence.moved(version, hidden)
