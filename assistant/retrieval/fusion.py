"""Dense and lexical search in one figure: how likely each found chunk is the right one among all that were found.

Knows what is weighed: how near a chunk is in meaning, and how much of the question, by the rarity of its words, the
whole chunk, its best sentence and its heading hold. Refuses to know the index and the searches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

from assistant.retrieval import lexical
from assistant.stores.rows import StoredChunk

# A conditional logit: the chance of a chunk is the softmax, over all that were found, of its weighted sum. Fitted by
# `docs/measure_fusion.py` on one half of the questions of four sets, each set weighing the same; the other half is what
# docs/results.md reports. The weight of the cosine holds for multilingual-e5-small, whose cosines lie close together.
_CLOSENESS = 112.1
_WHOLE = 4.9
_SENTENCE = 4.8
_HEADING = 3.8

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True, slots=True)
class _Words:
    """The distinct terms of a chunk: of its document's name and heading, and of each sentence."""

    heading: frozenset[str]
    sentences: tuple[frozenset[str], ...]


def rarities(terms: Iterable[str], counts: Mapping[str, int], total: int) -> dict[str, float]:
    """How much each term of a question says, in nats: log((N + 1) / (n + 0.5)) for n (`counts`) of N chunks."""
    return {term: log((total + 1) / (counts.get(term, 0) + 0.5)) for term in terms}


def coverage(held: frozenset[str] | set[str], rarity: Mapping[str, float]) -> float:
    """The share (0 to 1) of a question's words, by rarity, that are among `held`."""
    whole = sum(rarity.values())
    return sum(value for term, value in rarity.items() if term in held) / whole if whole > 0 else 0.0


def shares(chunk: StoredChunk, rarity: Mapping[str, float]) -> tuple[float, float, float]:
    """The shares (0 to 1) of a question's words that a chunk, its best sentence and its heading hold."""
    words = _terms_of(f"{chunk.document} {chunk.heading}", chunk.text)
    sentence = max((coverage(held, rarity) for held in words.sentences), default=0.0)
    return coverage(words.heading.union(*words.sentences), rarity), sentence, coverage(words.heading, rarity)


def fuse(
    chunks: Mapping[str, StoredChunk], cosines: Mapping[str, float], rarity: Mapping[str, float]
) -> dict[str, float]:
    """The chance (0 to 1, together 1) that each of `chunks` is the right one, given that one of them is.

    `cosines` between question and chunk for each of them; `rarity` of the question's terms, see `rarities`.
    """
    sums = {}
    for name, chunk in chunks.items():
        whole, sentence, heading = shares(chunk, rarity)
        sums[name] = _CLOSENESS * cosines[name] + _WHOLE * whole + _SENTENCE * sentence + _HEADING * heading
    most = max(sums.values(), default=0.0)
    odds = {name: exp(value - most) for name, value in sums.items()}
    total = sum(odds.values())
    return {name: value / total for name, value in odds.items()}


@lru_cache(maxsize=1024)  # the texts of a chat come back; a text of 700 characters takes about 10 KB here
def _terms_of(heading: str, text: str) -> _Words:
    sentences = (frozenset(lexical.terms(sentence)) for sentence in _SENTENCE_END.split(text))
    return _Words(frozenset(lexical.terms(heading)), tuple(held for held in sentences if held))
