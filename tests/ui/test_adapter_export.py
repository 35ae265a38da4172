"""Exporting from the page: what is asked for is checked on the server, and a file comes back."""

from __future__ import annotations

import gc
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from conftest import loops_left_open
from demo_assistant import DemoAssistant

from assistant.errors import InputRejected
from assistant.services.export_process import Ready, Stopped, Working
from assistant.ui.adapter_export import AdapterExport, Offered, shown
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.words import Words

PT = texts("pt")
Open = Callable[..., Any]


@pytest.mark.parametrize(
    ("name", "version", "form"),
    [
        ("legal-ner", "99", "peft"),
        ("legal-ner", "-1", "peft"),
        ("legal-ner", "1; rm", "peft"),
        ("legal-ner", None, "peft"),
        ("legal-ner", "1", "../x"),
        ("legal-ner", "1", None),
        ("nobody", "1", "peft"),
        ("../legal-ner", "1", "peft"),
        ("", "1", "peft"),
    ],
)
def test_what_no_list_offers_is_refused(
    assistant: DemoAssistant, tmp_path: Path, name: str, version: Any, form: Any
) -> None:
    with pytest.raises(InputRejected) as caught:
        AdapterExport(assistant, Words(PT))._order(name, version, form, tmp_path, PT)
    assert caught.value.text("pt") != caught.value.text("en")


def test_a_choice_of_the_lists_becomes_an_order_in_the_page_s_language(
    assistant: DemoAssistant, tmp_path: Path
) -> None:
    order = AdapterExport(assistant, Words(PT))._order("legal-ner", "2", "gguf", tmp_path, texts("en"))
    assert order.target == tmp_path / "legal-ner-0002-gguf.zip"
    assert (order.name, order.number, order.form, order.language) == ("legal-ner", 2, "gguf", "en")


@pytest.fixture
def export(assistant: DemoAssistant) -> Iterator[AdapterExport]:
    """The widgets without a page around them."""
    with loops_left_open(), gr.Blocks():
        made = AdapterExport(assistant, Words(PT))
        made.build(gr.State(Session()), gr.State())
    yield made
    with loops_left_open():
        gc.collect()


def test_painting_again_leaves_what_was_chosen_and_made(export: AdapterExport) -> None:
    now = export.offered("legal-ner")
    assert now == Offered("legal-ner", (2, 1))
    (updates,) = export.painted(now, now, PT).items()
    assert updates[0] is export._version and "value" not in updates[1]
    more = export.painted(Offered("legal-ner", (1,)), now, PT)
    assert [value for _, value in more[export._version]["choices"]] == ["2", "1"] and len(more) == 1
    assert "value" not in more[export._version]


def test_another_adapter_clears_it_and_what_has_gone_is_no_longer_chosen(export: AdapterExport) -> None:
    now = export.offered("legal-ner")
    fresh = export.painted(Offered("restaurant-replies", (1,)), now, PT)
    assert (fresh[export._version]["value"], fresh[export._note]) == ("2", "")
    assert fresh[export._file]["visible"] is False
    gone = export.painted(Offered("legal-ner", (3, 2, 1)), now, PT)
    assert gone[export._version]["value"] == "2" and export._file not in gone
    none = export.painted(now, Offered("legal-ner"), PT)
    assert none[export._version]["value"] is None and "Nenhuma versão" in none[export._note]
    first = export.painted(Offered("legal-ner"), now, PT)
    assert (first[export._version]["value"], first[export._note]) == ("2", "")


def test_every_event_has_its_words_and_only_a_file_is_offered(tmp_path: Path) -> None:
    note, file = shown(Working(75.0), PT)
    assert "há 1 min" in note and file == {"visible": False}
    note, file = shown(Ready(tmp_path / "a.zip", 4_321), PT)
    assert "Pronto" in note and file["value"] == str(tmp_path / "a.zip") and "a.zip" in file["label"]
    note, file = shown(Stopped(), texts("en"))
    assert "Stopped" in note and file == {"visible": False}


def test_a_click_is_answered_without_waiting_for_its_turn(export: AdapterExport) -> None:
    told = export.queued(Session(language="pt"))
    assert "Na fila" in told[export._note] and told[export._go]["interactive"] is False
    assert "Queued" in export.queued(Session(language="en"))[export._note]
    rested = export.rested()
    assert rested[export._go] == gr.update(visible=True, interactive=True)


def left() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("assistant-export-*"))


@pytest.mark.browser
# gradio's queue statistics use options of pandas that pandas is about to drop
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
class TestInTheBrowser:
    def open_export(self, page: Any) -> None:
        page.click("button[role=tab]:has-text('Adaptadores')")
        page.click(".adapter-row:has-text('Entidades jurídicas')")
        page.wait_for_selector("#adapter-detail h2:has-text('Entidades jurídicas')")
        page.click("#export button.label-wrap")
        page.wait_for_function("document.querySelector('#export-version input')?.value === '0002'")

    def test_a_version_is_downloaded(self, open_page: Open, served: Any, tmp_path: Path) -> None:
        before = left()
        page = open_page()
        self.open_export(page)
        page.click("#export-go")
        page.wait_for_selector("#export-file:has-text('legal-ner-0002-peft.zip')")
        page.click("button[role=tab]:has-text('Treino')")
        page.click("button[role=tab]:has-text('Adaptadores')")
        page.click(".switch >> text=EN")
        page.wait_for_selector("#export-go:has-text('Prepare the file')")
        page.click(".switch >> text=PT")
        page.wait_for_selector("#export-go:has-text('Preparar arquivo')")
        with page.expect_download() as download:
            page.click("#export-file")
        download.value.save_as(tmp_path / "got.zip")
        with zipfile.ZipFile(tmp_path / "got.zip") as archive:
            assert archive.read("README.md").decode() == "# legal-ner 2 peft pt"
        assert left() == before, "the folder it was made in has gone"

    def test_a_fault_is_told_and_a_long_one_is_stopped(self, open_page: Open, served: Any) -> None:
        before = left()
        page = open_page()
        self.open_export(page)
        page.click("#export-form input")
        page.click("[role=option]:has-text('Whole GGUF'), [role=option]:has-text('Modelo inteiro GGUF')")
        page.click("#export-go")
        page.wait_for_selector("#export-note .failure >> text=Falta o conversor")
        page.click("#export-form input")
        page.click("[role=option]:has-text('Adaptador PEFT')")
        served.assistant.export_process.hold = True
        page.click("#export-go")
        page.wait_for_selector("#export-note >> text=há 1 min")
        page.click("#export-stop")
        page.wait_for_selector("#export-note >> text=Parado")
        served.assistant.export_process.hold = False
        assert not page.is_visible("#export-file")
        assert left() == before

    def test_another_visitor_s_click_is_told_that_it_waits(self, open_page: Open, served: Any) -> None:
        first, second = open_page(), open_page()
        self.open_export(first)
        self.open_export(second)
        served.assistant.export_process.hold = True
        first.click("#export-go")
        first.wait_for_selector("#export-note >> text=há 1 min")
        second.click("#export-go")
        second.wait_for_selector("#export-note >> text=Na fila")
        assert second.is_disabled("#export-go")
        served.assistant.export_process.hold = False
        second.wait_for_selector("#export-file:has-text('legal-ner-0002-peft.zip')")
        assert second.is_enabled("#export-go") and not second.is_visible("#export-stop")
