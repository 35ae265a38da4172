"""What a user can do with adapters: see them, decide which version answers, change their cards, remove them.

Knows what must hold before the disk is changed, and keeps the history of decisions. How a change takes
effect is `services.live`'s; how an adapter comes about, `services.training`'s.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from assistant.errors import AdapterBroken, AdapterError, AssistantError, StorageError
from assistant.models.style import Styles
from assistant.services.few_shot import Answerer, FewShot, FewShots
from assistant.services.live import LiveAdapters
from assistant.services.residence import LiveAdapter
from assistant.services.styles import styles_of
from assistant.stores import activations
from assistant.stores.activations import Action, Activation, By
from assistant.stores.cards import CardChanges, edit_card
from assistant.stores.manifests import NO_TEXT, Card, Localized, Version
from assistant.stores.registry import AdapterRegistry
from assistant.types import AdapterKind

_REMOVED = "-removed"  # end of the hidden name under which a folder waits for its removal


class AdapterState(StrEnum):
    """What an adapter does on this base, in one word."""

    LIVE = "live"  # a version answers
    BY_EXAMPLES = "by_examples"  # the active version is of another base; this one does the task by examples
    TESTING = "testing"  # versions of this base are there to be tried, none answers
    OTHER_BASE = "other_base"  # every version was trained on another base
    EMPTY = "empty"  # no version
    BROKEN = "broken"  # the active version cannot be loaded, or the card cannot be read


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """One row of the adapters page.

    `compatible`: it answers on this base, by a version or by examples. `note` says what keeps its version from
    answering; empty if nothing. `styles`: what its replies can be asked for; None for none.
    """

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
    state: AdapterState = AdapterState.LIVE
    data_hash: str = ""
    created: str = ""
    styles: Styles | None = None


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version as the page shows it. `fits`: trained on this base; `problem` says why it cannot be read."""

    number: int
    label: str
    base: str
    created: str
    data_hash: str
    scores: Mapping[str, float]
    size_bytes: int
    live: bool
    fits: bool
    problem: Localized = NO_TEXT


@dataclass(frozen=True, slots=True)
class AdapterDetail:
    """Everything about one adapter; `roll_back_to` is the version that was live before, None where there is none."""

    info: AdapterInfo
    card: Card
    versions: tuple[VersionInfo, ...]
    history: tuple[Activation, ...]
    roll_back_to: int | None


class AdaptersService(LiveAdapters):
    """The registered adapters, seen from the selected base; what answers is in step after each decision."""

    def __init__(
        self,
        registry: AdapterRegistry,
        base: str,
        fingerprint: str,
        known_corpora: Callable[[], Collection[str]] = tuple,
        few_shots: FewShots | None = None,
    ) -> None:
        super().__init__(registry, base, fingerprint, few_shots)
        self._known_corpora = known_corpora

    # Seeing

    def list(self) -> list[AdapterInfo]:
        """Every registered adapter with its state; one whose card cannot be read is left to `doctor`."""
        infos = []
        for name in self._registry.names():
            try:
                infos.append(self._info(self._registry.card(name), self._versions(name)))
            except AssistantError:  # a card with faults: `notes` tells of it
                continue
        return infos

    def detail(self, name: str) -> AdapterDetail:
        """One adapter; raises `AdapterNotFound` or `ConfigurationError`."""
        card, versions = self._registry.card(name), self._versions(name)
        history = activations.history(self._folder(name))
        numbers = {version.number for version in versions if version.fits}
        before = activations.live_before(history, card.active, numbers)
        return AdapterDetail(self._info(card, versions), card, versions, history, before)

    # Deciding

    def activate(self, name: str, number: int, by: By = "command") -> Version:
        """Let a version answer; before the card says so it is loaded and seen to work.

        Raises `AdapterNotFound`, `AdapterIncompatible`, `AdapterBroken`, `StorageError`.
        """
        return self._make_live(name, number, Action.ACTIVATE, by)

    def roll_back(self, name: str, by: By = "command") -> Version:
        """Let the version answer that was live before; a second time, the one before that."""
        before = self.detail(name).roll_back_to
        if before is None:
            raise AdapterError(
                f"No other version of {name!r} was live before. Activate one by its number: "
                f"python -m assistant adapters --activate {name}@NUMBER",
                pt=f"Nenhuma outra versão de {name!r} esteve ativa antes. Ative uma pelo número.",
            )
        return self._make_live(name, before, Action.ROLL_BACK, by)

    def retire(self, name: str, by: By = "command") -> None:
        """Let no version answer; the router forgets the adapter, its versions stay."""
        with self._changes, activations.changing(self._registry.folder):
            before = self._registry.card(name).active
            if before:
                self._registry.activate(name, 0)
                activations.record(self._folder(name), Action.RETIRE, 0, before, by)
        self.apply()

    def delete_version(self, name: str, number: int, by: By = "command") -> None:
        """Remove a version for good; raises `AdapterError` for the live one.

        The folder disappears by a rename, so that nobody ever sees half of it; an answer that is being
        written with it ends as it began.
        """
        with self._changes, activations.changing(self._registry.folder):
            card, version = self._registry.card(name), self._registry.version(name, number)
            if card.active == number:
                raise AdapterError(
                    f"{version.key} is live and cannot be deleted. Activate another version, or retire the adapter "
                    f"first: python -m assistant adapters --retire {name}",
                    pt=f"{version.key} está ativa e não pode ser apagada. Ative outra versão, ou retire o adaptador "
                    "do ar antes.",
                )
            activations.record(self._folder(name), Action.DELETE, number, card.active, by)
            hidden = replace(version, path=version.path.with_name(f".{version.label}{_REMOVED}"))
            _hide(version.path, hidden.path)
            self._moved(version, hidden)
        self.apply()

    def delete(self, name: str) -> None:
        """Remove a retired adapter with its data, recipe and versions; raises `AdapterError` for a live one."""
        with self._changes, activations.changing(self._registry.folder):
            if self._registry.card(name).active:
                raise AdapterError(
                    f"Adapter {name!r} is live. Retire it first: python -m assistant adapters --retire {name}",
                    pt=f"O adaptador {name!r} está ativo. Retire-o antes de apagar.",
                )
            hidden = self._registry.folder / f".{name}{_REMOVED}"
            for version in self._registry.versions(name):
                self._moved(version, replace(version, path=hidden / "versions" / version.label))
            _hide(self._folder(name), hidden)
        self.apply()

    def edit_card(self, name: str, changes: CardChanges) -> Card:
        """Change a card; the new text is read before it replaces the old one, and comments stay.

        Raises `ConfigurationError` with every fault at once, `StorageError`.
        """
        with self._changes, activations.changing(self._registry.folder):
            self._registry.card(name)  # says that there is none
            card = edit_card(self._folder(name) / "card.toml", changes, self._known_corpora())
        self.apply()
        return card

    def apply(self) -> None:
        """See `LiveAdapters`; what was deleted and is no longer in use is removed from the disk here."""
        with self._changes:
            super().apply()
            self._sweep()

    def settle(self, quiet_s: float = 0.0) -> bool:
        """See `LiveAdapters`; what was deleted and is no longer in use is removed from the disk here."""
        with self._changes:
            freed = super().settle(quiet_s)
            self._sweep()
            return freed

    # How

    def _folder(self, name: str) -> Path:
        return self._registry.folder / name

    def _make_live(self, name: str, number: int, action: Action, by: By) -> Version:
        with self._changes, self.trial(name, number) as candidate:
            with activations.changing(self._registry.folder):
                before = self._registry.card(name).active
                if before != number:
                    self._registry.activate(name, number)
                    activations.record(self._folder(name), action, number, before, by)
            self.apply()
        return candidate.version

    def _sweep(self) -> None:
        """Remove hidden folders whose versions nobody is answered with; left-overs of a killed process, too."""
        folder = self._registry.folder
        with self._lock:
            used = {key.partition("@")[0] for key in self._users}
            keys = set(self._users)
        for path in folder.glob(f"*/versions/.*{_REMOVED}"):
            key = f"{path.parent.parent.name}@{path.name[1:5]}"
            if key not in keys:
                shutil.rmtree(path, ignore_errors=True)
        for path in folder.glob(f".*{_REMOVED}"):
            if path.name[1:].removesuffix(_REMOVED) not in used:
                shutil.rmtree(path, ignore_errors=True)

    def _versions(self, name: str) -> tuple[VersionInfo, ...]:
        active = self._registry.card(name).active
        return tuple(self._version(version, version.number == active) for version in self._registry.versions(name))

    def _version(self, version: Version, live: bool) -> VersionInfo:
        size = sum(p.stat().st_size for p in version.path.rglob("*") if p.is_file())
        found = VersionInfo(version.number, version.label, version.base, "", "", {}, size, live, fits=False)
        try:
            manifest = self._registry.manifest(version)
        except AdapterBroken as error:
            return replace(found, problem=Localized.of(error))
        fits = manifest.base == self._base and manifest.base_fingerprint == self._fingerprint
        return replace(found, fits=fits, created=manifest.created, data_hash=manifest.data_hash, scores=manifest.scores)

    def _info(self, card: Card, versions: Sequence[VersionInfo]) -> AdapterInfo:
        active = next((v for v in versions if v.live), None)
        answerer = self.answerers().get(card.name)
        return AdapterInfo(
            name=card.name,
            title=card.title,
            description=card.description,
            kind=card.kind,
            base=active.base if active else self._base,
            active=active.label if active else None,
            versions=tuple(version.label for version in versions),
            compatible=answerer is not None,
            scores=active.scores if active else {},
            size_bytes=active.size_bytes if active else 0,
            corpora=card.corpora,
            note=self.notes().get(card.name, NO_TEXT),
            state=_state(answerer, active, versions),
            data_hash=active.data_hash if active else "",
            created=active.created if active else "",
            styles=styles_of(answerer.version) if isinstance(answerer, LiveAdapter) else None,
        )


def _state(answerer: Answerer | None, active: VersionInfo | None, versions: Sequence[VersionInfo]) -> AdapterState:
    if answerer is not None:
        return AdapterState.BY_EXAMPLES if isinstance(answerer, FewShot) else AdapterState.LIVE
    if not versions:
        return AdapterState.EMPTY
    if not any(version.fits or version.problem for version in versions):
        return AdapterState.OTHER_BASE
    if active is None:
        return AdapterState.TESTING
    return AdapterState.BROKEN if active.fits or active.problem else AdapterState.OTHER_BASE


def _hide(path: Path, hidden: Path) -> None:
    """Rename a folder so that it is no longer listed; a left-over of an earlier removal gives way."""
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        path.rename(hidden)
    except OSError as error:
        raise StorageError(
            f"{path} could not be removed: {error}. Check the permissions of the folder.",
            pt=f"Não foi possível apagar {path}. Verifique as permissões da pasta.",
        ) from error
