"""How dense and lexical search are fused, and how much is looked at: `python docs/measure_fusion.py fit|depth|chunks`.

Four sets of labelled questions: the project's own on the shipped corpora, FaQuAD, squad-pt (paragraphs as documents)
and the project's own on fifteen norms. Half of each set's questions, drawn with a seed, choose; the others report.
`fit`: the weights of `assistant/retrieval/fusion.py`, a conditional logit in which each set weighs the same; nDCG@10
beside either search alone. `depth`: chunks taken from each search. `chunks`: characters of a chunk, with everything
indexed anew. All with the real embedder; each prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from assistant.bootstrap import build
from assistant.retrieval import fusion, lexical, splitting
from assistant.retrieval.retriever import CANDIDATES
from assistant.services.bench_corpora import document_corpus
from assistant.services.retrieval_bench import Labelled, own_questions, squad_corpus
from assistant.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
SETS = ("own", "faquad", "squad-pt", "norms")
WIDEST = 96  # chunks from each search, of which the narrower depths are the first ones
DEPTH = 10  # places that count
PENALTY = 0.001  # of the squared weights, in units of a feature's standard deviation
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What both searches found for a question: a row of features for each chunk, its ranks, and which are right."""

    features: Floats
    dense: NDArray[np.int64]
    lexical: NDArray[np.int64]
    right: NDArray[np.bool_]

    def within(self, depth: int) -> Found:
        """Only what is among the first `depth` of one of the searches."""
        kept = (self.dense <= depth) | (self.lexical <= depth)
        return Found(self.features[kept], self.dense[kept], self.lexical[kept], self.right[kept])


@contextmanager
def indexed(name: str) -> Iterator[tuple[Any, list[Labelled]]]:
    """An assistant whose index holds a set's documents, and the set's questions."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        corpus = home / "corpora" / "measured"
        if name == "own":
            (home / "corpora").symlink_to(ROOT / "corpora")
            questions = own_questions(ROOT / "tests/data/retrieval_questions.jsonl")
        elif name == "norms":
            questions = own_questions(ROOT / "tests/data/law_questions.jsonl")
            document_corpus(DATA / "leis/leis_csv", corpus)
        else:
            file = {"faquad": "faquad/train.json", "squad-pt": "squad-pt/sample-v1.1-pt.json"}[name]
            questions = squad_corpus(DATA / file, corpus)
        assistant = build(Settings.load(home=home), lambda line: None)
        try:
            assistant.index()
            yield assistant, questions
        finally:
            assistant.close()


def collect(name: str) -> list[Found]:
    """The candidates of a set's questions, in an order drawn with a seed."""
    with indexed(name) as (assistant, questions):
        found = [candidates(assistant, item) for item in questions]
    random.Random(1).shuffle(found)  # no secret: a reproducible draw
    return found


def candidates(assistant: Any, item: Labelled) -> Found:
    """What both searches find for a question."""
    store, vector = assistant.store, assistant.embedder.embed_query(item.question)
    terms = lexical.question_terms(item.question)
    dense = {hit.chunk_id: rank for rank, hit in enumerate(store.search_dense(vector, None, WIDEST), 1)}
    words = {hit.chunk_id: rank for rank, hit in enumerate(store.search_lexical(terms, None, WIDEST), 1)}
    ids = list(dense | words)
    cosines, chunks = store.cosines(vector, ids), store.get(ids)
    rarity = fusion.rarities(terms, *store.frequencies(terms))
    rows = [[cosines[c], *fusion.shares(chunks[c], rarity)] for c in ids]
    return Found(
        np.array(rows),
        np.array([dense.get(c, WIDEST + 1) for c in ids]),
        np.array([words.get(c, WIDEST + 1) for c in ids]),
        np.array([item.holds(chunks[c]) for c in ids]),
    )


def gain(found: Found, scores: NDArray[Any]) -> float:
    """nDCG@10 of one question, its chunks in the order of `scores`."""
    order = np.argsort(-scores, kind="stable")
    place = next((at for at, right in enumerate(found.right[order], 1) if right), 0)
    return 1 / log2(1 + place) if 0 < place <= DEPTH else 0.0


def ndcg(questions: Sequence[Found], weights: Floats, depth: int = CANDIDATES) -> float:
    """Mean nDCG@10 of the fused search, in percent."""
    shown = [found.within(depth) for found in questions]
    return round(100 * float(np.mean([gain(found, found.features @ weights) for found in shown])), 2)


def singles(questions: Sequence[Found]) -> dict[str, float]:
    """Mean nDCG@10 of each search alone, in percent."""
    return {
        "dense": round(100 * float(np.mean([gain(q, -q.dense) for q in questions])), 2),
        "bm25": round(100 * float(np.mean([gain(q, -q.lexical) for q in questions])), 2),
    }


def fitted(sets: Mapping[str, Sequence[Found]]) -> Floats:
    """The weights under which the right chunks are likeliest among the candidates; each set counts the same."""
    weighed = [
        (found.within(CANDIDATES), 1 / len(questions) / len(sets)) for questions in sets.values() for found in questions
    ]
    usable = [(found, weight) for found, weight in weighed if found.right.any()]
    scale = np.concatenate([found.features for found, _ in usable]).std(axis=0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = PENALTY * float(weights @ weights), 2 * PENALTY * weights
        for found, weight in usable:
            features = found.features / scale
            sums = features @ weights
            every, right = logsumexp(sums), logsumexp(sums[found.right])
            total += weight * float(every - right)
            slope = slope + weight * (
                np.exp(sums - every) @ features - np.exp(sums[found.right] - right) @ features[found.right]
            )
        return total, slope

    best = minimize(loss, np.zeros(scale.size), jac=True, method="L-BFGS-B")
    return np.asarray(best.x / scale)


def halves(sets: Mapping[str, list[Found]], part: int) -> dict[str, list[Found]]:
    """Every second question of each set."""
    return {name: questions[part::2] for name, questions in sets.items()}


def fit() -> None:
    """Print the weights and what they find on the questions that did not choose them."""
    sets = {name: collect(name) for name in SETS}
    weights = fitted(halves(sets, 0))
    names = ("closeness", "whole", "sentence", "heading")
    print(json.dumps({"weights": dict(zip(names, np.round(weights, 1).tolist(), strict=True))}))
    other = fitted(halves(sets, 1))
    print(json.dumps({"weights of the other half": dict(zip(names, np.round(other, 1).tolist(), strict=True))}))
    for name, questions in sets.items():
        told = {"set": name, "questions": len(questions[1::2]), **singles(questions[1::2])}
        print(json.dumps(told | {"fused": ndcg(questions[1::2], weights)}))
        told = {"set": name, "all, each half with the other's weights": True, **singles(questions)}
        both = [ndcg(questions[1::2], weights), ndcg(questions[::2], other)]
        print(json.dumps(told | {"fused": round(float(np.mean(both)), 2)}))


def depth() -> None:
    """Print what is found when more or less is looked at, chosen on one half and reported on the other."""
    sets = {name: collect(name) for name in SETS}
    weights = fitted(halves(sets, 0))
    for k in (6, 12, 24, 48, WIDEST):
        chosen, rest = ({n: ndcg(q, weights, k) for n, q in halves(sets, part).items()} for part in (0, 1))
        print(json.dumps({"from each search": k, "choosing half": chosen, "reporting half": rest}))


def chunks(sizes: Sequence[int]) -> None:
    """Print what is found with chunks of other sizes, each with weights of its own."""
    for size in sizes:
        splitting.CHUNK_CHARS = size
        splitting._size_splitter.cache_clear()
        sets = {name: collect(name) for name in SETS}
        weights = fitted(halves(sets, 0))
        chosen, rest = ({n: ndcg(q, weights) for n, q in halves(sets, part).items()} for part in (0, 1))
        print(json.dumps({"characters": size, "choosing half": chosen, "reporting half": rest}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("fit", "depth", "chunks"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[350, 700, 1400])
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    if options.what == "chunks":
        chunks(options.sizes)
    else:
        {"fit": fit, "depth": depth}[options.what]()


if __name__ == "__main__":
    main()
