"""Files of every form become the same records; what is wrong is named with file, line and value."""

import json
import zipfile

import openpyxl
import pytest

from assistant.errors import DataError
from assistant.stores.manifests import Localized
from assistant.training import files
from assistant.training.brat import read_brat
from assistant.training.drafts import NewAdapter, draft_card
from assistant.training.formats import read_conll, read_examples
from assistant.training.records import Mapping, example_of, parse_entities, read_records
from assistant.types import AdapterKind

WORDS = Localized("Teste", "Test")


def lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def card(kind, records=()):
    return draft_card(NewAdapter("teste", kind, WORDS, WORDS), records)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Oi", "completion": "Olá"},
        {"review": "Oi", "reply": "Olá"},
        {"question": "Oi", "answer": "Olá"},
        {"instruction": "Oi", "input": "", "output": "Olá"},
        {"messages": [{"role": "user", "content": "Oi"}, {"role": "assistant", "content": "Olá"}]},
        {"conversations": [{"from": "human", "value": "Oi"}, {"from": "gpt", "value": "Olá"}]},
        {"Entrada": "Oi", "Saída": "Olá"},
    ],
)
def test_every_usual_form_of_json_lines_gives_input_and_output(tmp_path, row):
    (record,) = read_records(lines(tmp_path / "a.jsonl", [row])).records
    assert (record.input, record.output, record.line) == ("Oi", "Olá", 1)


def test_an_alpaca_input_follows_its_instruction(tmp_path):
    row = {"instruction": "Traduza", "input": "bom dia", "output": "good morning"}
    assert read_records(lines(tmp_path / "a.jsonl", [row])).records[0].input == "Traduza\nbom dia"


def test_a_conversation_is_one_group_of_pairs_and_says_what_is_lost(tmp_path):
    turns = [("system", "Seja breve"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    found = read_records(lines(tmp_path / "a.jsonl", [{"messages": [{"role": r, "content": c} for r, c in turns]}] * 2))
    assert [(r.input, r.output, r.group) for r in found.records] == [
        ("a", "b", "1"), ("c", "d", "1"), ("a", "b", "2"), ("c", "d", "2"),
    ]  # fmt: skip
    assert len(found.warnings) == 2


def test_a_json_list_knows_the_line_of_each_object(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('[\n  {"prompt": "a",\n   "completion": "b"},\n  {"prompt": "c", "completion": "d"}\n]\n', "utf-8")
    assert [r.line for r in read_records(file).records] == [2, 4]
    file.write_text('[\n  {"prompt": "a", "completion": "b"},\n  {"prompt": }\n]\n', "utf-8")
    with pytest.raises(DataError, match=r"a\.json, line 3"):
        read_records(file)


def test_broken_json_on_line_812_is_named_in_both_languages(tmp_path):
    rows = [json.dumps({"prompt": f"p{i}", "completion": "c"}) for i in range(1000)]
    rows[811] = '{"prompt": "p811", "completion": '
    (tmp_path / "a.jsonl").write_text("\n".join(rows), "utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl, line 812") as caught:
        read_records(tmp_path / "a.jsonl")
    assert "a.jsonl, linha 812" in caught.value.text("pt")


@pytest.mark.parametrize("line", ["[" * 200_000, "1" * 5_000, "7", '{"prompt": ["x"], "completion": "y"}'])
def test_json_that_is_no_record_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' + line, "utf-8")
    with pytest.raises(DataError, match="line 2"):
        read_records(tmp_path / "a.jsonl")


def test_half_a_character_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "\\ud800"}\n', "utf-8")
    with pytest.raises(DataError, match=r"line 1.*half a character"):
        read_records(tmp_path / "a.jsonl")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_tables_of_any_separator_are_read_with_their_lines(tmp_path, separator):
    rows = [["texto", "departamento", "obs"], ['"Buraco\nna rua"', "Obras", "x"], ["Sem luz", "Luz", ""]]
    (tmp_path / "a.csv").write_text("\r\n".join(separator.join(row) for row in rows), "utf-8-sig")
    found = read_records(tmp_path / "a.csv")
    assert [(r.input, r.output, r.line) for r in found.records] == [
        ("Buraco\nna rua", "Obras", 2),
        ("Sem luz", "Luz", 4),
    ]
    assert found.mapping == Mapping("texto", "departamento")
    assert "obs" in found.warnings[0].pt


def test_columns_without_telling_names_are_guessed_by_content_or_named(tmp_path):
    rows = ["a,b"] + [f"Reclamo do serviço prestado na rua {i},{'Obras' if i % 2 else 'Saúde'}" for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(rows), "utf-8")
    assert read_records(tmp_path / "a.csv").mapping == Mapping("a", "b")
    (tmp_path / "b.csv").write_text("texto,resposta,pergunta\na,b,c\n", "utf-8")
    with pytest.raises(DataError, match=r"3 columns \(texto, resposta, pergunta\)") as caught:
        read_records(tmp_path / "b.csv")
    assert "tem 3 colunas (texto, resposta, pergunta). Diga qual é a pergunta" in caught.value.text("pt")
    found = read_records(tmp_path / "b.csv", Mapping("pergunta", "resposta", "texto"))
    assert [(r.input, r.output, r.group) for r in found.records] == [("c", "b", "a")]
    with pytest.raises(DataError, match="no column 'x'"):
        read_records(tmp_path / "b.csv", Mapping("x", "resposta"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("texto,label\na,b\nc,d,e,f\n", "line 3: 4 cells"),
        ('texto,label\na,b\n"c,d\ne,f\n', "line 3"),
        ("texto,texto\na,b\n", "'texto' is there twice"),
        ("texto,label\n", "no records"),
    ],
)
def test_a_table_that_is_none_names_the_line(tmp_path, body, message):
    (tmp_path / "a.csv").write_text(body, "utf-8")
    with pytest.raises(DataError, match=message):
        read_records(tmp_path / "a.csv")


def test_a_workbook_is_read_and_a_damaged_one_is_named(tmp_path):
    book = openpyxl.Workbook()
    for row in (["texto", "classe"], ["Sem luz", "Luz"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    (record,) = read_records(tmp_path / "a.xlsx").records
    assert (record.input, record.output, record.line) == ("Sem luz", "Luz", 2)
    (tmp_path / "b.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="damaged"):
        read_records(tmp_path / "b.xlsx")


def test_iob1_iob2_and_bioes_say_the_same(tmp_path):
    tokens = ["Ana", "Lima", "Bia", "foi", "a", "Recife"]
    schemes = ["I-P I-P B-P O O I-L", "B-P I-P B-P O O B-L", "B-P E-P S-P O O S-L", "B-P L-P U-P O O U-L"]
    for scheme in schemes:
        file = tmp_path / "a.conll"
        body = "\n".join(f"{token} {tag}" for token, tag in zip(tokens, scheme.split(), strict=True))
        file.write_text(f"-DOCSTART- O\n\n{body}\n\n-DOCSTART- O\n\nFim O\n", "utf-8")
        assert read_conll(file)[0].tags == ("B-P", "I-P", "B-P", "O", "O", "B-L")
        first, second = read_records(file).records
        assert first.entities == (("P", "Ana Lima"), ("P", "Bia"), ("L", "Recife"))
        assert (first.line, first.group, second.line, second.group) == (3, "1", 12, "2")


@pytest.mark.parametrize(
    "entities",
    [
        [{"label": "PESSOA", "text": "Ana"}, {"label": "LOCAL", "text": "Recife"}],
        [[10, 16, "LOCAL"], [0, 3, "PESSOA"]],
        [{"start": 0, "end": 3, "label": "PESSOA"}, {"start": 10, "end": 16, "label": "LOCAL"}],
        "PESSOA: Ana | LOCAL: Recife",
    ],
)
def test_entities_in_any_form_become_pairs_in_the_order_of_the_text(tmp_path, entities):
    file = lines(tmp_path / "a.jsonl", [{"text": "Ana foi a Recife", "entities": entities}])
    (record,) = read_records(file).records
    assert record.entities == (("PESSOA", "Ana"), ("LOCAL", "Recife"))
    assert example_of(record, card(AdapterKind.EXTRACT)).completion == " PESSOA: Ana | LOCAL: Recife"


@pytest.mark.parametrize("entity", [[0, 99, "X"], [3, 3, "X"], {"text": "Ana"}, "Ana", {"label": "X", "text": ""}])
def test_an_entity_that_is_none_is_named(tmp_path, entity):
    file = lines(tmp_path / "a.jsonl", [{"text": "Ana", "entities": [entity]}])
    with pytest.raises(DataError, match="line 1: the value"):
        read_records(file)


def test_an_output_is_a_list_of_entities_or_not():
    assert parse_entities("nenhuma") == ()
    assert parse_entities("LOCAL: a: b") == (("LOCAL", "a: b"),)
    assert parse_entities("Obrigado pela visita") is None


def test_other_encodings_are_read_with_a_warning_that_shows_a_word(tmp_path):
    body = "texto,label\nA reclamação não foi atendida na estação,ação\n" * 1
    (tmp_path / "a.csv").write_bytes(body.encode("cp1252"))
    found = read_records(tmp_path / "a.csv")
    assert found.records[0].input == "A reclamação não foi atendida na estação"
    assert "cp1252" in found.warnings[0].pt and "reclamação" in found.warnings[0].pt
    (tmp_path / "b.csv").write_bytes(body.encode("utf-16"))
    assert read_records(tmp_path / "b.csv").records == found.records


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path):
    (tmp_path / "a.csv").write_bytes("texto,label\nação é,não\n".encode() + b"abc \xff,x\n" + "já é,só\n".encode())
    with pytest.raises(DataError, match=r"line 3: the bytes ff"):
        read_records(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"texto,label\n\x00\x01")
    with pytest.raises(DataError, match="binary"):
        read_records(tmp_path / "b.csv")


def test_two_gigabytes_are_refused_before_they_are_read(tmp_path):
    for name in ("a.jsonl", "a.zip", "a.xlsx"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(2 * 1024**3)  # sparse: it takes no room
        with pytest.raises(DataError, match=r"2,147 MB, more than the 100 MB") as caught:
            read_records(tmp_path / name)
        assert "2.147 MB" in caught.value.text("pt")


def test_what_is_no_data_file_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04")
    with pytest.raises(DataError, match=r"'\.pkl' are not read"):
        read_records(tmp_path / "a.pkl")
    with pytest.raises(DataError, match="does not exist"):
        read_records(tmp_path / "no.csv")


ANA = "Ana Lima foi a Recife.\nDepois voltou.\n"
NOTES = "T1\tPESSOA 0 8\tAna Lima\nT2\tLOCAL 15 21\tRecife\nR1\tFoi Arg1:T1 Arg2:T2\nT3\tX 0 3;9 12\tAna foi\n"


def test_brat_folders_and_archives_are_documents_with_entities(tmp_path):
    folder = tmp_path / "brat"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "ana.txt").write_text(ANA, "utf-8")
    (folder / "sub" / "ana.ann").write_text(NOTES, "utf-8")
    (folder / "b.txt").write_text("sem anotação", "utf-8")
    with zipfile.ZipFile(tmp_path / "brat.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, file.relative_to(folder))
    for path in (folder, tmp_path / "brat.zip"):
        found = read_records(path)
        assert [(r.input, r.entities, r.group, r.line) for r in found.records] == [
            ("Ana Lima foi a Recife.", (("PESSOA", "Ana Lima"), ("LOCAL", "Recife")), "sub/ana", 1),
            ("Depois voltou.", (), "sub/ana", 2),
        ]
        assert len(found.warnings) == 2


def test_long_lines_of_brat_are_cut_between_sentences_and_never_in_an_entity(tmp_path):
    text = "Conforme decidido anteriormente. Foi assim. " * 12
    at = text.index("anteriormente. Foi", 200)
    (tmp_path / "a.txt").write_text(text, "utf-8")
    (tmp_path / "a.ann").write_text(f"T1\tX {at} {at + 18}\tanteriormente. Foi\n", "utf-8")
    records = read_brat(tmp_path).records
    assert len(records) > 5
    assert [r.entities for r in records if r.entities] == [(("X", "anteriormente. Foi"),)]
    assert all(text in record.input for record in records for _, text in record.entities)


def test_an_annotation_that_does_not_fit_its_text_is_named(tmp_path):
    (tmp_path / "a.txt").write_text(ANA, "utf-8")
    (tmp_path / "a.ann").write_text("T1\tPESSOA 0 8\tAna Lima\nT2\tLOCAL 1 5\tRecife\n", "utf-8")
    with pytest.raises(DataError, match=r"a\.ann, line 2"):
        read_records(tmp_path)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(DataError, match=r"no a\.txt beside it"):
        read_records(tmp_path)


def test_archives_that_lead_out_or_swell_are_refused(tmp_path, monkeypatch):
    def archive(name, entry="", data=b"x", link=False):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as file:
            info = zipfile.ZipInfo(entry)
            info.external_attr = (0o120777 if link else 0o100644) << 16
            file.writestr(info, data, zipfile.ZIP_DEFLATED)
        return tmp_path / name

    for entry in ("../a.ann", "/etc/a.ann", "x/../../a.ann", "C:\\a.ann"):
        with pytest.raises(DataError, match="leads out"):
            read_records(archive("out.zip", entry))
    with pytest.raises(DataError, match="is a link"):
        read_records(archive("link.zip", "a.ann", b"/etc/passwd", link=True))
    bomb = archive("bomb.zip", "a.ann", b"0" * (files.MAX_BYTES + 1))
    assert bomb.stat().st_size < 200_000
    with pytest.raises(DataError, match="more than the 100 MB"):
        read_records(bomb)
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04rubbish")
    with pytest.raises(DataError, match=r"cannot be read as a \.zip"):
        read_records(tmp_path / "no.zip")


def test_links_in_a_brat_folder_are_refused(tmp_path):
    (tmp_path / "a.ann").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        read_records(tmp_path)


def test_a_recipe_of_source_records_reads_what_pairs_and_conll_read(tmp_path, registry):
    pairs = lines(
        tmp_path / "a.jsonl", [{"review": "r", "reply": " p ", "situation": "s"}, {"review": "x", "reply": ""}]
    )
    reply, extract = registry.card("restaurant-replies"), registry.card("legal-ner")
    assert read_examples(reply, "records", [pairs], 1) == read_examples(reply, "pairs", [pairs], 1)[:1]
    (tmp_path / "a.conll").write_text("Ana B-PESSOA\n. O\n\n" * 30 + "Fim O\n\n" * 30, "utf-8")
    conll = [tmp_path / "a.conll"]
    assert read_examples(extract, "records", conll, 7) == read_examples(extract, "conll", conll, 7)
    with pytest.raises(DataError, match=r"a\.jsonl: Line 1: 'p' is no list of entities"):
        read_examples(extract, "records", [pairs], 1)
