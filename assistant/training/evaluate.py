"""Metrics of the three kinds of adapter. Pure functions over gold and predicted values.

extract   strict entity precision, recall and F1: an entity counts when label and exact text agree;
          within a sentence equal entities are matched one to one (multiset)
reply     aspects taken up, sentences that had to be removed, distinct-2, length
chat      token F1 of the answer (SQuAD's: lower case, no punctuation, no articles), share of
          grounded and of abstained answers

Refuses to know engines and files.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_ARTICLES = {"o", "a", "os", "as", "um", "uma", "uns", "umas"}


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, each 0 to 1, and the number of gold items."""

    precision: float
    recall: float
    f1: float
    support: int


def entity_scores(
    gold: Sequence[Sequence[tuple[str, str]]], predicted: Sequence[Sequence[tuple[str, str]]]
) -> tuple[Score, dict[str, Score]]:
    """Micro scores and scores by class over sentences of (label, text) pairs."""
    hits: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for expected, found in zip(gold, predicted, strict=True):
        common = Counter(expected) & Counter(found)
        hits.update(label for label, _ in common.elements())
        wanted.update(label for label, _ in expected)
        given.update(label for label, _ in found)
    by_class = {label: _score(hits[label], given[label], wanted[label]) for label in sorted(wanted | given)}
    return _score(hits.total(), given.total(), wanted.total()), by_class


def token_f1(answer: str, golds: Sequence[str]) -> float:
    """The best token F1 of the answer against any gold answer (Rajpurkar et al. 2016)."""
    return max((_overlap(_tokens(answer), _tokens(gold)) for gold in golds), default=0.0)


def aspect_coverage(reply: str, aspects: Sequence[str]) -> float:
    """Share of the aspects whose stem (first five letters at least) occurs in the reply."""
    if not aspects:
        return 1.0
    folded = _folded(reply)
    return sum(_folded(aspect)[: max(5, len(aspect) - 2)] in folded for aspect in aspects) / len(aspects)


def distinct_2(texts: Sequence[str]) -> float:
    """Distinct word pairs over all word pairs (Li et al. 2016): low where replies repeat themselves."""
    pairs = [pair for text in texts for pair in pairwise(_folded(text).split())]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def _score(hits: int, given: int, wanted: int) -> Score:
    precision = hits / given if given else 0.0
    recall = hits / wanted if wanted else 0.0
    total = precision + recall
    return Score(precision, recall, 2 * precision * recall / total if total else 0.0, wanted)


def _overlap(found: Sequence[str], gold: Sequence[str]) -> float:
    if not found or not gold:
        return float(found == gold)
    common = (Counter(found) & Counter(gold)).total()
    return 2 * common / (len(found) + len(gold))


def _tokens(text: str) -> list[str]:
    bare = re.sub(r"\[\d+\]", " ", text.lower())
    return [word for word in re.findall(r"\w+", bare) if word not in _ARTICLES]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
