"""The first step of Treino: a file becomes an adapter in the browser, and what cannot become one is said."""

from __future__ import annotations

import gc
import json
import os
import pickle
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from conftest import loops_left_open
from demo_assistant import DemoAssistant

from assistant.bootstrap import build
from assistant.services.intake_choice import Choice, Intake
from assistant.settings import Settings
from assistant.stores.manifests import Localized
from assistant.training.columns import Columns
from assistant.training.findings import Finding, Severity
from assistant.training.records import Mapping
from assistant.training.report import DataReport, PreviewItem, SplitSizes, Study, TokenLengths
from assistant.ui import uploads
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.training_data import DataStep
from assistant.ui.training_report import file_line, first_rows, preview_view, report_view
from assistant.ui.words import Words
from tests.fake_hub import asking

PT, EN = texts("pt"), texts("en")
EVIL = "<script>alert(1)</script>"
ANA = Session(visitor="visitor-of-the-tests-ana")
COMPLAINTS = {
    "Obras": "O buraco da rua {street} cresceu e já furou o pneu de {n} carros.",
    "Limpeza urbana": "O lixo da rua {street} não é recolhido há {n} dias.",
    "Iluminação": "O poste em frente ao número {n} da rua {street} está apagado.",
    "Saúde": "Esperei {n} horas no posto da rua {street} e não havia médico.",
}
STREETS = ("Aurora", "Bonfim", "Cedro", "Dália", "Estrela", "Figueira", "Girassol", "Horizonte", "Ipê", "Jacarandá")


def complaints(path: Path, header: str = "relato;setor;protocolo") -> Path:
    """Sixty invented complaints by department, one of them with a telephone."""
    rows = []
    for i in range(60):
        department = list(COMPLAINTS)[i % 4]
        text = COMPLAINTS[department].format(street=STREETS[i % 10], n=i + 2)
        rows.append(f"{text}{' Ligue para (11) 98765-4321.' if i == 7 else ''};{department};P{i:03d}")
    path.write_text("\n".join([header, *rows]), "utf-8")
    return path


def study(*findings: Finding, **changes: Any) -> Study:
    values: dict[str, Any] = {
        "form": "csv", "columns": ("a", "b"), "mapping": Mapping("a", "b"), "rows": 1_060, "usable": 1_050,
        "languages": {"pt": 1_000, "": 50}, "tokens": TokenLengths(40, 1_100, 1_500, 9, 1_024, True),
        "labels": {EVIL: 900, "Obras": 150}, "split": SplitSizes(850, 100, 100, 12, True, 13, 0.1),
    }  # fmt: skip
    report = DataReport(**(values | changes), findings=tuple(findings))
    return Study(report, (PreviewItem(2, f"Texto: {EVIL}", f" {EVIL}"),), {("", 7): (EVIL, "Obras")})


def test_the_report_says_in_figures_what_was_found_and_markup_stays_text() -> None:
    long = Finding("too_long", Severity.WARNING, Localized("Longos.", "Long."), (7,), 31)
    shown = report_view(study(long), PT)
    for words in (
        "pode ser usado, com 1 aviso", "1.050 de 1.060 linhas", "português 1.000, sem certeza 50",
        "95 % até 1.100, o maior 1.500",
        "ficam de fora: 31", "Estimado", "850 para treino", "Os 12 grupos ficam inteiros.", "semente 13",
        "900 · 85,7\u00a0%", "Longos.", "e mais 30 linhas",
    ):  # fmt: skip
        assert words in shown, words
    assert '<td class="figure nowrap">7</td>' in shown and "<script>" not in shown
    assert "1,050 of 1,060 rows" in report_view(study(long), EN)
    error = Finding("one_class", Severity.ERROR, Localized("Uma só.", "One only."))
    assert "não pode ser usado: 1 erro" in report_view(study(long, error), PT)
    assert "Nada a observar." in report_view(study(labels={}), PT)
    assert report_view(None, PT) == ""


def test_the_preview_and_the_first_rows_are_the_texts_letter_by_letter() -> None:
    shown = preview_view(study().preview, PT)
    assert "&lt;script&gt;" in shown and "<script>" not in shown
    columns = Columns((EVIL, "b"), ((EVIL, "x" * 900),), Mapping("", ""))
    now = Intake(Path(f"{EVIL[1:7]}.csv"), 4_321, columns, Choice(mapping=Mapping("", "")))
    asked = first_rows(now, PT)
    assert "A planilha tem 2 colunas. Diga qual é a entrada e qual é a saída." in asked
    assert "<script>" not in asked and "x" * 160 not in asked
    assert "4 kB" in file_line(now, PT)


@pytest.fixture
def step(assistant: DemoAssistant) -> Iterator[DataStep]:
    """The step without a page around it."""
    with loops_left_open(), gr.Blocks():
        made = DataStep(assistant, Words(PT), gr.State(ANA))
        made.build()
    yield made
    with loops_left_open():
        gc.collect()


def test_every_event_of_the_step_shows_what_the_service_keeps(step: DataStep, tmp_path: Path) -> None:
    assert step._show(ANA)[step._set]["visible"] is False
    working, shown = step._bring(ANA, [str(complaints(tmp_path / "a.csv", "coisa;tipo;protocolo"))])
    assert "Lendo e conferindo a.csv" in working[step._note]
    assert shown[step._set]["visible"] and not shown[step._drop]["visible"] and shown[step._note] == ""
    assert [choice["value"] for choice in (shown[w] for w in step._chosen)] == ["coisa", "tipo", ""]
    shown = step._choose(ANA, "reply", "coisa", "coisa", None)
    assert [shown[w]["value"] for w in step._chosen] == ["tipo", "coisa", ""]
    assert step._title not in shown and "value" not in shown[step._name], "a title may be half-way typed"
    shown = step._choose(ANA, "reply", "../x", "tipo", "")
    assert "não tem a coluna &#x27;../x&#x27;" in shown[step._note]
    shown = step._choose(ANA, "reply", "coisa", "tipo", "")
    assert "pode ser usado" in shown[step._report] and shown[step._template] == "Texto: {input}\nTipo:"
    shown = step._describe(ANA, "Reclamações por setor", "legal-ner", "{input} ->")
    assert "já está em uso" in shown[step._created] and shown[step._name]["placeholder"] == "reclamacoes-por-setor"
    assert "O buraco da rua Aurora cresceu e já furou o pneu de 2 carros. -&gt;" in shown[step._preview]
    assert step._title not in shown, "nothing is written into a field where somebody types"
    shown = step._show(Session(ANA.visitor, "en"))
    assert shown[step._title] == "Reclamações por setor" and shown[step._template] == "{input} ->"
    assert "can be used" in shown[step._report]
    shown, name = step.made(ANA, "Reclamações por setor", "", "{input}")
    assert name == "reclamacoes-por-setor" and shown[step._drop]["visible"]
    assert step.made(ANA, "x", "x", "{input}")[1] == ""
    assert step._show(Session())[step._set]["visible"] is False, "a page that has not loaded shows nothing"


def test_what_is_refused_leaves_neither_upload_nor_data_set(
    step: DataStep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "assistant-uploads-1-x"
    (folder / "hash").mkdir(parents=True)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    (folder / "hash" / "a.pkl").write_bytes(pickle.dumps([1]))
    half = folder / "tmpabcdef"
    half.write_bytes(b"relato;se")
    os.utime(half, (time.time() - 3600,) * 2)
    (folder / "tmpnow").write_bytes(b"rel")
    *_, shown = step._bring(ANA, [str(folder / "hash" / "a.pkl")])
    assert "conjuntos do tipo &#x27;.pkl&#x27; não são lidos" in shown[step._note]
    assert [path.name for path in folder.iterdir()] == ["tmpnow"], "what is being sent goes on"
    mine = complaints(tmp_path / "mine.csv")
    uploads.forget([mine])
    assert mine.exists(), "only uploads are removed"


def test_a_data_set_of_the_hub_is_asked_for_by_its_name_and_shows_where_it_is_from(
    step: DataStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"texto": COMPLAINTS["Obras"].format(street=s, n=n), "setor": EVIL} for s in STREETS for n in range(3)]
    rows += [{"texto": COMPLAINTS["Saúde"].format(street=s, n=n), "setor": "Saúde"} for s in STREETS for n in range(17)]
    with asking(monkeypatch) as hub:
        hub.add("cidade/x", {"train.jsonl": "".join(json.dumps(row) + "\n" for row in rows * 3).encode()}, license=EVIL)
        assert step._show(ANA)[step._by_name]["visible"] and hub.asked == [], "opening the page asks nobody"
        looking, *counting, shown = step._bring_named(ANA, "cidade/x")
        assert "Procurando hub:cidade/x no hub" in looking[step._note]
        assert "hub:cidade/x@default#train: 500 linhas até agora" in counting[0][step._note]
        assert shown[step._note] == ""
        assert shown[step._set]["visible"] and not shown[step._by_name]["visible"]
        line = shown[step._file]
        assert "De hub:cidade/x@default#train, versão 0123456789ab" in line and "600 linhas." in line
        assert "&lt;script&gt;" in line and "<script>" not in line + shown[step._report] + shown[step._first]
        english = step._show(Session(ANA.visitor, "en"))
        assert "From hub:cidade/x@default#train, commit 0123456789ab" in english[step._file]
        shown = step._forget(ANA)
        assert shown[step._by_name]["visible"]
        stopped = step._bring_named(ANA, "cidade/x")
        next(stopped)
        stopped.close()
        assert step._show(ANA)[step._set]["visible"] is False, "a page that goes away leaves nothing"


def test_a_name_that_is_none_and_a_machine_without_a_network_are_said_on_the_page(
    step: DataStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    *_, shown = step._bring_named(ANA, "../../etc/passwd")
    assert "não é o nome de um conjunto de dados" in shown[step._note]
    *_, shown = step._bring_named(ANA, "dono/nome")
    assert "dono/nome: não há rede" in shown[step._note] and "arquivo" in shown[step._note]
    *_, shown = step._bring_named(Session(ANA.visitor, "en"), None)
    assert "is no name of a data set" in shown[step._note].replace("&#x27;", "'")
    assert step._show(ANA)[step._set]["visible"] is False


@pytest.fixture
def site(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[tuple[str, Path]]:
    """The real services over an empty home and a tiny base; the engine writes by script."""
    from assistant.ui.app import build_ui, launch

    settings = Settings.load(
        home=tmp_path, engine="scripted", base_model=str(tiny_checkpoint), data_folder=tmp_path / "public"
    )
    (tmp_path / "adapters").mkdir()
    real = build(settings)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with loops_left_open():
        blocks = build_ui(real)
    yield launch(blocks, "127.0.0.1", port, block=False), tmp_path
    for job in real.jobs.jobs():
        if job.active:
            real.jobs.stop(job.id)
    for child in real.jobs._children.values():
        child.wait(120)
    blocks.close(verbose=False)
    real.close()
    del blocks
    with loops_left_open():
        gc.collect()


@pytest.fixture
def page(chromium: Any, site: tuple[str, Path]) -> Iterator[Any]:
    context, errors = chromium.new_context(locale="pt-BR"), []
    opened = context.new_page()
    opened.set_default_timeout(90_000)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(site[0])
    opened.wait_for_selector(".example")
    opened.click("button[role=tab]:has-text('Treino')")
    opened.wait_for_selector("#data-drop input[type=file]", state="attached")
    yield opened
    context.close()
    assert errors == []


def dropped(page: Any, path: Path) -> None:
    """Drop a file on the zone, as a person does."""
    data = page.evaluate_handle(
        "([name, text]) => { const d = new DataTransfer(); d.items.add(new File([text], name)); return d; }",
        [path.name, path.read_text("utf-8")],
    )
    page.dispatch_event("#data-drop button", "drop", {"dataTransfer": data})


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_file_of_complaints_becomes_an_adapter_that_can_be_trained(
    page: Any, site: tuple[str, Path], tmp_path: Path
) -> None:
    home = site[1]
    dropped(page, complaints(tmp_path / "ouvidoria.csv", "relato;setor;categoria"))
    page.wait_for_selector("#data-first .note >> text=Diga qual é a entrada e qual é a saída")
    page.click("#data-column_output input")
    page.click("[role=option]:has-text('setor')")
    page.wait_for_selector("#data-report >> text=60 de 60 linhas têm entrada e saída")
    page.click("#data-report summary:has-text('telefone')")
    assert "Ligue para (11) 98765-4321" in page.inner_text("#data-report details[open]")
    assert page.inner_text(".model-text >> nth=0").endswith("Setor: Obras")
    page.fill("#data-title input, #data-title textarea", "Reclamações por setor")
    page.keyboard.press("Tab")
    page.wait_for_selector("#data-name [placeholder='reclamacoes-por-setor']")
    page.reload()
    page.wait_for_selector(".example")
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#data-report >> text=60 de 60 linhas")
    assert page.input_value("#data-title input, #data-title textarea") == "Reclamações por setor"
    assert page.input_value("#data-column_output input") == "setor"
    page.click("#data-create")
    page.wait_for_selector("#training-made >> text=O adaptador «Reclamações por setor» foi criado")
    page.wait_for_selector("#training-expected >> text=48")
    assert page.input_value("#training-adapter input") == "Reclamações por setor"
    assert page.is_checked("#training-preset input[value=balanced]")
    assert page.is_visible("#data-drop") and list((home / "var" / "datasets").iterdir()) == []
    assert sorted(p.name for p in (home / "adapters" / "reclamacoes-por-setor").iterdir()) == [
        "card.toml", "data", "recipe.toml",
    ]  # fmt: skip
    page.reload()
    page.wait_for_selector(".example")
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#training-expected >> text=48")
    assert page.input_value("#training-adapter input") == "Reclamações por setor"


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_the_whole_way_from_a_file_to_live(page: Any, site: tuple[str, Path], tmp_path: Path) -> None:
    """With a real training of the tiny base: half a minute on a quiet machine, at the lowest priority."""
    dropped(page, complaints(tmp_path / "ouvidoria.csv"))
    page.wait_for_selector("#data-report section")
    page.fill("#data-title input, #data-title textarea", "Reclamações por setor")
    page.click("#data-create")
    page.wait_for_selector("#training-made >> text=foi criado")
    page.click("#training-preset >> text=rápido")
    page.click("#training-start")
    page.wait_for_selector("#training-job .chip >> text=pronto", timeout=400_000)
    page.click("button[role=tab]:has-text('Adaptadores')")
    page.click("#adapter-detail >> text=Ativar")
    page.wait_for_selector("#adapter-note >> text=0001")
    card = (site[1] / "adapters" / "reclamacoes-por-setor" / "card.toml").read_text("utf-8")
    assert "active = 1" in card


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_more_rows_join_an_adapter_and_are_taken_back(page: Any, site: tuple[str, Path], tmp_path: Path) -> None:
    dropped(page, complaints(tmp_path / "ouvidoria.csv"))
    page.wait_for_selector("#data-report section")
    page.fill("#data-title input, #data-title textarea", "Reclamações por setor")
    page.click("#data-create")
    page.wait_for_selector("#training-made >> text=foi criado")
    file = complaints(tmp_path / "mais.csv")
    file.write_text(file.read_text("utf-8") + "\nO semáforo da avenida Brasil pisca em amarelo;Obras;N1", "utf-8")
    page.wait_for_selector("#data-drop input[type=file]", state="attached")
    dropped(page, file)
    page.wait_for_selector("#data-report section")
    page.click("#data-target input")
    page.click("[role=option]:has-text('Juntar aos dados de «Reclamações por setor»')")
    page.wait_for_selector("#data-report >> text=Linhas que o adaptador já tem no treino: 48")
    assert not page.is_visible("#data-create")
    page.click("#data-add")
    page.wait_for_selector("#training-made >> text=Linhas para treino: 1; para validação: 0; de fora: 60")
    page.wait_for_selector("#training-files >> text=juntado de mais.csv")
    recipe = site[1] / "adapters" / "reclamacoes-por-setor" / "recipe.toml"
    assert "data/mais.jsonl" in recipe.read_text("utf-8")
    page.click("#training-files >> text=Retirar dos dados")
    page.click("#training-files >> text=Sim, retirar")
    page.wait_for_selector("#training-files-note >> text=Retirado dos dados")
    assert "mais" not in recipe.read_text("utf-8")
    assert page.is_disabled("#judge-start"), "there is no version yet"


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_what_cannot_be_used_is_said_and_nothing_is_sent_or_kept(
    page: Any, site: tuple[str, Path], tmp_path: Path
) -> None:
    home = site[1]
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/upload" in request.url else None)
    (tmp_path / "enorme.csv").write_bytes(b"relato;setor\n" + b"x" * (21 * 2**20))
    page.set_input_files("#data-drop input[type=file]", str(tmp_path / "enorme.csv"))
    page.wait_for_selector("#data-hint >> text=enorme.csv tem 22 MB; a página recebe até 20 MB")
    assert sent == []
    (tmp_path / "pesos.pkl").write_bytes(pickle.dumps({"a": 1}))
    page.set_input_files("#data-drop input[type=file]", str(tmp_path / "pesos.pkl"))
    page.wait_for_selector("#data-note >> text=conjuntos do tipo '.pkl' não são lidos")
    assert not page.is_visible("#data-hint [data-limit]")
    (tmp_path / "aspas.csv").write_text('relato;setor\nbom;Obras\n"aberto;Obras\n', "utf-8")
    page.set_input_files("#data-drop input[type=file]", str(tmp_path / "aspas.csv"))
    page.wait_for_selector("#data-note >> text=aspas.csv, linha 3")
    assert page.is_visible("#data-drop") and not page.is_visible("#data-set")
    assert list((home / "var" / "datasets").iterdir()) == []
    page.set_input_files("#data-drop input[type=file]", str(complaints(tmp_path / "boa.csv")))
    page.wait_for_selector("#data-report section")
    page.click(".switch >> text=EN")
    page.wait_for_selector("#data-report >> text=can be used, with 2 warnings")
    page.click(".switch >> text=PT")
    page.wait_for_selector("#data-report >> text=pode ser usado, com 2 avisos")
    page.fill("#data-name input, #data-name textarea", "../fora")
    page.click("#data-create")
    page.wait_for_selector("#data-refused >> text='../fora' não serve como nome")
    assert list((home / "adapters").iterdir()) == []
    page.click("#data-remove")
    page.wait_for_selector("#data-drop")
    assert list((home / "var" / "datasets").iterdir()) == []


def test_the_page_for_newcomers_names_the_buttons_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "train-an-adapter.md").read_text("utf-8")
    section = page.split("## From a table to live, in the browser")[1].split("\n## ")[0]
    named = [re.sub(r"^\d ", "", words) for words in re.findall(r"\*\*(.+?)\*\*", section)]
    assert len(named) >= 15
    assert [words for words in named if words not in PT.words.values()] == []
