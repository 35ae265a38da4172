"""What llama.cpp alone could do wrong: damaged files, leaking caches, an open port, noise on stdout."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from assistant.engines.base import AdapterFiles, GenerationRequest, Message, complete
from assistant.engines.gguf_header import Header, HeaderError, adapter_fault, read_header
from assistant.engines.llama_cpp import LlamaCppEngine
from assistant.engines.llama_server import LlamaServer, ServerOptions
from assistant.errors import GenerationError, ModelUnavailable
from tests.tiny import write_base_config

from .conftest import PROBE, PROMPT, open_llama
from .loras import write_gguf, write_lora


@pytest.fixture(scope="module")
def header(base_gguf: Path) -> Header:
    return read_header(base_gguf)


@pytest.fixture(scope="module")
def server(base_gguf: Path, base_adapters: dict[str, AdapterFiles]) -> LlamaServer:
    return LlamaServer(ServerOptions(base_gguf, 1, 1, 512), [base_adapters["a"], base_adapters["b"]])


def probabilities(server: LlamaServer, adapter: str | None) -> tuple[int, list[float]]:
    """Tokens taken from the cache, and the log-probabilities of the answer."""
    answer = server._native.handle_completions(
        {
            "prompt": PROMPT * 8,
            "max_tokens": 3,
            "temperature": 0.0,
            "n_probs": 2,
            "lora": server.scales(adapter),
        }
    )
    details = answer["usage"]["prompt_tokens_details"]
    return details["cached_tokens"], [t["logprob"] for t in answer["choices"][0]["logprobs"]["content"]]


def test_no_cached_prompt_crosses_from_one_adapter_to_another(server: LlamaServer) -> None:
    first: dict[str | None, list[float]] = {}
    for adapter in ("a", "b", "a", None, "b", None):
        cached, values = probabilities(server, adapter)
        assert cached == 0, adapter
        assert first.setdefault(adapter, values) == values, adapter
    assert probabilities(server, None)[0] > 0  # the same adapter again does use the cache


def test_every_adapter_is_named_with_its_scale(server: LlamaServer) -> None:
    assert server.scales("b") == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
    assert server.scales(None) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]


def test_the_port_is_loopback_and_needs_the_key(server: LlamaServer) -> None:
    address = urlsplit(server._native.listening_address)
    assert address.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=30)
    for path in ("/v1/completions", "/tokenize", "/lora-adapters"):
        connection.request("POST", path, b'{"prompt": "x", "content": "x"}')
        response = connection.getresponse()
        response.read()
        assert response.status == http.client.UNAUTHORIZED, path
    connection.close()


def test_markup_in_a_document_stays_text(server: LlamaServer) -> None:
    for markup in ("<eos>", "<start_of_turn>", "<bos>"):
        assert len(server.tokenize(markup, special=False)) > 1
    assert server.tokenize("olá", special=True)[1:] == server.tokenize("olá", special=False)


def test_messages_need_a_template(base_gguf: Path) -> None:
    engine = open_llama(base_gguf, slots=1)
    with pytest.raises(GenerationError, match="no chat template"):
        complete(engine, GenerationRequest((Message("user", "oi"),)))
    assert engine.context_size == 512
    engine.close()


def test_bad_adapters_are_reported_and_the_others_serve(
    base_gguf: Path, base_adapters: dict[str, AdapterFiles], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = base_adapters["a"]
    whole = good.gguf.read_bytes()
    cut, foreign, missing = tmp_path / "cut.gguf", tmp_path / "foreign.gguf", tmp_path / "missing.gguf"
    cut.write_bytes(whole[: len(whole) // 2])
    foreign.write_bytes(whole.replace(b"gemma3", b"gemmaX"))
    bad = [replace(good, key=path.stem, gguf=path) for path in (cut, foreign, missing, base_gguf)]
    engine = open_llama(base_gguf, slots=1)
    failures = {failure.key: failure.reason for failure in engine.set_adapters([*bad, good])}
    assert engine.resident() == ("a",)
    assert "cut off" in failures["cut"]
    assert "gemmaX" in failures["foreign"]
    assert "cannot be read" in failures["missing"]
    assert "no LoRA adapter" in failures[base_gguf.stem]
    assert complete(engine, GenerationRequest(PROMPT, "a", max_tokens=3))[0]
    engine.close()
    assert capfd.readouterr().out == ""


def test_a_damaged_base_is_refused_before_llama_cpp_sees_it(base_gguf: Path, tmp_path: Path) -> None:
    contents = {"empty": b"", "other": b"PK\x03\x04" * 99, "cut": base_gguf.read_bytes()[:9999]}
    for name, content in contents.items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(content)
        with pytest.raises(ModelUnavailable, match=name):
            LlamaCppEngine(path, threads=1, slots=1, context_size=512)


def test_the_header_of_the_base(header: Header) -> None:
    assert header.architecture == "gemma3"
    assert header.number("context_length", 0) == 32768
    assert header.tensors["blk.0.attn_q.weight"].shape == (640, 1024)
    assert len(header.tensors) == 236


def test_an_adapter_with_impossible_tensors_is_refused(
    header: Header, base_adapters: dict[str, AdapterFiles], tmp_path: Path
) -> None:
    good = base_adapters["a"].gguf
    assert adapter_fault(good, header) is None
    whole = good.read_bytes()

    def fault(content: bytes) -> str:
        path = tmp_path / "adapter.gguf"
        path.write_bytes(content)
        return adapter_fault(path, header) or ""

    tensor = next(iter(read_header(good).tensors.values()))
    nan = np.array([np.nan], dtype=np.float16).tobytes()
    assert "not finite" in fault(whole[: tensor.offset] + nan + whole[tensor.offset + 2 :])
    assert "no tensor" in fault(whole.replace(b"blk.3.attn_q", b"blk.9.attn_x"))
    assert "one half" in fault(whole.replace(b"attn_q.weight.lora_b", b"attn_k.weight.lora_b", 1))
    assert "cut off" in fault(whole[:-4096])
    tall = write_lora(tmp_path / "tall", write_base_config(tmp_path / "config", hidden_size=320), 1)
    assert "shapes" in (adapter_fault(write_gguf(tall), header) or "")


@pytest.mark.parametrize("length", [0, 3, 4, 23, 24, 60, 300])
def test_a_header_cut_anywhere_is_an_error_with_words(
    base_adapters: dict[str, AdapterFiles], tmp_path: Path, length: int
) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(base_adapters["a"].gguf.read_bytes()[:length])
    with pytest.raises(HeaderError, match=r"cut\.gguf"):
        read_header(path)


def test_asking_imports_no_torch(base_gguf: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from assistant.engines.llama_cpp import LlamaCppEngine\n"
        f"e = LlamaCppEngine(Path({str(base_gguf)!r}), threads=1, slots=1, context_size=512)\n"
        f"assert e.count_tokens({PROBE!r}) > 3; e.close()\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_the_adapter_files_may_go_once_they_are_loaded(
    base_gguf: Path, base_adapters: dict[str, AdapterFiles], tmp_path: Path
) -> None:
    copied = replace(base_adapters["a"], gguf=tmp_path / "adapter.gguf")
    shutil.copy(base_adapters["a"].gguf, copied.gguf)
    engine = open_llama(base_gguf, slots=1)
    assert engine.set_adapters([copied]) == ()
    copied.gguf.unlink()
    assert complete(engine, GenerationRequest(PROMPT, "a", max_tokens=3))[0]
    engine.close()
