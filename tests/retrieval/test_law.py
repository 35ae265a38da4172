"""Norms are cut at articles, paragraphs and items, and every piece knows its path."""

import csv
import re
from pathlib import Path

import pytest

from assistant.generation.citations import find_quote
from assistant.retrieval.law import LawReader, cited_article, is_law, paths_in
from assistant.retrieval.law_names import Reference, article_label, known_name, law_name, reference
from assistant.retrieval.loading import LoadedDocument, Page, load
from assistant.retrieval.splitting import CHUNK_CHARS, split

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RULES = """CAPÍTULO I
DAS DISPOSIÇÕES GERAIS

Art. 1º Este regimento vale para todos, nos termos do
Art. 1.333 do Código Civil e do
art. 5º, II.
Parágrafo único. Vale também para visitantes.

Art. 2º - São deveres do morador:
I - pagar a quota;
II – cuidar:
a) do jardim;
b) da piscina; e
III - respeitar o silêncio previsto no
§ 2º do art. 3º.
§ 1º A multa é de 2 %.
§ 2º A multa dobra na reincidência.

Seção II
Das vagas

Art. 3o. As vagas são de uso exclusivo.
Art. 3º-A. As visitas pagam.
Art. 10. Este regimento entra em vigor hoje.
"""


def pieces(text: str, limit: int = 700, title: str = "Regimento interno (versão de 2023)") -> list[tuple[str, str]]:
    return [(p.heading, p.text) for p in LawReader(title, limit).read(text)]


def headings(text: str, limit: int = 700) -> list[str]:
    return [heading.rpartition(" > ")[2] for heading, _ in pieces(text, limit)]


def test_an_article_is_one_piece_where_it_fits_and_its_path_says_what_it_holds():
    general, spaces = "CAPÍTULO I DAS DISPOSIÇÕES GERAIS > ", "Seção II Das vagas > "
    assert [heading for heading, _ in pieces(RULES)] == [
        f"{general}Regimento interno, art. 1º, caput e parágrafo único",
        f"{general}Regimento interno, art. 2º, caput e §§ 1º e 2º",
        f"{spaces}Regimento interno, art. 3º",
        f"{spaces}Regimento interno, art. 3º-A",
        f"{spaces}Regimento interno, art. 10",
    ]


def test_a_long_article_is_cut_at_paragraphs_then_at_items():
    assert headings(RULES, 120)[:5] == [
        "Regimento interno, art. 1º, caput",
        "Regimento interno, art. 1º, parágrafo único",
        "Regimento interno, art. 2º, caput, I e II",
        "Regimento interno, art. 2º, III",
        "Regimento interno, art. 2º, §§ 1º e 2º",
    ]
    assert headings(RULES, 30)[2:8] == [
        "Regimento interno, art. 2º, caput",
        "Regimento interno, art. 2º, I",
        'Regimento interno, art. 2º, II, "a"',
        'Regimento interno, art. 2º, II, "b"',
        "Regimento interno, art. 2º, III",
        "Regimento interno, art. 2º, § 1º",
    ]


@pytest.mark.parametrize("limit", [20, 60, 120, 400])
def test_no_piece_holds_two_articles_and_no_word_is_lost(limit):
    found = pieces(RULES, limit)
    for heading, text in found:
        assert len(re.findall(r"^Art\. (?:1º|2º|3o|3º-A|10)", text, re.MULTILINE)) <= 1
        assert text in RULES
        assert cited_article(heading).startswith("Regimento interno, art. ")
    without_divisions = RULES.replace("CAPÍTULO I\nDAS DISPOSIÇÕES GERAIS\n", "").replace("Seção II\nDas vagas\n", "")
    assert " ".join(text for _, text in found).split() == without_divisions.split()


def test_provisions_inside_one_line_are_found_and_references_are_not():
    text = (
        "**Art. 4º** Serão princípios: I – a ação do governo: a) direta; b) indireta, nos termos do § 1º; "
        "II – a harmonia (art. 170, I – V). § 1º A ação cabe ao Estado. Parágrafo único. Nada mais.\n"
        "**Art. 5º** Fim.\n"
    )
    assert [h.rpartition("art. 4º, ")[2] for h in headings(text, 30)[:-1]] == [
        "caput",
        "I",
        'I, "a"',
        'I, "b"',
        "II",
        "§ 1º",
        "parágrafo único",
    ]


def test_items_on_lines_of_their_own_count_wherever_they_begin_and_whatever_is_between():
    text = "Art. 20. São bens:\n\nIV - as ilhas;\n\nXI - as terras.\n\n§ 3º Vale isto.\n\nArt. 21. Compete."
    assert is_law(text)
    assert [h.rpartition("interno, ")[2] for h in headings(text, 20)] == [
        "art. 20, caput",
        "art. 20, IV",
        "art. 20, XI",
        "art. 20, § 3º",
        "art. 21",
    ]


def test_an_article_that_goes_on_over_the_end_of_a_page_keeps_its_path():
    pages = (
        Page(1, "Art. 1º São deveres:\nI - pagar;\nII - cuidar;"),
        Page(2, "III - sair.\nArt. 2º Fim.\nArt. 3º Já."),
    )
    chunks = split(LoadedDocument("r.pdf", "Regimento", None, pages))
    assert [(c.page, c.heading) for c in chunks] == [
        (1, "Regimento, art. 1º"),
        (2, "Regimento, art. 1º, III"),
        (2, "Regimento, art. 2º"),
        (2, "Regimento, art. 3º"),
    ]


def test_the_transitory_acts_count_their_articles_anew():
    acts = "## Ato das Disposições Constitucionais Transitórias"
    text = f"# Constituição\n\nArt. 1º Um.\n\nArt. 2º Dois.\n\n{acts}\n\nArt. 1º Três.\n"
    assert [h.rpartition(" > ")[2] for h, _ in pieces(text, title="Constituição")] == [
        "CF, art. 1º",
        "CF, art. 2º",
        "ADCT, art. 1º",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# Prazos\n\nPelo art. 12 da Lei, o serviço é gratuito. Pelo art. 15, cabe recurso.\n" * 20,
        "Art. 5º da Constituição e\nArt. 7º da CLT são citados\nmas nada começa aqui.",
        "Uma nota.\n" * 60 + "Art. 1º Todos são iguais.\nArt. 2º São Poderes.\n",
        "Luas de Saturno: I - Mimas; II - Encélado.",
        "",
    ],
)
def test_notes_about_laws_are_not_taken_for_laws(text):
    assert not is_law(text)


def test_a_law_is_recognised_in_markdown_html_and_text(tmp_path):
    body = "Art. 1º A lei vale.\n\n§ 1º Para todos.\n\nArt. 2º Esta lei entra em vigor na data de sua publicação."
    html = "".join(f"<p>{line}</p>" for line in body.split("\n\n"))
    files = {"lei.md": f"# Lei nº 9.999, de 2 de maio de 2020\n\n{body}", "lei.txt": f"LEI Nº 9.999/2020\n\n{body}"}
    files["lei.html"] = f"<html><head><title>Lei nº 9.999/2020</title></head><body>{html}</body></html>"
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text, "utf-8")
        found = [c.heading.rpartition(" > ")[2] for c in split(load(path))]
        assert found[-2:] == ["Lei 9.999/2020, art. 1º, caput e § 1º", "Lei 9.999/2020, art. 2º"], name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Lei nº 8.078, de 11 de setembro de 1990 (Código de Defesa do Consumidor)", "CDC"),
        ("Constituição da República Federativa do Brasil, texto de 05/10/1988", "CF"),
        ("Constituição do Estado de São Paulo", "Constituição do Estado de São Paulo"),
        ("Decreto-Lei nº 4.657, de 4 de setembro de 1942", "LINDB"),
        ("Lei nº 9.784, de 29 de janeiro de 1999", "Lei 9.784/1999"),
        ("Lei Complementar nº 95/1998", "Lei Complementar 95/1998"),
        ("Resolução CD/ANPD nº 15, de 24 de abril de 2024", "Resolução 15/2024"),
        ("Estatuto da associação (SODB)", "SODB"),
        ("Regimento interno (versão de 2023)", "Regimento interno"),
    ],
)
def test_a_norm_is_cited_by_its_usual_name_without_a_date(title, name):
    assert law_name(title) == name


def test_a_law_whose_title_is_a_file_name_is_called_what_stands_below_the_letterhead():
    text = """

Presidência da República
Casa Civil
Subchefia para Assuntos Jurídicos

LEI Nº 11.417, DE 19 DE DEZEMBRO DE 2006.

Vigência
Regulamenta o art. 103-A da Constituição Federal e altera a Lei nº 9.784, de 29 de janeiro de 1999.
"""
    assert law_name("11417", text) == "Lei 11.417/2006"


def test_words_that_name_no_norm_name_none():
    assert known_name("Qual é o prazo?") == ""


@pytest.mark.parametrize(("number", "label"), [("5", "5º"), ("10", "10"), ("1.023", "1.023"), ("2045", "2.045")])
def test_articles_are_ordinal_up_to_nine(number, label):
    assert article_label(number) == label


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("O que diz o art. 49 do CDC?", Reference("CDC, art. 49")),
        ("O que diz o artigo 5º, LXXVIII, da Constituição Federal?", Reference("CF, art. 5º", ("LXXVIII",))),
        ("Em 1995, o que dizia o art. 29, VI, da CF/88?", Reference("CF, art. 29", ("VI",))),
        ("art. 40, § 1º, inciso iii, da Constituição", Reference("CF, art. 40", ("§ 1º", "III"))),
        ("art. 146-A, parágrafo único, da Constituição", Reference("CF, art. 146-A", ("parágrafo único",))),
        ("art. 2º da Lei nº 9.784, de 29 de janeiro de 1999", Reference("Lei 9.784/1999, art. 2º")),
        ("CDC, art. 49: qual é o prazo?", Reference("CDC, art. 49")),
        ("Qual é o prazo do art. 18 do Código de Defesa do Consumidor?", Reference("CDC, art. 18")),
        ('O que dizia o art. 105, III, "b", da Constituição?', Reference("CF, art. 105", ("III", '"b"'))),
        ("O que a Constituição diz sobre a saúde, nos termos do art. 195, com recursos?", None),
        ("Quais são os limites de que tratam os incisos VI e VII do art. 52 da Constituição?", None),
        ("art. 3º da Constituição do Estado de São Paulo", None),
        ("O que diz o art. 49?", None),
        ("Qual é o prazo de arrependimento no CDC?", None),
    ],
)
def test_the_article_that_a_question_cites(question, expected):
    assert reference(question) == expected


@pytest.mark.parametrize(
    ("heading", "text", "paths"),
    [
        ("CF, art. 3º", "Art. 3º O texto.", {()}),
        ("CF, art. 2º, caput e §§ 1º e 2º", "Art. 2º Um.\n§ 1º Dois.\n§ 2º Três.", {(), ("§ 1º",), ("§ 2º",)}),
        ("CF, art. 155, § 2º, VI e VII", "VI - um;\nVII - dois;", {("§ 2º", "VI"), ("§ 2º", "VII")}),
        ('CF, art. 102, I, "a" a "b"', "I - julgar:\na) um;\nb) dois;", {("I",), ("I", '"a"'), ("I", '"b"')}),
        ('CF, art. 102, I, "c" e "d"', "c) um;\nd) dois;", {("I", '"c"'), ("I", '"d"')}),
        ("CF, art. 37, § 8º, I e II", "§ 8º A lei:\nI - um;\nII - dois;", {("§ 8º",), ("§ 8º", "I"), ("§ 8º", "II")}),
        ("CF, art. 100, § 2º", "e o resto de um parágrafo longo.", set()),
    ],
)
def test_the_provisions_that_a_piece_holds(heading, text, paths):
    assert paths_in(heading, text) == paths


needs_laws = pytest.mark.skipif(not (SHARED / "leis").is_dir(), reason="../shared/data/leis is not there")
needs_constitution = pytest.mark.skipif(
    not (SHARED / "constituicao").is_dir(), reason="../shared/data/constituicao is not there"
)


@needs_laws
@pytest.mark.parametrize(("name", "articles"), [("CDC", 131), ("LGPD", 80), ("LINDB", 30), ("ECA-Digital", 43)])
def test_real_laws_keep_every_article_apart_and_every_sentence_quotable(name, articles):
    document = load(SHARED / "leis" / "leis_md" / f"{name}.md")
    chunks = split(document)
    assert len({cited_article(c.heading) for c in chunks}) == articles
    assert max(len(c.text) for c in chunks) <= CHUNK_CHARS
    for article in re.findall(r"^\*\*Art\. [^\n]+", document.pages[0].text, re.MULTILINE):
        quote = article[:45].rsplit(" ", 1)[0]
        if "vetado" not in article.lower():  # a quote of two words proves nothing
            assert any(find_quote(quote, c.text) for c in chunks), quote


@needs_laws
def test_the_consumer_code_has_its_article_49_with_the_sole_paragraph():
    chunks = split(load(SHARED / "leis" / "leis_md" / "CDC.md"))
    (chunk,) = (c for c in chunks if cited_article(c.heading) == "CDC, art. 49")
    assert chunk.heading.endswith("CDC, art. 49, caput e parágrafo único")
    assert "7 dias" in chunk.text


@needs_constitution
def test_the_constitution_is_read_article_by_article():
    with (SHARED / "constituicao" / "csv" / "20200826_EMC108.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = "\n".join(row["texto"] for row in rows)
    chunks = split(LoadedDocument("cf.txt", "Constituição", None, (Page(None, text),)))
    assert len({cited_article(c.heading) for c in chunks}) == sum(row["classe"] == "artigo" for row in rows)
