"""Requests under way while what is live changes, and versions that are tried without being live."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.engines.base import GenerationRequest
from assistant.errors import AdapterNotFound
from assistant.services.request import AskRequest
from assistant.types import RouteOrigin

from .shop import Shop, asking


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
