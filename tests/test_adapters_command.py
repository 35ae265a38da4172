"""`adapters` on the command line: the decisions of the page, over the same service."""

import json

import pytest

from .test_command_line import run


def adapters(home, *arguments):
    done = run(home, "adapters", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_retiring_and_rolling_back_are_remembered(home):
    before = adapters(home)["legal-ner"]["active"]
    assert adapters(home, "--retire", "legal-ner")["legal-ner"]["active"] is None
    row = adapters(home, "--roll-back", "legal-ner")["legal-ner"]
    assert row["active"] == before and row["live"]
    lines = (home / "adapters" / "legal-ner" / "activations.jsonl").read_text("utf-8").splitlines()
    assert [(json.loads(line)["action"], json.loads(line)["by"]) for line in lines] == [
        ("retire", "command"),
        ("roll_back", "command"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--delete", "legal-ner@2"), "is live and cannot be deleted"),
        (("--delete", "legal-ner"), "NAME@NUMBER"),
        (("--roll-back", "legal-ner"), "was live before"),
        (("--retire", "../x"), "no valid name"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_with_the_way_out(home, arguments, message):
    done = run(home, "adapters", *arguments)
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
