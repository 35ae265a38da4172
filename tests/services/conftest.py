from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.engines.base import Embedder
from assistant.retrieval import lexical
from assistant.stores.passages import PassageStore

from .library import Library, open_library
from .shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = open_shop(tmp_path / "adapters")
    yield made
    made.engine.close()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = open_library(tmp_path)
    yield made
    made.tools.ingestions.close()
    made.store.close()


@pytest.fixture
def store(tmp_path: Path, embedder: Embedder) -> Iterator[PassageStore]:
    made = PassageStore(tmp_path / "index", embedder.name, embedder.dimension, lexical.terms)
    yield made
    made.close()
