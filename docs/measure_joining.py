"""What joining neighbours does to the answers that passages of one length hold: `python docs/measure_joining.py`.

FaQuAD and squad-pt, each title one document, so that chunks have neighbours. Chunks are ranked by BM25 over the
search's stems, in memory and without any embedding, so that it takes seconds. For each rule of joining: the share
of questions whose answer / whose answer's whole sentence stands in one of three passages of 2,100 characters together,
and in as many as 1,400 or 2,800 characters hold. `--laws QUESTIONS` adds norms: JSON lines {"question", "law", "urns"}
on leis_csv, where a passage has to hold the whole provision.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path
from statistics import mean

from assistant.retrieval import joining, lexical
from assistant.retrieval.documents import LoadedDocument, Page
from assistant.retrieval.law import cited_article
from assistant.retrieval.splitting import split
from assistant.stores.rows import StoredChunk
from assistant.training.formats import squad_questions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = {"FaQuAD": DATA / "faquad/train.json", "squad-pt": DATA / "squad-pt/sample-v1.1-pt.json"}
MOST = 800  # questions of a set, spread evenly
CANDIDATES = 24  # chunks of a question
_END = re.compile(r"[.!?…][\"'”»)\]]*(?:\s+|$)")


@dataclass(frozen=True)
class Asked:
    """A question, its document, and what passages have to hold: of each group of wordings one.

    A short answer ("2") counts with what stands before or behind it only.
    """

    question: str
    document: str
    answers: tuple[tuple[str, ...], ...]
    sentences: tuple[tuple[str, ...], ...]


def same_heading(one: StoredChunk, other: StoredChunk, found: set[str]) -> bool:
    """Found neighbours under one heading, too."""
    both = one.chunk_id in found and other.chunk_id in found
    return joining.belong(one, other, found) or (both and one.heading == other.heading and one.page == other.page)


def whole_lists(one: StoredChunk, other: StoredChunk, found: set[str]) -> bool:
    """The rest of an article's list, too, found or not."""
    article = cited_article(one.heading)
    open_end = one.text.rstrip().endswith((";", ":", ","))
    return joining.belong(one, other, found) or (
        open_end and bool(article) and article == cited_article(other.heading) and one.page == other.page
    )


RULES: dict[str, joining.Belong] = {
    "nothing": lambda one, other, found: False,
    "shipped": joining.belong,
    "found neighbours of one heading": same_heading,
    "the rest of an article's list": whole_lists,
}


class Words:
    """BM25 (k1 1.2, b 0.75) over the stems of all chunks of some documents."""

    def __init__(self, documents: Sequence[LoadedDocument]) -> None:
        self.chunks: list[StoredChunk] = []
        self._first: dict[str, int] = {}
        for d in documents:
            self._first[d.name] = len(self.chunks)
            for at, c in enumerate(split(d)):
                key = f"{d.name}#{at}"
                self.chunks.append(StoredChunk(key, "c", d.name, at, c.text, c.heading, c.page, d.title, None))
        stems = [lexical.terms(f"{c.heading} {c.text}") for c in self.chunks]
        average = mean(map(len, stems))
        self._found: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for at, terms in enumerate(stems):
            for term, count in Counter(terms).items():
                weight = count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(terms) / average))
                self._found[term].append((at, weight))

    def ranked(self, question: str) -> list[StoredChunk]:
        """The candidates, best first."""
        scores: Counter[int] = Counter()
        for term in lexical.question_terms(question):
            places = self._found.get(term, [])
            rarity = log(1 + (len(self.chunks) - len(places) + 0.5) / (len(places) + 0.5))
            for at, weight in places:
                scores[at] += rarity * weight  # type: ignore[assignment]
        return [self.chunks[at] for at, _ in scores.most_common(CANDIDATES)]

    def near(self, chunk: StoredChunk) -> Sequence[StoredChunk]:
        """The chunks around one."""
        at = self._first[chunk.document] + chunk.position
        around = self.chunks[max(0, at - joining.REACH) : at + joining.REACH + 1]
        return [c for c in around if c.document == chunk.document]


def titles(path: Path) -> tuple[list[LoadedDocument], list[Asked]]:
    """A document of each title, and the questions."""
    texts: dict[str, list[str]] = {}
    asked = []
    for title, context, question, answer in squad_questions(path):
        if context not in texts.setdefault(title, []):
            texts[title].append(context)
        asked.append(Asked(question, title, (placed(context, answer),), ((sentence(context, answer),),)))
    documents = [LoadedDocument(t, t, None, (Page(None, "\n\n".join(parts)),)) for t, parts in texts.items()]
    step = max(1.0, len(asked) / MOST)
    return documents, [asked[int(at * step)] for at in range(min(MOST, len(asked)))]


def placed(context: str, answer: str, reach: int = 25) -> tuple[str, str]:
    """An answer with the words before it, and with those behind it."""
    at = context.lower().find(answer.lower())
    end = at + len(answer)
    return context[max(0, at - reach) : end], context[at : end + reach]


def sentence(context: str, answer: str) -> str:
    """The whole sentence that an answer stands in."""
    at = context.lower().find(answer.lower())
    start = max((m.end() for m in _END.finditer(context) if m.end() <= at), default=0)
    end = _END.search(context, at + len(answer) - 1)
    return context[start : end.end() if end else len(context)]


def laws(questions: Path) -> tuple[list[LoadedDocument], list[Asked]]:
    """The norms of leis_csv, and what is asked of them."""
    csv.field_size_limit(10**8)
    documents, provisions = [], {}
    for path in sorted((DATA / "leis" / "leis_csv").glob("*.csv")):
        kind, number, day = re.match(r"(.+)_(\d+)_(\d{8})", path.stem).groups()  # type: ignore[union-attr]
        title = f"{kind.replace('_', ' ').capitalize()} nº {int(number):,}".replace(",", ".") + f", de {day[:4]}"
        lines = [f"# {title}", ""]
        for row in csv.reader(path.open(encoding="utf-8")):
            found = re.match(r"\[.*?\]\s*(.*)", row[4], re.S)
            if found and row[5]:
                provisions[row[5]] = found[1].strip()
                lines += [found[1].strip(), ""] if row[0] == "ART" else []
        documents.append(LoadedDocument(path.stem, title, None, (Page(None, "\n".join(lines)),)))
    asked = []
    for line in questions.read_text("utf-8").splitlines():
        row = json.loads(line)
        wanted = tuple((provisions[urn],) for urn in row["urns"])
        asked.append(Asked(row["question"], row["law"], wanted, wanted))
    return documents, asked


def passages(found: Sequence[StoredChunk], near: joining.Near, rule: joining.Belong, k: int) -> list[joining.Joined]:
    """The first k passages, as the search fills them up."""
    wanted = k
    while True:
        made = joining.join(found[:wanted], near, rule)
        if len(made) >= k or wanted >= len(found):
            return made[:k]
        wanted += k - len(made)


@cache
def plain(text: str) -> str:
    """Letters and digits alone: the same words are the same, however they are set."""
    return re.sub(r"\W+", " ", lexical.fold(text)).strip()


def figures(words: Words, asked: Sequence[Asked]) -> None:
    """Print a line for each rule."""
    found = [words.ranked(item.question) for item in asked]
    for name, rule in RULES.items():
        cells, length = [], 0.0
        for k, most in ((3, 2_100), (12, 1_400), (12, 2_800)):
            made = [passages(chunks, words.near, rule, k) for chunks in found]
            held = [shown(some, most, item) for some, item in zip(made, asked, strict=True)]
            length = length or mean(size for *_, size in held)
            answers, sentences = (100 * mean(h[at] for h in held) for at in (0, 1))
            cells.append(f"{k} in {most}: {answers:.1f} / {sentences:.1f} %")
        print(f"  {name:32} {' | '.join(cells)} | mean length of three {length:.0f}")


def shown(made: Sequence[joining.Joined], most: int, item: Asked) -> tuple[bool, bool, int]:
    """Whether the passages that fit into `most` characters hold all answers, all sentences; their length."""
    texts: list[str] = []
    size = 0
    for one in made:
        if size + len(one.text) > most:
            break
        size += len(one.text)
        if one.found.document == item.document:
            texts.append(plain(one.text))

    def hold(wanted: tuple[tuple[str, ...], ...]) -> bool:
        return all(any(plain(one) in text for one in group for text in texts) for group in wanted)

    return hold(item.answers), hold(item.sentences), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--laws", type=Path, metavar="QUESTIONS")
    options = parser.parse_args()
    chosen = {name: titles(path) for name, path in SETS.items() if name in options.sets}
    if options.laws:
        chosen["norms"] = laws(options.laws)
    for name, (documents, asked) in chosen.items():
        words = Words(documents)
        print(f"{name}: {len(asked)} questions, {len(documents)} documents, {len(words.chunks)} chunks")
        figures(words, asked)


if __name__ == "__main__":
    main()
