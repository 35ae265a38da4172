"""The real corpora services over a small library of its own: two corpora with an index by words."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever
from assistant.services.abstention import AbstentionService
from assistant.services.corpora import CorporaService
from assistant.services.corpus_tools import CorpusTools, corpus_tools
from assistant.services.grounding import Adapters
from assistant.services.web_page import Network
from assistant.stores.passages import PassageStore
from tests.word_embedder import WordEmbedder

_DOCUMENTS = {
    "sistema-solar": {
        "luas-2025.md": "---\ntitle: Luas de Saturno\nas_of: 2025-03-11\n---\n# Luas de Saturno\n\nEm março de 2025, a "
        "União Astronômica Internacional reconheceu 128 novas luas. Saturno passou a ter 274 luas confirmadas.",
        "luas-2023.md": "---\ntitle: Luas de Júpiter\nas_of: 2023-02\n---\n# Luas de Júpiter\n\nEm fevereiro de 2023, "
        "Júpiter tem 92 luas confirmadas e passa Saturno, com 83, na contagem.",
    },
    "direito": {
        "cdc-1990.md": "# Direito de arrependimento\n\nO consumidor pode desistir do contrato no prazo de sete dias.",
    },
}
_TITLES = {"sistema-solar": ("Sistema Solar", "Solar System"), "direito": ("Direito brasileiro", "Brazilian law")}


@dataclass
class DemoLibrary:
    """`embedder.before` holds an ingestion."""

    folder: Path
    embedder: WordEmbedder
    store: PassageStore
    corpora: CorporaService

    @property
    def retriever(self) -> Retriever:
        threshold = self.abstention.threshold
        return Retriever(self.store, self.embedder, self.corpora.max_age_days, threshold=threshold)

    @property
    def abstention(self) -> AbstentionService:
        return AbstentionService(self.corpora, self.embedder.name, lambda: self.retriever)

    def tools(self, adapters: Callable[[], Adapters], network: Network | None = None) -> CorpusTools:
        return corpus_tools(self.corpora, self.store, adapters, self.folder / "var", network)

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def demo_library() -> DemoLibrary:
    """A library in a folder that goes with `close`."""
    folder = Path(tempfile.mkdtemp(prefix="assistant-demo-"))
    shutil.copytree(_indexed(), folder, dirs_exist_ok=True)
    return _opened(folder)


def _opened(folder: Path) -> DemoLibrary:
    embedder = WordEmbedder()
    store = PassageStore(folder / "var" / "index", embedder.name, embedder.dimension, lexical.terms)
    return DemoLibrary(folder, embedder, store, CorporaService(folder / "corpora", store, embedder))


@cache
def _indexed() -> Path:
    """Made once, then copied."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="assistant-demo-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = _opened(folder)
    for name, documents in _DOCUMENTS.items():
        pt, en = _TITLES[name]
        made.corpora.create(name, pt)
        card = made.corpora.card_path(name)
        card.write_text(card.read_text("utf-8").replace(f'en = "{pt}"', f'en = "{en}"', 1), "utf-8")
        for file, text in documents.items():
            made.corpora.add_document(name, file, text.encode())
    for _ in made.corpora.ingest():
        pass
    made.store.close()
    return folder
