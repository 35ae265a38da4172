"""Examples -> token ids -> length-bucketed batches.

Knows that only the completion carries labels and that a step costs padded tokens. Refuses to know
where examples come from and what is done with a batch.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assistant.errors import DataError


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt and what should follow. Examples of one `group` never straddle a split.

    `text` is what a visitor would send, where a prompt is made of nothing else.
    """

    prompt: str
    completion: str
    group: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of prompt, completion and end-of-text; ids from `start` on carry labels."""

    ids: tuple[int, ...]
    start: int

    @property
    def labels(self) -> int:
        """Labelled tokens, as far as a token before them foretells them."""
        return len(self.ids) - max(self.start, 1)


def encode(examples: Sequence[Example], tokenizer: Any, max_length: int) -> tuple[list[Encoded], int]:
    """Tokenize; returns the encoded examples and how many were left out as longer than `max_length`.

    Nothing is cut: a cut completion would teach the model to break off. Raises `DataError` when no
    example remains.
    """
    encoded = []
    for example in examples:
        prompt = tokenizer(example.prompt, add_special_tokens=True)["input_ids"]
        completion = tokenizer(example.completion, add_special_tokens=False)["input_ids"]
        ids = (*prompt, *completion, tokenizer.eos_token_id)
        if len(ids) <= max_length:
            encoded.append(Encoded(ids, len(prompt)))
    if not encoded:
        raise DataError(
            f"None of the {len(examples)} examples fits into max_length = {max_length} tokens. "
            "Raise max_length in the recipe or shorten the texts."
        )
    return encoded, len(examples) - len(encoded)


def invocation(encoded: Sequence[Encoded], ending: Sequence[int]) -> tuple[int, ...]:
    """The last tokens of `ending` that every prompt ends with; empty where there are none.

    Its first tokens may be written together with the text before them ("." and a line break are one token in some
    vocabularies), so only what is the same everywhere counts.
    """
    for start in range(len(ending)):
        wanted = tuple(ending[start:])
        if all(item.ids[max(0, item.start - len(wanted)) : item.start] == wanted for item in encoded):
            return wanted
    return ()


def batches(encoded: Sequence[Encoded], batch_tokens: int, seed: int, epoch: int) -> list[list[Encoded]]:
    """Batches of one epoch: similar lengths together, at most `batch_tokens` padded tokens each.

    Examples are shuffled before the stable sort by length (rounded to 8 tokens) and the batches
    after it, both by (seed, epoch): the order is the same in every run, whole or resumed.
    """
    shuffler = random.Random(f"{seed}/{epoch}")  # noqa: S311  # no secret: a reproducible order
    order = list(encoded)
    shuffler.shuffle(order)
    order.sort(key=lambda item: len(item.ids) // 8)
    result: list[list[Encoded]] = []
    current: list[Encoded] = []
    longest = 0
    for item in order:
        longest_with = max(longest, len(item.ids))
        if current and longest_with * (len(current) + 1) > batch_tokens:
            result.append(current)
            current, longest_with = [], len(item.ids)
        current.append(item)
        longest = longest_with
    result.append(current)
    shuffler.shuffle(result)
    return result


def candidate_vocabulary(encoded: Sequence[Encoded], eos: int) -> list[int]:
    """Every token id that occurs in the data, sorted: the vocabulary the objective works over."""
    return sorted({token for item in encoded for token in item.ids} | {eos})


def data_hash(examples: Sequence[Example]) -> str:
    """SHA-256 over all prompts and completions, in order."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.prompt}\x00{example.completion}\x01".encode())
    return digest.hexdigest()


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Train and validation parts; whole groups, seeded. `share` (0 to 1) goes to validation."""
    groups = sorted({example.group for example in examples})
    if len(groups) < 2:
        groups = [str(i) for i in range(len(examples))]
        keyed = [(str(i), example) for i, example in enumerate(examples)]
    else:
        keyed = [(example.group, example) for example in examples]
    random.Random(seed).shuffle(groups)  # noqa: S311  # no secret: a reproducible split
    held_out = set(groups[: round(len(groups) * share)])
    train = [example for group, example in keyed if group not in held_out]
    return train, [example for group, example in keyed if group in held_out]


def without(examples: Sequence[Example], groups: Sequence[str]) -> tuple[list[Example], list[Example]]:
    """The examples of no such group, and those of one; raises `DataError` for a group that none is of."""
    if strange := set(groups) - {example.group for example in examples}:
        raise DataError(
            f"held_out names {sorted(strange)[0]!r}, and no example is of that group. Correct it in the recipe.",
            pt=f"held_out cita {sorted(strange)[0]!r}, e nenhum exemplo é desse grupo. Corrija a receita.",
        )
    kept: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        kept[example.group in groups].append(example)
    return kept
