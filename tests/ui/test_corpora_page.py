"""The corpora page: its markup, and its events over the real services."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from conftest import event, loops_left_open, standing_alone, written
from demo_assistant import DemoAssistant

from assistant.retrieval.kinds import KINDS, LIBREOFFICE, READERS
from assistant.services.corpora import Corpus
from assistant.services.corpus_card import CorpusCard
from assistant.services.corpus_locked import LockedFile
from assistant.services.corpus_preview import Preview, PreviewPage
from assistant.services.corpus_report import FileReport, FileState, Task, Work, WorkState
from assistant.stores.manifests import Localized
from assistant.stores.passages import CorpusStats
from assistant.stores.rows import DocumentRecord, StoredChunk
from assistant.types import Passage
from assistant.ui.composer import Composer
from assistant.ui.corpora import CorporaPage
from assistant.ui.corpus_add import hint
from assistant.ui.corpus_locked import waiting
from assistant.ui.corpus_progress import progress
from assistant.ui.corpus_settings import words_of
from assistant.ui.corpus_view import PER_PAGE, Listed, Row, documents, head, listing, preview, results
from assistant.ui.looking import Looking
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.words import Words
from tests.retrieval.papers import locked_pdf

PT, EN = texts("pt"), texts("en")
EVIL = "<script>alert(1)</script>"
SAID = Localized(EVIL, EVIL)
ANA = Session(visitor="visitor-of-the-tests-ana")


def record(name: str, **changes: Any) -> DocumentRecord:
    return DocumentRecord("x", name, "0", changes.pop("title", name), **changes)


def test_whatever_a_document_says_stays_text() -> None:
    card = CorpusCard(EVIL, SAID, SAID, 30)
    corpus = Corpus(card, CorpusStats(1, 1, 2, "2020", "2024-05"), (), SAID)
    chunk = StoredChunk("c", "x", EVIL, 0, EVIL, EVIL, 1, EVIL, None)
    shown = Preview(EVIL, EVIL, None, record(EVIL, state="refused", notes=(EVIL,)), (SAID,),
                    PreviewPage(1, 2, 1, EVIL, (chunk,)))  # fmt: skip
    line = FileReport(EVIL, FileState.REFUSED, EVIL, notes=(SAID,))
    work = Work("w", "x", Task.REPLACE, "2025-01-01T10:00:00+00:00", WorkState.FAILED, (line,), EVIL, error=SAID)
    passage = Passage("c", "x", EVIL, EVIL, 0.5, heading=EVIL)
    for markup in (
        listing([Listed(corpus, 5)], PT),
        head(Listed(corpus), PT),
        documents([Row(EVIL, 1, record(EVIL, title="t" + EVIL, notes=(EVIL,)))], 1, 30, PT),
        preview(shown, PT),
        progress([work, replace(work, id="v", state=WorkState.RUNNING, waits=SAID)], PT),
        results([passage], PT),
        waiting([LockedFile("x", EVIL, 5, "2025-01-01T10:00:00+00:00")] * 2, EVIL, PT),
    ):
        assert EVIL not in markup and "&lt;script&gt;" in markup


def test_the_list_and_the_head_say_what_a_corpus_holds() -> None:
    card = CorpusCard("leis", Localized("Leis", "Laws"), Localized("Normas.", "Norms."), 730)
    corpus = Corpus(card, CorpusStats(12, 1, 1_234, "1988-10-05", "2024-05"), ())
    shown = listing([Listed(corpus, 2_300_000, working=True)], PT, "leis")
    for words in ("12 documentos · 1.234 passagens", "05/10/1988 a 05/2024 · 2,3 MB", "recebendo documentos"):
        assert words in shown
    assert 'aria-current="true"' in shown
    assert "última mudança em 01/02/2025" in head(Listed(corpus, changed="2025-02-01"), PT)
    assert "1 recusado" in listing([Listed(corpus)], PT)
    assert "1 recusado" in head(Listed(corpus), PT) and "fontes antigas após 730 dias" in head(Listed(corpus), PT)
    assert "12 documents" in head(Listed(corpus), EN)
    assert "Nenhum corpus ainda" in listing([], PT)


def test_the_table_tells_state_date_and_age_and_turns_its_pages() -> None:
    rows = [
        Row("a.md", 9, record("a.md", as_of="2001", chunks=3), given=True),
        Row("b.pdf", 9, record("b.pdf", state="refused", notes=("Está danificado.",))),
        Row("c.md", 9, None),
        Row("d.md", 0, record("d.md")),
    ]
    shown = documents(rows, 1, 30, PT)
    for words in ("dada por você", "possivelmente antiga", "recusado", "Está danificado.", "fora do índice", "ausente"):
        assert words in shown
    many = [Row(f"{n:04d}.md", 9, None) for n in range(PER_PAGE * 2 + 1)]
    assert "101 a 101 de 101" in documents(many, 99, 0, PT)
    assert "0000.md" in documents(many, 1, 0, PT) and "0050.md" not in documents(many, 1, 0, PT)
    assert "Solte arquivos" in documents([], 1, 0, PT)
    assert "Nenhum documento com «x»" in documents([], 1, 0, PT, "x")


def test_progress_says_stage_rate_and_time_left_and_then_what_was_found() -> None:
    files = (
        FileReport("b.pdf", FileState.DONE, size=10, pages=3, chunks=7, language="pt", as_of="2024-05"),
        FileReport("a.pdf", FileState.INDEXING, size=10, chunks=40, embedded=20, rate=5.5, seconds_left=90.0),
        FileReport("c.pdf", FileState.REFUSED, notes=(Localized("Está danificado.", "Damaged."),)),
    )
    work = Work("w", "x", Task.ADD, "2025-01-01T10:00:00+00:00", WorkState.RUNNING, files, seconds_left=120.0)
    shown = progress([work], PT)
    for words in (
        "2 de 3 arquivos", "cerca de 2 min restantes", "indexando", "20 de 40 passagens", "5,5 por segundo",
        "3 páginas · 7 passagens · português · 05/2024", "Está danificado.", 'data-action="stop"',
    ):  # fmt: skip
        assert words in shown
    assert shown.index("a.pdf") < shown.index("c.pdf") < shown.index("b.pdf")
    ended = progress([replace(work, state=WorkState.DONE, seconds=65.0)], EN)
    assert "2 documents · 1 refused · in 1 min" in ended and "Damaged." in ended and "stop" not in ended
    crowd = replace(work, files=tuple(FileReport(f"{n}.md", FileState.DONE) for n in range(300)))
    assert "e mais 260" in progress([crowd], PT)
    assert progress([], PT) == ""


def test_a_long_reading_says_its_page_rate_and_time_left() -> None:
    line = FileReport("a.pdf", FileState.CHECKING, size=10, page=120, pages=500, rate=2.5, seconds_left=152.0)
    work = Work("w", "x", Task.ADD, "2025-01-01T10:00:00+00:00", WorkState.RUNNING, (line,))
    assert "lendo página 120 de 500 · 2,5 páginas por segundo · 3 min restantes" in progress([work], PT)
    assert "reading page 120 of 500" in progress([work], EN)
    slow = replace(work, files=(replace(line, state=FileState.READING, rate=0.1, page=1_200, pages=5_000),))
    assert "lendo página 1.200 de 5.000 · 6,0 páginas por minuto" in progress([slow], PT)
    assert "página 500" not in progress([replace(work, files=(replace(line, page=500, rate=0.0),))], PT)


def test_a_locked_file_is_a_row_that_says_so_until_it_is_opened() -> None:
    line = FileReport("a.pdf", FileState.LOCKED, notes=(Localized("Informe a senha.", "Give the password."),))
    files = (line, FileReport("b.md", FileState.DONE, chunks=3))
    work = Work("w", "x", Task.ADD, "2025-01-01T10:00:00+00:00", WorkState.DONE, files)
    shown = progress([work], PT, {"a.pdf"})
    assert ">precisa de senha</span>" in shown and "1 documento · 1 precisa de senha" in shown and " open" in shown
    assert "Informe a senha." in shown and "recusado" not in shown and ">pronto</span>" in shown
    alone = replace(work, files=(line,))
    assert ">pronto</span>" not in progress([alone], PT, {"a.pdf"}), "it is not done while somebody is asked"
    assert "0 documentos" not in progress([alone], PT) and ">pronto</span>" in progress([alone], PT)
    assert ">pediu senha</span>" in progress([work], PT) and ">asked for its password</span>" in progress([work], EN)


def test_the_hint_names_every_kind_that_is_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for t in (PT, EN):
        shown = hint("drop", t)
        assert all(kind.label.get(t.language) in shown for kind in KINDS)
    assert {suffix for kind in KINDS for suffix in kind.suffixes} == set(READERS)
    for words in ("PDF", "imagens e digitalizações", "DOCX", "ODT", "PPTX", "XLSX", "CSV", "HTML", "Markdown", "EPUB"):
        assert words in hint("drop", PT)
    monkeypatch.setenv("PATH", str(tmp_path))  # no program is installed
    first, *missing = hint("drop", PT).split("</p>")
    assert "DOCX" in first and "ODT" not in first and "imagens" not in first
    assert "por não haver o LibreOffice: DOC, ODT, RTF" in "".join(missing) and LIBREOFFICE.packages in "".join(missing)


def test_a_search_explains_every_score() -> None:
    found = Passage("c", "x", "a.md", "texto", 0.912, 3, "2024", "", 0.75, 1, None)
    shown = results([found], PT)
    for words in ("significado 1º", "palavras —", "conjunta 0,75", "proximidade 0,91", "p. 3", "2024"):
        assert words in shown
    assert "Nada encontrado" in results([], PT)


def test_what_the_settings_say_is_not_trusted() -> None:
    said = words_of(["T", None, "D", "\ud800", "7; DROP"])
    assert said.title == Localized("T", "") and said.description == Localized("D", "?") and said.max_age_days == -1
    assert words_of(["T", "", "D", "", 30.0]).max_age_days == 30


@pytest.fixture
def page(assistant: DemoAssistant) -> Iterator[CorporaPage]:
    with standing_alone() as tab:
        made = CorporaPage(assistant, Words(PT), gr.State(ANA))
        made.build(tab)
    yield made
    with loops_left_open():
        gc.collect()


def test_every_event_shows_what_the_services_keep(page: CorporaPage, assistant: DemoAssistant, tmp_path: Path) -> None:
    shown = page.show(ANA, Looking(), "sistema-solar")
    looking = shown[page._looking]
    assert looking.corpus == "sistema-solar" and "luas-2025.md" in shown[page._documents.table]
    assert page.show(ANA, Looking(), "../etc")[page._looking].corpus == "direito"
    opened = page._documents.act(ANA, looking, event(action="view", document="luas-2025.md"))
    assert "274 luas" in opened[page._documents._panel]
    strange = page._documents.act(ANA, looking, event(action="view", document="../corpus.toml"))
    assert "não tem o documento" in strange[page._documents._panel]
    dating = looking.doing("date", "luas-2023.md")
    assert "não é uma data" in page._documents.date(ANA, dating, "ontem")[page._documents._note]
    dated = page._documents.date(ANA, dating, "03/2023")
    assert "03/2023" in dated[page._documents._note] and dated[page._looking].action == ""
    assert assistant.corpus_tools.dates.of("sistema-solar") == {"luas-2023.md": "2023-03"}
    *_, added = page._add.bring(ANA, looking, [str(written(tmp_path, "nota.md", "Netuno tem 16 luas."))])
    work = assistant.corpus_tools.ingestions.works("sistema-solar")[0]
    assert list(assistant.corpus_tools.ingestions.follow(work.id))[-1].state is WorkState.DONE
    assert added[page._add._note] == ""
    ticked = page.tick(ANA, looking, "")
    assert "nota.md" in ticked[page._documents.table] and "3 documentos" in ticked[page._list]
    assert list(page.tick(ANA, looking, ticked[page._seen])) == [page._seen], "nothing goes on: no open menu closes"
    assert "significado" in page.search(ANA, looking, "luas de Netuno")
    assert "Nenhum corpus" in page.search(ANA, Looking("../x"), "luas") or "não serve" in page.search(
        ANA, Looking("../x"), "luas"
    )


def test_a_password_is_asked_for_and_opens_the_one_document(
    page: CorporaPage, assistant: DemoAssistant, tmp_path: Path
) -> None:
    looking, ingestions = page.show(ANA, Looking("direito"))[page._looking], assistant.corpus_tools.ingestions
    assert page.show(ANA, looking)[page._locked._panel]["visible"] is False
    files = [tmp_path / "contrato.pdf", tmp_path / "ata.pdf"]
    for number, file in enumerate(files):
        file.write_bytes(locked_pdf(f"O zorgblat vale trinta dias {number}"))
    work = ingestions.add_files("direito", files)
    *_, last = ingestions.follow(work.id)
    assert [file.state for file in last.files] == [FileState.LOCKED] * 2
    ticked = page.tick(ANA, looking, "")
    assert ticked[page._locked._panel]["visible"] is True and page._locked._password not in ticked
    assert "2 documentos precisam de senha" in ticked[page._locked._list]
    assert "precisa de senha" in ticked[page._add.progress]
    chosen = page._locked.choose(ANA, looking, event(document="ata.pdf"))
    looking, asked = chosen[page._looking], chosen[page._locked._asked]
    assert asked == "ata.pdf"
    for wrong, words in (("errada", "A senha não abre ata.pdf"), ("", "Digite a senha"), (None, "Digite a senha")):
        *_, refused = page._locked.open(ANA, looking, asked, wrong)
        assert words in refused[page._locked._note] and refused[page._locked._password] == ""
    *_, opened = page._locked.open(ANA, looking, asked, "segredo")
    assert opened[page._locked._note] == "" and opened[page._locked._password] == ""
    list(ingestions.follow(ingestions.works("direito")[0].id))
    shown = page.show(ANA, looking)
    assert "ata.pdf" in shown[page._documents.table] and "contrato.pdf" not in shown[page._documents.table]
    assert "Um documento precisa de senha" in shown[page._locked._list] and "sem proteção" in shown[page._add.progress]
    strange = replace(looking, locked="../corpus.toml")
    assert "contrato.pdf" in page.show(ANA, strange)[page._locked._list], "a name that does not wait chooses nothing"
    for name in (asked, "../corpus.toml", ""):
        stale = page._locked.give_up(ANA, looking, name)
        assert "espera senha aqui" in stale[page._locked._note], "what somebody else opened is not another one"
    assert [file.name for file in ingestions.locked("direito")] == ["contrato.pdf"]
    gone = page._locked.give_up(ANA, looking, "contrato.pdf")
    assert gone[page._locked._panel]["visible"] is False and ingestions.locked("direito") == []
    *_, nothing = page._locked.open(ANA, looking, "contrato.pdf", "segredo")
    assert nothing[page._locked._panel]["visible"] is False


def test_a_corpus_that_went_meanwhile_closes(page: CorporaPage, assistant: DemoAssistant) -> None:
    looking = page.show(ANA, Looking("sistema-solar"))[page._looking]
    assistant.corpus_tools.upkeep.delete("sistema-solar", "sistema-solar")
    assert page.tick(ANA, looking, "")[page._looking].corpus == "direito"
    refused = page._add.bring_text(ANA, looking, "t", "texto", "")
    assert "Nenhum corpus se chama" in refused[page._add._note]
    assistant.corpus_tools.upkeep.delete("direito", "direito")
    empty = page.show(ANA, looking)
    assert empty[page._main]["visible"] is False and "Nenhum corpus ainda" in empty[page._list]
    assert "Escolha ou crie" in page._add.bring_text(ANA, Looking(), "t", "texto", "")[page._add._note]


def test_the_chat_offers_the_corpora_that_there_are_now(assistant: DemoAssistant) -> None:
    composer = Composer(assistant, Words(PT))
    assistant.corpora.create("novo", "Novo corpus")
    offered = composer.offer(ANA, "direito")
    assert ("Novo corpus", "novo") in offered["choices"] and offered["value"] == "direito"
    assert composer.offer(ANA, "apagado")["value"] == "all"


def test_settings_change_words_and_who_quotes(page: CorporaPage, assistant: DemoAssistant) -> None:
    looking = page.show(ANA, Looking("direito"))[page._looking]
    saved = page._settings.save(ANA, looking, "Leis", "Laws", "D", "D", 10, ["restaurant-replies"])
    assert "Ajustes salvos" in saved[page._settings._note]
    assert assistant.corpora.card("direito").title == Localized("Leis", "Laws")
    assert assistant.adapters.detail("restaurant-replies").card.corpora == ("direito",)
    assert assistant.adapters.detail("grounded-chat").card.corpora == ("sistema-solar",)
    for values in (["", "", "D", "D", 10, []], ["T", "", "D", "", -5, []], ["T", "", "D", "", 1, ["../x"]]):
        assert "failure" in page._settings.save(ANA, looking, *values)[page._settings._note]
    assert "Digite o nome dele" in page._settings.delete(ANA, looking, "outro")[page._settings._note]
    assert "já existe" in page._settings.rename(ANA, looking, "sistema-solar")[page._settings._note]
