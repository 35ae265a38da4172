"""What is deleted, what is spared, and that nothing is left behind."""

from __future__ import annotations

import pytest

from assistant.errors import AdapterError

from .shop import Shop


def test_deleting_spares_the_live_version_and_leaves_nothing_behind(shop: Shop) -> None:
    for number in (1, 2):
        shop.publish()
        shop.service.activate("meu", number)
    with pytest.raises(AdapterError, match=r"meu@0002 is live"):
        shop.service.delete_version("meu", 2)
    shop.service.delete_version("meu", 1)
    versions = shop.service.registry.folder / "meu" / "versions"
    assert [p.name for p in versions.iterdir()] == ["0002-base"]
    with pytest.raises(AdapterError, match="was live before"):
        shop.service.roll_back("meu")
    shop.service.retire("meu")
    shop.service.delete_version("meu", 2)
    assert shop.publish() == 3, "a number never comes back"


def test_deleting_an_adapter_takes_a_retired_one_only(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    with pytest.raises(AdapterError, match="Retire it first"):
        shop.service.delete("meu")
    shop.service.retire("meu")
    shop.service.delete("meu")
    assert shop.service.list() == []
    assert [p.name for p in shop.service.registry.folder.iterdir()] == [".lock"]


def test_a_name_that_is_made_again_gets_its_own_weights(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    shop.service.retire("meu")
    shop.service.delete("meu")
    loaded: list[tuple[str, ...]] = []
    known = shop.engine.set_adapters
    shop.engine.set_adapters = lambda files: loaded.append(tuple(f.key for f in files)) or known(files)
    shop.add("meu")
    shop.publish()
    shop.service.activate("meu", 1)
    assert loaded == [("meu@0001",)]
