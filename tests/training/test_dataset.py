"""Examples become batches that lose nothing and come in the same order in every run."""

import pytest

from assistant.errors import DataError
from assistant.training.dataset import Encoded, Example, batches, candidate_vocabulary, encode, split, without


class Letters:
    """A tokenizer of one id per letter; 1 opens a text, 0 ends it."""

    eos_token_id = 0

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [1] * add_special_tokens + [ord(c) for c in text]}


def encoded(*lengths: int) -> list[Encoded]:
    return [Encoded(tuple(range(2, length + 2)), 1) for length in lengths]


def test_only_the_completion_and_the_end_carry_labels():
    items, left_out = encode([Example("ab", "c")], Letters(), 10)
    assert items == [Encoded((1, 97, 98, 99, 0), 3)]
    assert left_out == 0


def test_long_examples_are_left_out_whole_and_counted():
    items, left_out = encode([Example("a", "b"), Example("a" * 50, "b")], Letters(), 10)
    assert (len(items), left_out) == (1, 1)
    with pytest.raises(DataError, match="max_length = 3"):
        encode([Example("a", "b")], Letters(), 3)


def test_batches_hold_every_example_once_within_the_budget():
    items = encoded(*range(2, 60))
    plan = batches(items, 128, seed=7, epoch=0)
    assert sorted(len(i.ids) for batch in plan for i in batch) == list(range(2, 60))
    assert all(max(len(i.ids) for i in batch) * len(batch) <= 128 for batch in plan)


def test_the_order_depends_on_seed_and_epoch_alone():
    items = encoded(*range(2, 60))
    assert batches(items, 128, 7, 0) == batches(items, 128, 7, 0)
    assert batches(items, 128, 7, 0) != batches(items, 128, 7, 1)
    assert batches(items, 128, 7, 0) != batches(items, 128, 8, 0)


def test_the_candidate_vocabulary_is_every_token_of_the_data():
    assert candidate_vocabulary([Encoded((5, 3, 9), 1), Encoded((3, 4), 1)], 0) == [0, 3, 4, 5, 9]


def test_no_group_straddles_the_split():
    examples = [Example(str(i), "x", group=str(i % 7)) for i in range(70)]
    train, held_out = split(examples, 0.3, seed=1)
    assert len(train) + len(held_out) == 70
    assert held_out
    assert not {e.group for e in train} & {e.group for e in held_out}


def test_groups_held_out_are_never_trained_on():
    examples = [Example(str(i), "x", group=str(i % 7)) for i in range(70)]
    train, held_out = without(examples, ("3", "5"))
    assert {e.group for e in train} == {"0", "1", "2", "4", "6"} and {e.group for e in held_out} == {"3", "5"}
    assert len(train) + len(held_out) == 70
    assert without(examples, ()) == (examples, [])


def test_a_group_held_out_that_is_not_there_is_named():
    with pytest.raises(DataError, match="held_out names 'Montana'"):
        without([Example("a", "x", group="Genocide")], ("Genocide", "Montana"))
