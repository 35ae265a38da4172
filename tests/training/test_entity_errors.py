"""Every error of an extraction has one name, and each entity counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.training.entity_errors import EntityError, Pair, entity_errors
from assistant.training.evaluate import entity_counts

COURT = "Tribunal de Justiça do Acre"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([("ORG", COURT)], []),
        ([("LOCAL", COURT)], [EntityError("other_class", "ORG", "LOCAL")]),
        ([("ORG", f"Egrégio {COURT}")], [EntityError("too_long", "ORG", "ORG")]),
        ([("ORG", "Tribunal de Justiça")], [EntityError("too_short", "ORG", "ORG")]),
        ([("ORG", "o Tribunal de Justiça")], [EntityError("crossing", "ORG", "ORG")]),
        ([("LOCAL", "Acre")], [EntityError("other_span", "ORG", "LOCAL")]),
        ([], [EntityError("missed", "ORG", None)]),
        ([("ORG", COURT), ("PESSOA", "Ana")], [EntityError("spurious", None, "PESSOA")]),
        ([("ORG", "de")], [EntityError("too_short", "ORG", "ORG")]),
        ([("PESSOA", "de")], [EntityError("missed", "ORG", None), EntityError("spurious", None, "PESSOA")]),
    ],
)
def test_each_kind(found: list[Pair], expected: list[EntityError]) -> None:
    assert sorted(entity_errors([[("ORG", COURT)]], [found]).elements(), key=str) == sorted(expected, key=str)


def test_the_closest_span_is_taken_first() -> None:
    found = [("ORG", "Justiça"), ("LOCAL", COURT)]
    counts = entity_errors([[("ORG", COURT)]], [found])
    assert set(counts) == {EntityError("other_class", "ORG", "LOCAL"), EntityError("spurious", None, "ORG")}


pairs = st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["ana", "ana maria", "maria rita", "7"])))


@given(pairs, pairs)
def test_wrong_and_missed_add_up_to_what_the_scores_count(gold: list[Pair], found: list[Pair]) -> None:
    _, wrong, missed = entity_counts(gold, found)
    counts = entity_errors([gold], [found])
    assert sum(n for error, n in counts.items() if error.found) == wrong
    assert sum(n for error, n in counts.items() if error.gold) == missed
