"""What two forms have in common, and which are not fit to be given away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.bootstrap import build
from assistant.engines.base import GenerationRequest
from assistant.engines.partings import Parting
from assistant.engines.scripted import ScriptedEngine
from assistant.services.drafts import topics_of
from assistant.services.parity import (
    CLEAR,
    TOKENS,
    agreement,
    common_prefix,
    difference_of,
    fault_of,
    gaps,
    greedy,
    own_inputs,
    requests,
    told,
)
from assistant.settings import Settings


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


class Weighing(ScriptedEngine):
    """A reference whose gap is the distance of the texts' lengths."""

    def parting(self, request: GenerationRequest, texts: tuple[str, str]) -> Parting | None:
        one, other = texts
        return Parting(float(abs(len(one) - len(other))), (0, 1)) if one.strip() != other.strip() else None


def test_the_reference_weighs_only_texts_that_part() -> None:
    asked = requests("a@1", ["p", "q", "r", "s"], ("#",))
    found = gaps(Weighing(lambda request: ""), asked, [("um", "um"), ("um", "uma"), ("um", "um "), ("a", "abcd")])
    assert found == [1.0, 3.0]
    assert told(found) == {"clear": 1, "widest_gap": 3.0}, f"{CLEAR} itself is no clear difference"
    assert told([]) == {"clear": 0, "widest_gap": 0.0}


@pytest.mark.parametrize(("clear", "prompts", "refused"), [(0, 1, False), (2, 3, False), (3, 4, True), (16, 50, False)])
def test_many_clear_differences_are_a_fault(clear: int, prompts: int, refused: bool) -> None:
    fault = difference_of({"clear": clear, "prompts": prompts})
    assert (fault is not None) == refused
    fault = difference_of({"clear": prompts // 3 + 3, "prompts": prompts})
    assert fault is not None and f"{prompts // 3 + 3} de {prompts}" in fault.pt and "not one of precision" in fault.en


def test_prompts_list_the_topics_of_the_version_as_a_visitors_do(home: Path) -> None:
    assistant = build(Settings.load(home=home, engine="scripted"))
    live = assistant.adapters.live()["restaurant-replies"]
    topics = topics_of(live.version)
    assert topics is not None
    listed = own_inputs(live.card, assistant.training, 5, topics)
    bare = own_inputs(live.card, assistant.training, 5)
    assert listed.source == bare.source == "heldout.jsonl" and len(listed.prompts) == 5
    assert all("Assuntos: nenhum" in prompt for prompt in bare.prompts)
    assert any("Assuntos: nenhum" not in prompt for prompt in listed.prompts), "the file's texts have topics"
    spoken = own_inputs(replace(live.card, name="nobody"), assistant.training, 50, topics)
    assert spoken.source == "utterances"
    assert any("Assuntos: nenhum" not in prompt for prompt in spoken.prompts)
    assistant.close()
