"""Where two completions of a prompt part, and how far apart a model sees the two tokens there.

Tells a near tie, which another precision decides the other way, from a difference that no rounding makes. Knows
tokens and log-probabilities. Refuses to know engines, and which gap is too wide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.engines.decoding import next_log_probabilities


@dataclass(frozen=True, slots=True)
class Parting:
    """The two tokens in which texts first differ; `gap` is their difference in log-probability, at least 0."""

    gap: float
    tokens: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reader:
    """A model and how it reads a prompt; `ends` are the tokens that end a text."""

    model: Any
    ids: Callable[[str], list[int]]
    ends: Collection[int]


def parting(reader: Reader, prompt: str, texts: tuple[str, str], stop: Sequence[str]) -> Parting | None:
    """None for texts of the same tokens. A text that is over where the other goes on ended, or met a stop string."""
    one, other = (reader.ids(prompt + text) for text in texts)
    shorter = min(len(one), len(other))
    at = next((i for i in range(shorter) if one[i] != other[i]), shorter)
    if at == len(one) == len(other):
        return None
    found = next_log_probabilities(reader.model, one[:at])
    first, second = (
        max(_next(reader, prompt + text, at, stop), key=lambda token: float(found[token])) for text in texts
    )
    return Parting(abs(float(found[first]) - float(found[second])), (first, second))


def _next(reader: Reader, text: str, at: int, stop: Sequence[str]) -> list[int]:
    """The token at a place of a text; of one that is over there, those that may have ended it."""
    own = reader.ids(text)
    if at < len(own):
        return [own[at]]
    stopped = (reader.ids(text + string) for string in stop)
    return [*reader.ends, *(ids[at] for ids in stopped if at < len(ids))]
