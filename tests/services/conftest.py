from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
