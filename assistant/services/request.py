"""One question of one visitor, and what answering it has measured so far.

Knows times, tokens and the finished answer's fields. Refuses to know the stages.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from assistant.engines.base import Finished, FinishReason
from assistant.models.style import OPEN, Style
from assistant.types import Answer, Entity, Outcome, Route, Source, Timings, TokenDelta, Turn, Usage

AUTOMATIC = "auto"  # AskRequest.adapter: the router decides
NO_ADAPTER = "none"  # AskRequest.adapter: the base alone


@dataclass(frozen=True, slots=True)
class AskRequest:
    """One question with everything that belongs to its visitor.

    `adapter` is "auto", "none" or a name; `corpora` None searches all, () asks without documents.
    `version` asks one version of the named adapter, live or not: a trial. `style` and `signature` are for replies:
    the first as far as the version learned it, the second put below the text, never into a prompt.
    """

    question: str
    history: tuple[Turn, ...] = ()
    adapter: str = AUTOMATIC
    corpora: tuple[str, ...] | None = None
    language: str = "pt"
    max_tokens: int | None = None
    temperature: float = 0.0
    seed: int = 0
    version: int | None = None
    style: Style = OPEN
    signature: str = ""


@dataclass
class Run:
    """What one call of `ChatService.ask` has measured so far; times in milliseconds since it began."""

    request: AskRequest
    cancel: threading.Event
    started: float = field(default_factory=time.perf_counter)
    timings: Timings = field(default_factory=Timings)
    usage: Usage = field(default_factory=Usage)
    route: Route | None = None
    stopped: bool = False

    def _now(self) -> float:
        return (time.perf_counter() - self.started) * 1000

    def routed(self, route: Route) -> None:
        """The router has decided."""
        self.route = route
        self.timings = replace(self.timings, route=self._now())

    def retrieved(self, milliseconds: float) -> None:
        """The passages are there."""
        self.timings = replace(self.timings, retrieve=milliseconds)

    def shown(self, text: str) -> TokenDelta:
        """The event of a piece of text; the first one is what the visitor waited for."""
        if not self.timings.first_token:
            self.timings = replace(self.timings, first_token=self._now())
        return TokenDelta(text)

    def finished(self, item: Finished) -> None:
        """The engine has ended one generation; an answer may take several."""
        self.spent(item.usage)
        self.stopped = self.stopped or item.reason is FinishReason.CANCELLED

    def spent(self, usage: Usage) -> None:
        """Tokens of a generation, finished or given up."""
        self.usage = self.usage + usage

    def answer(
        self,
        text: str,
        outcome: Outcome,
        *,
        sources: tuple[Source, ...] = (),
        entities: tuple[Entity, ...] = (),
        dropped: int = 0,
        brief: str = "",
    ) -> Answer:
        """The finished answer with the measurements of this run."""
        assert self.route is not None
        return Answer(
            question=self.request.question,
            text=text.strip(),
            outcome=outcome,
            route=self.route,
            sources=sources,
            entities=entities,
            usage=self.usage,
            timings=replace(self.timings, total=self._now()),
            dropped=dropped,
            stopped=self.stopped,
            brief=brief,
        )
