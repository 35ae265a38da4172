"""Finds what is wrong and says what to do: one check for each thing that can break.

Only reads. Refuses to repair by itself.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.errors import AssistantError
from assistant.models.catalog import BaseModel, Source
from assistant.models.provision import verify_gguf
from assistant.services.adapters import AdaptersService
from assistant.services.corpora import CorporaService
from assistant.settings import Settings
from assistant.stores.passages import PassageStore

LEAST_FREE = 2 * 1024**3  # bytes: a checkpoint, an index and a base fit into this


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `remedy` is empty where all is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class Doctor:
    """Runs every check; each is independent, so that one fault hides no other."""

    def __init__(
        self,
        settings: Settings,
        base: BaseModel,
        adapters: AdaptersService,
        corpora: CorporaService,
        store: PassageStore,
    ) -> None:
        self._settings = settings
        self._base = base
        self._adapters = adapters
        self._corpora = corpora
        self._store = store

    def examine(self) -> list[Check]:
        """All findings, in the order in which a question meets the parts."""
        parts: Sequence[tuple[str, Callable[[], Iterator[Check]]]] = (
            ("disk", self._disk),
            ("base model", self._weights),
            ("adapters", self._adapter_checks),
            ("corpora", self._corpus_checks),
            ("index", self._index),
            ("port", self._port),
        )
        findings: list[Check] = []
        for name, examine in parts:
            try:
                findings += examine()
            except AssistantError as error:
                findings.append(Check(name, False, str(error), "see the message"))
        return findings

    def _disk(self) -> Iterator[Check]:
        free = shutil.disk_usage(self._settings.home.resolve()).free
        ok = free >= LEAST_FREE
        yield Check(
            "disk",
            ok,
            f"{free / 1024**3:.1f} GiB free in {self._settings.home.resolve()}",
            "" if ok else "Free at least 2 GiB, or set ASSISTANT_HOME to a larger disk.",
        )

    def _weights(self) -> Iterator[Check]:
        if self._base.source in (Source.PACKAGE, Source.GGUF):
            verify_gguf(self._base, self._settings.var / "models")
        yield Check("base model", True, f"{self._base.title}, {self._base.licence}")

    def _adapter_checks(self) -> Iterator[Check]:
        notes = self._adapters.notes()
        registry = self._adapters.registry
        for name in registry.names():
            live = self._adapters.live().get(name)
            detail = f"version {live.version.label} is live" if live else notes.get(name, "not live")
            yield Check(
                f"adapter {name}",
                live is not None,
                detail,
                "" if live else f"python -m assistant train {name}",
            )
            for path in registry.incomplete(name):
                yield Check(
                    f"adapter {name}",
                    False,
                    f"{path} has no manifest: the process that wrote it was killed",
                    f"Remove the folder {path}.",
                )

    def _corpus_checks(self) -> Iterator[Check]:
        for corpus in self._corpora.list():
            if corpus.problem:
                yield Check(f"corpus {corpus.card.name}", False, corpus.problem, "Correct its corpus.toml.")
                continue
            refused = corpus.stats.refused
            missing = len(corpus.files) - corpus.stats.documents - refused
            detail = f"{corpus.stats.documents} documents, {corpus.stats.chunks} passages"
            if missing > 0:
                yield Check(
                    f"corpus {corpus.card.name}",
                    False,
                    f"{detail}; {missing} files are not indexed yet",
                    f"python -m assistant ingest {corpus.card.name}",
                )
            else:
                note = f"; {refused} refused" if refused else ""
                yield Check(f"corpus {corpus.card.name}", True, detail + note)

    def _index(self) -> Iterator[Check]:
        sound = self._store.is_sound()
        yield Check(
            "index",
            sound,
            f"{self._store.path} is {'sound' if sound else 'damaged'}",
            "" if sound else "python -m assistant ingest --rebuild",
        )
        if sound:
            self._store.check()

    def _port(self) -> Iterator[Check]:
        address = (self._settings.host, self._settings.port)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            taken = probe.connect_ex(address) == 0
        yield Check(
            "port",
            True,
            f"{address[0]}:{address[1]} is {'answering: the chat, or another program' if taken else 'free'}",
            "If it is another program, set ASSISTANT_PORT to another number." if taken else "",
        )
