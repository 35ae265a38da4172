"""What the command line reads and prints: questions in, one answer a line out.

Answers go to standard output, everything else to standard error. Refuses to know services.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any


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


def answer(options: argparse.Namespace, record: Any, readable: Callable[[Any], str]) -> None:
    """Write one answer to standard output, as JSON where asked for."""
    as_json = options.json or getattr(options, "jsonl", None)
    text = json.dumps(record, ensure_ascii=False) if as_json else readable(record)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def readable_answer(record: dict[str, Any]) -> str:
    """An answer with its outcome and one line for each source."""
    lines = [record["answer"], f"({record['outcome']}, {record['route']['adapter'] or 'base'})"]
    for source in record["sources"]:
        quote = f" «{source['quote']}»" if source["quote"] else ""
        lines.append(f"[{source['marker']}] {source['corpus']}/{source['document']} {source['as_of'] or ''}{quote}")
    return "\n".join(lines)


def readable_route(record: dict[str, Any]) -> str:
    """Adapter, score and reason on one line."""
    return f"{record['adapter'] or '-'}\t{record['score']:.2f}\t{record['reason']}"


def readable_passages(rows: Iterable[dict[str, Any]]) -> str:
    """Passages with where they are from, their date and score."""
    return "\n\n".join(
        f"{r['corpus']}/{r['document']} ({r['as_of'] or 'no date'}) {r['score']:.3f}\n{r['text']}" for r in rows
    )


def say(line: str) -> None:
    """Tell the person at the terminal; never part of an answer."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
