"""From the events of one question to what the page shows of it.

Knows the order of events and how often a page is worth repainting. Refuses to know widgets.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from assistant.errors import AssistantError, InputRejected
from assistant.services.request import AskRequest
from assistant.services.styles import checked_signature, chosen_style
from assistant.stores.conversations import Exchange
from assistant.types import Answered, Event, Redrafting, Retrieved, Routed, Turn
from assistant.ui.texts import Texts
from assistant.ui.view import Progress

_REPAINT_S = 0.04  # 25 repaints a second look continuous; more only cost the server

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What the visitor wants asked: the choices as the widgets give them, not yet trusted.

    `adapter` is "auto", "none" or a name; `corpora` "all", "none" or a name; the answer takes the
    place `at` in the conversation, later exchanges go. `manner` and `length` of a reply are names of
    `services.styles`, "" for none.
    """

    question: str
    adapter: str
    corpora: str
    at: int
    manner: str = ""
    length: str = ""
    signature: str = ""


def to_request(
    order: Order, history: tuple[Exchange, ...], known: tuple[Collection[str], Collection[str]], limit: int, t: Texts
) -> AskRequest:
    """Check every choice against what exists; raises `InputRejected`.

    `known` holds the names of adapters and of corpora, `limit` the longest question in characters.
    """
    adapters, corpora = known
    if not order.question.strip():
        raise InputRejected(t("empty_question"))
    if len(order.question) > limit:
        raise InputRejected(t("too_long", n=len(order.question), limit=limit))
    for value, allowed in ((order.adapter, {"auto", "none", *adapters}), (order.corpora, {"all", "none", *corpora})):
        if value not in allowed:
            raise InputRejected(t("unknown_choice", value=value[:60]))
    chosen = {"all": None, "none": ()}
    return AskRequest(
        question=order.question.encode("utf-8", "replace").decode(),  # halves of characters break every encoder
        history=tuple(Turn(e.question, e.answer.text, e.answer.route.adapter) for e in history if e.answer),
        adapter=order.adapter,
        corpora=chosen.get(order.corpora, (order.corpora,)),
        language="en" if t.language == "en" else "pt",
        style=chosen_style(order.manner, order.length),
        signature=checked_signature(order.signature.encode("utf-8", "replace").decode()),
    )


def follow(question: str, ask: Callable[[], Iterator[Event]], t: Texts) -> Iterator[Progress | Exchange]:
    """Fold the events of `ask` into states worth painting; the last one is the finished exchange."""
    state = Progress(question)
    painted = 0.0
    try:
        for event in ask():
            if isinstance(event, Answered):
                yield Exchange(question, event.answer)
                return
            state, first = _advance(state, event)
            if first or time.monotonic() - painted >= _REPAINT_S:
                painted = time.monotonic()
                yield state
    except AssistantError as error:
        yield Exchange(question, error=error.text(t.language))
        return
    except Exception:  # noqa: BLE001  # the page's entrance: a visitor never sees a stack trace
        _log.exception("A question could not be answered")
    yield Exchange(question, error=t("unexpected"))


def _advance(state: Progress, event: Event) -> tuple[Progress, bool]:
    """The next state, and whether it must be painted at once."""
    if isinstance(event, Routed):
        return replace(state, route=event.route), True
    if isinstance(event, Retrieved):
        return replace(state, sources=event.sources), True
    if isinstance(event, Redrafting):
        return replace(state, redrafting=event), True
    assert not isinstance(event, Answered)
    return replace(state, text=state.text + event.text), not state.text
