"""The command line: what goes where, and the fields it promises. With the scripted engine, as a process."""

import json
import os
import subprocess
import sys

import pytest

from .conftest import ROOT


def run(home, *arguments, stdin="", **environment):
    # the command is this project's own; arguments are the tests'
    return subprocess.run(
        [sys.executable, "-m", "assistant", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        env={**os.environ, "ASSISTANT_HOME": str(home), "ASSISTANT_ENGINE": "scripted", **environment},
    )


def test_ask_prints_one_object_with_every_promised_field(indexed_home):
    done = run(indexed_home, "ask", "Qual o planeta com mais luas no sistema solar?", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert list(record) == [
        "question",
        "answer",
        "outcome",
        "route",
        "sources",
        "entities",
        "usage",
        "timings_ms",
    ]
    assert list(record["route"]) == ["adapter", "version", "score", "threshold", "rejected", "scores", "reason"]
    assert list(record["sources"][0]) == [
        "marker",
        "corpus",
        "document",
        "page",
        "as_of",
        "outdated",
        "score",
        "quote",
        "text",
    ]
    assert list(record["usage"]) == ["prompt_tokens", "completion_tokens"]
    assert list(record["timings_ms"]) == ["route", "retrieve", "first_token", "total"]


def test_jsonl_answers_line_by_line_in_order(indexed_home, tmp_path):
    texts = ["Vocês aceitam cachorro?", "Traduza para o inglês: bom dia", "O bife veio cru e frio. Nunca mais!"]
    file = tmp_path / "q.jsonl"
    file.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), "utf-8")
    done = run(indexed_home, "route", "--jsonl", str(file))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["text"] for r in rows] == texts
    assert [r["adapter"] for r in rows] == ["grounded-chat", None, "restaurant-replies"]
    assert all(r["rejected"] == (r["adapter"] is None) for r in rows)


def test_retrieve_prints_dated_passages_of_the_corpus(indexed_home):
    done = run(indexed_home, "retrieve", "--corpus", "sistema-solar", "-k", "2", "--json", "luas de Saturno")
    rows = json.loads(done.stdout)
    assert len(rows) == 2
    places = ["corpus", "document", "page", "as_of", "outdated"]
    assert list(rows[0]) == [
        *places, "score", "text", "dense_rank", "lexical_rank", "fused", "reranked", "chunks"
    ]  # fmt: skip
    assert rows[0]["reranked"] is None and len(rows[0]["chunks"]) == 1
    assert {r["corpus"] for r in rows} == {"sistema-solar"}
    assert rows[0]["as_of"]


def test_the_question_may_come_from_standard_input(indexed_home):
    done = run(indexed_home, "route", "--json", stdin="Bom dia!")
    assert json.loads(done.stdout)["text"] == "Bom dia!"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("ask", ""), {}, "empty"),
        (("ask", "a" * 30_000), {}, "30000 characters"),
        (("ask", "oi", "--adapter", "../../etc/passwd"), {}, "../../etc/passwd"),
        (("ask", "oi", "--corpus", "nao-existe"), {}, "nao-existe"),
        (("ask", "oi", "--manner", "rude"), {}, "'rude' is no manner of a reply; choose one of: formal, warm"),
        (("ask", "oi", "--length", "10"), {}, "'10' is no length"),
        (("ask", "oi", "--signature", "a" * 81), {}, "81 characters"),
        (("route", "oi"), {"ASSISTANT_BASE_MODEL": "gpt-42"}, "gpt-42"),
        (("route", "oi"), {"ASSISTANT_PORT": "99999", "ASSISTANT_SLOTS": "zero"}, "ASSISTANT_SLOTS"),
        (("evaluate", "--adapter", "restaurant-replies", "--data", "/no/file.jsonl"), {}, "/no/file.jsonl"),
        (("train", "../x"), {}, "no valid name"),
        (("adapters", "--activate", "restaurant-replies@77"), {}, "no version 77"),
        (("ask", "oi", "--jsonl", "/no/questions.jsonl"), {}, "/no/questions.jsonl"),
    ],
)
def test_an_error_names_the_value_on_standard_error_and_nothing_else_appears(
    indexed_home, arguments, environment, message
):
    done = run(indexed_home, *arguments, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_style_that_no_version_has_learned_is_said_to_change_nothing(indexed_home):
    asked = ("ask", "Bom dia!", "--adapter", "grounded-chat", "--max-tokens", "4")
    plain, styled = (run(indexed_home, *asked, *more) for more in ((), ("--manner", "formal")))
    assert "grounded-chat has learned no styles" in styled.stderr and "styles" not in plain.stderr
    assert styled.stdout == plain.stdout and styled.returncode == 0


def test_a_hub_base_without_network_names_the_embedded_one(indexed_home):
    done = run(
        indexed_home, "ask", "oi", ASSISTANT_BASE_MODEL="qwen3-0.6b", ASSISTANT_ENGINE="auto", HF_HUB_OFFLINE="1"
    )
    assert done.returncode == 1
    assert "ASSISTANT_BASE_MODEL=gemma3-270m" in done.stderr


def test_asking_on_the_cpu_engine_never_imports_torch(indexed_home):
    code = (
        "import sys; from assistant.__main__ import main; status = main(['ask', 'oi', '--json']); "
        "assert status == 0; heavy = {'torch', 'transformers', 'sklearn', 'gradio'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        env={**os.environ, "ASSISTANT_HOME": str(indexed_home), "ASSISTANT_ENGINE": "llama_cpp"},
    )
    assert done.returncode == 0, done.stderr


def test_doctor_finds_a_version_without_manifest_and_one_that_is_damaged(home):
    version = next((home / "adapters" / "restaurant-replies" / "versions").iterdir())
    (version / "adapter.gguf").write_bytes(b"GGUF")
    half = version.with_name("0009-gemma3-270m")
    half.mkdir()
    done = run(home, "doctor", "--json")
    assert done.returncode == 1
    found = {(row["name"], row["ok"]): row for row in json.loads(done.stdout)}
    row = found["adapter restaurant-replies", False]
    details = " ".join(r["detail"] for r in json.loads(done.stdout))
    assert "damaged" in details
    assert str(half) in details
    assert row["remedy"]
    scans = next(row for row in json.loads(done.stdout) if row["name"] == "reading of scans")
    assert scans["ok"] and ("installed" in scans["detail"]) and bool(scans["remedy"]) == ("not" in scans["detail"])


@pytest.mark.parametrize(
    ("name", "known", "note"),
    [
        ("gemma3-270m", {"fp32", "bf16", "int8", "nf4", "gguf"}, ""),
        ("falcon-7b", {"fp32", "bf16", "int8", "nf4"}, "not on this machine yet"),
        ("nobody/knows", set(), "not say how many parameters"),
    ],
)
def test_memory_is_predicted_without_loading_the_base(indexed_home, tmp_path, name, known, note):
    nowhere = {"ASSISTANT_BASE_MODEL": name, "HF_HOME": str(tmp_path), "ASSISTANT_ENGINE": "auto"}
    done = run(indexed_home, "memory", "--json", **nowhere)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert list(record) == ["base", "title", "predicted_mb", "at_least", "note", "loaded", "on_gpu", "process_mb"]
    assert {key for key, value in record["predicted_mb"].items() if value} == known
    assert record["at_least"] == (["int8", "nf4"] if name == "falcon-7b" else [])
    assert note in record["note"] and bool(note) == bool(record["note"])
    assert record["loaded"] is None and 10 < record["process_mb"] < 1000


def test_memory_for_people_says_what_is_known_and_what_is_not(indexed_home, tmp_path):
    done = run(indexed_home, "memory", ASSISTANT_BASE_MODEL="falcon-7b", HF_HOME=str(tmp_path))
    lines = dict(line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
    assert (lines["fp32"], lines["nf4"], lines["gguf"]) == ("28,868", "at least 3,723", "no file here")
    assert "not loaded" in lines["this process, measured"]


def test_a_version_judged_unfit_goes_live_only_with_a_reason(home):
    record = {"verdict": {"promote": False, "reasons": [{"pt": "Pior.", "en": "Worse."}]}, "overruled": []}
    (version,) = (home / "adapters" / "restaurant-replies" / "versions").iterdir()
    number = int(version.name[:4])
    path = home / "var" / "judgements" / f"restaurant-replies-{number:04d}.json"
    path.parent.mkdir()
    path.write_text(json.dumps(record), "utf-8")
    refused = run(home, "adapters", "--activate", f"restaurant-replies@{number}")
    assert refused.returncode == 1 and "Worse." in refused.stderr and "--anyway" in refused.stderr
    done = run(home, "adapters", "--activate", f"restaurant-replies@{number}", "--anyway", "só esta responde")
    assert done.returncode == 0, done.stderr
    assert "Overruled" in done.stderr
    assert json.loads(path.read_text("utf-8"))["overruled"][0]["reason"] == "só esta responde"


def test_compare_prints_a_markdown_table_of_the_same_rows(home):
    done = run(home, "compare", "restaurant-replies", "--limit", "3")
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert table[0].startswith("| input | base | base + examples | ")
    assert len(table[1].split("|")) == len(table[2].split("|"))
