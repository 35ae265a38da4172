"""Five planted bad candidates are refused, each for its own reason; a really better one is promoted."""

import math
import random
from dataclasses import replace

import pytest

from assistant.stores.manifests import Localized
from assistant.training import gate
from assistant.training.evaluate import Ratio
from assistant.training.gate import Collateral, Results, Rivals, decide
from assistant.training.resampling import paired_bootstrap

ROWS = 200
HARMLESS = Collateral(taken=0.0, forgetting=0.2)


def system(name, right, seed=1, **more):
    """A system that gets a share of the rows right, written as `name` and row; ten entities' worth a row."""
    chooser = random.Random(f"{name}/{seed}")
    items = []
    for _ in range(ROWS):
        hits = sum(chooser.random() < right for _ in range(10))
        items.append(Ratio(2.0 * hits, 20.0))
    return Results(tuple(items), tuple(f"{name} {i}" for i in range(ROWS)), tokens_per_second=45.0, **more)


BASE, FEW_SHOT, LIVE = system("base", 0.05), system("few", 0.3), system("live", 0.75, size_bytes=8_000_000)
RIVALS = Rivals(BASE, FEW_SHOT, LIVE)
GOOD = system("candidate", 0.85, size_bytes=8_000_000)

PLANTED = {
    "worse": (system("noise labels", 0.45), HARMLESS),
    "copy_of_live": (LIVE, HARMLESS),
    "no_op": (BASE, HARMLESS),
    "forgetting": (GOOD, Collateral(taken=0.0, forgetting=2.5)),  # over-trained: better on its task, at this price
    "off_domain": (system("another task", 0.02), HARMLESS),
}


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_bad_candidate_is_refused_for_its_own_reason(check):
    candidate, collateral = PLANTED[check]
    verdict = decide(candidate, RIVALS, collateral)
    assert not verdict.promote
    assert verdict.figures["failed"] == [check]
    (reason,) = verdict.reasons
    assert reason.pt and reason.en and reason.pt != reason.en


def test_a_really_better_one_is_promoted_with_its_gain_in_words():
    verdict = decide(GOOD, RIVALS, HARMLESS)
    assert verdict.promote and verdict.figures["failed"] == []
    gain = verdict.figures["difference"]["live"]
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert "the live version" in verdict.reasons[0].en and "," in verdict.reasons[0].pt


def test_the_first_version_must_beat_base_and_examples():
    first = Rivals(BASE, FEW_SHOT)
    assert decide(GOOD, first, HARMLESS).promote
    hardly = decide(system("hardly", 0.31), first, HARMLESS)
    assert hardly.figures["failed"] in (["not_better"], ["off_domain"])


def test_a_difference_that_may_be_chance_does_not_promote():
    verdict = decide(system("alike", 0.755), RIVALS, HARMLESS)
    interval = verdict.figures["difference"]["live"]
    assert interval["low"] <= 0 <= interval["high"]
    assert verdict.figures["failed"] == ["not_better"]


@pytest.mark.parametrize(
    ("check", "candidate", "collateral"),
    [
        ("failures", replace(GOOD, failures=3), HARMLESS),
        ("inventions", replace(GOOD, inventions=3), HARMLESS),
        ("collateral", GOOD, Collateral(taken=0.05, forgetting=0.1)),
        ("speed", replace(GOOD, tokens_per_second=20.0), HARMLESS),
        ("memory", replace(GOOD, size_bytes=100_000_000), HARMLESS),
    ],
)
def test_a_price_above_its_limit_refuses_even_a_better_one(check, candidate, collateral):
    assert decide(candidate, RIVALS, collateral).figures["failed"] == [check]


def test_what_the_live_version_forgets_is_the_measure_for_the_next():
    assert decide(GOOD, RIVALS, Collateral(forgetting=2.4, live_forgetting=2.0)).promote
    assert not decide(GOOD, RIVALS, Collateral(forgetting=2.6, live_forgetting=2.0)).promote


def test_what_was_not_measured_refuses_nothing():
    assert decide(GOOD, RIVALS, Collateral()).promote


def test_a_fast_adapter_need_not_be_as_fast_as_a_faster_one():
    rivals = replace(RIVALS, live=replace(LIVE, tokens_per_second=1e6))
    assert decide(replace(GOOD, tokens_per_second=gate.FAST_ENOUGH + 1), rivals, HARMLESS).promote


def test_what_is_forgotten_without_measure_is_too_much():
    """Weights that have blown up give a loss that is no number."""
    for lost in (float("nan"), float("inf")):
        assert decide(GOOD, RIVALS, Collateral(forgetting=lost)).figures["failed"] == ["forgetting"]


@pytest.mark.parametrize("fault", ["failures", "inventions"])
@pytest.mark.parametrize(("rows", "more", "refused"), [(60, 1, False), (60, 2, False), (60, 3, True), (200, 2, False)])
def test_one_row_of_sixty_is_no_reason(fault, rows, more, refused):
    def first(results):
        return replace(results, items=results.items[:rows], outputs=results.outputs[:rows])

    candidate = replace(first(GOOD), **{fault: more})
    verdict = decide(candidate, Rivals(first(BASE), first(FEW_SHOT), first(LIVE)), HARMLESS)
    assert (fault in verdict.figures["failed"]) is refused


@pytest.mark.parametrize("differing", [0.1, 0.2, 0.4])
def test_of_two_equals_on_the_fewest_rows_one_is_promoted_as_seldom_as_the_level_says(differing):
    """Every outcome of rows that are right or wrong, by its probability: `won` and `lost` out of those that differ."""
    rows = gate.FEWEST_ROWS
    promoted = 0.0
    for many in range(rows + 1):
        chance = math.comb(rows, many) * differing**many * (1 - differing) ** (rows - many)
        for won in range(many // 2 + 1, many + 1):
            likely = chance * math.comb(many, won) / 2**many
            if likely < 1e-5:
                continue
            one = [Ratio(1.0)] * won + [Ratio(0.0)] * (rows - won)
            other = [Ratio(0.0)] * won + [Ratio(1.0)] * (many - won) + [Ratio(0.0)] * (rows - many)
            promoted += likely * (paired_bootstrap(one, other).low > 0)
    assert promoted <= 0.025


def test_few_rows_decide_nothing():
    def few(results):
        return replace(results, items=results.items[:4], outputs=results.outputs[:4])

    verdict = decide(few(GOOD), Rivals(few(BASE), few(FEW_SHOT), few(LIVE)), HARMLESS)
    assert verdict.figures["failed"] == ["too_few_rows"]


def test_the_engine_refusal_becomes_a_verdict():
    verdict = gate.refused(Localized("não muda nada", "it changes nothing"))
    assert not verdict.promote and verdict.reasons[0].en == "it changes nothing"
