from pathlib import Path

import pytest

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import load

DOCUMENTS = Path(__file__).parents[3] / "shared" / "data" / "ingestion-docs"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pdf(*pages: str) -> bytes:
    """A minimal PDF with one line of text on each page."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return (
        f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    ).encode()


def test_front_matter_gives_title_and_date_and_is_no_text(tmp_path):
    path = write(tmp_path, "a.md", '---\ntitle: Citações e "não sei"\nas_of: 2023-02\n---\n# Outro\n\nTexto.\n')
    document = load(path)
    assert (document.title, document.as_of) == ('Citações e "não sei"', "2023-02")
    assert document.pages[0].text == "# Outro\n\nTexto."
    assert document.pages[0].number is None


def test_without_front_matter_the_heading_and_the_file_name_speak(tmp_path):
    document = load(write(tmp_path, "luas-2023-05.md", "# Luas novas\n\nEm 11 de março de 2025 nada mudou."))
    assert (document.title, document.as_of) == ("Luas novas", "2023-05")


def test_a_date_that_is_none_is_reported(tmp_path):
    document = load(write(tmp_path, "a.md", "---\nas_of: outro dia\n---\nTexto."))
    assert document.as_of is None
    assert "outro dia" in document.warnings[0].pt


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_of_any_usual_encoding(tmp_path, encoding):
    path = write(tmp_path, "a.txt", "Órbita de Plutão: ação".encode(encoding))
    assert load(path).pages[0].text == "Órbita de Plutão: ação"


def test_html_keeps_what_a_reader_sees(tmp_path):
    path = write(
        tmp_path,
        "a.html",
        """<html><head><title>Os anéis</title><meta name="date" content="2025-03-23">
        <style>p{color:red}</style></head><body><nav>Início</nav><h1>Anéis</h1><h2>De Saturno</h2>
        <p>São de <b>gelo</b>.</p><script>alert('roubo')</script><ul><li>um<li>dois</ul></body></html>""",
    )
    document = load(path)
    text = document.pages[0].text
    assert (document.title, document.as_of) == ("Os anéis", "2025-03-23")
    assert "# Anéis" in text
    assert "## De Saturno" in text
    assert "São de gelo." in text
    for hidden in ("alert", "color", "Início"):
        assert hidden not in text


def test_html_declares_its_own_encoding(tmp_path):
    content = '<html><head><meta charset="iso-8859-1"></head><body><p>ação</p></body></html>'
    assert load(write(tmp_path, "a.html", content.encode("latin-1"))).pages[0].text == "ação"


def test_pdf_pages_keep_their_numbers(tmp_path):
    document = load(write(tmp_path, "a-2024.pdf", pdf("Primeira pagina do contrato", "Segunda pagina do contrato")))
    assert [(p.number, p.text) for p in document.pages] == [
        (1, "Primeira pagina do contrato"),
        (2, "Segunda pagina do contrato"),
    ]
    assert document.as_of == "2024"


def test_a_pdf_without_text_names_the_way_out(tmp_path):
    with pytest.raises(DocumentRefused, match="OCR"):
        load(write(tmp_path, "a.pdf", pdf("", "")))


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n%%EOF", b"no pdf at all", pdf("texto")[:200]])
def test_a_broken_pdf_is_refused_with_its_name(tmp_path, content):
    with pytest.raises(DocumentRefused, match=r"quebrado\.pdf"):
        load(write(tmp_path, "quebrado.pdf", content))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.exe", b"MZ", "not read"),
        ("sem-nome", b"x", "not read"),
        ("a.txt", b"  \n ", "no text"),
        ("a.txt", b"\x00\x01binary", "binary"),
        ("a.md", b"x" * 2000, "Split it"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path, name, content, words):
    with pytest.raises(DocumentRefused, match=words):
        load(write(tmp_path, name, content), max_bytes=1000)


def test_control_characters_do_not_reach_the_text(tmp_path):
    assert load(write(tmp_path, "a.txt", "a\x07b\u00adc\x1b[31m")).pages[0].text == "a bc [31m"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
@pytest.mark.parametrize("kind", ["pdf-broken", "pdf-encrypted", "pdf-scanned", "txt", "html", "md", "html-pt"])
def test_real_documents_are_read_or_refused_in_words(kind):
    for path in sorted((DOCUMENTS / kind).iterdir()):
        try:
            document = load(path)
        except DocumentRefused as error:
            said = str(error)
        else:
            said = f"{path.name} has text" if any(p.text for p in document.pages) and document.title else ""
        assert path.name in said


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_a_real_exam_has_its_pages():
    document = load(DOCUMENTS / "pdf-pt" / "oab-2014-14.pdf")
    assert [p.number for p in document.pages] == list(range(1, 21))
