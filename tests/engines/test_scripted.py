from pathlib import Path

import pytest

from assistant.engines.base import AdapterFiles, GenerationRequest, complete
from assistant.engines.scripted import ScriptedEngine
from assistant.models.prompt_format import NO_DOCUMENTS


def answer(prompt: str) -> str:
    return complete(ScriptedEngine(), GenerationRequest(prompt))[0]


def test_the_demonstration_quotes_the_first_passage() -> None:
    prompt = (
        "Documentos:\n[2] luas-2023.md (2023): Júpiter tem 92 luas.\n"
        "[1] luas-2025.md (11/03/2025): Saturno tem 274 luas. Foi anunciado em março.\n\n"
        "Pergunta: qual planeta tem mais luas?\nResposta:"
    )
    assert answer(prompt) == " «Saturno tem 274 luas.» [1]\nSaturno tem 274 luas. [1]"


def test_the_demonstration_abstains_extracts_and_apologizes() -> None:
    assert answer(f"{NO_DOCUMENTS}Pergunta: quem?\nResposta:") == " Os documentos não respondem a isso."
    assert answer("Texto: nada aqui\nEntidades:") == " nenhuma"
    assert "Lamentamos" in answer("Avaliação: frango frio\nResposta:")
    assert "demonstração" in answer("olá")


def test_a_mapping_is_tried_in_its_order() -> None:
    engine = ScriptedEngine({"lua": "Saturno", "": "não sei"})
    assert complete(engine, GenerationRequest("qual lua?"))[0] == "Saturno"
    assert complete(engine, GenerationRequest("oi"))[0] == "não sei"


def test_an_adapter_without_a_folder_is_reported(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    missing = AdapterFiles("x@0001", tmp_path / "x", tmp_path / "x.gguf", "p")
    here = AdapterFiles("y@0001", tmp_path, tmp_path / "y.gguf", "p")
    assert [failure.key for failure in engine.set_adapters([missing, here])] == ["x@0001"]
    assert engine.resident() == ("y@0001",)


@pytest.mark.parametrize("text", ["", " ", "uma", " duas palavras\n", "linha\n\noutra "])
def test_words_joined_are_the_text(text: str) -> None:
    assert complete(ScriptedEngine({"": text}), GenerationRequest("?"))[0] == text
