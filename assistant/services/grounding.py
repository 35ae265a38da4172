"""Which adapters quote from which corpora, seen from a corpus.

The adapters' cards say it; they are changed here as the adapters page changes them. Refuses to know documents.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.errors import AdapterNotFound, AssistantError
from assistant.services.adapters import AdapterDetail, AdapterInfo
from assistant.stores.cards import EVERY_CORPUS, CardChanges
from assistant.stores.manifests import Card, Localized
from assistant.types import AdapterKind


class Adapters(Protocol):
    """What is asked of the adapters service."""

    def list(self) -> Sequence[AdapterInfo]:
        """Every registered adapter."""
        ...

    def detail(self, name: str) -> AdapterDetail:
        """One adapter with its card."""
        ...

    def edit_card(self, name: str, changes: CardChanges) -> Card:
        """Change a card."""
        ...


@dataclass(frozen=True, slots=True)
class Grounded:
    """An adapter as a corpus sees it; `everywhere`: its card says all corpora, whatever there is."""

    name: str
    title: Localized
    grounds: bool
    everywhere: bool


class Grounding:
    """The cards' `corpora`, one corpus at a time."""

    def __init__(self, adapters: Callable[[], Adapters], corpora: Callable[[], Collection[str]]) -> None:
        """`adapters` is asked when it is needed: corpora are looked at without any adapter, too."""
        self._adapters = adapters
        self._corpora = corpora

    def of(self, corpus: str) -> list[Grounded]:
        """Every adapter that can quote; one that only marks entities never does."""
        return [
            Grounded(
                info.name, info.title, bool({corpus, EVERY_CORPUS} & {*info.corpora}), EVERY_CORPUS in info.corpora
            )
            for info in self._adapters().list()
            if info.kind is not AdapterKind.EXTRACT
        ]

    def set(self, corpus: str, names: Collection[str]) -> None:
        """Have exactly these adapters quote from the corpus; raises `AdapterNotFound`, `ConfigurationError`."""
        known = {found.name: found for found in self.of(corpus)}
        if strange := sorted(set(names) - set(known)):
            raise AdapterNotFound(
                f"No adapter that quotes is called {strange[0]!r}. There are: {', '.join(known) or 'none'}.",
                pt=f"Nenhum adaptador que cita se chama {strange[0]!r}. Existem: {', '.join(known) or 'nenhum'}.",
            )
        for name, found in known.items():
            if found.grounds != (name in names):
                self._change(name, corpus, name in names)

    def forget(self, corpus: str) -> None:
        """The corpus goes: no card names it any more."""
        for name in self._naming(corpus):
            self._change(name, corpus, wanted=False)

    def rename(self, corpus: str, to: str) -> None:
        """The corpus has another name: the cards that name it follow."""
        for name in self._naming(corpus):
            own = self._own(name)
            self._adapters().edit_card(name, CardChanges(corpora=tuple(to if c == corpus else c for c in own)))

    def _change(self, name: str, corpus: str, wanted: bool) -> None:
        own = self._own(name)
        if wanted:
            after = (*own, corpus)
        else:  # one that quotes from everywhere goes on with the others, by name
            named = sorted(self._corpora()) if EVERY_CORPUS in own else own
            after = tuple(c for c in named if c != corpus)
        self._adapters().edit_card(name, CardChanges(corpora=after))

    def _own(self, name: str) -> tuple[str, ...]:
        return self._adapters().detail(name).card.corpora

    def _naming(self, corpus: str) -> list[str]:
        found = []
        for info in self._adapters().list():
            try:
                if corpus in self._own(info.name):
                    found.append(info.name)
            except AssistantError:  # its card cannot be read: `doctor` tells of it
                continue
        return found
