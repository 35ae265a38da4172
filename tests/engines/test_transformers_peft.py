"""What transformers and PEFT alone could do wrong: pickle, foreign shapes, precision, long prompts."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from assistant.engines.base import AdapterFiles, GenerationRequest, Message, complete
from assistant.engines.decoding import Sampling, decode, next_log_probabilities
from assistant.engines.transformers_peft import TransformersPeftEngine
from assistant.engines.weights import load_options
from assistant.errors import ConfigurationError, GenerationError, ModelUnavailable

from .conftest import PROMPT, open_tiny
from .loras import write_lora

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def changed(adapter: AdapterFiles, folder: Path, name: str, tensor: np.ndarray | None) -> AdapterFiles:
    """A copy of the adapter with one tensor replaced, or all under another name."""
    folder.mkdir()
    tensors = load_file(adapter.folder / "adapter_model.safetensors")
    if tensor is None:
        tensors = {key.replace("q_proj", name): value for key, value in tensors.items()}
    else:
        tensors[name] = tensor
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_bytes((adapter.folder / "adapter_config.json").read_bytes())
    return replace(adapter, key=folder.name, folder=folder)


def test_bad_adapters_are_reported_and_the_others_serve(
    tiny_checkpoint: Path, tiny_adapters: dict[str, AdapterFiles], tmp_path: Path
) -> None:
    good = tiny_adapters["a"]
    first = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    pickled = replace(good, key="pickled", folder=tmp_path / "pickled")
    pickled.folder.mkdir()
    (pickled.folder / "adapter_model.bin").write_bytes(b"\x80\x04.")
    config = json.loads((good.folder / "adapter_config.json").read_text("utf-8"))
    (pickled.folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    other = replace(good, key="other", folder=tmp_path / "other")
    other.folder.mkdir()
    (other.folder / "adapter_config.json").write_text(json.dumps(config | {"peft_type": "IA3"}), "utf-8")
    bad = [
        changed(good, tmp_path / "nan", first, np.full((4, 64), np.nan, dtype=np.float32)),
        changed(good, tmp_path / "wide", first, np.ones((4, 65), dtype=np.float32)),
        changed(good, tmp_path / "foreign", "query_key_value", None),
        pickled,
        other,
        replace(good, key="missing", folder=tmp_path / "missing"),
    ]
    engine = open_tiny(tiny_checkpoint)
    failures = {failure.key: failure.reason for failure in engine.set_adapters([*bad, good])}
    assert engine.resident() == ("a",)
    assert "not finite" in failures["nan"]
    assert "shape (4, 65)" in failures["wide"]
    assert "no linear layer" in failures["foreign"]
    assert "cannot be read" in failures["pickled"]
    assert "no LoRA" in failures["other"]
    assert "cannot be read" in failures["missing"]
    engine.close()


@pytest.mark.parametrize("quantization", ["nf4", "int8", "bf16"])
def test_every_precision_writes_and_takes_adapters(tiny_checkpoint: Path, tmp_path: Path, quantization: str) -> None:
    folder = write_lora(tmp_path / "strong", tiny_checkpoint, 7, 2.0)
    engine = open_tiny(tiny_checkpoint, quantization)
    assert engine.set_adapters([AdapterFiles("s", folder, folder / "none.gguf", PROMPT)]) == ()
    texts = {complete(engine, GenerationRequest(PROMPT, adapter, max_tokens=8))[0] for adapter in (None, "s")}
    assert len(texts) == 2
    engine.close()


def test_a_prompt_read_in_pieces_continues_as_one_read_at_once(tiny_checkpoint: Path) -> None:
    """1,100 tokens are three pieces and many times the sliding window of 64."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_checkpoint, **load_options("fp32", "cpu"))
    prompt = [3 + (n * n) % 250 for n in range(1100)]
    pieces = list(decode(model, prompt, Sampling(0.0, 0, 6, logprobs=True), lambda: False))
    with torch.inference_mode():
        whole = model.generate(torch.tensor([prompt]), max_new_tokens=6, do_sample=False, eos_token_id=None)
    assert [token.id for token in pieces] == whole[0, len(prompt) :].tolist()
    last = next_log_probabilities(model, [*prompt, *(token.id for token in pieces[:-1])])
    assert pieces[-1].logprob == pytest.approx(float(last[pieces[-1].id]), abs=1e-3)


def test_a_generation_is_not_begun_for_a_reader_who_left(
    tiny_checkpoint: Path, tiny_adapters: dict[str, AdapterFiles]
) -> None:
    engine = open_tiny(tiny_checkpoint)
    engine.set_adapters([tiny_adapters["a"]])
    assert isinstance(engine, TransformersPeftEngine)
    cancel = threading.Event()
    with engine._lock:  # a generation that holds the model
        waiting = engine.stream(GenerationRequest(PROMPT, "a"), cancel)
        cancel.set()
        assert [type(item).__name__ for item in waiting] == ["Finished"]
    assert complete(engine, GenerationRequest(PROMPT, "a", max_tokens=2))[1].usage.completion_tokens == 2
    engine.close()


def test_a_failure_of_the_model_reaches_the_reader(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_tiny(tiny_checkpoint)

    def fail(*_: object) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr("assistant.engines.transformers_peft.decode", fail)
    with pytest.raises(GenerationError, match="out of memory"):
        complete(engine, GenerationRequest(PROMPT))
    engine.close()


def test_messages_need_a_template_and_go_through_it(tiny_checkpoint: Path) -> None:
    engine = open_tiny(tiny_checkpoint)
    assert isinstance(engine, TransformersPeftEngine)
    with pytest.raises(GenerationError, match="no chat template"):
        complete(engine, GenerationRequest((Message("user", "oi"),)))
    engine._tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    _, finished = complete(engine, GenerationRequest((Message("user", "oi"),), max_tokens=2))
    assert finished.usage.prompt_tokens == len("user: oi\n")
    engine.close()


def test_markup_in_a_document_stays_text(tiny_checkpoint: Path) -> None:
    engine = open_tiny(tiny_checkpoint)
    assert engine.count_tokens("<eos>") == len("<eos>")
    engine.close()


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="doctor"):
        open_tiny(tmp_path)


def test_unknown_precisions_and_devices_are_all_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'q9'.*'tpu'"):
        load_options("q9", "tpu")


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelUnavailable, match="ASSISTANT_ENGINE=llama_cpp"):
        load_options("nf4", "cuda")
    assert load_options("bf16", "auto")["device_map"] == {"": "cpu"}


def test_weights_are_never_unpickled_and_no_code_is_trusted() -> None:
    options = load_options("nf4", "cpu")
    assert options["use_safetensors"]
    assert not options["trust_remote_code"]
    assert options["quantization_config"].bnb_4bit_use_double_quant
