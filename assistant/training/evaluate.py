"""Metrics of the three kinds of adapter. Pure functions over gold and predicted values.

extract   strict entity precision, recall and F1: an entity counts when label and exact text agree;
          within a sentence equal entities are matched one to one (multiset)
reply     aspects taken up, sentences that had to be removed, invented names, distinct-2, length,
          chrF against the reference
chat      token F1 of the answer (SQuAD's: lower case, no punctuation, no articles), share of
          grounded and of abstained answers

Each row also has one `Ratio`: what a bootstrap resamples (`assistant.training.gate`). Refuses to know
engines and files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.models.words import folded

_ARTICLES = {"o", "a", "os", "as", "um", "uma", "uns", "umas"}
_CHRF_ORDER, _CHRF_BETA = 6, 2  # Popović's choice: characters up to six, recall twice as heavy


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, each 0 to 1, and the number of gold items."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """One row's share of a figure that is a ratio of sums: sum of `top` / sum of `bottom`.

    A mean has bottom 1. Micro-F1 has top 2 tp and bottom 2 tp + fp + fn, so that resampled rows give
    the F1 of the resampled corpus, not a mean of sentence F1s.
    """

    top: float
    bottom: float = 1.0


def total(items: Sequence[Ratio]) -> float:
    """The figure of these rows; 0 where there is nothing to divide by."""
    bottom = sum(item.bottom for item in items)
    return sum(item.top for item in items) / bottom if bottom else 0.0


def entity_counts(gold: Sequence[tuple[str, str]], predicted: Sequence[tuple[str, str]]) -> tuple[int, int, int]:
    """(true positives, false positives, false negatives) of one sentence, matched one to one."""
    hits = (Counter(gold) & Counter(predicted)).total()
    return hits, len(predicted) - hits, len(gold) - hits


def f1_ratio(counts: tuple[int, int, int]) -> Ratio:
    """F1 = 2 tp / (2 tp + fp + fn) of `entity_counts`, to be summed over rows."""
    hits, wrong, missed = counts
    return Ratio(2.0 * hits, float(2 * hits + wrong + missed))


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
    said = folded(reply)
    return sum(folded(aspect)[: max(5, len(aspect) - 2)] in said for aspect in aspects) / len(aspects)


def distinct_2(texts: Sequence[str]) -> float:
    """Distinct word pairs over all word pairs (Li et al. 2016): low where replies repeat themselves."""
    pairs = [pair for text in texts for pair in pairwise(folded(text).split())]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def chrf(text: str, reference: str) -> float:
    """Character n-gram F score, 0 to 1 (Popović 2015, chrF2; white space left out, as sacreBLEU does).

    Precision and recall are means over the orders 1 to 6 that both texts are long enough for.
    """
    given, wanted = "".join(text.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = 0
    for n in range(1, _CHRF_ORDER + 1):
        found = Counter(given[i : i + n] for i in range(len(given) - n + 1))
        gold = Counter(wanted[i : i + n] for i in range(len(wanted) - n + 1))
        if found and gold:
            common = (found & gold).total()
            precision, recall, orders = precision + common / found.total(), recall + common / gold.total(), orders + 1
    if not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    weight = _CHRF_BETA**2
    return (1 + weight) * precision * recall / (weight * precision + recall)


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
