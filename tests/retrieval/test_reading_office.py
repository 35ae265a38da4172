"""Word processors, presentations, workbooks and books, as text with headings, lists and rows."""

import io
import shutil
from datetime import date

import pytest

from assistant.errors import DocumentRefused, PasswordNeeded
from assistant.retrieval.loading import load, unlock

from .papers import DOCUMENTS, WORD, docx, docx_parts, paragraph, write, zipped

LIBREOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
    "<dc:title>Regimento</dc:title><dcterms:created>2021-05-04T10:00:00Z</dcterms:created>"
    "<dcterms:modified>2023-02-01T10:00:00Z</dcterms:modified></cp:coreProperties>"
)


def row(*cells):
    return "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells) + "</w:tr>"


def test_a_docx_keeps_headings_tables_title_and_date(tmp_path):
    body = (
        paragraph("Do condomínio", "Ttulo1")
        + paragraph("Das multas", "Ttulo2")
        + paragraph("A multa é de 2%.")
        + f"<w:tbl>{row('Falta', 'Multa')}{row('barulho', '100')}</w:tbl>"
    )
    document = load(write(tmp_path, "a.docx", zipped(docx_parts(body, CORE))))
    assert (document.title, document.as_of) == ("Regimento", "2023-02-01")
    assert document.pages[0].text.split("\n") == [
        "# Do condomínio", "", "## Das multas", "", "A multa é de 2%.", "", "| Falta | Multa |", "| barulho | 100 |",
    ]  # fmt: skip


def test_the_date_in_the_text_comes_before_the_files_own(tmp_path):
    body = paragraph("Lei de 11 de março de 2010")
    assert load(write(tmp_path, "a.docx", zipped(docx_parts(body, CORE)))).as_of == "2010-03-11"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_the_lists_of_a_real_docx_are_lists():
    text = load(DOCUMENTS / "docx" / "docx_lists.docx").pages[0].text
    assert "- List item 1\n- List item 2" in text
    assert "1. List item a\n2. List item b" in text


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"a.txt": "x"},
        {"word/document.xml": "<nicht"},
        {"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "_rels/.rels": "<a/>"},
    ],
)
def test_an_archive_that_is_no_docx_is_refused(tmp_path, parts):
    with pytest.raises(DocumentRefused, match=r"a\.docx is damaged"):
        load(write(tmp_path, "a.docx", zipped(parts)))


@pytest.mark.parametrize("cut", [0, 30, 300, -100])
def test_half_a_docx_is_refused(tmp_path, cut):
    with pytest.raises(DocumentRefused, match=r"a\.docx is damaged"):
        load(write(tmp_path, "a.docx", docx("Texto")[:cut]))


def test_a_bomb_of_zeros_is_refused_before_it_is_unpacked(tmp_path):
    content = zipped({**docx_parts(paragraph("x")), "word/media/a.bin": bytes(50_000_000)})
    assert len(content) < 100_000
    with pytest.raises(DocumentRefused, match="unpacks to far more") as refused:
        load(write(tmp_path, "a.docx", content))
    assert "descompactado" in refused.value.text("pt")


def test_many_parts_that_are_a_bomb_together_are_refused(tmp_path):
    parts = {f"word/{n}.xml": bytes(900_000) for n in range(500)}
    with pytest.raises(DocumentRefused, match="unpacks to far more"):
        load(write(tmp_path, "a.docx", zipped({**docx_parts(paragraph("x")), **parts})))


@pytest.mark.parametrize("name", ["../fora.xml", "/etc/passwd", "word/..\\..\\fora.xml"])
def test_a_part_that_leads_out_is_refused(tmp_path, name):
    with pytest.raises(DocumentRefused, match="leads out"):
        load(write(tmp_path, "a.docx", zipped({**docx_parts(paragraph("x")), name: "x"})))


def test_a_link_in_an_archive_is_refused(tmp_path):
    import zipfile

    out = io.BytesIO(docx("x"))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo("word/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DocumentRefused, match="leads out"):
        load(write(tmp_path, "a.docx", out.getvalue()))


def test_a_picture_outside_the_file_is_not_fetched(tmp_path):
    secret = write(tmp_path, "segredo.png", b"\x89PNG segredo")
    body = f'<w:p><w:r><w:pict xmlns:v="urn:schemas-microsoft-com:vml"><v:imagedata r:id="r9" xmlns:r="{WORD}"/>'
    parts = docx_parts(paragraph("Texto") + body + "</w:pict></w:r></w:p>")
    relation = f'<Relationship Id="r9" TargetMode="External" Type="x/image" Target="file://{secret}"/>'
    name = "word/_rels/document.xml.rels"
    parts[name] = parts[name].replace("</Relationships>", f"{relation}</Relationships>")
    assert load(write(tmp_path, "a.docx", zipped(parts))).pages[0].text == "Texto"


@pytest.mark.skipif(not LIBREOFFICE, reason="LibreOffice is not installed")
def test_rtf_odt_and_doc_come_through_libreoffice(tmp_path):
    rtf = r"{\rtf1\ansi\ansicpg1252 {\b Cl\'e1usula primeira}\par O prazo \'e9 de 30 dias.\par}"
    text = load(write(tmp_path, "a.rtf", rtf.encode("ascii"))).pages[0].text
    assert text == "Cláusula primeira\n\nO prazo é de 30 dias."


@pytest.mark.skipif(not (LIBREOFFICE and DOCUMENTS.is_dir()), reason="LibreOffice or the documents are not here")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("doc-pt/11417.doc", "súmula vinculante"),
        ("other/simple.odt", "# These are a few of my favorite things"),
        ("docx-pt/oab-gabarito-2011-5.docx", "| 1 | 2 | 3 |"),  # an old DOC that is only called DOCX
    ],
)
def test_real_old_documents(name, words):
    assert words in load(DOCUMENTS / name).pages[0].text


def test_without_libreoffice_its_name_and_command_are_said(tmp_path, monkeypatch):
    from assistant.retrieval.workers import shared

    monkeypatch.setenv("PATH", str(tmp_path))
    shared().close()
    try:
        with pytest.raises(DocumentRefused, match="apt install libreoffice-writer") as refused:
            load(write(tmp_path, "a.odt", "x"))
    finally:
        shared().close()
    assert "LibreOffice" in refused.value.text("pt")


def test_a_presentation_has_a_page_for_each_slide(tmp_path):
    from pptx import Presentation

    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "Orçamento"
    slide.placeholders[1].text = "Receita sobe"
    inner = slide.placeholders[1].text_frame.add_paragraph()
    inner.text, inner.level = "em 2024", 1
    slide.notes_slide.notes_text_frame.text = "Falar devagar"
    table = slides.slides.add_slide(slides.slide_layouts[6]).shapes.add_table(2, 2, 0, 0, 10, 10).table
    for number, cell in enumerate(["Ano", "Valor", "2024", "10"]):
        table.cell(number // 2, number % 2).text = cell
    slides.core_properties.title = "PowerPoint Presentation"  # what the program writes: no title
    out = io.BytesIO()
    slides.save(out)
    document = load(write(tmp_path, "a.pptx", out.getvalue()))
    assert [page.number for page in document.pages] == [1, 2]
    assert document.title == "Orçamento"
    assert document.pages[0].text == "# Orçamento\n\nReceita sobe\n- em 2024\n\nNotas: Falar devagar"
    assert document.pages[1].text == "| Ano | Valor |\n| 2024 | 10 |"


def test_a_workbook_has_a_page_for_each_sheet_and_never_computes(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Preços"
    for cells in (["Item", "Preço", "Desde"], ["água", 4.0, date(2024, 3, 1)], ["luz", "=1+1", None]):
        sheet.append(cells)
    book.create_sheet("Vazia")
    out = io.BytesIO()
    book.save(out)
    document = load(write(tmp_path, "a.xlsx", out.getvalue()))
    # the formula has no saved value: it is empty, not computed and not shown
    assert document.pages[0].text == "# Preços\n\nItem: água; Preço: 4; Desde: 2024-03-01\nItem: luz"
    assert document.pages[1].text == ""


def test_a_locked_document_asks_for_its_password(tmp_path):
    from msoffcrypto.format.ooxml import OOXMLFile

    out = io.BytesIO()
    content = docx("Guardado com senha", *(f"Parágrafo {number}" for number in range(3000)))
    OOXMLFile(io.BytesIO(content)).encrypt("segredo", out)
    path = write(tmp_path, "a.docx", out.getvalue())
    with pytest.raises(PasswordNeeded, match="Give the password"):
        load(path)
    with pytest.raises(PasswordNeeded, match="does not open"):
        load(path, password="errada")
    assert load(path, password="segredo").pages[0].text.startswith("Guardado com senha")
    unlock(path, tmp_path / "b.docx", "segredo")
    assert (tmp_path / "b.docx").read_bytes() == content


def book(**more):
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>Memórias</dc:title><dc:date>1881</dc:date></metadata><manifest>"
        '<item id="b" href="cap%202.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="cap1.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="c" href="capa.png" media-type="image/png"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    chapter = (
        '<?xml version="1.0" encoding="utf-8"?><html><body><h1>{0}</h1><p>Texto do capítulo {0}.</p></body></html>'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/livro.opf"/></rootfiles></container>',
            "OEBPS/livro.opf": package,
            "OEBPS/cap1.xhtml": chapter.format("Um"),
            "OEBPS/cap 2.xhtml": chapter.format("Dois"),
            **more,
        }
    )


def test_a_book_is_read_in_the_order_of_its_spine(tmp_path):
    document = load(write(tmp_path, "a.epub", book()))
    assert (document.title, document.as_of) == ("Memórias", "1881")
    assert [page.text for page in document.pages] == [
        "# Um\n\nTexto do capítulo Um.",
        "# Dois\n\nTexto do capítulo Dois.",
    ]


def test_a_book_locked_by_its_seller_is_refused(tmp_path):
    lock = '<encryption><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/></encryption>'
    with pytest.raises(DocumentRefused, match="DRM"):
        load(write(tmp_path, "a.epub", book(**{"META-INF/encryption.xml": lock})))
