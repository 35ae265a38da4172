"""A process killed at a random moment of ingestion, again and again: `python docs/measure_faults.py [--runs 100]`.

Each run starts a process that adds, replaces and removes documents and indexes them, and says so after each
call has come back; it is ended by SIGKILL at a moment drawn by the seed. Then the index is opened and looked at: what
was acknowledged is there, or something newer; every document is whole; what was removed is in no file; vectors
and ledger hold the same chunks, with nothing embedded. One corpus lives through all runs. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from assistant.retrieval import lexical  # noqa: E402
from assistant.services.corpora import CorporaService  # noqa: E402
from assistant.services.ingestion import Stage  # noqa: E402
from assistant.stores.passages import PassageStore  # noqa: E402

CORPUS, DOCUMENTS, PARTS = "notas", 9, 4
MOST_WORDS, LATEST = 14, 0.8  # a process is killed up to so many seconds after up to so many words
_MARK = re.compile(r"marca([0-9a-f]{8})x(\d+)x(\d+)x(\d+)x")  # document, version, part, parts


class Quick:
    """An embedder that needs no time, and counts."""

    name, dimension = "made-up/quick", 16

    def __init__(self) -> None:
        self.passages = 0

    def embed_query(self, text: str) -> list[float]:
        values = np.random.default_rng(int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)).standard_normal(16)
        return (values / np.linalg.norm(values)).tolist()

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        self.passages += len(texts)
        return [self.embed_query(text) for text in texts]


def opened(folder: Path) -> tuple[CorporaService, PassageStore, Quick]:
    embedder = Quick()
    store = PassageStore(folder / "var" / "index", embedder.name, embedder.dimension, lexical.terms)
    return CorporaService(folder / "corpora", store, embedder), store, embedder


def text(name: str, version: int) -> str:
    """A document whose every chunk says which document, version and part it is."""
    parts = 1 + (version + len(name)) % PARTS
    key = hashlib.sha256(name.encode()).hexdigest()[:8]
    return "\n\n".join(f"# Parte {i}\n\nmarca{key}x{version}x{i}x{parts}x e mais nada." for i in range(parts))


def work(folder: Path, seed: int) -> None:
    """Change and index documents until killed; a line for each acknowledged change."""
    chance = random.Random(seed)
    service, _, _ = opened(folder)
    version = 1_000 * (seed + 1)
    print("started", flush=True)
    while True:
        for name in chance.sample([f"d{i}.md" for i in range(DOCUMENTS)], chance.randint(1, 4)):
            version += 1
            service.add_document(CORPUS, name, text(name, version).encode())
        rebuild = chance.random() < 0.15
        ready = []  # of an index made beside, acknowledged when it has taken its place
        for event in service.ingest(rebuild=rebuild):
            if event.stage in (Stage.DONE, Stage.UNCHANGED):
                ready.append(event.document)
                if not rebuild:
                    print("done", event.document, flush=True)
        print("\n".join([f"done {name}" for name in ready if rebuild] + ["indexed"]), flush=True)
        present = [d.name for d in service.documents(CORPUS)]
        for name in chance.sample(present, min(len(present), chance.randint(0, 2))):
            service.remove_document(CORPUS, name)
            print("removed", name, flush=True)


def one_run(folder: Path, seed: int) -> tuple[str, list[str]]:
    """The last word of a process before it was killed, and what it left that it should not have."""
    chance = random.Random(f"moment {seed}")
    before = _versions(folder)
    command = [sys.executable, __file__, "--work", str(folder), "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    # by words, so that a slow machine is killed at as many places as a quick one
    said = [process.stdout.readline().strip() for _ in range(1 + chance.randint(0, MOST_WORDS))]
    time.sleep(chance.uniform(0, LATEST))
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    if process.returncode != -signal.SIGKILL:
        return said[-1], [f"the process ended by itself with {process.returncode}"]
    return (said[-1].split() or ["nothing"])[0], list(_faults(folder, seed, before, said))


def _versions(folder: Path) -> dict[str, int]:
    """The version of each document that the index holds."""
    _, store, _ = opened(folder)
    found = {d.name: _version(store, d.name) for d in store.documents(CORPUS)}
    store.close()
    return {name: version for name, version in found.items() if version is not None}


def _version(store: PassageStore, name: str) -> int | None:
    marks = [_MARK.search(chunk.text) for chunk in store.chunks_of(CORPUS, name)]
    return int(marks[0][2]) if marks and marks[0] else None


def _faults(folder: Path, seed: int, before: dict[str, int], said: Sequence[str]) -> Iterator[str]:
    expected, gone = _acknowledged(seed, before, said)
    service, store, embedder = opened(folder)
    try:
        documents = {d.name for d in store.documents(CORPUS)}
        for name, version in expected.items():
            held = _version(store, name)
            if name in documents and (held is None or held < version):
                yield f"{name}: version {version} was acknowledged, {held} is there"
            if name not in documents and (folder / "corpora" / CORPUS / "documents" / name).exists():
                yield f"{name}: version {version} was acknowledged and is lost"
        yield from _half_documents(store, documents)
        store.search_dense(embedder.embed_query("x"), None, 5)  # a first question repairs
        ids = set(store._ledger.ids())
        shown = store._keeper.current()
        if shown is None or shown.index.ids() != ids:
            yield "the vectors differ from the ledger"
        hits = store.search_dense(embedder.embed_query("x"), None, 1_000)
        if {hit.chunk_id for hit in hits} != ids:
            yield "a dense search does not find everything"
        if embedder.passages:
            yield f"{embedder.passages} chunks were embedded to repair"
        yield from _remains(folder, [mark for name in gone - documents for mark in (_key(name),)])
        list(service.ingest())
        files = {p.name for p in (folder / "corpora" / CORPUS / "documents").iterdir() if not p.name.startswith(".")}
        if files != {d.name for d in store.documents(CORPUS)}:
            yield "the next ingestion does not bring the index to the files"
    finally:
        store.close()


def _acknowledged(seed: int, before: dict[str, int], said: Sequence[str]) -> tuple[dict[str, int], set[str]]:
    """The least version of each document that must be there, and those whose removal was acknowledged last."""
    chance, version = random.Random(seed), 1_000 * (seed + 1)
    expected, gone, written = dict(before), set(), dict(before)
    lines = iter(said[1:])
    while True:
        for name in chance.sample([f"d{i}.md" for i in range(DOCUMENTS)], chance.randint(1, 4)):
            version += 1
            written[name] = version
        chance.random()
        for line in lines:
            if line == "indexed":
                break
            name = line.split()[1]
            expected[name] = written[name]
            gone.discard(name)
        else:
            return expected, gone - set(written)
        present = sorted(expected)
        for name in chance.sample(present, min(len(present), chance.randint(0, 2))):
            line = next(lines, "")
            expected.pop(name)
            written.pop(name, None)
            if line != f"removed {name}":
                return expected, gone  # it was killed while it removed this one
            gone.add(name)


def _half_documents(store: PassageStore, names: set[str]) -> Iterator[str]:
    for name in names:
        marks = [mark for chunk in store.chunks_of(CORPUS, name) if (mark := _MARK.search(chunk.text))]
        versions, parts = {mark[2] for mark in marks}, [int(mark[3]) for mark in marks]
        if len(versions) != 1 or parts != list(range(int(marks[0][4]))) or {mark[1] for mark in marks} != {_key(name)}:
            yield f"{name}: half a document, {[mark[0] for mark in marks]}"


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _remains(folder: Path, words: Sequence[str]) -> Iterator[str]:
    for path in (p for p in (folder / "var").rglob("*") if p.is_file()):
        data = path.read_bytes()
        yield from (f"{word} was removed and is in {path.name}" for word in words if word.encode() in data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; the others count on")
    parser.add_argument("--work", type=Path, help="be the process that is killed, on this folder")
    options = parser.parse_args()
    if options.work:
        work(options.work, options.seed)
        return
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        service, store, _ = opened(folder)
        service.create(CORPUS, "Notas")
        store.close()
        last, faults, started = Counter[str](), [], time.perf_counter()
        for seed in range(options.seed, options.seed + options.runs):
            word, found = one_run(folder, seed)
            last[word] += 1
            faults += [f"run {seed}: {fault}" for fault in found]
    result: dict[str, Any] = {"runs": options.runs, "killed_after": dict(last), "faults": faults}
    print(json.dumps({**result, "seconds": round(time.perf_counter() - started, 1)}, ensure_ascii=False))


if __name__ == "__main__":
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    main()
