"""The router in service: fitted from the adapters that answer, fitted again when they change.

Knows where the examples come from: each card's utterances, the inputs of the adapter's own data
files, and the everyday pool. Refuses to know features and heads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from assistant.engines.base import Embedder
from assistant.errors import DataError
from assistant.routing.router import (
    Choice,
    Pin,
    RoutePolicy,
    Router,
    RouterExample,
    everyday_examples,
    fit_router,
)
from assistant.services.adapters import AdaptersService
from assistant.services.few_shot import Answerer
from assistant.stores.manifests import Card
from assistant.stores.registry import AdapterRegistry
from assistant.training.formats import read_jsonl
from assistant.types import Route, Turn

_INPUTS = 100  # records of an adapter's data files that the router learns from, for each use
_INPUT_FIELDS = ("review", "question", "input", "text")  # of records that hold what a visitor sends


class RoutingService:
    """Routes questions to the adapters that answer; safe to call from many threads."""

    def __init__(self, adapters: AdaptersService, embedder: Embedder, cache: Path) -> None:
        self._adapters = adapters
        self._embedder = embedder
        self._cache = cache
        self._lock = threading.Lock()
        self._policy: RoutePolicy | None = None
        self._router: Router | None = None

    def refit(self) -> Router:
        """Learn from the adapters that answer now; takes seconds, or milliseconds when cached."""
        while True:
            answerers = self._adapters.answerers()
            self.prepare(answerers)()
            if self._adapters.answerers() is answerers:  # else they changed meanwhile
                return self.router

    def prepare(self, answerers: Mapping[str, Answerer]) -> Callable[[], None]:
        """Learn to route to these adapters; calling the result puts that into service."""
        examples = router_examples(self._adapters.registry, [adapter.card for adapter in answerers.values()])
        router = fit_router(examples, self._embedder, self._cache)
        choices = {name: Choice(a.card.reason, a.label) for name, a in answerers.items()}
        fallback = next((name for name, a in answerers.items() if a.card.fallback), None)
        policy = RoutePolicy(router, choices, fallback)

        def install() -> None:
            with self._lock:
                self._router, self._policy = router, policy

        return install

    @property
    def router(self) -> Router:
        """The fitted head; fitted at the first use."""
        with self._lock:
            router = self._router
        return router or self.refit()

    def route(self, text: str, history: Sequence[Turn] = (), pinned: Pin | None = None, language: str = "pt") -> Route:
        """Decide who answers; raises `AdapterNotFound` for a pin on an adapter that is not there."""
        with self._lock:
            policy = self._policy
        if policy is None:
            self.refit()
            with self._lock:
                policy = self._policy
            assert policy is not None
        return policy.route(text, history, pinned, language)


def router_examples(registry: AdapterRegistry, cards: Iterable[Card]) -> list[RouterExample]:
    """Everything the router learns from: the everyday pool, and what the cards give as theirs or as nobody's."""
    examples = everyday_examples()
    for card in cards:
        examples += [RouterExample(text, card.name) for text in card.utterances]
        examples += [RouterExample(text, card.name) for text in _texts(registry, card.name, card.inputs)]
        examples += [RouterExample(text, None) for text in _texts(registry, card.name, card.rejects)]
    return examples


def _texts(registry: AdapterRegistry, name: str, files: Iterable[str]) -> list[str]:
    """What a visitor would send, from an adapter's own data files: evenly spread, at most _INPUTS."""
    texts: list[str] = []
    for file in files:
        try:
            rows = read_jsonl(registry.folder / name / file, ())
        except DataError:  # `doctor` and training tell of it; routing goes on without the file
            continue
        texts += [str(row[field]) for row in rows for field in _INPUT_FIELDS if field in row]
    step = -(-len(texts) // _INPUTS) or 1
    return texts[::step]
