import pytest

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import load

from .papers import DOCUMENTS, pdf, write


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


def test_a_pdf_of_empty_pages_holds_no_text(tmp_path):
    with pytest.raises(DocumentRefused, match=r"a\.pdf holds no text"):
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


def test_a_document_is_called_as_its_owner_calls_it(tmp_path):
    path = write(tmp_path, ".4711.md", "Texto.")
    assert load(path, name="luas-2023-05.md").as_of == "2023-05"
    with pytest.raises(DocumentRefused, match=r"^luas\.md"):
        load(write(tmp_path, ".4712.md", " "), name="luas.md")


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "a.md").symlink_to(write(tmp_path, "secret.txt", "segredo"))
    with pytest.raises(DocumentRefused, match=r"a\.md"):
        load(tmp_path / "a.md")


def test_pages_are_counted_while_they_are_read(tmp_path):
    seen = []
    load(write(tmp_path, "a.pdf", pdf("um", "dois", "três")), on_page=lambda page, of: seen.append((page, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_five_hundred_pages_are_read(tmp_path):
    document = load(write(tmp_path, "a.pdf", pdf(*(f"Texto da folha {n} do processo" for n in range(1, 501)))))
    assert len(document.pages) == 500
    assert document.pages[499].text == "Texto da folha 500 do processo"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
@pytest.mark.parametrize("kind", ["pdf-broken", "pdf-encrypted", "txt", "html", "md", "docx", "csv", "epub", "other"])
def test_real_documents_are_read_or_refused_in_words(kind):
    for path in sorted((DOCUMENTS / kind).iterdir()):
        said = outcome(path)
        assert all(path.name in words for words in said)
        assert said[0] != said[1]


def outcome(path):
    """What is said of a file, in both languages."""
    try:
        document = load(path)
    except DocumentRefused as error:
        return str(error), error.text("pt")
    assert document.title
    assert any(page.text for page in document.pages)
    return f"{path.name} is read", f"{path.name} foi lido"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_a_real_exam_is_read_column_by_column():
    document = load(DOCUMENTS / "pdf-pt" / "oab-2014-14.pdf")
    assert [p.number for p in document.pages] == list(range(1, 21))
    page = document.pages[2].text
    order = [page.index(words) for words in ("Questão 5", "Cláudia, advogada", "Questão 6", "Questão 7")]
    assert order == sorted(order)
    assert "tendo vencido seu\noponente, o também advogado Pradel" in page
