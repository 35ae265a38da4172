"""The command `bench`: speed, memory, routing, retrieval and answers on this machine, in figures.

Knows its arguments, and that a question set's paragraphs get a home of their own. Refuses to measure: the services do.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assistant.errors import DataError
from assistant.settings import Settings
from assistant.terminal import answer, say

ABOUT = "measure speed, memory, routing, retrieval and answers on this machine"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of `bench`; `--json` is everybody's."""
    command.add_argument("--questions", type=Path, help="JSON lines with text or question, for route + retrieve")
    command.add_argument("--unanswerable", type=Path, help="JSON lines with questions that no document answers")
    command.add_argument(
        "--retrieval", type=Path, action="append", help="own labelled JSON lines or SQuAD JSON; may be repeated"
    )
    command.add_argument(
        "--documents",
        type=Path,
        metavar="FOLDER",
        help="of --retrieval JSON lines the documents, instead of the corpora",
    )
    command.add_argument(
        "--answers", type=Path, action="append", help="SQuAD JSON, Pira CSV or own JSON lines; may be repeated"
    )
    command.add_argument("--titles", nargs="+", default=[], help="of --answers only the questions of these titles")
    command.add_argument("--limit", type=int, default=0, metavar="N", help="at most N questions of each --answers")
    command.add_argument(
        "--calibrate", action="store_true", help="choose when not to answer on the questions that are not asked"
    )
    command.add_argument(
        "--by", default="grounded-chat", metavar="ADAPTER", help="the adapter that answers them, or extraction"
    )
    command.add_argument("--routes", type=Path, help='labelled {"text", "adapter"} JSON lines, for the router')
    command.add_argument("--adapter", default="restaurant-replies", help="adapter for the decode figures")
    command.add_argument("--text", default="A comida estava ótima, mas demorou uma hora e veio fria.", help="its input")


def run(assistant: Any, options: argparse.Namespace) -> None:
    """Measure what the arguments ask for and print the figures."""
    from assistant.models.prompt_format import fill
    from assistant.services import bench
    from assistant.services.drafts import outline, topics_of
    from assistant.services.retrieval_bench import relevance_quality
    from assistant.training.formats import read_jsonl

    if options.unanswerable and not options.questions:
        raise DataError("--unanswerable needs the answerable ones beside it: give --questions FILE, too.")
    assistant.warm_up()
    figures: dict[str, Any] = {**bench.memory_mb(), "engine": assistant.engine.name}
    if options.questions:
        texts = [str(row.get("text") or row.get("question")) for row in read_jsonl(options.questions, ())]
        figures |= bench.route_and_retrieve(
            assistant.routing, assistant.retriever, texts[:200], assistant.settings.passages
        )
    if options.retrieval:
        figures["retrieval"] = {path.name: _retrieval(assistant, path, options.documents) for path in options.retrieval}
    if options.answers:
        figures["answers"] = {path.name: _answers(assistant, path, options) for path in options.answers}
    if options.unanswerable:
        answerable = [str(row["question"]) for row in read_jsonl(options.questions, ("question",))]
        others = [str(row["question"]) for row in read_jsonl(options.unanswerable, ("question",))]
        figures["relevance"] = relevance_quality(assistant.retriever, answerable, others, assistant.settings.passages)
    if options.routes:
        figures["router"] = bench.routing_quality(assistant.routing, options.routes)
    live = assistant.adapters.live().get(options.adapter)
    if live is not None:
        topics = outline(topics_of(live.version), options.text)
        prompt = fill(live.card.template, text=options.text, topics=topics)
        figures |= bench.overhead(assistant.chat, assistant.engine, options.text, prompt, live.version.key)
    answer(options, figures, lambda r: json.dumps(r, ensure_ascii=False, indent=1))


def _retrieval(assistant: Any, path: Path, documents: Path | None) -> dict[str, Any]:
    """Figures on the indexed corpora, or on a corpus of its own: of a SQuAD file's paragraphs or of `documents`."""
    from assistant.services.bench_corpora import document_corpus
    from assistant.services.retrieval_bench import own_questions, search_quality, squad_corpus

    own = path.suffix == ".jsonl"
    if own and documents is None:
        return search_quality(assistant.store, assistant.embedder, assistant.retriever, own_questions(path))
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpora" / "measured"
        labelled = own_questions(path) if own else squad_corpus(path, corpus)
        if own and documents is not None:
            document_corpus(documents, corpus)
        with _at(Path(folder)) as trial:
            return search_quality(trial.store, trial.embedder, trial.retriever, labelled)


def _answers(assistant: Any, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Figures of the answers to a file's questions, found in its own paragraphs in a temporary home."""
    from assistant.retrieval.retriever import Retriever
    from assistant.services import answer_bench
    from assistant.services.evaluation import progress_lines

    with tempfile.TemporaryDirectory() as folder:
        rows = answer_bench.asked_of(path, options.titles)
        answer_bench.answer_corpus(rows, Path(folder) / "corpora" / "measured")
        with _at(Path(folder)) as trial:
            asked, retriever, chosen = answer_bench.asked_questions(rows, options.limit), trial.retriever, {}
            if options.calibrate:
                threshold = answer_bench.calibrated(retriever, rows, asked, assistant.settings.passages)
                retriever = Retriever(trial.store, trial.embedder, threshold=lambda corpus: threshold)
                chosen = {"threshold": threshold}
            if options.by == answer_bench.EXTRACTION:
                answering = answer_bench.by_extraction(retriever, assistant.settings.passages)
            else:
                answering = answer_bench.by_adapter(assistant.chat.over(retriever), options.by)
            found = answer_bench.answer_quality(answering, asked, progress_lines(say))
            return found | chosen


@contextmanager
def _at(home: Path) -> Iterator[Any]:
    """The assistant of another home, its corpora indexed."""
    from assistant.bootstrap import build

    trial = build(Settings.load(home=home), lambda line: None)
    try:
        trial.index()
        yield trial
    finally:
        trial.close()
