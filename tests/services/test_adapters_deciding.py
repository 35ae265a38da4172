"""Which version answers: activated, rolled back, retired, refused; disk, engine, router and history in step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.errors import AdapterBroken, AdapterError, AdapterIncompatible, AdapterNotFound, ConfigurationError
from assistant.services.adapters import AdapterState
from assistant.stores import activations
from assistant.stores.activations import Action, Activation, live_before
from assistant.stores.cards import CardChanges

from .shop import BASE, Shop


def test_activating_loads_routes_and_remembers(shop: Shop) -> None:
    shop.publish()
    assert shop.service.detail("meu").info.state is AdapterState.TESTING
    shop.service.activate("meu", 1, "page")
    assert shop.live() == {"meu": 1}
    assert shop.engine.resident() == ("meu@0001",)
    assert shop.installed[-1] == {"meu": "meu@0001"}
    (entry,) = shop.service.detail("meu").history
    assert (entry.by, entry.action, entry.version, entry.before) == ("page", "activate", 1, 0)
    assert "# a comment that stays" in (shop.service.registry.folder / "meu" / "card.toml").read_text("utf-8")


def test_rolling_back_goes_one_further_each_time(shop: Shop) -> None:
    for number in (1, 2, 3):
        shop.publish()
        shop.service.activate("meu", number)
    assert shop.service.roll_back("meu").number == 2
    assert shop.service.roll_back("meu").number == 1
    assert shop.live() == {"meu": 1}
    with pytest.raises(AdapterError, match="No other version of 'meu' was live before"):
        shop.service.roll_back("meu")
    shop.service.activate("meu", 3)
    assert shop.service.roll_back("meu").number == 1


def test_after_retiring_a_roll_back_brings_the_last_one_back(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    shop.service.retire("meu")
    assert shop.live() == {} and shop.installed[-1] == {}
    shop.service.retire("meu")
    assert shop.service.roll_back("meu").number == 1
    assert [e.action for e in shop.service.detail("meu").history] == ["activate", "retire", "roll_back"]


@pytest.mark.parametrize(
    ("entries", "current", "existing", "found"),
    [
        ([], 1, {1, 2}, None),
        ([], 0, {1}, None),
        ([("activate", 2, 1)], 2, {1, 2}, 1),
        ([("activate", 2, 1)], 2, {2}, None),
        ([("activate", 2, 1), ("activate", 3, 2)], 3, {1, 3}, 1),
        ([("activate", 2, 1)], 5, {1, 2, 5}, 2),
        ([("activate", 2, 1), ("roll_back", 1, 2)], 1, {1, 2}, None),
        ([("retire", 0, 4)], 0, {4}, 4),
    ],
)
def test_what_was_live_before(
    entries: list[tuple[str, int, int]], current: int, existing: set[int], found: int | None
) -> None:
    history = [Activation("2026", "page", action, version, before) for action, version, before in entries]
    assert live_before(history, current, existing) == found


def test_a_damaged_line_of_the_history_is_passed_over(tmp_path: Path) -> None:
    activations.record(tmp_path, Action.ACTIVATE, 1, 0, "command")
    with (tmp_path / activations.FILE).open("ab") as file:
        file.write(b'{"at": "x"\n[1]\n\xff\n')
    activations.record(tmp_path, Action.ACTIVATE, 2, 1, "page")
    assert [e.version for e in activations.history(tmp_path)] == [1, 2]
    assert activations.history(tmp_path / "nowhere") == ()


def test_what_cannot_answer_does_not_go_live_and_the_old_one_stays(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    shop.publish(base="another")
    with pytest.raises(AdapterIncompatible, match="Train it again on this base"):
        shop.service.activate("meu", 2)
    shop.publish()
    (shop.service.registry.version("meu", 3).path / "adapter.gguf").write_bytes(b"x")
    with pytest.raises(AdapterBroken, match="damaged"):
        shop.service.activate("meu", 3)
    with pytest.raises(AdapterNotFound, match="no version 9"):
        shop.service.activate("meu", 9)
    assert shop.live() == {"meu": 1}
    assert shop.service.registry.card("meu").active == 1
    assert [e.version for e in shop.service.detail("meu").history] == [1]


def test_a_version_without_effect_is_refused_before_the_card_says_so(shop: Shop) -> None:
    shop.publish()
    shop.engine._script = lambda request: "immer dasselbe"
    with pytest.raises(AdapterBroken, match="changes nothing"):
        shop.service.activate("meu", 1)
    assert shop.service.registry.card("meu").active == 0 and shop.live() == {}


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", ".meu-removed"])
def test_names_from_outside_are_checked(shop: Shop, name: str) -> None:
    service = shop.service
    for change in (
        lambda: service.activate(name, 1),
        lambda: service.roll_back(name),
        lambda: service.retire(name),
        lambda: service.delete_version(name, 1),
        lambda: service.delete(name),
        lambda: service.edit_card(name, CardChanges()),
        lambda: service.detail(name),
    ):
        with pytest.raises(ConfigurationError, match="no valid name"):
            change()


def test_the_states_of_the_list(shop: Shop) -> None:
    for name, base in (("vazio", ""), ("outra", "another"), ("teste", BASE), ("viva", BASE)):
        shop.add(name)
        if base:
            shop.publish(name, base)
    shop.service.activate("viva", 1)
    states = {info.name: info.state for info in shop.service.list()}
    assert states == {
        "meu": AdapterState.EMPTY,
        "vazio": AdapterState.EMPTY,
        "outra": AdapterState.OTHER_BASE,
        "teste": AdapterState.TESTING,
        "viva": AdapterState.LIVE,
    }
    (version,) = shop.service.detail("outra").versions
    assert not version.fits and not version.live and version.data_hash == "d" * 64
    assert json.loads((shop.service.registry.folder / "viva" / activations.FILE).read_text())["by"] == "command"
