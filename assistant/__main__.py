"""The command line: the same services as the browser, one command each.

Answers go to standard output, everything else to standard error. Exit status 0: done; 1: an error
with its way out; 2: a command that does not exist or lacks an argument; 130: interrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assistant import adapters_command, bench_command, corpora_command, dataset_command, judge_command
from assistant.errors import AssistantError, DataError, TrainingStopped
from assistant.settings import Settings
from assistant.terminal import (
    answer,
    is_tenth,
    questions,
    readable_answer,
    readable_passages,
    readable_route,
    say,
)

# Said before any library is imported: no telemetry, no look at a hub unless a base comes from one.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# The embedder's OpenMP threads wait for each other by spinning: beside one busy process on two cores a
# question took 962 ms with two threads and 23 ms with one (idle: 11 and 21). Engines and training set theirs.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    options = _parser().parse_args(arguments)
    try:
        from assistant.bootstrap import build

        assistant = build(Settings.load(), say)
        try:
            return int(options.run(assistant, options) or 0)
        finally:
            assistant.close()
    except TrainingStopped as stopped:
        say(str(stopped))
        return 130
    except AssistantError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _serve(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.watch import Watcher
    from assistant.ui.app import build_ui, launch
    from assistant.ui.contracts import PageOptions

    settings = assistant.settings
    assistant.warm_up()
    page = PageOptions(
        language=settings.language,
        max_question_chars=settings.max_question_chars,
        engine=assistant.engine.name,
        base_title=assistant.base.title,
        base_licence=assistant.base.licence,
        base_notice=assistant.base.notice,
    )
    say(f"serving on http://{settings.host}:{options.port or settings.port} (Ctrl+C stops)")
    with Watcher(assistant.adapters):
        launch(build_ui(assistant, page), settings.host, options.port or settings.port, language=settings.language)


def _ask(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.records import answer_record
    from assistant.services.request import AskRequest
    from assistant.services.styles import checked_signature, chosen_style
    from assistant.types import Answered

    assistant.index()
    _check_corpora(assistant, options.corpus)
    corpora = () if options.no_documents else (tuple(options.corpus) or None)
    for text in questions(options):
        request = AskRequest(
            text,
            adapter=options.adapter,
            corpora=corpora,
            language=assistant.settings.language,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            seed=options.seed,
            style=chosen_style(options.manner, options.length),
            signature=checked_signature(options.signature),
        )
        for event in assistant.chat.ask(request):
            if isinstance(event, Answered):
                answer(options, answer_record(event.answer, request.language), readable_answer)
                _tell_unused_style(assistant, request, event.answer.route.adapter)


def _tell_unused_style(assistant: Any, request: Any, name: str | None) -> None:
    """Say that a style was asked of an adapter that has learned none."""
    known = any(info.name == name and info.styles for info in assistant.adapters.list())
    if str(request.style) and not known:
        say(f"{name or 'the base alone'} has learned no styles: --manner and --length changed nothing")


def _route(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.records import route_record

    for text in questions(options):
        route = assistant.routing.route(text, language=assistant.settings.language)
        record = route_record(text, route)
        answer(options, record | {"reason": route.reason}, readable_route)


def _retrieve(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.records import found_record

    assistant.index()
    _check_corpora(assistant, options.corpus)
    for text in questions(options):
        passages = assistant.retriever.retrieve(text, corpora=options.corpus or None, k=options.k)
        answer(options, [found_record(passage) for passage in passages], readable_passages)


def _ingest(assistant: Any, options: argparse.Namespace) -> None:
    steps = []
    for step in assistant.corpora.ingest(options.corpora or None, rebuild=options.rebuild):
        if step.page:
            if is_tenth(step.page, step.pages):
                say(f"[{step.done}/{step.total}] {step.corpus}/{step.document}: page {step.page} of {step.pages}")
            continue
        warnings = [warning.en for warning in step.warnings]
        say(f"[{step.done}/{step.total}] {step.corpus}/{step.document}: {step.stage} {'; '.join(warnings)}")
        steps.append(
            {
                "corpus": step.corpus,
                "document": step.document,
                "stage": str(step.stage),
                "chunks": step.chunks,
                "warnings": warnings,
            }
        )
    final = [s for s in steps if s["stage"] not in ("reading", "embedding")]
    answer(options, final, lambda rows: "\n".join(f"{r['corpus']}/{r['document']}: {r['stage']}" for r in rows))


def _train(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.job_process import assist_job, leads, new_job, run_job

    os.setpriority(os.PRIO_PROCESS, 0, 19)  # the chat goes first
    adapters_command.check_reason(options)
    assistant.registry.card(options.name)  # says that there is none
    if not leads():
        assist_job(assistant.training, options.name, say)
        return
    job = options.job or new_job(options.name)
    version = run_job(assistant.training, assistant.settings.var / "jobs", options.name, job, say)
    record = {"adapter": version.adapter, "version": version.label, "path": str(version.path), "live": False}
    try:
        if options.activate:
            adapters_command.activate(assistant, version.adapter, version.number, options.anyway)
            record["live"] = True
    finally:  # a version that may not go live is there all the same
        answer(options, record, lambda r: f"{r['path']} ({'live' if r['live'] else 'not live yet'})")


def _evaluate(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.evaluation import progress_lines

    engine = assistant.engine
    live = assistant.adapters.live().get(options.adapter)
    if live is None:
        assistant.registry.card(options.adapter)  # says that there is none
        note = assistant.adapters.notes().get(options.adapter)
        raise DataError(
            f"Adapter {options.adapter!r} has no live version on {engine.name}: {note.en if note else 'it is not live'}"
        )

    figures = assistant.evaluation.evaluate(live, options.data, progress_lines(say), options.limit)
    answer(options, figures, lambda r: json.dumps(r, ensure_ascii=False, indent=1))


def _doctor(assistant: Any, options: argparse.Namespace) -> int:
    findings = assistant.doctor()
    records = [{"name": c.name.en, "ok": c.ok, "detail": c.detail.en, "remedy": c.remedy.en} for c in findings]
    answer(
        options,
        records,
        lambda rows: "\n".join(
            f"{'ok  ' if r['ok'] else 'FAIL'} {r['name']}: {r['detail']}"
            + (f" -> {r['remedy']}" if r["remedy"] else "")
            for r in rows
        ),
    )
    return 0 if all(c.ok for c in findings) else 1


def _memory(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.records import memory_record
    from assistant.terminal import readable_memory

    if options.load:
        _ = assistant.engine
    answer(options, memory_record(assistant.memory()), readable_memory)


def _check_corpora(assistant: Any, names: Iterable[str]) -> None:
    for name in names:
        assistant.corpora.card(name)  # raises `CorpusNotFound` naming those that there are


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assistant", description="A private, Portuguese-first chat assistant.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int | None], words: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=run)
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        return sub

    def asking(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("text", nargs="*", help="the question; standard input if missing")
        sub.add_argument("--jsonl", type=Path, metavar="FILE", help='read one {"text": ...} a line, print one a line')

    serve = command("serve", _serve, "serve the chat in the browser")
    serve.add_argument("--port", type=int, help="port instead of ASSISTANT_PORT")
    ask = command("ask", _ask, "ask one question")
    asking(ask)
    ask.add_argument("--adapter", default="auto", help="auto, none or a name")
    ask.add_argument("--corpus", action="append", default=[], help="search this corpus only; may be repeated")
    ask.add_argument("--no-documents", action="store_true", help="ask without documents")
    ask.add_argument("--max-tokens", type=int, help="longest answer in tokens")
    ask.add_argument("--temperature", type=float, default=0.0, help="0 is greedy")
    ask.add_argument("--seed", type=int, default=0, help="makes sampling repeatable")
    ask.add_argument(
        "--manner", default="", metavar="formal|warm", help="how a reply speaks, where its adapter learned it"
    )
    ask.add_argument("--length", default="", metavar="short|long", help="how much a reply says, likewise")
    ask.add_argument("--signature", default="", metavar="TEXT", help="put below a reply, never sent to the model")
    asking(command("route", _route, "say which adapter a text goes to"))
    retrieve = command("retrieve", _retrieve, "search the corpora")
    asking(retrieve)
    retrieve.add_argument("--corpus", action="append", default=[], help="search this corpus only; may be repeated")
    retrieve.add_argument("-k", type=int, default=5, help="number of passages")
    ingest = command("ingest", _ingest, "bring the index in step with the corpora")
    ingest.add_argument("corpora", nargs="*", help="names; all if missing")
    ingest.add_argument("--rebuild", action="store_true", help="make the index again from the documents")
    train = command("train", _train, "train an adapter from its recipe")
    train.add_argument("name", help="the adapter")
    train.add_argument("--job", default="", help="go on with this job")
    train.add_argument("--activate", action="store_true", help="make the new version live")
    train.add_argument("--anyway", default="", metavar="REASON", help=adapters_command.ANYWAY)
    dataset_command.add_arguments(command("dataset", dataset_command.run, dataset_command.ABOUT))
    evaluate = command("evaluate", _evaluate, "judge an adapter on a file")
    evaluate.add_argument("--adapter", required=True, help="the adapter")
    evaluate.add_argument("--data", type=Path, required=True, help="CoNLL, JSON lines or SQuAD JSON, by kind")
    evaluate.add_argument("--limit", type=int, default=0, metavar="N", help="at most N rows, spread over the file")
    judge_command.add_arguments(command("judge", judge_command.run, judge_command.ABOUT))
    judge_command.add_compare_arguments(command("compare", judge_command.compare, judge_command.ABOUT_COMPARE))
    bench_command.add_arguments(command("bench", bench_command.run, bench_command.ABOUT))
    adapters_command.add_arguments(command("adapters", adapters_command.run, adapters_command.ABOUT))
    corpora_command.add_arguments(command("corpora", corpora_command.run, corpora_command.ABOUT))
    memory = command("memory", _memory, "predict the base's memory in each precision, beside what is measured")
    memory.add_argument("--load", action="store_true", help="load the base first, to measure the process with it")
    command("doctor", _doctor, "find what is wrong and say what to do")
    return parser


if __name__ == "__main__":
    sys.exit(main())
