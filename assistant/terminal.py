"""What the command line reads and prints: questions in, one answer a line out.

Answers go to standard output, everything else to standard error. Refuses to know services.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError, DataError


def questions(options: argparse.Namespace) -> Iterator[str]:
    """The question of the command, or the `text` of each line of --jsonl, or standard input."""
    if options.jsonl:
        from assistant.training.formats import read_jsonl

        for row in read_jsonl(options.jsonl, ("text",)):
            yield str(row["text"])
    elif options.text:
        yield " ".join(options.text)
    else:
        yield sys.stdin.read()


_ATTEMPTS = 3


def password_in(path: Path) -> str:
    """The password in the first line of a file; raises `DataError`."""
    try:
        password = path.read_text("utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The password file {path} cannot be read: {error}. Put the password in its first line."
        ) from error
    if not password:
        raise DataError(f"The first line of the password file {path} is empty. Put the password there.")
    return password


def asked_passwords(name: str) -> Iterator[str]:
    """What somebody types at a terminal, unseen, a few times; nothing without a terminal, or where nothing is typed."""
    for _ in range(_ATTEMPTS if sys.stdin.isatty() else 0):
        password = getpass.getpass(f"Password of {name} (none: later): ")
        if not password:
            return
        yield password


def is_tenth(page: int, pages: int) -> bool:
    """Whether a page ends a tenth of a document: so often is a long one told of."""
    return pages > 0 and page * 10 // pages > (page - 1) * 10 // pages


def answer(options: argparse.Namespace, record: Any, readable: Callable[[Any], str]) -> None:
    """Write one answer to standard output, as JSON where asked for."""
    as_json = options.json or getattr(options, "jsonl", None)
    text = json.dumps(record, ensure_ascii=False) if as_json else readable(record)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def errors_told(options: argparse.Namespace) -> Iterator[None]:
    """An error goes to standard output, too, in both languages: a page runs the command and speaks one of them."""
    try:
        yield
    except AssistantError as error:
        if options.json:
            answer(options, {"error": {"pt": error.text("pt"), "en": error.text("en")}}, str)
        raise


def readable_answer(record: dict[str, Any]) -> str:
    """An answer with its outcome and one line for each source."""
    adapter, version = record["route"]["adapter"], record["route"]["version"]
    who = f"{adapter}{'' if version else ' by examples'}" if adapter else "base"
    lines = [record["answer"], f"({record['outcome']}, {who})"]
    for source in record["sources"]:
        quote = f" «{source['quote']}»" if source["quote"] else ""
        lines.append(f"[{source['marker']}] {source['corpus']}/{source['document']} {_dated(source)}{quote}")
    return "\n".join(lines)


def readable_route(record: dict[str, Any]) -> str:
    """Adapter, score and reason on one line."""
    return f"{record['adapter'] or '-'}\t{record['score']:.2f}\t{record['reason']}"


def readable_passages(rows: Iterable[dict[str, Any]]) -> str:
    """Passages with where they are from, their date and score."""
    return "\n\n".join(
        f"{r['corpus']}/{r['document']} ({_dated(r)}) {r['score']:.3f}{reranked(r)}\n{r['text']}" for r in rows
    )


def reranked(record: dict[str, Any]) -> str:
    """What the cross-encoder gave a passage, on a scale of its own; "" where none read it."""
    return "" if record["reranked"] is None else f", reranked {record['reranked']:.3f}"


def _dated(record: dict[str, Any]) -> str:
    """The date of a source, and whether it may be out of date."""
    return f"{record['as_of'] or 'no date'}{', possibly out of date' if record['outdated'] else ''}"


_SYSTEMS = {
    "base": "base",
    "few_shot": "base + examples",
    "live": "live version",
    "candidate": "this version",
}


def readable_judgement(record: dict[str, Any]) -> str:
    """The verdict, its reasons, one table of figures and where the whole record lies."""
    figures, verdict = record["figures"], record["verdict"]
    lines = [f"{record['adapter']} {record['version']}: {'promote' if verdict['promote'] else 'do not promote'}"]
    lines += [f"- {reason['en']}" for reason in verdict["reasons"]]
    names = [name for name in _SYSTEMS if name in record["systems"]]
    if names:
        lines += ["", *_table(["", "score", "difference (95 %)", "preferred to it", "unreadable", "inventions"])]
    for name in names:
        interval = figures["difference"].get(name)
        gap = f"{interval['value']:+.3f} ({interval['low']:+.3f} to {interval['high']:+.3f})" if interval else ""
        preferred = _preferred(record["preferred"].get(name))
        cells = [figures["score"][name], gap, preferred, figures["failures"][name], figures["inventions"][name]]
        lines.append(_line([_SYSTEMS[name], *(str(cell) for cell in cells)]))
    lines += ["", f"taken from other adapters: {_figure(record['traffic'].get('taken'))}"]
    lines += [f"general Portuguese forgotten, nats a token: {_figure(record['forgetting']['added'])}"]
    return "\n".join([*lines, f"side by side and in full: {record['path']}"])


def readable_verdict(version: str, record: dict[str, Any] | None) -> str:
    """What was decided about a version that is about to go live."""
    if record is None:
        return f"{version} was never judged (python -m assistant judge {version.partition('@')[0]})"
    reasons = " ".join(reason["en"] for reason in record["verdict"]["reasons"])
    if record["verdict"]["promote"]:
        return f"{version} was judged: promote. {reasons}"
    last = record["overruled"][-1]
    return f"{version} was judged: do not promote. {reasons} Overruled on {last['time']}: {last['reason']}"


def readable_comparison(record: dict[str, Any]) -> str:
    """The rows as a Markdown table, one column a system, and below it the figures of each."""
    names = [name for name in _SYSTEMS if name in record["systems"]]
    titles = {**_SYSTEMS, "live": f"live {record['live']}", "candidate": record["version"]}
    lines = [*_table(["input", *(titles[name] for name in names)])]
    lines += [_line([row["text"], *(row["outputs"][name] for name in names)]) for row in record["side_by_side"]]
    plain = [k for k, v in record["systems"][names[0]].items() if isinstance(v, int | float)]
    lines += ["", *_table(["figure", *(titles[name] for name in names)])]
    lines += [_line([key, *(_figure(record["systems"][name].get(key)) for name in names)]) for key in plain]
    lines.append(_line(["newest preferred", *(_preferred(record["preferred"].get(name)) for name in names)]))
    return "\n".join(lines)


def _preferred(counts: dict[str, float] | None) -> str:
    """In how many of the rows that differ the candidate is better."""
    if counts is None:
        return ""
    return (
        f"{counts['better']} of {counts['better'] + counts['worse']} ({counts['share']:.0%}), {counts['equal']} equal"
    )


def _table(titles: Sequence[str]) -> list[str]:
    return [_line(titles), _line(["---"] * len(titles))]


def _line(cells: Sequence[str]) -> str:
    """One row of a Markdown table; what would end a cell or a line is made harmless."""
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:g}"


def readable_memory(record: dict[str, Any]) -> str:
    """What the weights take in each precision, one a line, then what this process takes."""
    lines = [f"{record['title']}: memory of the weights, in megabytes; context, adapters and program come on top"]
    for name, value in record["predicted_mb"].items():
        absent = "no file here" if name == "gguf" else "not known"
        about = absent if value is None else f"{'at least ' if name in record['at_least'] else ''}{value:,.0f}"
        lines.append(f"{name}\t{about}{' (in use)' if name == record['loaded'] else ''}")
    lines += [record["note"]] if record["note"] else []
    holds = "the base is loaded" if record["loaded"] else "the base is not loaded (--load loads it first)"
    measured = "not measured" if record["process_mb"] is None else f"{record['process_mb']:,.0f}"
    where = ", on the GPU, whose memory is not counted here" if record["on_gpu"] else ""
    return "\n".join([*lines, f"this process, measured\t{measured} ({holds}{where})"])


def readable_report(record: dict[str, Any]) -> str:
    """A report on a data set: figures, findings with their lines, what the model will see."""
    tokens, split = record["tokens"], record["split"]
    about = " (estimated)" if tokens["estimated"] else ""
    languages = ", ".join(f"{name or 'unsure'} {count}" for name, count in record["languages"].items())
    lines = [
        f"{record['file']}: {record['form']}, {record['rows']} rows, {record['usable']} usable",
        f"languages: {languages}",
        f"tokens{about}: median {tokens['median']}, p95 {tokens['p95']}, longest {tokens['max']} of {tokens['limit']}",
        f"split: {split['train']} train, {split['validation']} validation, {split['test']} test (seed {split['seed']})",
    ]
    if record["labels"]:
        lines.append(f"labels: {', '.join(f'{label} {count}' for label, count in record['labels'].items())}")
    for found in record["findings"]:
        at = f" [lines {', '.join(map(str, found['lines']))}]" if found["lines"] else ""
        lines.append(f"{found['severity']}: {found['message']}{at}")
    for item in record["preview"]:
        lines.append(f"--- line {item['line']}\n{item['prompt']}>>>{item['completion']}")
    if "origin" in record:
        lines += [record["origin"]["words"], f"kept: {record['origin']['path']}"]
    lines += [f"written: {path}" for path in record.get("written", ())]
    return "\n".join(lines)


def say(line: str) -> None:
    """Tell the person at the terminal; never part of an answer."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
