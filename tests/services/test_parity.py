"""What two forms have in common, and which are not fit to be given away."""

from __future__ import annotations

import pytest

from assistant.engines.scripted import ScriptedEngine
from assistant.services.parity import TOKENS, agreement, common_prefix, fault_of, greedy


def test_figures_say_where_texts_part() -> None:
    found = agreement(["abcd", "xy", "", "olá"], ["abcd", "xz", "", ""])
    assert found == {
        "prompts": 4,
        "identical": 0.5,
        "common_prefix": 0.625,
        "prefix_characters": 1.2,
        "empty": 2,
    }


@pytest.mark.parametrize(("one", "other", "length"), [("", "", 0), ("abc", "ab", 2), ("ab", "abc", 2), ("a", "b", 0)])
def test_the_common_prefix(one: str, other: str, length: int) -> None:
    assert common_prefix(one, other) == length


def test_a_form_that_writes_nothing_or_what_the_base_writes_or_noise_has_a_fault() -> None:
    reference = ["um", "dois", "três"]
    assert fault_of(reference, reference, ["base", "base"]) is None
    assert "writes nothing for 2 of 3" in fault_of(["", " \n", "três"], reference, []).en
    assert "changes nothing" in fault_of(reference, reference, ["um", "dois"]).en
    assert fault_of(reference, reference, ["um", "outro"]) is None
    assert "não muda nada" in fault_of(reference, reference, reference).pt
    assert "begins like" in fault_of(["#", "#", "#"], reference, []).en
    assert fault_of(["um", "#", "#"], reference, []) is None, "that forms differ is told, not refused"


def test_each_prompt_is_completed_greedily_and_on_its_own() -> None:
    asked = []

    def script(request: object) -> str:
        asked.append(request)
        return f"eco {request.prompt}"

    said: list[str] = []
    engine = ScriptedEngine(script)
    engine.set_adapters([])
    texts = greedy(engine, None, ["a", "b"], ("#",), said.append)
    assert [text.strip() for text in texts] == ["eco a", "eco b"]
    assert {(r.temperature, r.max_tokens, r.stop) for r in asked} == {(0.0, TOKENS, ("#",))}
    assert said == ["2/2"]
