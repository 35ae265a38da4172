"""The corpora page in a browser, over the real services."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import written

from tests.retrieval.papers import locked_pdf

Open = Callable[..., Any]


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_corpus_is_made_filled_watched_over_a_reload_looked_into_and_searched(
    open_page: Open, served: Any, tmp_path: Path
) -> None:
    page = open_page()
    page.click("button[role=tab]:has-text('Corpora')")
    page.wait_for_selector("#corpora-list >> text=Sistema Solar")
    page.click("#corpus-new button")
    page.fill("#corpus-new-title input, #corpus-new-title textarea", "Normas do condomínio")
    page.click("#corpus-create")
    page.wait_for_selector("#corpus-new-note >> text=Corpus «normas-do-condominio» criado")
    page.wait_for_selector("#corpus-head >> text=Normas do condomínio")
    held, go = threading.Event(), threading.Event()
    served.assistant.library.embedder.before = lambda: (held.set(), go.wait(30))
    rules = written(tmp_path, "regras-2024.md", "# Silêncio\n\nDepois das 22 horas é proibido fazer barulho.")
    scan = written(tmp_path, "foto.exe", "MZ")
    page.set_input_files("#drop input[type=file]", [str(rules), str(scan)])
    page.wait_for_selector("#corpus-progress >> text=lendo")
    assert held.wait(30)
    page.reload()
    page.click("button[role=tab]:has-text('Corpora')")
    page.wait_for_selector("#corpus-head >> text=Normas do condomínio")
    page.wait_for_selector("#corpus-progress >> text=lendo")
    other = open_page()
    other.click("button[role=tab]:has-text('Corpora')")
    other.click("#corpora-list >> text=Normas do condomínio")
    other.wait_for_selector("#corpus-progress >> text=regras-2024.md")
    go.set()
    page.wait_for_selector("#corpus-progress .report >> text=arquivos do tipo")
    page.wait_for_selector("#corpus-progress .report >> text=1 passagem · português · 2024")
    other.wait_for_selector("#corpus-documents >> text=regras-2024.md")
    page.wait_for_selector("#corpus-documents >> text=regras-2024.md")
    page.click("#corpus-documents .document-name")
    page.wait_for_selector("#document-panel .beside >> text=Depois das 22 horas")
    assert page.locator("#document-panel .chunks li").count() == 1
    page.fill("#corpus-query input, #corpus-query textarea", "barulho")
    page.click("#corpus-search")
    page.wait_for_selector("#found >> text=significado 1º")
    page.click(".switch >> text=EN")
    page.wait_for_selector("#corpus-documents td.wide >> text=ready")
    page.wait_for_selector("#corpus-progress >> text=New documents")


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_locked_document_waits_over_a_reload_and_opens_with_its_password(
    open_page: Open, served: Any, tmp_path: Path
) -> None:
    served.assistant.library.embedder.before = lambda: None
    page = open_page()
    page.click("button[role=tab]:has-text('Corpora')")
    page.click("#corpora-list >> text=Sistema Solar")
    page.wait_for_selector("#corpus-head >> text=Sistema Solar")
    locked = tmp_path / "contrato.pdf"
    locked.write_bytes(locked_pdf("O zorgblat vale trinta dias"))
    page.set_input_files("#drop input[type=file]", str(locked))
    page.wait_for_selector("#corpus-progress .report >> text=precisa de senha")
    page.wait_for_selector("#locked >> text=contrato.pdf")
    page.reload()
    page.click("button[role=tab]:has-text('Corpora')")
    page.wait_for_selector("#locked-password input[type=password]")
    page.fill("#locked-password input", "errada")
    page.click("#locked-open")
    page.wait_for_selector("#locked-note >> text=A senha não abre contrato.pdf")
    page.wait_for_function("document.querySelector('#locked-password input').value === ''")
    page.fill("#locked-password input", "segredo")
    page.keyboard.press("Enter")
    page.wait_for_selector("#corpus-documents >> text=contrato.pdf")
    page.wait_for_selector("#locked", state="hidden")
    page.wait_for_selector("#corpus-progress .report >> text=pediu senha", state="attached")
    assert "segredo" not in page.content()
    served.assistant.corpus_tools.upkeep.remove("sistema-solar", "contrato.pdf")  # the other tests count documents


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_document_is_dated_replaced_and_deleted_from_its_menu(open_page: Open, served: Any, tmp_path: Path) -> None:
    served.assistant.library.embedder.before = lambda: None
    page = open_page(viewport={"width": 390, "height": 780})
    page.click("button[role=tab]:has-text('Corpora')")
    page.click("#corpora-list >> text=Sistema Solar")
    row = "#corpus-documents tr:has-text('luas-2023.md')"
    page.click(f"{row} summary")
    page.click(f"{row} >> text=Mudar a data")
    page.fill("#document-date input, #document-date textarea", "ontem")
    page.click("#document-date-save")
    page.wait_for_selector("#documents-note >> text=não é uma data")
    page.fill("#document-date input, #document-date textarea", "05/2023")
    page.click("#document-date-save")
    page.wait_for_selector(f"{row} >> text=dada por você")
    page.click(f"{row} summary")
    page.click(f"{row} >> text=Trocar por um mais novo")
    newer = written(tmp_path, "luas-2026.md", "Urano tem 29 luas em 2026.")
    page.set_input_files("#document-newer input[type=file]", str(newer))
    page.wait_for_selector("#corpus-documents >> text=luas-2026.md")
    page.wait_for_selector(row, state="detached")
    row = "#corpus-documents tr:has-text('luas-2026.md')"
    page.click(f"{row} summary")
    page.click(f"{row} .menu >> text=Apagar")
    page.click("#document-panel >> text=Sim, apagar")
    page.wait_for_selector("#documents-note >> text=luas-2026.md apagado")
    page.wait_for_selector(row, state="detached")
    assert [p.name for p in served.assistant.corpora.paths("sistema-solar")] == ["luas-2025.md"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_pasted_text_an_address_a_file_out_and_in_again(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    page.click("button[role=tab]:has-text('Corpora')")
    page.click("#corpora-list >> text=Direito brasileiro")
    page.wait_for_selector("#corpus-head >> text=Direito brasileiro")
    page.click("#add-text button")
    page.fill("#add-title input, #add-title textarea", "Aviso")
    page.fill("#add-body textarea", "A assembleia será em maio.")
    page.click("#add-text-go")
    page.wait_for_selector("#corpus-documents >> text=Aviso.md")
    page.click("#add-url button")
    page.fill("#add-address input, #add-address textarea", "http://127.0.0.1/segredo")
    page.click("#add-url-go")
    page.wait_for_selector("#corpus-progress >> text=não é um endereço público")
    page.click("#corpus-settings button")
    page.click("#corpus-export")
    with page.expect_download() as download:
        page.click("#corpus-file")
    assert download.value.suggested_filename == "direito.zip"
    page.fill("#corpus-delete-name input, #corpus-delete-name textarea", "outro")
    page.click("#corpus-delete")
    page.wait_for_selector("#corpus-settings-note >> text=Digite o nome dele")
    page.fill("#corpus-delete-name input, #corpus-delete-name textarea", "direito")
    page.click("#corpus-delete")
    page.wait_for_selector("#corpora-list >> text=Direito brasileiro", state="detached")
    exported = tmp_path / "direito.zip"
    download.value.save_as(exported)
    page.click("#corpus-import button")
    page.set_input_files("#corpus-import-file input[type=file]", str(written(tmp_path, "outro.zip", "PK")))
    page.wait_for_selector("#corpus-new-note >> text=não é um ZIP")
    page.set_input_files("#corpus-import-file input[type=file]", str(exported))
    page.wait_for_selector("#corpus-new-note >> text=Corpus «direito» importado")
    page.wait_for_selector("#corpus-documents >> text=Aviso.md")
