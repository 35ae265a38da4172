"""Exporting from the page: what is asked for is checked on the server, and a file comes back."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo_assistant import DemoAssistant

from assistant.errors import InputRejected
from assistant.ui.adapter_export import AdapterExport
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
        page.wait_for_function("document.querySelector('#export-version input').value === '0002'")

    def test_a_version_is_downloaded(self, open_page: Open, served: Any, tmp_path: Path) -> None:
        before = left()
        page = open_page()
        self.open_export(page)
        page.click("#export-go")
        page.wait_for_selector("#export-file:has-text('legal-ner-0002-peft.zip')")
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
