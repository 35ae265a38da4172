"""Where two completions part on a tiny model, and how wide the gap is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.engines.base import AdapterFiles, GenerationRequest, complete
from assistant.engines.decoding import next_log_probabilities
from assistant.engines.transformers_peft import TransformersPeftEngine
from assistant.errors import AdapterNotFound

from .loras import write_lora

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersPeftEngine]:
    engine = TransformersPeftEngine(tiny_checkpoint, quantization="fp32", device="cpu", threads=1, context_size=256)
    folder = write_lora(tmp_path_factory.mktemp("lora") / "one", tiny_checkpoint, 1, 0.5)
    assert engine.set_adapters([AdapterFiles("one@1", folder, folder, "A: x\nR:")]) == ()
    yield engine
    engine.close()


def test_the_gap_is_the_difference_of_the_two_tokens_where_the_texts_part(engine: TransformersPeftEngine) -> None:
    for adapter in (None, "one@1"):
        request = GenerationRequest("abc", adapter, max_tokens=4, stop=("#",))
        found = engine.parting(request, ("xyA", "xyB"))
        assert found is not None
        with engine._chosen(engine._names[adapter] if adapter else None):
            expected = next_log_probabilities(engine._model, engine._encode("abcxy", special=True))
        tokens = tuple(engine._encode(letter, special=False)[-1] for letter in "AB")
        assert found.tokens == tokens
        assert found.gap == pytest.approx(abs(float(expected[tokens[0]] - expected[tokens[1]])), abs=1e-5)
        assert engine.parting(request, ("xyB", "xyA")).gap == pytest.approx(found.gap)


def test_a_text_that_ends_earlier_ended_or_met_a_stop_string(engine: TransformersPeftEngine) -> None:
    request = GenerationRequest("abc", None, stop=("#",))
    found = engine.parting(request, ("x", "xyz"))
    assert found is not None
    ends = {*engine._ends, engine._encode("#", special=False)[-1]}
    assert found.tokens[0] in ends and found.tokens[1] == engine._encode("y", special=False)[-1]


def test_equal_texts_do_not_part_and_greedy_text_leads(engine: TransformersPeftEngine) -> None:
    request = GenerationRequest("abc", "one@1", max_tokens=6)
    text, _ = complete(engine, request)
    assert engine.parting(request, (text, text)) is None
    assert engine.parting(request, (text, f"{text[:3]}\x00")).gap > 0
    with pytest.raises(AdapterNotFound):
        engine.parting(GenerationRequest("abc", "two@1"), ("a", "b"))
