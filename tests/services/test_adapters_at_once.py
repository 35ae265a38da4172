"""Several who change adapters at the same time: threads, another process, an editor."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from assistant.services.watch import Watcher
from tests.conftest import ROOT

from .shop import BASE, FINGERPRINT, Shop


def wait_until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


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
