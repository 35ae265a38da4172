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
from assistant.models.rerankers import ready_reranker
from assistant.retrieval.kinds import LIBREOFFICE, TESSERACT
from assistant.retrieval.reading import ocr
from assistant.services.adapters import AdaptersService
from assistant.services.corpora import CorporaService
from assistant.settings import Settings
from assistant.stores.manifests import NO_TEXT, Localized
from assistant.stores.passages import PassageStore

LEAST_FREE = 2 * 1024**3  # bytes: a checkpoint, an index and a base fit into this
_DISK = Localized("disco", "disk")
_BASE = Localized("modelo base", "base model")
_INDEX = Localized("índice", "index")
_PORT = Localized("porta", "port")
_RERANKER = Localized("reordenador", "reranker")
_SCANS = Localized("leitura de digitalizações", "reading of scans")
_OLD = Localized("leitura de DOC, ODT e RTF", "reading of DOC, ODT and RTF")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `remedy` is empty where all is well."""

    name: Localized
    ok: bool
    detail: Localized
    remedy: Localized = NO_TEXT


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
        parts: Sequence[tuple[Localized, Callable[[], Iterator[Check]]]] = (
            (_DISK, self._disk),
            (_BASE, self._weights),
            (Localized("adaptadores", "adapters"), self._adapter_checks),
            (Localized("corpora", "corpora"), self._corpus_checks),
            (_INDEX, self._index),
            (_RERANKER, self._reranker),
            (_SCANS, self._programs),
            (_PORT, self._port),
        )
        findings: list[Check] = []
        for name, examine in parts:
            try:
                findings += examine()
            except AssistantError as error:
                remedy = Localized("siga a mensagem", "see the message")
                findings.append(Check(name, False, Localized.of(error), remedy))
        return findings

    def _disk(self) -> Iterator[Check]:
        home = self._settings.home.resolve()
        free = shutil.disk_usage(home).free
        size = f"{free / 1024**3:.1f}"
        detail = Localized(f"{size.replace('.', ',')} GiB livres em {home}", f"{size} GiB free in {home}")
        remedy = Localized(
            "Libere ao menos 2 GiB, ou aponte ASSISTANT_HOME para um disco maior.",
            "Free at least 2 GiB, or set ASSISTANT_HOME to a larger disk.",
        )
        ok = free >= LEAST_FREE
        yield Check(_DISK, ok, detail, NO_TEXT if ok else remedy)

    def _weights(self) -> Iterator[Check]:
        if self._base.source in (Source.PACKAGE, Source.GGUF):
            verify_gguf(self._base, self._settings.var / "models")
        yield Check(_BASE, True, _same(f"{self._base.title}, {self._base.licence}"))

    def _adapter_checks(self) -> Iterator[Check]:
        notes = self._adapters.notes()
        registry = self._adapters.registry
        for name in registry.names():
            live = self._adapters.live().get(name)
            label = Localized(f"adaptador {name}", f"adapter {name}")
            if live:
                version = live.version.label
                yield Check(label, True, Localized(f"a versão {version} responde", f"version {version} is live"))
            elif name in self._adapters.answerers():  # by examples: the note says why, and the way out
                yield Check(label, True, notes.get(name, NO_TEXT))
            else:
                detail = notes.get(name, Localized("não responde", "not live"))
                yield Check(label, False, detail, _same(f"python -m assistant train {name}"))
            for path in registry.incomplete(name):
                detail = Localized(
                    f"{path} não tem manifesto: o processo que gravava a pasta foi interrompido",
                    f"{path} has no manifest: the process that wrote it was killed",
                )
                remedy = Localized(f"Remova a pasta {path}.", f"Remove the folder {path}.")
                yield Check(label, False, detail, remedy)

    def _corpus_checks(self) -> Iterator[Check]:
        for corpus in self._corpora.list():
            label, stats = _same(f"corpus {corpus.card.name}"), corpus.stats
            if corpus.problem:
                remedy = Localized("Corrija o corpus.toml dele.", "Correct its corpus.toml.")
                yield Check(label, False, corpus.problem, remedy)
                continue
            missing = len(corpus.files) - stats.documents - stats.refused
            pt = f"documentos: {stats.documents}, trechos: {stats.chunks}"
            en = f"{stats.documents} documents, {stats.chunks} passages"
            if missing > 0:
                detail = Localized(
                    f"{pt}; arquivos ainda fora do índice: {missing}", f"{en}; {missing} files are not indexed yet"
                )
                yield Check(label, False, detail, _same(f"python -m assistant ingest {corpus.card.name}"))
            elif stats.refused:
                detail = Localized(f"{pt}; recusados: {stats.refused}", f"{en}; {stats.refused} refused")
                yield Check(label, True, detail)
            else:
                yield Check(label, True, Localized(pt, en))

    def _index(self) -> Iterator[Check]:
        sound = self._store.is_sound()
        path = self._store.path
        detail = Localized(
            f"{path} está {'em ordem' if sound else 'danificado'}", f"{path} is {'sound' if sound else 'damaged'}"
        )
        yield Check(_INDEX, sound, detail, NO_TEXT if sound else _same("python -m assistant ingest --rebuild"))
        if sound:
            self._store.check()

    def _reranker(self) -> Iterator[Check]:
        if name := self._settings.reranker:
            yield Check(_RERANKER, True, _same(f"{name}: {ready_reranker(name, fetch=False)}"))

    def _programs(self) -> Iterator[Check]:
        # no fault where they are missing: only these kinds of documents need them
        for name, program, there, packages in (
            (_SCANS, "Tesseract, português", "por" in ocr.languages(), TESSERACT.packages),
            (_OLD, LIBREOFFICE.name, LIBREOFFICE.path() is not None, LIBREOFFICE.packages),
        ):
            detail = Localized(
                f"{program}: {'instalado' if there else 'não está instalado'}",
                f"{program}: {'installed' if there else 'not installed'}",
            )
            yield Check(name, True, detail, NO_TEXT if there else _same(f"sudo apt install {packages}"))

    def _port(self) -> Iterator[Check]:
        address = (self._settings.host, self._settings.port)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            taken = probe.connect_ex(address) == 0
        place = f"{address[0]}:{address[1]}"
        if taken:
            detail = Localized(
                f"{place} está em uso: pelo assistente ou por outro programa",
                f"{place} is answering: the chat, or another program",
            )
            remedy = Localized(
                "Se for outro programa, defina ASSISTANT_PORT com outro número.",
                "If it is another program, set ASSISTANT_PORT to another number.",
            )
            yield Check(_PORT, True, detail, remedy)
        else:
            yield Check(_PORT, True, Localized(f"{place} está livre", f"{place} is free"))


def _same(text: str) -> Localized:
    """Names and commands: the same in both languages."""
    return Localized(text, text)
