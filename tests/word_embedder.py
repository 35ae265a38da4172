"""An embedder of words instead of meanings: fast, deterministic, and close for texts that share words."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

import numpy as np

from assistant.retrieval import lexical

DIMENSION = 64


class WordEmbedder:
    """`before` is called before each batch of passages; a test holds or breaks an ingestion with it."""

    name = "test/words"
    dimension = DIMENSION

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.before = before
        self.passages = 0
        self._lock = threading.Lock()

    def embed_query(self, text: str) -> list[float]:
        values = np.full(DIMENSION, 0.01, np.float32)
        for stem in lexical.terms(text):
            values[int.from_bytes(hashlib.sha256(stem.encode()).digest()[:4], "big") % DIMENSION] += 1
        unit: list[float] = (values / np.linalg.norm(values)).tolist()
        return unit

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        self.before()
        with self._lock:
            self.passages += len(texts)
        return [self.embed_query(text) for text in texts]
