"""The events of a llama.cpp server's stream, read as the deltas of an engine's.

Knows the server's JSON: text, counts, faults and why a generation ended. Refuses to know servers and threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from assistant.engines.base import Delta, Finished, FinishReason, together
from assistant.engines.llama_server import raise_fault
from assistant.types import Usage

Event = dict[str, Any]


def deltas(events: Iterable[Event | None], context_size: int) -> Iterator[Delta | Finished]:
    """The deltas of one generation and its end: None is the last event, without it the generation was cancelled.

    Raises `GenerationError` for an event that is a fault.
    """
    reason, usage, seen = FinishReason.CANCELLED, Usage(), 0
    weight: float | None = None  # of tokens whose text is still held back
    for event in events:
        if event is None:
            yield Finished(reason, usage)
            return
        raise_fault(event, context_size)
        usage = _usage(event, usage)
        text, finish = _piece(event)
        reason = finish or reason
        weight = together(weight, _logprob(event))
        if text:
            seen += 1
            yield Delta(text, weight)
            weight = None
    yield Finished(FinishReason.CANCELLED, Usage(usage.prompt_tokens, seen))


def _usage(event: Event, known: Usage) -> Usage:
    """The counts in `event`: at the end in full, before that the prompt's as it is read."""
    found = event.get("usage")
    if found:
        return Usage(int(found["prompt_tokens"]), int(found["completion_tokens"]))
    progress = event.get("prompt_progress")
    return Usage(int(progress["total"]), 0) if progress else known


def _logprob(event: Event) -> float | None:
    """The log-probability of the tokens of one event, None where it carries none."""
    choices = event.get("choices")
    tokens = ((choices[0].get("logprobs") or {}).get("content") if choices else None) or []
    return sum(float(token["logprob"]) for token in tokens) if tokens else None


def _piece(event: Event) -> tuple[str, FinishReason | None]:
    """The text of one event, and why the generation ended if it did."""
    choices = event.get("choices")
    if not choices:
        return "", None
    choice = choices[0]
    text = str(choice.get("text") or (choice.get("delta") or {}).get("content") or "")
    text = text.replace("\ufffd", "")  # bytes that are no character, or half of one at the end
    finish = choice.get("finish_reason")
    if not finish:
        return text, None
    reason = FinishReason.LENGTH if finish == "length" else FinishReason.STOP
    return text, reason
