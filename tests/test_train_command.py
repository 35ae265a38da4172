"""`train --activate` on the command line asks the gate as `adapters --activate` does. On a tiny base, as a process."""

import json
import re

import pytest

from .conftest import ROOT
from .test_command_line import run

RECIPE = """
[data]
source = "pairs"
files = ["data/pairs.jsonl"]
[lora]
r = 2
lora_alpha = 4
[training]
epochs = 1
learning_rate = 0.01
batch_tokens = 512
max_length = 256
"""


@pytest.fixture
def small_home(tmp_path):
    """One adapter with a recipe and 20 pairs, and no version."""
    folder = tmp_path / "adapters" / "first"
    (folder / "data").mkdir(parents=True)
    card = (ROOT / "adapters" / "restaurant-replies" / "card.toml").read_text("utf-8")
    (folder / "card.toml").write_text(re.sub(r"^active = .*$", "active = 0", card, flags=re.M), "utf-8")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    rows = [{"review": f"O prato {i} veio frio.", "reply": f"Desculpe pelo prato {i}."} for i in range(20)]
    (folder / "data" / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return tmp_path


def judge(home, number):
    """Leave a verdict against a version, as a judgement of it would."""
    record = {"verdict": {"promote": False, "reasons": [{"pt": "Pior.", "en": "Worse."}]}, "overruled": []}
    path = home / "var" / "judgements" / f"first-{number:04d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), "utf-8")
    return path


def live(home):
    lines = (home / "adapters" / "first" / "card.toml").read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith("active"))


def test_a_trained_version_with_a_verdict_against_it_is_kept_and_does_not_go_live(small_home, tiny_checkpoint):
    judge(small_home, 1)
    done = run(small_home, "train", "first", "--activate", "--json", ASSISTANT_BASE_MODEL=str(tiny_checkpoint))
    assert done.returncode == 1 and "first@1" in done.stderr
    assert "Worse." in done.stderr and "--anyway" in done.stderr
    kept = json.loads(done.stdout)
    assert kept["version"].startswith("0001-") and not kept["live"], "what was trained is told all the same"
    assert (small_home / "adapters" / "first" / "versions" / kept["version"] / "manifest.toml").is_file()
    assert live(small_home) == "active = 0"


def test_a_reason_overrules_the_verdict_on_a_trained_version_and_is_recorded(small_home, tiny_checkpoint):
    verdict = judge(small_home, 1)
    arguments = ("train", "first", "--activate", "--anyway", "é só um ensaio", "--json")
    done = run(small_home, *arguments, ASSISTANT_BASE_MODEL=str(tiny_checkpoint))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["live"] and "Overruled" in done.stderr
    assert json.loads(verdict.read_text("utf-8"))["overruled"][0]["reason"] == "é só um ensaio"
    assert live(small_home) == "active = 1"


@pytest.mark.parametrize("command", [("train", "first"), ("adapters",)])
def test_a_reason_without_an_activation_is_a_mistake_before_anything_is_done(small_home, command):
    done = run(small_home, *command, "--anyway", "sem motivo")
    assert done.returncode == 1 and done.stdout == ""
    assert "'sem motivo'" in done.stderr and "--activate" in done.stderr
    assert not (small_home / "var" / "jobs").exists()
