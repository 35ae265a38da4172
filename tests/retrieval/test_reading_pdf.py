"""What a person reads on a PDF page, in that order."""

import io

import pytest
from pypdf import PdfReader, PdfWriter

from assistant.errors import DocumentRefused, PasswordNeeded
from assistant.retrieval.loading import load, load_page, unlock
from assistant.retrieval.reading.pdf_words import unreadable

from .papers import DOCUMENTS, locked_pdf, pdf, pdf_of, picture_pdf, put, rule, write

LEFT = [f"esquerda linha {n} do texto corrido" for n in range(8)]
RIGHT = [f"direita linha {n} do texto corrido" for n in range(8)]


def text_of(folder, content, name="a.pdf"):
    return load(write(folder, name, content)).pages[0].text


def locked(password):
    return locked_pdf("Texto guardado com senha", password)


def test_columns_are_read_one_after_the_other_under_their_title(tmp_path):
    lines = [put("Boletim da pesquisa com um titulo que atravessa toda a folha", 72, 740)]
    for number in range(8):  # the lines of both columns do not stand level, and come in turns
        lines.append(put(LEFT[number], 72, 700 - 14 * number, 10))
        lines.append(put(RIGHT[number], 320, 696 - 14 * number, 10))
    words = text_of(tmp_path, pdf_of("".join(lines))).split("\n")
    assert [line for line in words if line] == [
        "Boletim da pesquisa com um titulo que atravessa toda a folha",
        *LEFT,
        *RIGHT,
    ]


def test_a_table_without_lines_is_read_row_by_row(tmp_path):
    rows = [("Item", "Valor", "Ano"), ("agua", "10", "2021"), ("luz", "20", "2022"), ("gas", "30", "2023")] * 3
    drawn = "".join(
        put(cell, 72 + 150 * column, 720 - 20 * row)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
    )
    assert text_of(tmp_path, pdf_of(drawn)).split("\n")[:2] == ["Item Valor Ano", "agua 10 2021"]


def test_a_drawn_table_becomes_markdown_rows(tmp_path):
    cells = [("Cidade", "Habitantes"), ("Recife", "1 500"), ("Natal", "800")]
    content = put("Antes da tabela vem este texto", 72, 760)
    for row, pair in enumerate(cells):
        for column, cell in enumerate(pair):
            content += put(cell, 80 + 120 * column, 705 - 30 * row)
    content += "".join(rule(72, 725 - 30 * n, 312, 725 - 30 * n) for n in range(4))
    content += "".join(rule(72 + 120 * n, 725, 72 + 120 * n, 635) for n in range(3))
    content += put("Depois dela vem este outro", 72, 600)
    assert text_of(tmp_path, pdf_of(content)).replace("\n\n", "\n").split("\n") == [
        "Antes da tabela vem este texto",
        "| Cidade | Habitantes |",
        "| Recife | 1 500 |",
        "| Natal | 800 |",
        "Depois dela vem este outro",
    ]


def test_text_printed_twice_is_read_once(tmp_path):
    content = put("Sombra da letra", 72, 720) + put("Sombra da letra", 72.6, 719.6)
    assert text_of(tmp_path, pdf_of(content)) == "Sombra da letra"


@pytest.mark.parametrize(
    ("more", "turn", "x", "y"),
    [("/Rotate 90", "0 1 -1 0", 300, 100), ("", "0 -1 1 0", 300, 700), ("/Rotate 180", "-1 0 0 -1", 500, 300)],
)
def test_a_page_on_its_side_is_read_all_the_same(tmp_path, more, turn, x, y):
    across = {"0 1 -1 0": (20, 0), "0 -1 1 0": (-20, 0), "-1 0 0 -1": (0, 20)}[turn]
    content = put("primeira linha", x, y, turn=turn) + put("segunda linha", x + across[0], y + across[1], turn=turn)
    assert text_of(tmp_path, pdf_of(content, more=more)) == "primeira linha\nsegunda linha"


def test_tall_letters_are_headings_and_cut_words_are_joined(tmp_path):
    lines = ["O conselho disse-", "lhe que a constitui-", "ção vale para todos os cidadãos do lugar."]
    content = put("Do conselho", 72, 740, 22) + "".join(put(line, 72, 700 - 14 * n, 10) for n, line in enumerate(lines))
    text = text_of(tmp_path, pdf_of(content))
    assert text.startswith("# Do conselho\n")
    assert "disse-lhe" in text
    assert "constituição" in text


def test_a_damaged_page_does_not_cost_the_others(tmp_path):
    content = pdf("primeira folha", "segunda folha", "terceira folha")
    start = content.index(b"6 0 obj") + len(b"6 0 obj\n")
    content = content[:start] + b"(" + content[start + 1 :]  # the second page's object is no page any more
    document = load(write(tmp_path, "a.pdf", content))
    assert [page.text for page in document.pages] == ["primeira folha", "", "terceira folha"]
    assert "no text on page(s) 2" in document.warnings[0].en


def test_a_locked_pdf_asks_for_its_password_and_opens_with_it(tmp_path):
    path = write(tmp_path, "a.pdf", locked("segredo"))
    with pytest.raises(PasswordNeeded, match="Give the password") as asked:
        load(path)
    assert "Informe a senha" in asked.value.text("pt")
    with pytest.raises(PasswordNeeded, match="does not open"):
        load(path, password="errada")
    assert load(path, password="segredo").pages[0].text == "Texto guardado com senha"


def test_an_unlocked_copy_needs_no_password(tmp_path):
    unlock(write(tmp_path, "a.pdf", locked("segredo")), tmp_path / "b.pdf", "segredo")
    assert load(tmp_path / "b.pdf").pages[0].text == "Texto guardado com senha"


def test_one_page_is_read_without_the_others(tmp_path):
    path = write(tmp_path, "a.pdf", pdf("um", "", "tres"))
    assert [page.text for page in load_page(path, 3).pages] == ["", "", "tres"]
    assert [page.text for page in load_page(path, 2).pages] == ["", "", ""], "an empty page is no fault"
    assert [page.text for page in load_page(path, 9).pages] == ["", "", ""]
    text = write(tmp_path, "a.md", "Sem folhas")
    assert load_page(text, 3).pages[0].text == "Sem folhas"


def test_what_opens_without_a_password_is_just_read(tmp_path):
    assert text_of(tmp_path, locked("")) == "Texto guardado com senha"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
@pytest.mark.parametrize(
    ("name", "password"),
    [("aes-128.pdf", "foo"), ("aes-256-r6.pdf", "usersecret"), ("libreoffice-writer-password.pdf", "openpassword")],
)
def test_every_way_of_locking_opens(name, password):
    path = DOCUMENTS / "pdf-encrypted" / name
    with pytest.raises(PasswordNeeded):
        load(path)
    assert load(path, password=password).pages[0].text


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_what_was_filled_into_a_form_is_read():
    assert "First Name Alice" in load(DOCUMENTS / "pdf-layout" / "libreoffice-form.pdf").pages[0].text


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_arabic_keeps_its_order():
    assert "لغة" in load(DOCUMENTS / "pdf-layout" / "right_to_left_01.pdf").pages[0].text


def test_text_with_a_false_map_to_letters_is_unreadable():
    assert unreadable("ĚĞƐƚĞ ĐĂĚĞƌŶŽ ĚĞ ƉƌŽǀĂ ĚŽ ƟƉŽ ϭ")
    assert unreadable("\ue001\ue002\ue003 abc")
    for text in ("Źdźbło trawy, żółć i łąka w Łodzi", "Příliš žluťoučký kůň úpěl ďábelské ódy", "Ação e reação", ""):
        assert not unreadable(text)


def test_a_scan_without_ocr_names_the_program_and_its_command(tmp_path, monkeypatch):
    from assistant.retrieval.workers import shared

    monkeypatch.setenv("PATH", str(tmp_path))
    shared().close()  # the next process sees the new path
    try:
        with pytest.raises(DocumentRefused, match="apt install tesseract-ocr tesseract-ocr-por") as refused:
            load(write(tmp_path, "scan.pdf", picture_pdf("Texto")))
    finally:
        shared().close()
    assert "não está instalado" in refused.value.text("pt")


def test_a_document_with_one_scanned_page_is_read_and_says_so(tmp_path, monkeypatch):
    from assistant.retrieval.workers import shared

    writer = PdfWriter()
    for content in (pdf("Uma pagina de texto de verdade"), picture_pdf("imagem")):
        writer.append(PdfReader(io.BytesIO(content)))
    out = io.BytesIO()
    writer.write(out)
    monkeypatch.setenv("PATH", str(tmp_path))
    shared().close()
    try:
        document = load(write(tmp_path, "a.pdf", out.getvalue()))
    finally:
        shared().close()
    assert [page.text for page in document.pages] == ["Uma pagina de texto de verdade", ""]
    assert "no text on page(s) 2" in document.warnings[0].en
    assert "tesseract-ocr-por" in document.warnings[0].pt
