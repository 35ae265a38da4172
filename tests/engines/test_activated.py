"""An activated LoRA acts from its invocation tokens on, in both engines at the same place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from assistant.engines.base import AdapterFiles, Delta, Engine, GenerationRequest
from assistant.engines.llama_cpp import LlamaCppEngine
from assistant.engines.transformers_peft import TransformersPeftEngine
from tests.engines.loras import write_gguf, write_lora
from tests.tiny import write_tiny_gguf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
WORDS = "\nR:"
PROMPT = f"A: um dois três{WORDS}"


def make(folder: Path, checkpoint: Path, invocation: list[int] | None) -> AdapterFiles:
    adapter = write_lora(folder, checkpoint, 1, 0.5)
    config = adapter / "adapter_config.json"
    fields = json.loads(config.read_text("utf-8")) | {"alora_invocation_tokens": invocation}
    config.write_text(json.dumps(fields), "utf-8")
    write_gguf(adapter)
    return AdapterFiles(folder.name, adapter, adapter / "adapter.gguf", PROMPT)


def written(engine: Engine, adapter: str | None, prompt: str = PROMPT) -> str:
    request = GenerationRequest(prompt, adapter=adapter, max_tokens=16)
    return "".join(item.text for item in engine.stream(request) if isinstance(item, Delta))


@pytest.fixture
def engines(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[list[Engine]]:
    """Both over the same weights in fp32, with a plain LoRA, the same one activated, and one of other words."""
    tokenizer = AutoTokenizer.from_pretrained(str(tiny_checkpoint))
    words = tokenizer(WORDS, add_special_tokens=False)["input_ids"]
    both: list[Engine] = [
        LlamaCppEngine(write_tiny_gguf(tiny_checkpoint, tmp_path / "t.gguf"), threads=1, slots=1, context_size=1024),
        TransformersPeftEngine(tiny_checkpoint, quantization="fp32", device="cpu", threads=1, context_size=1024),
    ]
    files = [make(tmp_path / "plain", tiny_checkpoint, None), make(tmp_path / "activated", tiny_checkpoint, words)]
    for engine in both:
        assert engine.set_adapters(files) == ()
    yield both
    for engine in both:
        engine.close()


def test_both_engines_write_the_same_and_neither_what_a_plain_lora_writes(engines: list[Engine]) -> None:
    llama, transformers = engines
    long = "A: " + "um dois três quatro " * 40 + WORDS  # read in more than one piece
    for prompt in (PROMPT, long):
        activated = written(transformers, "activated", prompt)
        assert written(llama, "activated", prompt) == activated
        assert activated not in (written(transformers, None, prompt), written(transformers, "plain", prompt))


def test_without_its_words_the_base_writes(engines: list[Engine]) -> None:
    for engine in engines:
        assert written(engine, "activated", "A: um dois três") == written(engine, None, "A: um dois três")


def test_one_that_never_acts_is_left_out(engines: list[Engine], tmp_path: Path, tiny_checkpoint: Path) -> None:
    idle = make(tmp_path / "idle", tiny_checkpoint, [5, 6, 7])
    for engine in engines:
        (failure,) = engine.set_adapters([idle])
        assert "changes nothing" in failure.reason
