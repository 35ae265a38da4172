"""Where an adapter leaves little freedom, llama.cpp and transformers write the same text.

Free text falls apart at near ties: llama.cpp rounds activations to 8 bits, which moves log-probabilities
by 0.1 to 0.3 on this base.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.engines.base import AdapterFiles, Engine, GenerationRequest, complete
from assistant.engines.llama_cpp import LlamaCppEngine
from assistant.engines.transformers_peft import TransformersPeftEngine
from assistant.stores.registry import AdapterRegistry

from .conftest import PROBE

ADAPTERS = Path(__file__).parents[2] / "adapters"
CASES = [
    ("legal-ner", "Texto: Brasília, 5 de maio de 2020. O Ministério Público requereu a prisão.\nEntidades:"),
    ("legal-ner", "Texto: Nada a declarar.\nEntidades:"),
    (
        "grounded-chat",
        "Documentos:\n[1] luas.md (11/03/2025): Saturno tem 274 luas confirmadas, mais que todos os outros "
        "planetas juntos.\n\nPergunta: qual planeta tem mais luas?\nResposta:",
    ),
    ("grounded-chat", "Documentos: nenhum\n\nPergunta: quem descobriu o Brasil?\nResposta:"),
]
TEXTS = ["Olá, tudo bem?", "R$ 1.234,56 em 12/03/2019", "😀 ção\t\n\n  x", "<eos><bos>", "ﬁ ½ ① 日本語", "", " "]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def shipped(name: str) -> AdapterFiles:
    version = AdapterRegistry(ADAPTERS).active(name)
    assert version is not None
    return AdapterFiles(name, version.path, version.path / "adapter.gguf", PROBE)


@pytest.fixture(scope="module")
def engines(base_gguf: Path, base_checkpoint: Path) -> Iterator[tuple[Engine, Engine]]:
    both = (
        LlamaCppEngine(base_gguf, threads=1, slots=1, context_size=1024),
        TransformersPeftEngine(base_checkpoint, quantization="bf16", device="cpu", threads=2, context_size=1024),
    )
    for engine in both:
        assert engine.set_adapters([shipped(name) for name in ("legal-ner", "grounded-chat")]) == ()
    yield both
    for engine in both:
        engine.close()


def test_the_shipped_adapters_say_the_same_in_both_engines(engines: tuple[Engine, Engine]) -> None:
    for adapter, prompt in CASES:
        request = GenerationRequest(prompt, adapter, max_tokens=16, stop=("\n",))
        first, second = (complete(engine, request)[0] for engine in engines)
        assert first == second


def test_both_count_the_same_tokens(engines: tuple[Engine, Engine]) -> None:
    for text in [*TEXTS, *(prompt for _, prompt in CASES)]:
        first, second = (engine.count_tokens(text) for engine in engines)
        assert first == second, text
