"""The command `dataset`: a report on standard output, an error with its way out, a new adapter on disk."""

import json
import shutil

import pytest

from .conftest import ROOT
from .fake_hub import COMMIT, serving
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


def test_a_data_set_of_the_hub_by_its_name(adapters, tmp_path):
    """Over HTTP, from a hub on this machine that HF_ENDPOINT names."""
    text = "A rua {} do bairro {} está sem luz há {} dias"
    lines = [{"texto": text.format(i, i * 7, i), "setor": ("Obras", "Luz")[i % 2]} for i in range(100)]
    train = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    with serving() as hub:
        there = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
        hub.add("cidade/luz", {"train.jsonl": train, "luz.py": b"import os; os.abort()"}, license="mit")
        new = ("--create", "luz", "--title", "Luz ou obras", "--json")
        done = run(tmp_path, "dataset", "hub:cidade/luz#train", *new, **there)
        assert done.returncode == 0, done.stderr
        assert "asking the hub for hub:cidade/luz#train" in done.stderr
        record = json.loads(done.stdout)
        assert record["file"] == "luz-default-train.jsonl" and record["labels"] == {"Obras": 50, "Luz": 50}
        origin = record["origin"]
        assert (origin["commit"], origin["licence"], origin["rows"], origin["cut"]) == (COMMIT, "mit", 100, False)
        file = tmp_path / "var" / "datasets"
        assert origin["path"].startswith(str(file)) and len(list(file.rglob("*.jsonl"))) == 1
        assert (
            "# From hub:cidade/luz@default#train, commit 0123456789ab" in (adapters / "luz" / "recipe.toml").read_text()
        )
        shown = run(tmp_path, "dataset", "hub:cidade/luz", **there)
        assert "From hub:cidade/luz@default#train, commit 0123456789ab" in shown.stdout and "kept: " in shown.stdout
        hub.add("cidade/antigo", {"antigo.py": b"import os; os.abort()"})
        refused = run(tmp_path, "dataset", "hub:cidade/antigo", **there)
        assert refused.returncode == 1 and "only the loading script antigo.py" in refused.stderr
        assert not any(path.endswith(".py") for path in hub.asked)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hub:a/b", "The data set a/b cannot be had: there is no network"),
        ("hub:../b", "'hub:../b' is no name of a data set on the hub"),
        ("hub:https://huggingface.co/datasets/a/b", "no address and no path"),
    ],
)
def test_without_a_network_or_a_name_nothing_is_kept(tmp_path, name, message):
    done = run(tmp_path, "dataset", name, HF_HUB_OFFLINE="1")
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "var").rglob("*.jsonl"))
