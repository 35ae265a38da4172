"""A small real library for tests: corpora on disk, ledger and vector index, an embedder of words, adapters' cards."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.engines.scripted import ScriptedEngine
from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever
from assistant.services.adapters import AdaptersService
from assistant.services.corpora import CorporaService
from assistant.services.corpus_report import Work
from assistant.services.corpus_tools import CorpusTools, corpus_tools
from assistant.services.web_page import Network
from assistant.stores.passages import PassageStore
from assistant.stores.registry import AdapterRegistry
from tests.word_embedder import WordEmbedder

CARD = """# a comment that stays
kind = "{kind}"
active = 0
corpora = {corpora}
title = {{ pt = "{name}", en = "{name}" }}
description = {{ pt = "d", en = "d" }}
reason = {{ pt = "r", en = "r" }}
[prompt]
template = "{{input}}"
labels = ["X"]
"""


@dataclass
class Library:
    home: Path
    store: PassageStore
    embedder: WordEmbedder
    corpora: CorporaService
    adapters: AdaptersService
    tools: CorpusTools

    @property
    def retriever(self) -> Retriever:
        return Retriever(self.store, self.embedder)

    def put(self, name: str, text: str | bytes) -> Path:
        """A file outside of the library."""
        path = self.home / "outside" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def zipped(self, name: str, files: Mapping[str, str | bytes]) -> Path:
        path = self.home / "outside" / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, content in files.items():
                archive.writestr(inside, content)
        return path

    def finished(self, work: Work) -> Work:
        """The report when the work has ended."""
        return list(self.tools.ingestions.follow(work.id))[-1]

    def states(self, work: Work) -> dict[str, str]:
        return {file.name: str(file.state) for file in self.finished(work).files}

    def names(self, corpus: str = "notas") -> list[str]:
        return [path.name for path in self.corpora.paths(corpus)]

    def found(self, word: str, corpus: str = "notas") -> list[str]:
        hits = self.store.search_lexical(lexical.terms(word), [corpus], 9)
        chunks = self.store.get([hit.chunk_id for hit in hits])
        return [chunks[hit.chunk_id].text for hit in hits]


def open_library(home: Path, network: Network | None = None) -> Library:
    embedder = WordEmbedder()
    store = PassageStore(home / "var" / "index", embedder.name, embedder.dimension, lexical.terms)
    corpora = CorporaService(home / "corpora", store, embedder, max_bytes=100_000)
    for name, kind, bound in (("chat", "chat", '["*"]'), ("reply", "reply", '["notas"]'), ("ner", "extract", "[]")):
        folder = home / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "card.toml").write_text(CARD.format(name=name, kind=kind, corpora=bound), "utf-8")
    adapters = AdaptersService(AdapterRegistry(home / "adapters"), "base", "f" * 64, corpora.names)
    adapters.attach(ScriptedEngine(lambda request: "oi"))
    tools = corpus_tools(corpora, store, lambda: adapters, home / "var", network)
    corpora.create("notas", "Minhas notas")
    return Library(home, store, embedder, corpora, adapters, tools)
