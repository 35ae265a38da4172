"""What changes which version answers: disk, engine, router and history in step, for requests under way too."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from assistant.engines.base import GenerationRequest
from assistant.engines.scripted import ScriptedEngine
from assistant.errors import (
    AdapterBroken,
    AdapterError,
    AdapterIncompatible,
    AdapterNotFound,
    ConfigurationError,
)
from assistant.services.adapters import AdaptersService, AdapterState
from assistant.services.request import AskRequest
from assistant.services.residence import LiveAdapter
from assistant.services.watch import Watcher
from assistant.stores import activations
from assistant.stores.activations import Action, Activation, live_before
from assistant.stores.cards import CardChanges
from assistant.stores.manifests import Localized, Manifest, sha256_of
from assistant.stores.registry import AdapterRegistry
from assistant.types import Route, RouteOrigin
from tests.conftest import ROOT

BASE, FINGERPRINT = "base", "f" * 64
CARD = """
# a comment that stays
kind = "reply"
active = 0
corpora = []
title = { pt = "Título", en = "Title" }
description = { pt = "D", en = "D" }
reason = { pt = "R", en = "R" }
[prompt]
template = "Texto: {input}"  # this one, too
stop = ["\\n"]
[routing]
utterances = ["um", "dois"]
"""


def wait_until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


@dataclass
class Shop:
    """Adapters on disk, a scripted engine that says which adapter writes, and a router that takes what is live."""

    service: AdaptersService
    engine: ScriptedEngine
    installed: list[dict[str, str]]

    def publish(self, name: str = "meu", base: str = BASE) -> int:
        registry = self.service.registry
        number = registry.next_number(name)
        staged = registry.folder / name / "versions" / f".{number:04d}-staged"
        staged.mkdir(parents=True)
        (staged / "adapter.gguf").write_bytes(f"{name}{number}".encode())
        files = {"adapter.gguf": sha256_of(staged / "adapter.gguf")}
        registry.publish(staged, Manifest(name, number, base, FINGERPRINT, "d" * 64, "2026-01-01", files), {})
        return number

    def add(self, name: str) -> None:
        folder = self.service.registry.folder / name
        folder.mkdir(parents=True)
        (folder / "card.toml").write_text(CARD, "utf-8")

    def live(self) -> dict[str, int]:
        return {name: adapter.version.number for name, adapter in self.service.live().items()}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    registry = AdapterRegistry(tmp_path / "adapters")
    (tmp_path / "adapters").mkdir()
    engine = ScriptedEngine(lambda request: f"{request.adapter} escreve isto")
    service = AdaptersService(registry, BASE, FINGERPRINT, lambda: ["direito"])
    installed: list[dict[str, str]] = []

    def prepare(live: dict[str, LiveAdapter]) -> Callable[[], None]:
        keys = {name: adapter.version.key for name, adapter in live.items()}
        assert set(keys.values()) <= set(engine.resident()), "the router may only choose what is loaded"
        return lambda: installed.append(keys)

    made = Shop(service, engine, installed)
    made.add("meu")
    service.attach(engine)
    service.route_with(prepare)
    yield made
    engine.close()


def asking(shop: Shop, name: str) -> Callable[[], Route]:
    """What the router of this moment decides for a question that is `name`'s."""

    def decide() -> Route:
        known = shop.installed[-1] if shop.installed else {}
        adapter = name if name in known else None
        return Route(adapter, None, 1.0, 0.5, adapter is None, {}, "", RouteOrigin.LEARNED)

    return decide


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


def test_an_answer_ends_with_the_version_it_began_with(shop: Shop) -> None:
    """Between two generations of one answer everything changes, and the version is even deleted."""
    for _ in range(2):
        shop.publish()
    shop.service.activate("meu", 1)
    request = AskRequest("um")
    with shop.service.answering(request, asking(shop, "meu")) as (route, live):
        assert live is not None and route.version == "0001-base"
        shop.service.activate("meu", 2)
        shop.service.delete_version("meu", 1)
        shop.add("outro")
        shop.publish("outro")
        shop.service.activate("outro", 1)
        shop.service.settle()
        items = shop.engine.stream(GenerationRequest("x", adapter=live.version.key))
        assert "meu@0001 " in "".join(getattr(item, "text", "") for item in items)
        with shop.service.answering(request, asking(shop, "meu")) as (_, other):
            assert other is not None and other.version.number == 2
        assert set(shop.engine.resident()) == {"meu@0001", "meu@0002", "outro@0001"}
    assert shop.service.settle()
    assert set(shop.engine.resident()) == {"meu@0002", "outro@0001"}
    versions = shop.service.registry.folder / "meu" / "versions"
    assert [p.name for p in versions.iterdir()] == ["0002-base"]
    assert not shop.service.settle(), "nothing is left to free"


def test_a_route_that_a_change_outran_is_asked_for_again(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    stale = replace(asking(shop, "meu")(), adapter="meu")
    answers = iter([stale])
    shop.service.retire("meu")
    with shop.service.answering(AskRequest("um"), lambda: next(answers, asking(shop, "meu")())) as (route, live):
        assert (route.adapter, live) == (None, None)


def test_a_trial_answers_without_being_routed_to_and_is_freed(shop: Shop) -> None:
    for _ in range(2):
        shop.publish()
    shop.service.activate("meu", 1)
    asked = AskRequest("um", adapter="meu", version=2)
    with shop.service.answering(asked, asking(shop, "meu")) as (route, live):
        assert live is not None and live.version.key == "meu@0002"
        assert (route.version, route.origin) == ("0002-base", RouteOrigin.PINNED)
        assert shop.live() == {"meu": 1}
    assert "meu@0002" in shop.engine.resident(), "the next try is immediate"
    assert not shop.service.settle(quiet_s=3600)
    assert shop.service.settle()
    assert shop.engine.resident() == ("meu@0001",)
    with pytest.raises(AdapterNotFound), shop.service.trial("meu", 7):
        pass


def test_a_live_version_that_was_damaged_meanwhile_stops_answering_instead_of_failing(shop: Shop) -> None:
    shop.add("outro")
    for name in ("meu", "outro"):
        shop.publish(name)
        shop.service.activate(name, 1)
    shop.publish("outro")
    healthy = shop.engine._script
    shop.engine._script = lambda request: str(request.adapter).replace("meu@0001", "None")  # no effect any more
    with shop.service.trial("outro", 2):
        assert shop.live() == {"outro": 1}
    assert "changes nothing" in shop.service.notes()["meu"].en
    shop.engine._script = healthy


def test_a_card_is_changed_with_its_comments(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    before = len(shop.installed)
    changes = CardChanges(
        title=Localized('Novo "título"', "New"), utterances=("um\nem duas linhas", "c:\\x"), corpora=("direito",)
    )
    card = shop.service.edit_card("meu", changes)
    assert card.title.pt == 'Novo "título"'
    assert shop.service.live()["meu"].card == card
    assert card.utterances == ("um\nem duas linhas", "c:\\x")
    assert len(shop.installed) == before + 1, "the router learns from the new utterances"
    text = (shop.service.registry.folder / "meu" / "card.toml").read_text("utf-8")
    assert "# a comment that stays" in text and "# this one, too" in text


def test_all_faults_of_an_edit_are_told_at_once_and_the_file_stays(shop: Shop) -> None:
    path = shop.service.registry.folder / "meu" / "card.toml"
    bad = CardChanges(template="{outro}", max_tokens=0, corpora=("nenhum",), utterances=("a\x00",), stop=("",))
    with pytest.raises(ConfigurationError) as caught:
        shop.service.edit_card("meu", bad)
    for fault in ("{outro}", "max_tokens", "'nenhum'", "control", "empty"):
        assert fault in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"must contain \{input\}"):
        shop.service.edit_card("meu", CardChanges(template="sem campo"))
    with pytest.raises(ConfigurationError, match="title"):
        shop.service.edit_card("meu", CardChanges(title=Localized("", "")))
    assert path.read_text("utf-8") == CARD
    assert list(path.parent.glob(".*")) == []


def test_changes_at_the_same_time_take_turns(shop: Shop) -> None:
    for _ in range(3):
        shop.publish()
    faults: list[Exception] = []

    def change(number: int) -> None:
        try:
            for _ in range(5):
                shop.service.activate("meu", number)
        except Exception as error:  # noqa: BLE001  # told below
            faults.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert shop.live()["meu"] == shop.service.registry.card("meu").active
    history = shop.service.detail("meu").history
    assert all(a.version == b.before for a, b in pairwise(history))


def test_what_another_process_changes_is_noticed(shop: Shop) -> None:
    for _ in range(2):
        shop.publish()
    shop.service.activate("meu", 1)
    program = (
        "import sys; from pathlib import Path\n"
        "from assistant.services.adapters import AdaptersService\n"
        "from assistant.stores.registry import AdapterRegistry\n"
        f"AdaptersService(AdapterRegistry(Path(sys.argv[1])), {BASE!r}, {FINGERPRINT!r}).activate('meu', 2)"
    )
    with Watcher(shop.service, look_s=0.05):
        assert not shop.service.outdated()
        subprocess.run([sys.executable, "-c", program, str(shop.service.registry.folder)], check=True, cwd=ROOT)
        wait_until(lambda: shop.live() == {"meu": 2} and shop.installed[-1] == {"meu": "meu@0002"})
        shutil.rmtree(shop.service.registry.folder / "meu")
        wait_until(lambda: shop.live() == {})
    assert not any(thread.name == "adapters" for thread in threading.enumerate())


def test_a_change_that_cannot_be_applied_is_logged_and_the_watcher_goes_on(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    card = shop.service.registry.folder / "meu" / "card.toml"
    good = card.read_text("utf-8")
    with Watcher(shop.service, look_s=0.05):
        card.write_text("kind = [", "utf-8")
        wait_until(lambda: shop.live() == {})
        assert "cannot be read" in shop.service.notes()["meu"].en
        card.write_text(good, "utf-8")
        wait_until(lambda: shop.live() == {"meu": 1})


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
