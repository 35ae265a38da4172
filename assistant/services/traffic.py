"""Does an adapter take traffic from others? The router before and after it, on texts held out by fold.

Knows that only the adapters' own utterances and inputs, and the everyday pool, may be used: each text is
decided by routers that were fitted without its fold. Refuses to know engines and outputs.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from assistant.engines.base import Embedder
from assistant.routing.evaluation import NONE, evaluate
from assistant.routing.router import RouterExample, fit_router
from assistant.services.routing import router_examples
from assistant.stores.registry import AdapterRegistry

_FOLDS = 3  # two routers each; a router takes seconds

Confusion = dict[str, dict[str, int]]


def router_traffic(
    registry: AdapterRegistry, name: str, others: Collection[str], embedder: Embedder, cache: Path
) -> dict[str, Any]:
    """The router's confusion (expected -> decided -> count) without the adapter `name` and with it.

    `taken` is the share of the other adapters' texts that go to it, `taken_from_none` that of texts that fit
    nobody, `kept` the share of its own texts that reach it; None where there are no such texts. Raises
    `AdapterNotFound`.
    """
    card = registry.card(name)
    rest = [registry.card(other) for other in sorted(others) if other != name]
    remembering = _Remembering(embedder)
    before, after = router_examples(registry, rest), router_examples(registry, [*rest, card])
    tables: dict[str, Confusion] = {}
    for key, examples in (("before", before), ("after", after)):
        table: Confusion = {}
        for fold in range(_FOLDS):
            router = fit_router([e for e in examples if _fold(e) != fold], remembering, cache)
            held_out = _unique([e for e in after if _fold(e) == fold and (key == "after" or e.adapter != name)])
            _add(table, evaluate(router, held_out)["confusion"])
        tables[key] = table
    return {
        **tables,
        "taken": _share(tables["after"], [c.name for c in rest], name),
        "taken_from_none": _share(tables["after"], [NONE], name),
        "kept": _share(tables["after"], [name], name),
    }


def _share(table: Confusion, expected: Sequence[str], decided: str) -> float | None:
    lines = [table[key] for key in expected if key in table]
    total = sum(sum(line.values()) for line in lines)
    return round(sum(line.get(decided, 0) for line in lines) / total, 4) if total else None


def _fold(example: RouterExample) -> int:
    return zlib.crc32(example.text.encode("utf-8", "surrogatepass")) % _FOLDS


def _unique(examples: Sequence[RouterExample]) -> list[RouterExample]:
    """Each text once, as whoever had it first: a text that the new adapter gives as its own, too, is taken."""
    return list({example.text: example for example in reversed(examples)}.values())


def _add(table: Confusion, more: Confusion) -> None:
    for expected, line in more.items():
        known = table.setdefault(expected, {})
        for decided, count in line.items():
            known[decided] = known.get(decided, 0) + count


class _Remembering:
    """An embedder that reads each text once: every text is fitted on and decided about several times."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, list[float]] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def embed_query(self, text: str) -> list[float]:
        if text not in self._known:
            self._known[text] = self._embedder.embed_query(text)
        return self._known[text]

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return self._embedder.embed_passages(texts)
