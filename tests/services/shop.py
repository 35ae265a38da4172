"""A shop of adapters for the tests: real files, a scripted engine and a router, without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.engines.scripted import ScriptedEngine
from assistant.services.adapters import AdaptersService
from assistant.services.few_shot import Answerer, FewShots
from assistant.stores.manifests import Manifest, sha256_of
from assistant.stores.registry import AdapterRegistry
from assistant.types import Route, RouteOrigin

BASE, FINGERPRINT = "base", "f" * 64
BY_EXAMPLES = "by examples"  # in `installed`: whom no version answers for
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


def open_shop(folder: Path, few_shots: FewShots | None = None) -> Shop:
    """A shop with the one adapter `meu`, which has no version yet."""
    registry = AdapterRegistry(folder)
    folder.mkdir()
    engine = ScriptedEngine(lambda request: f"{request.adapter} escreve isto")
    service = AdaptersService(registry, BASE, FINGERPRINT, lambda: ["direito"], few_shots)
    installed: list[dict[str, str]] = []

    def prepare(answerers: Mapping[str, Answerer]) -> Callable[[], None]:
        keys = {name: adapter.key or BY_EXAMPLES for name, adapter in answerers.items()}
        assert set(keys.values()) <= {*engine.resident(), BY_EXAMPLES}, "the router may only choose what is loaded"
        return lambda: installed.append(keys)

    made = Shop(service, engine, installed)
    made.add("meu")
    service.attach(engine)
    service.route_with(prepare)
    return made


def asking(shop: Shop, name: str) -> Callable[[], Route]:
    """What the router of this moment decides for a question that is `name`'s."""

    def decide() -> Route:
        known = shop.installed[-1] if shop.installed else {}
        adapter = name if name in known else None
        return Route(adapter, None, 1.0, 0.5, adapter is None, {}, "", RouteOrigin.LEARNED)

    return decide
