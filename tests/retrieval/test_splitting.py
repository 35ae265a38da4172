from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.loading import LoadedDocument, Page
from assistant.retrieval.splitting import CHUNK_CHARS, split


def document(*pages: str, numbered: bool = False) -> LoadedDocument:
    return LoadedDocument("a.md", "Luas", None, tuple(Page(i if numbered else None, t) for i, t in enumerate(pages, 1)))


def test_a_chunk_knows_its_path_of_headings():
    chunks = split(document("# Luas\n\nIntrodução.\n\n## Saturno\n\nTem 274.\n\n# Anéis\n\nDe gelo."))
    assert [(c.heading, c.text) for c in chunks] == [
        ("Luas", "Introdução."),
        ("Luas > Saturno", "Tem 274."),
        ("Anéis", "De gelo."),
    ]


def test_a_heading_without_text_makes_no_chunk():
    assert split(document("# Um\n\n## Dois\n\n### Três")) == []


def test_a_heading_without_words_is_a_border_all_the_same():
    assert [c.text for c in split(document("#\nUm texto.\n#\nOutro texto."))] == ["Um texto.", "Outro texto."]


def test_long_sections_are_cut_at_sentences_and_lose_no_word():
    sentences = [f"Esta é a frase de número {i} do texto." for i in range(100)]
    chunks = split(document("# T\n\n" + " ".join(sentences)))
    assert all(len(c.text) <= CHUNK_CHARS for c in chunks)
    assert all(c.text.endswith(".") for c in chunks)
    assert " ".join(c.text for c in chunks).split() == " ".join(sentences).split()


def test_pages_are_not_mixed_and_keep_the_heading_before_them():
    chunks = split(document("# Contrato\n\nPrimeira.", "Segunda.", numbered=True))
    assert [(c.page, c.heading, c.text) for c in chunks] == [
        (1, "Contrato", "Primeira."),
        (2, "Contrato", "Segunda."),
    ]


def test_the_digest_says_what_is_embedded():
    one, other = split(document("# A\n\nTexto.\n\n# B\n\nTexto."))
    assert one.text == other.text
    assert one.digest != other.digest
    assert one.embedding_text == "Luas > A\nTexto."


@given(st.text(alphabet="abc .\n#;,", max_size=3000))
def test_every_chunk_has_words_of_the_document(text):
    for chunk in split(document(text)):
        assert 0 < len(chunk.text) <= CHUNK_CHARS
        assert "".join(chunk.text.split()) in "".join(text.split())
