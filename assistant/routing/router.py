"""Which adapter answers: the learned router, and the policy around it.

`Router` knows texts and probabilities only. `RoutePolicy` adds what a conversation knows: the
visitor's pin, follow-ups, the fallback adapter and the reasons in words. Both refuse to ask a
language model: a text cannot talk its way to an adapter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from assistant.engines.base import Embedder
from assistant.errors import AdapterNotFound, DataError
from assistant.routing import features
from assistant.routing.calibration import Calibration
from assistant.routing.followup import Leaning, leaning
from assistant.routing.head import Head, fit_head
from assistant.stores.manifests import Localized
from assistant.types import Route, RouteOrigin, Turn

_KEPT_HEADS = 4  # cached heads of other sets of adapters, so that an undo is as fast as a start

CLEARLY_ANOTHER = 0.85
"""Probability from which a text that could lean on the conversation is another adapter's input after all."""


@dataclass(frozen=True, slots=True)
class RouterExample:
    """A text and the adapter it belongs to; None for a text that fits no adapter."""

    text: str
    adapter: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the head makes of one text.

    `adapter` is None when the text is rejected. `score` is the calibrated probability of the best
    adapter, accepted or not; `scores` has that of every adapter. They sum to at most 1: the rest is
    the probability that none fits.
    """

    adapter: str | None
    score: float
    threshold: float
    rejected: bool
    scores: Mapping[str, float]


class Router:
    """A fitted head with its embedder. Immutable: a new adapter means a new `Router`."""

    def __init__(self, head: Head | None, embedder: Embedder) -> None:
        self._head = head
        self._embedder = embedder

    @property
    def adapters(self) -> tuple[str, ...]:
        """The adapters the head can choose, sorted."""
        return tuple(name for name in self._head.classes if name) if self._head else ()

    @property
    def calibration(self) -> Calibration | None:
        """The out-of-fold figures, None when there was nothing to learn."""
        return self._head.calibration if self._head else None

    def decide(self, text: str) -> Decision:
        """Score a text of any length and content; an empty one is rejected."""
        if self._head is None or not features.fold(features.clip(text)):
            threshold = self._head.calibration.threshold if self._head else 1.0
            return Decision(None, 0.0, threshold, True, dict.fromkeys(self.adapters, 0.0))
        part = features.embedded_part(text)
        embedding = np.asarray(self._embedder.embed_query(part), dtype=np.float32)
        chances = self._head.chances(text, embedding)
        chances.pop("", None)
        best = max(chances, key=lambda name: chances[name])
        threshold = self._head.calibration.threshold
        rejected = chances[best] < threshold
        return Decision(None if rejected else best, chances[best], threshold, rejected, chances)


def everyday_examples() -> list[RouterExample]:
    """The pool of everyday Portuguese requests that fit no adapter; raises `DataError`."""
    source = files("assistant.routing").joinpath("everyday.jsonl")
    examples = []
    for number, line in enumerate(source.read_text("utf-8").splitlines(), start=1):
        if line.strip():
            try:
                examples.append(RouterExample(str(json.loads(line)["text"]), None))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f'{source}, line {number}: {error}. Each line is one object {{"text": "..."}}.'
                ) from error
    return examples


def fit_router(examples: Iterable[RouterExample], embedder: Embedder, cache: Path | None) -> Router:
    """Fit a router, or read it from `cache` when these examples were fitted before.

    Texts that come twice count once, and blank ones not at all. With fewer than two classes there
    is nothing to learn and every text is rejected.
    """
    unique = {e.text: e for e in examples if features.fold(features.clip(e.text))}
    kept = sorted(unique.values(), key=lambda e: (e.adapter or "", e.text))
    names = [e.adapter or "" for e in kept]
    if len(set(names)) < 2:
        return Router(None, embedder)
    path = cache / f"head-{_key(kept, embedder)}.npz" if cache else None
    head = Head.load(path) if path else None
    if head is None:
        texts = [e.text for e in kept]
        head = fit_head(texts, names, features.embed_all(texts, embedder, cache))
        if path:
            head.save(path)
            _forget_old_heads(path)
    return Router(head, embedder)


def _key(examples: Sequence[RouterExample], embedder: Embedder) -> str:
    """Hash of everything the head depends on, the code that computes it included."""
    folder = Path(__file__).parent
    code = [(folder / name).read_text("utf-8") for name in ("features.py", "head.py", "calibration.py")]
    texts = [part for e in examples for part in (e.adapter or "", e.text)]
    return features.short_hash(embedder.name, *code, *texts)


def _forget_old_heads(newest: Path) -> None:
    others = [p for p in newest.parent.glob("head-*.npz") if p != newest]
    for path in sorted(others, key=lambda p: p.stat().st_mtime)[: -_KEPT_HEADS or None]:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Pin:
    """The visitor's own choice; None is the base alone."""

    adapter: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the policy says of an adapter: the card's reason, and the label of the version that answers, if one does."""

    reason: Localized
    version: str | None


class RoutePolicy:
    """From a decision to a `Route`: pin first, then follow-up, then the head, then the fallback."""

    def __init__(self, router: Router, adapters: Mapping[str, Choice], fallback: str | None) -> None:
        """`adapters` are those that can answer now; `fallback` is one of them, or None for the base."""
        self._router = router
        self._adapters = dict(adapters)
        self._fallback = fallback if fallback in self._adapters else None

    def route(self, text: str, history: Sequence[Turn] = (), pinned: Pin | None = None, language: str = "pt") -> Route:
        """Decide who answers. Raises `AdapterNotFound` for a pin on an adapter that is not there."""
        decision = self._router.decide(text)
        if pinned is not None:
            return self._pinned(pinned, decision, language)
        current = history[-1].adapter if history else None
        if current is not None and current in self._adapters and _stays(text, decision, current):
            reason = _FOLLOW_UP_REASON.get(language)
            return self._finish(current, decision, reason, RouteOrigin.FOLLOW_UP)
        if decision.adapter is not None and decision.adapter in self._adapters:
            reason = self._adapters[decision.adapter].reason.get(language)
            return self._finish(decision.adapter, decision, reason, RouteOrigin.LEARNED)
        reason = _NONE_REASON.get(language)
        return self._finish(self._fallback, decision, reason, RouteOrigin.FALLBACK)

    def _pinned(self, pinned: Pin, decision: Decision, language: str) -> Route:
        if pinned.adapter is not None and pinned.adapter not in self._adapters:
            known = ", ".join(sorted(self._adapters))
            raise AdapterNotFound(
                f"The pinned adapter {pinned.adapter!r} cannot answer here. Available: {known or 'none'}. "
                "Pin one of these, or let the router choose.",
                pt=f"O adaptador fixado {pinned.adapter!r} não pode responder aqui. Disponíveis: {known or 'nenhum'}. "
                "Fixe um destes, ou deixe a escolha automática.",
            )
        reason = (_PINNED_REASON if pinned.adapter else _PINNED_NONE_REASON).get(language)
        return self._finish(pinned.adapter, decision, reason, RouteOrigin.PINNED)

    def _finish(self, adapter: str | None, decision: Decision, reason: str, origin: RouteOrigin) -> Route:
        learned = origin in (RouteOrigin.LEARNED, RouteOrigin.FALLBACK)
        return Route(
            adapter=adapter,
            version=self._adapters[adapter].version if adapter else None,
            score=decision.score if learned or adapter is None else decision.scores.get(adapter, 0.0),
            threshold=decision.threshold,
            rejected=origin is RouteOrigin.FALLBACK,
            scores=decision.scores,
            reason=reason,
            origin=origin,
        )


_FOLLOW_UP_REASON = Localized("continua a conversa", "continues the conversation")
_NONE_REASON = Localized("nenhum adaptador combina com o pedido", "no adapter fits this request")
_PINNED_REASON = Localized("escolhido por você", "chosen by you")
_PINNED_NONE_REASON = Localized("sem adaptador, por sua escolha", "no adapter, by your choice")


def tried_route(adapter: str, version: str, language: str = "pt") -> Route:
    """The route of a question that names the version it wants: no router is asked."""
    reason = _PINNED_REASON.get(language)
    return Route(adapter, version, 1.0, 0.0, False, {}, reason, RouteOrigin.PINNED)


def _stays(text: str, decision: Decision, current: str) -> bool:
    """Whether a text continues the conversation of `current` rather than being another adapter's input."""
    how = leaning(text)
    clearly_another = decision.adapter not in (None, current) and decision.score >= CLEARLY_ANOTHER
    return how is Leaning.CERTAIN or (how is Leaning.POSSIBLE and not clearly_another)
