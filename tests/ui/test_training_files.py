"""More rows for an adapter that is there, on the page: chosen, compared, added, listed, taken back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from conftest import loops_left_open
from demo_assistant import DemoAssistant
from test_training_data import ANA, EVIL, complaints

from assistant.services.additions import DataFile
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.training_data import DataStep
from assistant.ui.training_files import DataFiles, files_view
from assistant.ui.training_view import joined
from assistant.ui.words import Words

PT, EN = texts("pt"), texts("en")


@pytest.fixture
def parts(assistant: DemoAssistant) -> Iterator[tuple[DataStep, DataFiles]]:
    """The two parts of the page without the page around them; an adapter of sixty complaints is there."""
    with loops_left_open(), gr.Blocks():
        words, session = Words(PT), gr.State(ANA)
        made = DataStep(assistant, words, session), DataFiles(assistant, words, session)
        for part in made:
            part.build()
    yield made
    with loops_left_open():
        gc.collect()


def click(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


def more(path: Path) -> Path:
    """The sixty again, and four that are new."""
    rows = complaints(path).read_text("utf-8").splitlines()
    new = ["O semáforo da avenida Brasil pisca em amarelo desde ontem;Obras;N1", "A creche fechou sem avisar;Saúde;N2"]
    new += [
        "Tem um sofá velho largado na calçada do mercado;Limpeza urbana;N3",
        "Faltou vacina para o meu filho;Saúde;N4",
    ]
    path.write_text("\n".join([*rows, *new]), "utf-8")
    return path


def test_rows_are_added_listed_and_taken_back(
    parts: tuple[DataStep, DataFiles], assistant: DemoAssistant, tmp_path: Path
) -> None:
    step, files = parts
    *_, shown = step._bring(ANA, [str(complaints(tmp_path / "a.csv"))])
    assert shown[step._target]["visible"] is False, "no adapter has data to add to"
    step._choose(ANA, "reply", "relato", "setor", "")
    _, name = step.made(ANA, "Reclamações por setor", "", "{input}")
    *_, shown = step._bring(ANA, [str(more(tmp_path / "mais.csv"))])
    step._choose(ANA, "reply", "relato", "setor", "")
    shown = step._show(ANA)
    assert shown[step._target]["visible"] and shown[step._form]["visible"] and not shown[step._joining]["visible"]
    assert shown[step._target]["choices"] == [
        ("um adaptador novo", ""), ("Juntar aos dados de «Reclamações por setor»", name),
    ]  # fmt: skip
    refused = step._aim(ANA, "../x")
    assert "não podem ser juntados" in refused[step._note]
    shown = step._aim(ANA, name)
    assert not shown[step._form]["visible"] and shown[step._joining]["visible"] and shown[step.join]["interactive"]
    assert "Linhas que o adaptador já tem no treino: 48" in shown[step._report]
    assert "reserva para validação ou teste: 12" in shown[step._report]
    shown, made = step.added(ANA)
    assert made is not None and shown[step._drop]["visible"]
    told = joined("Reclamações por setor", made.report, PT)
    assert "de fora: 60" in told and "The next training uses everything" in joined("C", made.report, EN)
    assert step.added(ANA)[1] is None, "it has gone from here"
    listed = files.show(ANA, name)[files._list]
    assert "juntado de mais.csv" in listed and listed.count("Retirar dos dados") == 1
    asked = files.act(ANA, name, click(action="ask", file="data/mais.jsonl"))
    assert "Sim, retirar" in asked[files._list]
    assert "Sim, retirar" not in files.act(ANA, name, click(action="cancel", file="data/mais.jsonl"))[files._list]
    refused = files.act(ANA, name, click(action="take_back", file="data/train.jsonl"))
    assert "não foi juntado" in refused[files._note]
    gone = files.act(Session(ANA.visitor, "en"), name, click(action="take_back", file="data/mais.jsonl"))
    assert "Taken back: data/mais.jsonl" in gone[files._note] and "mais" not in gone[files._list]
    assert [file.name for file in assistant.datasets.files(name)] == [
        "data/train.jsonl", "data/validation.jsonl", "data/test.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize("adapter", [None, "", "../x", "nobody", "legal-ner"])
def test_an_adapter_without_data_shows_no_list(parts: tuple[DataStep, DataFiles], adapter: str | None) -> None:
    files = parts[1]
    assert files.show(ANA, adapter)[files._list] == ""
    assert files.act(ANA, adapter, click(action=3, file=None))[files._list] == ""
    assert 'class="failure"' in files.act(ANA, adapter, click(action="take_back", file="x"))[files._note]


def test_names_of_files_stay_text() -> None:
    shown = files_view(
        [DataFile(f"data/{EVIL}", "train", 1_234, EVIL, "2025-11-20"), DataFile("public:x", "odd")], "", PT
    )
    assert "<script>" not in shown and "1.234" in shown and "20/11/2025" in shown and "2 arquivos" in shown
