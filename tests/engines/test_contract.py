"""What every engine promises (assistant/engines/base.py), on the real thing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from assistant.engines.base import (
    Delta,
    Engine,
    Finished,
    FinishReason,
    GenerationRequest,
    complete,
)
from assistant.errors import AdapterNotFound, GenerationError

from .conftest import CONTEXT, PROMPT, Case

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHORT = GenerationRequest(PROMPT, max_tokens=12)
LONG = replace(SHORT, max_tokens=60)


def text_of(engine: Engine, adapter: str | None, request: GenerationRequest = SHORT) -> str:
    return complete(engine, replace(request, adapter=adapter))[0]


def joined(items: Sequence[Delta | Finished]) -> str:
    return "".join(item.text for item in items if isinstance(item, Delta))


def test_a_stream_is_deltas_and_one_finish(case: Case) -> None:
    items = list(case.engine.stream(SHORT))
    assert [type(item) for item in items].count(Finished) == 1
    assert isinstance(items[-1], Finished)
    assert len(items) > 3
    assert all(item.text for item in items if isinstance(item, Delta))
    assert items[-1].usage.completion_tokens == 12
    assert joined(items) == complete(case.engine, SHORT)[0]


def test_the_tokens_of_the_prompt_are_reported(case: Case) -> None:
    _, finished = complete(case.engine, SHORT)
    assert finished.usage.prompt_tokens - case.engine.count_tokens(PROMPT) in (0, 1)  # begin of text
    assert case.engine.count_tokens("") == 0


def test_what_is_written_is_weighed_where_it_was_asked_for(case: Case) -> None:
    items = [item for item in case.engine.stream(replace(SHORT, logprobs=True)) if isinstance(item, Delta)]
    assert joined(items) == complete(case.engine, SHORT)[0]
    assert all(item.logprob is not None and item.logprob <= 0 for item in items)
    assert all(item.logprob is None for item in case.engine.stream(SHORT) if isinstance(item, Delta))


def test_max_tokens_cuts_and_says_so(case: Case) -> None:
    whole = text_of(case.engine, None)
    text, finished = complete(case.engine, replace(SHORT, max_tokens=5))
    assert finished.reason is FinishReason.LENGTH
    assert finished.usage.completion_tokens == 5
    assert whole.startswith(text)
    assert complete(case.engine, replace(SHORT, max_tokens=0))[0] == ""


def test_a_stop_string_ends_the_text_and_is_no_part_of_it(case: Case) -> None:
    whole = text_of(case.engine, "a")
    stop = whole[4:7]
    text, finished = complete(case.engine, replace(SHORT, adapter="a", stop=("\0never", stop)))
    assert finished.reason is FinishReason.STOP
    assert text == whole[: whole.find(stop)]


def test_a_seed_repeats_a_sample_and_greedy_needs_none(case: Case) -> None:
    sample = replace(SHORT, temperature=1.5)
    seeds = {seed: text_of(case.engine, None, replace(sample, seed=seed)) for seed in (1, 2, 3)}
    assert text_of(case.engine, None, replace(sample, seed=1)) == seeds[1]
    assert len(set(seeds.values())) > 1
    assert text_of(case.engine, None) == text_of(case.engine, None, replace(SHORT, seed=9))


def test_cancel_stops_at_once(case: Case) -> None:
    cancel = threading.Event()
    stream = case.engine.stream(LONG, cancel)
    next(stream)
    cancel.set()
    rest = list(stream)
    assert len(rest) <= 2
    assert isinstance(rest[-1], Finished)
    assert rest[-1].reason is FinishReason.CANCELLED
    assert rest[-1].usage.completion_tokens < LONG.max_tokens


def test_cancelled_before_it_began_yields_no_text(case: Case) -> None:
    cancel = threading.Event()
    cancel.set()
    text, finished = complete(case.engine, LONG, cancel)
    assert (text, finished.reason) == ("", FinishReason.CANCELLED)


def test_a_reader_who_leaves_stops_the_work(case: Case) -> None:
    before = set(threading.enumerate())
    stream = case.engine.stream(LONG)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # engines stream by generators
    for thread in set(threading.enumerate()) - before:
        thread.join()
    assert text_of(case.engine, None) == text_of(case.engine, None)


def test_adapters_change_the_text_and_none_is_the_base(case: Case) -> None:
    assert len({text_of(case.engine, adapter) for adapter in (None, "a", "b")}) == 3
    assert sorted(case.engine.resident()) == ["a", "b"]


def test_threads_with_different_adapters_write_what_each_writes_alone(case: Case) -> None:
    """Equal adapters are left out: llama.cpp computes them together, which rounds differently."""
    alone = {adapter: text_of(case.engine, adapter) for adapter in ("a", "b", None)}
    for adapters in (("a", "b"), ("b", "a"), ("a", "b", None)):
        together: dict[str | None, str] = {}

        def ask(adapter: str | None, answers: dict[str | None, str] = together) -> None:
            answers[adapter] = text_of(case.engine, adapter)

        threads = [threading.Thread(target=ask, args=(adapter,)) for adapter in adapters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert together == {adapter: alone[adapter] for adapter in adapters}


def test_nothing_read_under_one_adapter_serves_another(fresh_case: Case) -> None:
    """The same long prompt under each adapter in turn; the first answers are those of a new engine."""
    request = GenerationRequest(PROMPT * 10, max_tokens=8)
    answers: dict[str | None, str] = {}
    for adapter in ("a", "b", "a", None, "b", None, "a"):
        text = text_of(fresh_case.engine, adapter, request)
        assert answers.setdefault(adapter, text) == text, adapter
    assert len(set(answers.values())) == 3


def test_an_adapter_that_is_not_resident_is_refused(case: Case) -> None:
    with pytest.raises(AdapterNotFound, match=r"'c'.*a, b"):
        next(iter(case.engine.stream(replace(SHORT, adapter="c"))))


def test_a_set_of_adapters_replaces_the_other_and_reports_one_without_effect(fresh_case: Case) -> None:
    engine, adapters = fresh_case.engine, fresh_case.adapters
    before = text_of(engine, "b")
    failures = engine.set_adapters([adapters["noop"], adapters["b"]])
    assert [failure.key for failure in failures] == ["noop"]
    assert "changes nothing" in failures[0].reason
    assert engine.resident() == ("b",)
    assert text_of(engine, "b") == before
    with pytest.raises(AdapterNotFound):
        text_of(engine, "a")
    assert engine.set_adapters([]) == ()
    assert engine.resident() == ()
    assert text_of(engine, None)


def test_a_running_stream_survives_a_change_of_adapters(fresh_case: Case) -> None:
    engine, adapters = fresh_case.engine, fresh_case.adapters
    request = replace(SHORT, adapter="a", max_tokens=24)
    alone = text_of(engine, "a", request)
    stream = engine.stream(request)
    first = next(stream)
    engine.set_adapters([adapters["b"]])
    rest = list(stream)
    assert joined([first, *rest]) == alone
    assert isinstance(rest[-1], Finished)
    assert rest[-1].reason is FinishReason.LENGTH


def test_a_prompt_longer_than_the_context_is_an_error_with_both_sizes(case: Case) -> None:
    with pytest.raises(GenerationError, match=rf"\d+ tokens and the context {CONTEXT}"):
        text_of(case.engine, None, GenerationRequest("palavra nova " * CONTEXT))


def test_the_context_bounds_a_completion(case: Case) -> None:
    words = 480 if case.engine.name == "scripted" else 1
    prompt = "x " * words if words > 1 else _nearly_full(case.engine)
    _, finished = complete(case.engine, GenerationRequest(prompt, max_tokens=CONTEXT))
    assert finished.reason is FinishReason.LENGTH
    assert finished.usage.prompt_tokens + finished.usage.completion_tokens <= CONTEXT + 1


def _nearly_full(engine: Engine) -> str:
    prompt = PROMPT
    while engine.count_tokens(prompt + PROMPT) < CONTEXT - 12:
        prompt += PROMPT
    while engine.count_tokens(prompt + " e") < CONTEXT - 12:
        prompt += " e"
    return prompt


def test_half_a_character_is_never_shown(case: Case) -> None:
    prompt = "Emojis: 😀 🥰 🇧🇷 👨‍👩‍👧 😀 🥰 🇧🇷 👨‍👩‍👧 😀 🥰 🇧🇷"
    for limit in (1, 2, 3, 7):
        items = list(case.engine.stream(GenerationRequest(prompt, max_tokens=limit)))
        assert "\ufffd" not in joined(items)


def test_a_closed_engine_says_so(fresh_case: Case) -> None:
    fresh_case.engine.close()
    with pytest.raises(GenerationError, match="closed"):
        fresh_case.engine.count_tokens("olá")
    with pytest.raises(GenerationError, match="closed"):
        text_of(fresh_case.engine, None)
    with pytest.raises(GenerationError, match="closed"):
        fresh_case.engine.set_adapters([])
