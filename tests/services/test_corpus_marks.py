"""A passage and the quoted words are found in the text of their page, however its lines are broken."""

from __future__ import annotations

import pytest

from assistant.errors import CorpusNotFound
from assistant.services.corpus_marks import MarkedText, Marks, letters_of
from assistant.types import Passage, Source

from ..retrieval.papers import pdf
from .library import Library

PAGE = "# Luas\n\n- Saturno tem\n  **274 luas** confirmadas.\n\nJúpiter tem 97. Saturno tem anéis."


def text_at(page: str, span: tuple[int, int] | None) -> str | None:
    return None if span is None else page[slice(*span)]


def test_line_breaks_and_marks_of_lists_do_not_hide_a_passage() -> None:
    passage = "Saturno tem 274 luas confirmadas."
    quote = (passage.index("274"), passage.index(" confirmadas"))
    marks = MarkedText(PAGE).marks(passage, quote)
    assert text_at(PAGE, marks.passage) == "Saturno tem\n  **274 luas** confirmadas."
    assert text_at(PAGE, marks.quote) == "274 luas" and marks.whole


def test_the_same_words_before_the_passage_are_not_the_quote() -> None:
    page = "Saturno tem 83 luas. Hoje: Saturno tem 274 luas."
    passage = "Hoje: Saturno tem 274 luas."
    start = passage.index("Saturno tem")
    marks = MarkedText(page).marks(passage, (start, start + len("Saturno tem")))
    assert marks.quote == (page.index("Saturno tem 274"), page.index(" 274"))


def test_of_a_passage_that_goes_on_elsewhere_its_lines_here_are_found() -> None:
    passage = "O prazo é de sete dias úteis.\nA contagem começa na entrega.\nO que segue está na outra parte do texto."
    page = "Antes disso.\nO prazo é de sete dias úteis.\nA contagem começa\nna entrega."
    quote = (passage.index("sete dias"), passage.index(" úteis"))
    marks = MarkedText(page).marks(passage, quote)
    assert text_at(page, marks.passage) == page[page.index("O prazo") : -1]
    assert text_at(page, marks.quote) == "sete dias" and not marks.whole


def test_of_a_passage_that_was_edited_what_is_left_and_the_quoted_words_are_found() -> None:
    passage = "Em março, 128 luas novas foram contadas. Saturno tem agora 274 luas confirmadas, mais que todos."
    page = "Antes. Em março, 128 luas novas foram contadas. Saturno tem 274 luas confirmadas. Depois."
    quote = (passage.index("274"), passage.index(", mais"))
    marks = MarkedText(page).marks(passage, quote)
    assert text_at(page, marks.passage) == page[page.index("Em março") : page.index(". Depois")]
    assert text_at(page, marks.quote) == "274 luas confirmadas" and not marks.whole
    short = (passage.index("274"), passage.index(" luas confirmadas"))
    assert MarkedText(page).marks(passage, short).quote is None, "a number alone may stand anywhere"


@pytest.mark.parametrize("passage", ["", "—…", "Outra coisa, que não está na página de jeito nenhum."])
def test_what_is_not_there_is_not_marked(passage: str) -> None:
    assert MarkedText(PAGE).marks(passage, (0, 1) if passage else None) == Marks()
    assert MarkedText("").marks("Saturno") == Marks()


def source(document: str, text: str, quote: str, page: int | None = None) -> Source:
    start = text.index(quote)
    passage = Passage("c", "notas", document, text, 0.9, page=page)
    return Source(1, passage, quote, start, start + len(quote))


def bring(library: Library, *pages: str) -> None:
    """A PDF of these pages."""
    library.finished(library.tools.ingestions.add_files("notas", [library.put("f.pdf", pdf(*pages))]))


def test_every_passage_of_an_index_is_found_in_its_page(library: Library) -> None:
    words = "\n\n".join(f"# Parte {n}\n\n- item {n} do regimento\n\nO farol {n} pisca {n} vezes." for n in range(400))
    files = [library.put("longo.md", words), library.put("folhas.pdf", pdf("Saturno", "Netuno tem 16 luas", "Urano"))]
    library.finished(library.tools.ingestions.add_files("notas", files))
    preview, cut = library.tools.preview, list[str]()
    for name in ("longo.md", "folhas.pdf"):
        for chunk in library.store.chunks_of("notas", name):
            cited = preview.citing(source(name, chunk.text, chunk.text[:20], chunk.page))
            page = cited.preview.page
            assert cited.home == page.position and page.number == chunk.page
            assert letters_of(text_at(page.text, cited.marks.quote) or "") == letters_of(chunk.text[:20])
            assert chunk.chunk_id in {own.chunk_id for own in page.chunks}
            cut += [] if cited.marks.whole else [chunk.text]
    assert len(cut) < preview.of("notas", "longo.md").page.total, (
        "only where a part ends, a passage goes on in the next"
    )


def test_the_pages_beside_it_are_shown_without_marks(library: Library) -> None:
    bring(library, "Netuno", "Netuno tem 16 luas", "Urano")
    cited = library.tools.preview.citing(source("f.pdf", "Netuno tem 16 luas", "16 luas", 2), 3)
    assert (cited.preview.page.position, cited.home, cited.marks) == (3, 2, Marks())
    assert library.tools.preview.citing(source("f.pdf", "Netuno tem 16 luas", "16", 2), 99).preview.page.position == 3


def test_a_document_that_changed_or_went_is_said(library: Library) -> None:
    bring(library, "um", "Saturno tem 83 luas ao todo")
    old = source("f.pdf", "Saturno tem 83 luas ao todo", "83 luas", 2)
    bring(library, "um", "Nada mais a ver")
    cited = library.tools.preview.citing(old)
    assert cited.home is None and cited.marks == Marks() and cited.preview.page.number == 2
    bring(library, "um", "dois", "Saturno tem 83 luas ao todo")
    moved = library.tools.preview.citing(old)
    assert moved.preview.page.number == 3 and moved.marks.whole, "it is found on the page where it is now"
    for gone in (source("g.pdf", "x", "x"), source("../corpus.toml", "x", "x")):
        with pytest.raises(CorpusNotFound):
            library.tools.preview.citing(gone)


def test_only_the_page_is_read_and_the_whole_document_once_where_it_is_not_there(library: Library) -> None:
    bring(library, "a", "b", "Netuno azul")
    preview, pages = library.tools.preview, list[tuple[int, int]]()
    home = preview.citing(source("f.pdf", "Netuno azul", "azul", 3), None, lambda *page: pages.append(page))
    assert (home.preview.page.text, home.preview.page.total, pages) == ("Netuno azul", 3, [])
    assert preview.of("notas", "f.pdf", 2).page.text == "b"
    moved = source("f.pdf", "Netuno azul", "azul", 1)
    for _ in range(2):
        assert preview.citing(moved, None, lambda *page: pages.append(page)).home == 3
    assert pages == [(1, 3), (2, 3), (3, 3)], "a second look reads nothing again"
