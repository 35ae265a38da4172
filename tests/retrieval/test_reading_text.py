"""Encodings, tables of records, JSON and HTML as readable text."""

import pytest

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import load
from assistant.retrieval.reading.tabular import separator_of
from assistant.retrieval.reading.texts import decode

from .papers import write

PORTUGUESE = "À noite, São José dos Órfãos não é fácil: às vezes há ação, pães, avós e você. "


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp850", "mac_roman"],
)
@pytest.mark.parametrize("times", [1, 50])
def test_portuguese_in_every_encoding_it_is_met_in(encoding, times):
    assert decode((PORTUGUESE * times).encode(encoding)) == PORTUGUESE * times


def test_one_byte_of_another_encoding_does_not_spoil_a_text(tmp_path):
    document = load(write(tmp_path, "a.txt", PORTUGUESE.encode() * 30 + b"\xe3" + PORTUGUESE.encode()))
    assert document.pages[0].text.startswith(PORTUGUESE.strip())
    assert "UTF-8" in document.warnings[0].pt


def test_an_encoding_that_had_to_be_guessed_is_said(tmp_path):
    document = load(write(tmp_path, "a.txt", (PORTUGUESE * 3).encode("cp850")))
    assert "cp850" in document.warnings[0].en


@pytest.mark.parametrize(("separator", "name"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.tsv"), ("|", "a.csv")])
def test_a_table_repeats_its_headers(tmp_path, separator, name):
    rows = [["Cidade", "Estado", "Nota"], ["Recife", "PE", '"a, b; c | d\te"'], ["Natal", "RN", ""]]
    content = "\r\n".join(separator.join(row) for row in rows)
    assert load(write(tmp_path, name, content)).pages[0].text.split("\n") == [
        "Cidade: Recife; Estado: PE; Nota: a, b; c | d\te",
        "Cidade: Natal; Estado: RN",
    ]


def test_a_table_without_headers_and_one_with_a_title(tmp_path):
    assert load(write(tmp_path, "a.csv", "1,2\n3,4")).pages[0].text == "1; 2\n3; 4"
    titled = "Tabela de preços;;\nItem;Preço;Ano\nágua;4;2024\n"
    assert load(write(tmp_path, "b.csv", titled)).pages[0].text == "Tabela de preços\nItem: água; Preço: 4; Ano: 2024"


def test_formulas_are_text_and_said(tmp_path):
    content = "Nome,Valor\n=cmd|'/c calc'!A0,-5\n@SUM(A1:A9),+HYPERLINK(\"x\")\n"
    document = load(write(tmp_path, "a.csv", content))
    assert "Nome: =cmd|'/c calc'!A0; Valor: -5" in document.pages[0].text
    assert document.warnings[0].pt == "a.csv: 3 célula(s) com cara de fórmula; lidas como texto, nada é calculado."


def test_negative_numbers_are_no_formulas(tmp_path):
    assert not load(write(tmp_path, "a.csv", "Nome,Valor\nfrio,-5\nquente,+30\n")).warnings


def test_a_field_that_never_ends_is_refused(tmp_path):
    with pytest.raises(DocumentRefused, match="damaged"):
        load(write(tmp_path, "a.csv", 'a,b\n"' + "x" * 2_000_000))


def test_the_separator_is_the_one_that_cuts_evenly():
    assert separator_of("nome;valor\nágua, fria;1,5\nluz;2,5") == ";"
    assert separator_of("uma palavra\noutra") == ","


def test_json_is_readable_and_its_paths_are_named(tmp_path):
    content = '[{"nome": "Ana", "ativa": true, "cargo": {"título": "juíza", "anos": [2019, 2020]}}, {"nome": "Rui"}]'
    assert load(write(tmp_path, "a.json", content)).pages[0].text == (
        "nome: Ana\nativa: sim\ncargo > título: juíza\ncargo > anos: 2019, 2020\n\nnome: Rui"
    )


def test_one_record_gives_title_and_date(tmp_path):
    document = load(write(tmp_path, "a.json", '{"title": "Portaria 5", "date": "2024-02-01", "texto": "Vale."}'))
    assert (document.title, document.as_of) == ("Portaria 5", "2024-02-01")


def test_a_bad_line_of_jsonl_is_named(tmp_path):
    with pytest.raises(DocumentRefused, match="line 3"):
        load(write(tmp_path, "a.jsonl", '{"a": 1}\n\n{"a": \n'))


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000])
def test_json_that_is_none_is_refused(tmp_path, content):
    with pytest.raises(DocumentRefused, match=r"a\.json is damaged"):
        load(write(tmp_path, "a.json", content))


def test_html_lists_and_tables_keep_their_form(tmp_path):
    content = """<p>Antes</p><ol start="3"><li>três<li><p>quatro</p></ol><ul><li>ponto</li></ul>
    <table><tr><th>Cidade</th><th>UF</th></tr><tr><td>Recife</td><td>PE</td></tr></table><p>Depois</p>"""
    assert load(write(tmp_path, "a.html", content)).pages[0].text.replace("\n\n", "\n").split("\n") == [
        "Antes", "3. três", "4. quatro", "- ponto", "| Cidade | UF |", "| Recife | PE |", "Depois",
    ]  # fmt: skip


def test_a_table_that_only_places_text_is_no_table(tmp_path):
    content = f"<table><tr><td>menu</td><td><h1>Lei</h1><p>{'texto ' * 100}</p></td></tr></table>"
    text = load(write(tmp_path, "a.html", content)).pages[0].text
    assert "# Lei" in text
    assert "|" not in text


def test_what_a_page_would_run_is_dropped(tmp_path):
    content = """<p onclick="roubo()">Texto</p><script>roubo()</script><iframe src="http://x">roubo</iframe>
    <object data="x">roubo</object><svg><text>roubo</text></svg><a href="javascript:roubo()">laço</a>"""
    assert load(write(tmp_path, "a.html", content)).pages[0].text.split() == ["Texto", "laço"]


def test_html_that_declares_an_encoding_it_is_not_in(tmp_path):
    content = '<html><head><meta charset="utf-8"></head><body><p>ação e reação</p></body></html>'
    assert load(write(tmp_path, "a.html", content.encode("cp1252"))).pages[0].text == "ação e reação"
