"""The project's own review pairs keep what their adapter promises: every point taken up, nothing invented."""

import json
from collections import Counter

import pytest

from assistant.generation.citations import fold
from assistant.generation.verification import keep_honest
from assistant.training.config import read_recipe
from tests.conftest import ROOT

FOLDER = ROOT / "adapters" / "restaurant-replies"
LECTURE = "Horrível! Restaurante vazio e o atendimento ainda demora. Pedi um frango e veio com gosto de peixe. Nojo!"


def rows(name):
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


TRAINED = [(name, row) for name in read_recipe(FOLDER / "recipe.toml").data.files for row in rows(name)]
HELD_OUT = rows("data/heldout.jsonl")


def test_there_are_enough_and_none_twice():
    assert len(TRAINED) >= 1500
    folded = Counter(fold(row["review"])[0] for _, row in TRAINED)
    assert [review for review, count in folded.items() if count > 1] == []


def test_no_situation_and_no_review_that_judges_is_trained_on():
    assert {row["situation"] for _, row in TRAINED} & {row["situation"] for row in HELD_OUT} == set()
    judged = {fold(row["review"])[0] for row in HELD_OUT} | {fold(LECTURE)[0]}
    assert judged & {fold(row["review"])[0] for _, row in TRAINED} == set()


@pytest.mark.parametrize("pairs", [TRAINED, [("data/heldout.jsonl", row) for row in HELD_OUT]], ids=["train", "held"])
def test_every_reply_takes_up_its_points_and_promises_nothing(pairs):
    silent = [
        (name, row["review"])
        for name, row in pairs
        if row.get("reply") and not all(fold(a)[0] in fold(row["reply"])[0] for a in row["aspects"])
    ]
    promising = [(name, row["reply"]) for name, row in pairs if keep_honest(row["reply"], row["review"])[1]]
    assert silent == []
    assert promising == []
