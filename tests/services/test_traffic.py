"""A new adapter beside the shipped ones: does it take their texts? On texts that routers had not seen."""

import shutil

import pytest

from assistant.services.traffic import router_traffic
from assistant.stores.registry import AdapterRegistry

from ..conftest import ROOT

SHIPPED = ("grounded-chat", "legal-ner", "restaurant-replies")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Embeddings are kept between the tests of this file."""
    return tmp_path_factory.mktemp("router")


def test_a_shipped_adapter_takes_hardly_anything(registry, embedder, cache):
    found = router_traffic(registry, "restaurant-replies", SHIPPED, embedder, cache)
    assert found["taken"] < 0.02
    assert found["kept"] > 0.8
    assert "restaurant-replies" not in found["before"]
    assert sum(found["after"]["restaurant-replies"].values()) > 100


def test_an_adapter_with_another_ones_utterances_takes_its_texts(tmp_path, embedder, cache):
    shutil.copytree(ROOT / "adapters", tmp_path / "adapters", ignore=shutil.ignore_patterns("versions"))
    thief = tmp_path / "adapters" / "thief"
    shutil.copytree(tmp_path / "adapters" / "restaurant-replies", thief)
    found = router_traffic(AdapterRegistry(tmp_path / "adapters"), "thief", SHIPPED, embedder, cache)
    assert found["taken"] > 0.02
