"""The embedded base for llama.cpp, a tiny model of the same family for transformers, and adapters for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.engines.base import AdapterFiles, Engine, GenerationRequest
from assistant.engines.scripted import ScriptedEngine
from tests.tiny import write_base_config

from .loras import write_gguf, write_lora

PROBE = "Pergunta: qual é a capital?\nResposta:"
PROMPT = "O rato roeu a roupa do rei de Roma e depois"
CONTEXT = 512


@dataclass(frozen=True)
class Case:
    """One engine with adapters "a" and "b" resident; "noop" exists and changes nothing."""

    engine: Engine
    adapters: dict[str, AdapterFiles]


@pytest.fixture(scope="session")
def base_adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AdapterFiles]:
    """Adapters of the embedded base, as PEFT folders and as GGUF."""
    home = tmp_path_factory.mktemp("adapters")
    config = write_base_config(home / "config")
    adapters = _adapters(home, config, strength=0.05)
    for adapter in adapters.values():
        write_gguf(adapter.folder)
    return adapters


@pytest.fixture(scope="session")
def tiny_adapters(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> dict[str, AdapterFiles]:
    return _adapters(tmp_path_factory.mktemp("tiny-adapters"), tiny_checkpoint, strength=0.5)


def _adapters(home: Path, checkpoint: Path, strength: float) -> dict[str, AdapterFiles]:
    found = {}
    for seed, (name, force) in enumerate((("a", strength), ("b", strength), ("noop", 0.0)), start=1):
        folder = write_lora(home / name, checkpoint, seed, force)
        found[name] = AdapterFiles(name, folder, folder / "adapter.gguf", PROBE)
    return found


def open_llama(base_gguf: Path, *, slots: int = 2) -> Engine:
    from assistant.engines.llama_cpp import LlamaCppEngine

    return LlamaCppEngine(base_gguf, threads=1, slots=slots, context_size=CONTEXT)


def open_tiny(checkpoint: Path, quantization: str = "fp32") -> Engine:
    from assistant.engines.transformers_peft import TransformersPeftEngine

    return TransformersPeftEngine(checkpoint, quantization=quantization, device="cpu", threads=1, context_size=CONTEXT)


def open_scripted() -> Engine:
    """A script in which adapter, seed and temperature matter, as they do for a model."""

    def script(request: GenerationRequest) -> str:
        luck = request.seed if request.temperature else 0
        return f"{request.adapter or 'base'} {luck} " + " ".join(f"palavra{n}" for n in range(90))

    def blind(request: GenerationRequest) -> str:  # the adapter "noop" changes nothing
        return script(GenerationRequest(request.prompt, None)) if request.adapter == "noop" else script(request)

    return ScriptedEngine(blind, context_size=CONTEXT)


@pytest.fixture(scope="session")
def opened(request: pytest.FixtureRequest) -> Iterator[dict[str, Case]]:
    """Engines opened so far, by name; closed at the end of the session."""
    cases: dict[str, Case] = {}
    yield cases
    for case in cases.values():
        case.engine.close()


def fresh(name: str, request: pytest.FixtureRequest) -> Case:
    """A new engine with "a" and "b" resident."""
    if name == "llama_cpp":
        engine = open_llama(request.getfixturevalue("base_gguf"))
        adapters = request.getfixturevalue("base_adapters")
    else:
        adapters = request.getfixturevalue("tiny_adapters")
        checkpoint = request.getfixturevalue("tiny_checkpoint")
        engine = open_scripted() if name == "scripted" else open_tiny(checkpoint)
    assert engine.set_adapters([adapters["a"], adapters["b"]]) == ()
    return Case(engine, adapters)


@pytest.fixture(params=["scripted", "llama_cpp", "transformers_peft"])
def case(request: pytest.FixtureRequest, opened: dict[str, Case]) -> Case:
    """Each engine in turn, shared by the tests of a session."""
    if request.param not in opened:
        opened[request.param] = fresh(request.param, request)
    return opened[request.param]


@pytest.fixture
def fresh_case(case: Case, request: pytest.FixtureRequest) -> Iterator[Case]:
    """The same kind of engine as `case`, just started."""
    new = fresh(case.engine.name, request)
    yield new
    new.engine.close()
