"""The command `dataset`: a report on standard output, an error with its way out, a new adapter on disk."""

import json
import shutil

import pytest

from .conftest import ROOT
from .test_command_line import run


@pytest.fixture
def adapters(tmp_path):
    shutil.copytree(ROOT / "adapters", tmp_path / "adapters", ignore=shutil.ignore_patterns("versions"))
    return tmp_path / "adapters"


@pytest.fixture
def table(tmp_path):
    rows = [f"A rua {i} do bairro {i * 7} está sem luz há {i} dias,{('Obras', 'Luz')[i % 2]},x" for i in range(100)]
    (tmp_path / "a.csv").write_text("\n".join(["um,dois,três", *rows]), "utf-8")
    return tmp_path / "a.csv"


def test_a_report_an_adoption_and_a_new_adapter(adapters, tmp_path, table):
    columns = ("--input", "um", "--output", "dois")
    done = run(tmp_path, "dataset", str(table), "--create", "luz", "--title", "Luz ou obras", *columns, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert list(record) == [
        "file", "form", "columns", "mapping", "rows", "usable", "ok", "languages", "tokens", "labels", "split",
        "findings", "preview", "written",
    ]  # fmt: skip
    assert record["mapping"] == {"input": "um", "output": "dois", "group": ""}
    assert record["labels"] == {"Obras": 50, "Luz": 50} and len(record["written"]) == 3
    assert record["preview"][0]["prompt"] == "Texto: A rua 0 do bairro 0 está sem luz há 0 dias\nResposta:"
    assert "Luz ou obras" in (adapters / "luz" / "card.toml").read_text("utf-8")
    again = run(tmp_path, "dataset", str(table), "--create", "luz", *columns)
    assert again.returncode == 1 and "'luz' is taken" in again.stderr and not again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "3 columns (um, dois, três)"),
        (("--create", "../x", "--input", "um", "--output", "dois"), "'../x' is no valid name"),
        (("--input", "um"), "give both or neither"),
        (("--adopt",), "--adapter NAME"),
        (("--adapter", "nao-existe", "--input", "um", "--output", "dois"), "No adapter is called 'nao-existe'"),
    ],
)
def test_an_error_names_the_value_and_the_way_out(adapters, tmp_path, table, arguments, message):
    table.write_text(table.read_text("utf-8").replace(",x", " e mais cinco ou seis palavras,x"), "utf-8")
    done = run(tmp_path, "dataset", str(table), *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr


def test_data_that_cannot_be_used_is_reported_and_ends_with_one(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "b"}\n', "utf-8"
    )
    done = run(tmp_path, "dataset", str(tmp_path / "a.jsonl"))
    assert done.returncode == 1
    assert "error: Every output is the same ('b')" in done.stdout
