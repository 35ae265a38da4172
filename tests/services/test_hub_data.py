"""Data sets of the hub, asked for over HTTP from a hub on this machine: whole and with their origin, or not at all."""

import json
import os
import pickle
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from assistant.errors import AssistantError, DataError
from assistant.models.tokens import token_counter
from assistant.services import hub_data
from assistant.services.datasets import DataSetService
from assistant.services.hub_data import read_origin
from assistant.services.intake import IntakeService
from assistant.stores.registry import AdapterRegistry
from assistant.training.records import Mapping
from assistant.types import AdapterKind
from tests.fake_hub import COMMIT, asking

ANA = "visitor-of-the-tests-ana"
NAMES = ["Obras", "Limpeza", "Saúde"]


@pytest.fixture
def hub(monkeypatch):
    with asking(monkeypatch) as made:
        yield made


@pytest.fixture
def service(tmp_path):
    counter = token_counter(None)
    datasets = DataSetService(AdapterRegistry(tmp_path / "adapters"), lambda: counter)
    return IntakeService(datasets, tmp_path / "datasets")


def rows(first, n):
    return [
        {"relato": f"O problema {i * 37} da rua Aurora {i} segue igual até hoje", "setor": i % 3}
        for i in range(first, first + n)
    ]


def as_parquet(path, found, **more):
    """As `datasets` writes it: classes are numbers, their names stand in the metadata."""
    columns = {"relato": [row["relato"] for row in found], "setor": [row["setor"] for row in found]}
    columns |= {"foto": [{"bytes": b"\x89PNG", "path": "a.png"}] * len(found), "dia": [date(2024, 5, 6)] * len(found)}
    features = {"relato": {"dtype": "string", "_type": "Value"}, "setor": {"names": NAMES, "_type": "ClassLabel"}}
    table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path, **more)
    return path.read_bytes()


def as_lines(found):
    return "".join(
        json.dumps({**row, "setor": NAMES[row["setor"]]}, ensure_ascii=False) + "\n" for row in found
    ).encode()


def kept(tmp_path):
    root = tmp_path / "datasets"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*")) if root.exists() else []


def test_parquet_comes_with_its_class_names_and_its_origin_and_becomes_an_adapter(hub, service, tmp_path):
    shards = {f"data/train-{i:05d}-of-00002.parquet": as_parquet(tmp_path / "x", rows(i * 40, 40)) for i in range(2)}
    hub.add("prefeitura/ouvidoria", shards, license="cc-by-4.0")
    steps = list(service.bring_named(ANA, "prefeitura/ouvidoria"))
    assert (steps[0].rows, steps[-1].rows) == (0, 80)
    now = service.state(ANA)
    assert now.path.name == "ouvidoria-default-train.jsonl" and now.ready
    assert now.columns.names == ("relato", "setor", "dia"), "bytes are no text: the pictures stay where they are"
    assert now.choice.mapping == Mapping("relato", "setor") and now.study.report.labels == {
        "Obras": 27, "Limpeza": 27, "Saúde": 26,
    }  # fmt: skip
    origin = now.origin
    assert str(origin.name) == "hub:prefeitura/ouvidoria@default#train"
    assert (origin.commit, origin.changed, origin.licence) == (COMMIT, "2024-05-06", "cc-by-4.0")
    assert (origin.rows, origin.cut) == (80, False)
    assert "versão 0123456789ab" in origin.words.pt and "licença cc-by-4.0: 80 linhas." in origin.words.pt
    lines = now.path.read_text("utf-8").splitlines()
    assert json.loads(lines[0]) == {"relato": rows(0, 1)[0]["relato"], "setor": "Obras", "dia": "2024-05-06"}
    service.choose(ANA, "reply", ("relato", "setor", ""))
    service.describe(ANA, "Ouvidoria", "ouvidoria", "")
    assert service.state(ANA).origin == origin
    service.create(ANA)
    recipe = (tmp_path / "adapters" / "ouvidoria" / "recipe.toml").read_text("utf-8")
    assert (
        f"# From {origin.name}, commit 0123456789ab, fetched on {origin.fetched[:10]}, licence cc-by-4.0: 80 rows."
        in recipe
    )


def test_only_the_pieces_that_are_needed_are_fetched(hub, service, tmp_path, monkeypatch):
    monkeypatch.setattr(hub_data, "MAX_ROWS", 100)
    data = as_parquet(tmp_path / "x", rows(0, 60_000), row_group_size=2_000, compression="none")
    hub.add("a/big", {"train.parquet": data})
    list(service.bring_named(ANA, "a/big"))
    assert len(data) > 3_000_000 and hub.sent < len(data) / 2
    origin = service.state(ANA).origin
    assert (origin.rows, origin.cut) == (100, True)
    assert (
        "as primeiras 100 linhas; há mais" in origin.words.pt
        and "the first 100 rows; there are more" in origin.words.en
    )
    assert "o hub não informa a licença" in origin.words.pt


def test_a_data_set_is_cut_by_its_size_too(hub, service, monkeypatch):
    monkeypatch.setattr(hub_data, "MAX_BYTES", 5_000)
    hub.add("a/b", {"train.jsonl": as_lines(rows(0, 900))})
    list(service.bring_named(ANA, "a/b"))
    now = service.state(ANA)
    assert now.size <= 5_000 and now.origin.cut and now.origin.rows == now.study.report.rows


def test_exactly_as_many_rows_as_are_taken_are_not_cut(hub, service, monkeypatch):
    monkeypatch.setattr(hub_data, "MAX_ROWS", 90)
    hub.add("a/b", {"train.jsonl": as_lines(rows(0, 90))})
    list(service.bring_named(ANA, "a/b"))
    assert (service.state(ANA).origin.rows, service.state(ANA).origin.cut) == (90, False)


def quoted(n):
    """A table whose cells hold separators and line ends."""
    return "relato;setor\n" + "".join(f'"{row["relato"]}; e\nmais";{NAMES[row["setor"]]}\n' for row in rows(0, n))


CONLL = "Ana B-PESSOA\nmora O\nem O\nRecife B-LOCAL\n. O\n\nBia B-PESSOA\ntambém O\n. O\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("train.csv", quoted(30)),
        ("train.tsv", "relato\tsetor\n" + "".join(f"{r['relato']}\t{NAMES[r['setor']]}\n" for r in rows(0, 30))),
        ("train.json", json.dumps([{**r, "setor": NAMES[r["setor"]]} for r in rows(0, 30)])),
        ("train.ndjson", as_lines(rows(0, 30)).decode()),
    ],
)  # fmt: skip
def test_every_plain_form_is_read(hub, service, name, data):
    hub.add("a/b", {name: data.encode()}, license=["mit"])
    list(service.bring_named(ANA, "hub:a/b@default#train"))
    now = service.state(ANA)
    assert now.study.report.rows == 30 and now.columns.names == ("relato", "setor")
    assert now.origin.licence == "mit"


def test_a_long_table_is_cut_at_a_whole_row(hub, service, monkeypatch):
    data = quoted(300)
    for limit in (6_000, 6_020, 6_040):
        monkeypatch.setattr("assistant.training.hub_rows.HEAD_BYTES", limit)
        hub.add("a/b", {"train.csv": data.encode()})
        list(service.bring_named(ANA, "a/b"))
        report = service.state(ANA).study.report
        assert 80 < report.rows == report.usable < 100


def test_tagged_sentences_become_texts_with_entities(hub, service, tmp_path):
    hub.add("a/conll", {"train.conll": CONLL.encode()})
    list(service.bring_named(ANA, "a/conll"))
    now = service.state(ANA)
    assert now.choice.kind is AdapterKind.EXTRACT and now.study.report.labels == {"PESSOA": 2, "LOCAL": 1}
    tags = ["O", "B-PESSOA", "I-PESSOA", "B-LOCAL"]
    table = pa.table({"tokens": [["Ana", "Lima", "mora", "em", "Recife", "."]], "ner_tags": [[1, 2, 0, 0, 3, 0]]})
    features = {"ner_tags": {"feature": {"names": tags, "_type": "ClassLabel"}, "_type": "Sequence"}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, tmp_path / "x")
    hub.add("a/ner", {"train.parquet": (tmp_path / "x").read_bytes()})
    list(service.bring_named(ANA, "a/ner"))
    line = json.loads(service.state(ANA).path.read_text("utf-8"))
    entities = [{"label": "PESSOA", "text": "Ana Lima"}, {"label": "LOCAL", "text": "Recife"}]
    assert line == {"text": "Ana Lima mora em Recife.", "entities": entities}


@pytest.mark.parametrize(
    ("name", "files", "message", "words"),
    [
        ("../x", {}, "no name of a data set", "não é o nome"),
        ("https://huggingface.co/datasets/a/b", {}, "no address and no path", "não um endereço"),
        ("a/none", {}, "a/none cannot be had: the hub has no such data set", "não tem esse conjunto"),
        ("a/gated", {}, "conditions have to be accepted", "HF_TOKEN"),
        ("a/b", {"b.py": b"import os; os.abort()"}, "only the loading script b.py", "nunca são executados"),
        ("a/b", {"train.pkl": pickle.dumps([1])}, "no files that are read here", "não tem arquivos que se leem"),
        ("a/b", {"train.parquet": b"PAR1 no PAR1"}, "damaged", "danificado"),
        ("a/b", {"train.parquet": pickle.dumps([1], protocol=4)}, "damaged", "danificado"),
        ("a/b", {"train.jsonl": b'{"a": "b"}\n[1]\n'}, "train.jsonl, line 2", "train.jsonl, linha 2"),
        ("a/b", {"train.jsonl": b'{"a": "\xff\xfe"}\n'}, "train.jsonl, line 1", "train.jsonl, linha 1"),
        ("a/b", {"train.jsonl": b""}, "holds no rows", "não tem linhas"),
        ("a/b@pt", {"train.jsonl": b"{}"}, "no configuration 'pt'", "configuração 'pt'"),
        ("a/b#dev", {"train.jsonl": b"{}"}, "no split 'dev'", "parte 'dev'"),
    ],
)
def test_what_cannot_be_had_is_named_and_nothing_of_it_is_kept(hub, service, tmp_path, name, files, message, words):
    hub.add("a/first", {"train.jsonl": as_lines(rows(0, 60))})
    list(service.bring_named(ANA, "a/first"))
    before = kept(tmp_path)
    if files:
        hub.add("a/b", files)
    with pytest.raises(DataError, match=message) as caught:
        list(service.bring_named(ANA, name))
    assert words in caught.value.text("pt") and not any(path.endswith((".py", ".pkl")) for path in hub.asked)
    assert kept(tmp_path) == before, "the data set that was there stays"


def test_broken_pages_of_a_parquet_file_are_the_data_sets_fault_not_the_disks(hub, service, tmp_path):
    data = bytearray(as_parquet(tmp_path / "x", rows(0, 400)))
    data[4:900] = b"\xff" * 896
    hub.add("a/b", {"train.parquet": bytes(data)})
    with pytest.raises(DataError, match="damaged") as caught:
        list(service.bring_named(ANA, "a/b"))
    assert "danificado" in caught.value.text("pt") and kept(tmp_path) == []


def test_values_that_json_has_no_form_for_are_written_out_or_left_empty(hub, service, tmp_path):
    texts = pa.array([b"a", b"b"] * 30).dictionary_encode()
    values = {
        "texto": [f"O buraco {i} da rua segue aberto" for i in range(60)], "setor": ["Obras", "Luz"] * 30,
        "n": [float("nan")] * 60, "d": [Decimal("1.50")] * 60, "b": texts, "s": [{"x": [date(2024, 1, 2)]}] * 60,
    }  # fmt: skip
    parquet.write_table(pa.table(values), tmp_path / "x")
    hub.add("a/b", {"train.parquet": (tmp_path / "x").read_bytes()})
    list(service.bring_named(ANA, "a/b"))
    line = json.loads(service.state(ANA).path.read_text("utf-8").splitlines()[0])
    assert line.get("b") is None and (line["n"], line["d"], line["s"]) == (None, "1.50", {"x": ["2024-01-02"]})


def test_a_hub_that_breaks_off_half_way_or_is_stopped_leaves_nothing(hub, service, tmp_path):
    hub.add("a/b", {"train-0.jsonl": as_lines(rows(0, 700)), "train-1.jsonl": as_lines(rows(700, 700))})
    steps = service.bring_named(ANA, "a/b")
    assert [next(steps).rows, next(steps).rows] == [0, 500]
    hub.broken = True
    with pytest.raises(DataError, match="a/b cannot be had: the hub answered with the error 503") as caught:
        list(steps)
    assert "respondeu com o erro 503" in caught.value.text("pt") and kept(tmp_path) == []
    hub.broken = False
    for stopped_after in (1, 2, 4):
        steps = service.bring_named(ANA, "a/b")
        for _ in range(stopped_after):
            last = next(steps)
        steps.close()
        assert kept(tmp_path) == [], last
    assert last.rows == 1_400, "even at the very end"


def test_without_a_network_the_words_say_so_and_a_page_asks_nobody(service, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert service.state(ANA) is None
    with pytest.raises(
        DataError, match="a/b cannot be had: there is no network, since HF_HUB_OFFLINE is set"
    ) as caught:
        list(service.bring_named(ANA, "a/b"))
    assert "a/b: não há rede, porque HF_HUB_OFFLINE" in caught.value.text("pt")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(DataError, match="a/b cannot be had: there is no network, or the hub") as caught:
        list(service.bring_named(ANA, "a/b"))
    assert "não há rede" in caught.value.text("pt") and "arquivo" in caught.value.text("pt")
    assert kept(tmp_path) == []


def test_a_data_set_that_is_looked_at_later_asks_nobody(hub, service):
    hub.add("a/b", {"train.jsonl": as_lines(rows(0, 60))})
    list(service.bring_named(ANA, "a/b"))
    asked = len(hub.asked)
    assert service.state(ANA).origin and len(hub.asked) == asked


def test_a_file_in_its_place_has_no_origin_and_a_damaged_record_counts_as_none(hub, service, tmp_path):
    hub.add("a/b", {"train.jsonl": as_lines(rows(0, 60))})
    list(service.bring_named(ANA, "a/b"))
    (folder,) = (tmp_path / "datasets").iterdir()
    (folder / "origin.json").write_text('{"repository": 1}', "utf-8")
    assert service.state(ANA).origin is None and read_origin(folder / "nowhere") is None
    (tmp_path / "mine.jsonl").write_bytes(as_lines(rows(0, 60)))
    service.bring(ANA, [tmp_path / "mine.jsonl"])
    assert service.state(ANA).origin is None


def test_a_folder_that_cannot_be_written_is_told_as_such(hub, service, tmp_path):
    hub.add("a/b", {"train.jsonl": as_lines(rows(0, 60))})
    (tmp_path / "datasets").write_text("in the way", "utf-8")
    with pytest.raises(AssistantError) as caught:
        list(service.bring_named(ANA, "a/b"))
    assert "espaço no disco" in caught.value.text("pt") and os.path.isfile(tmp_path / "datasets")
