"""The figures of this machine: speed, memory, routing quality. Measures, judges nothing.

Every figure is a median over warm repetitions; times are wall clock.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from assistant.engines.base import Engine, GenerationRequest, complete
from assistant.routing.evaluation import evaluate
from assistant.routing.router import RouterExample
from assistant.services.chat import ChatService
from assistant.services.house import Retrieval
from assistant.services.memory import process_megabytes
from assistant.services.request import AskRequest
from assistant.services.routing import RoutingService
from assistant.training.formats import read_jsonl
from assistant.types import Answered

_REPEATS = 5
_TOKENS = 96  # of one generation; long enough that the start does not count


def route_and_retrieve(
    routing: RoutingService, retriever: Retrieval, questions: Sequence[str], passages: int
) -> dict[str, Any]:
    """Milliseconds from question to sources, over warm questions: median and 95th percentile."""
    spent = []
    for warm in (False, True):
        for question in questions if warm else questions[:10]:
            started = time.perf_counter()
            routing.route(question)
            found = retriever.retrieve(question, corpora=None, k=passages, history=())
            retriever.is_relevant(question, found, ())
            if warm:
                spent.append((time.perf_counter() - started) * 1000)
    spent.sort()
    return {
        "route_retrieve_ms": round(median(spent), 1),
        "route_retrieve_p95_ms": round(spent[int(0.95 * (len(spent) - 1))], 1),
        "questions": len(spent),
    }


def overhead(chat: ChatService, engine: Engine, review: str, prompt: str, adapter: str) -> dict[str, Any]:
    """Tokens per second of `ask` and of the bare engine on the same prompt, and their ratio."""

    def bare() -> tuple[int, float]:
        started = time.perf_counter()
        _, finished = complete(engine, GenerationRequest(prompt, adapter=adapter, max_tokens=_TOKENS, stop=("\n",)))
        return finished.usage.completion_tokens, time.perf_counter() - started

    def asked() -> tuple[int, float]:
        started = time.perf_counter()
        request = AskRequest(review, adapter=adapter.partition("@")[0], max_tokens=_TOKENS)
        for event in chat.ask(request):
            if isinstance(event, Answered):
                return event.answer.usage.completion_tokens, time.perf_counter() - started
        raise AssertionError("every question ends with an answer")

    rates: dict[str, float] = {}
    for name, run in (("bare", bare), ("ask", asked)):
        rates[name] = _rate(run)
    return {
        "bare_tokens_per_second": round(rates["bare"], 1),
        "ask_tokens_per_second": round(rates["ask"], 1),
        "ratio": round(rates["ask"] / rates["bare"], 3),
    }


def routing_quality(routing: RoutingService, labelled: Path) -> dict[str, Any]:
    """Router figures on {"text", "adapter"} records that no card holds."""
    rows = [RouterExample(row["text"], row["adapter"]) for row in read_jsonl(labelled, ("text", "adapter"))]
    return evaluate(routing.router, rows)


def memory_mb() -> dict[str, float]:
    """Resident memory of this process now and at its peak, in megabytes."""
    now = process_megabytes() or 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"memory_mb": round(now), "peak_memory_mb": round(peak)}


def _rate(run: Callable[[], tuple[int, float]]) -> float:
    run()
    rates = []
    for _ in range(_REPEATS):
        tokens, seconds = run()
        rates.append(tokens / seconds)
    return median(rates)
