"""Held-out rows as they lie in files, for each kind of adapter.

Knows CoNLL, own records and question sets in SQuAD's form. Refuses to know prompts and scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from assistant.errors import DataError
from assistant.training.formats import join_tokens, read_conll, read_jsonl, squad_questions

INPUT_FIELDS = ("review", "input", "prompt", "text")  # what a visitor sends to a reply adapter
OUTPUT_FIELDS = ("reply", "output", "completion")

_T = TypeVar("_T")


def spread(rows: Sequence[_T], limit: int) -> Sequence[_T]:
    """At most `limit` of the rows (0: all), evenly spread, the first one among them."""
    return [rows[i * len(rows) // limit] for i in range(limit)] if 0 < limit < len(rows) else rows


def first(row: dict[str, Any], names: Sequence[str]) -> Any:
    """The value of the first of these fields that the row has, else None."""
    return next((row[name] for name in names if name in row), None)


def reply_rows(data: Path) -> list[dict[str, Any]]:
    """Records with one of INPUT_FIELDS; mostly also a reference, or the aspects to take up."""
    rows = read_jsonl(data, ())
    if any(first(row, INPUT_FIELDS) is None for row in rows):
        return read_jsonl(data, ("review",))  # names the line
    return rows


def labelled_texts(data: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Texts and their (label, text) pairs, from CoNLL or from {"text", "entities"} records."""
    if data.suffix == ".jsonl":
        rows = read_jsonl(data, ("text", "entities"))
        return [(row["text"], [(e["label"], e["text"]) for e in row["entities"]]) for row in rows]
    texts = []
    for sentence in read_conll(data):
        text, at = join_tokens(sentence.tokens, natural=False)
        texts.append((text, [(label, text[at[a][0] : at[b - 1][1]]) for label, a, b in sentence.entities()]))
    if not texts:
        raise DataError(f"{data} holds no sentences.")
    return texts


def grounded_rows(data: Path) -> list[dict[str, Any]]:
    """Records with question, context and answers.

    In SQuAD's form every second question also stands beside a paragraph of another title, where it
    has no answer.
    """
    if data.suffix == ".jsonl":
        return read_jsonl(data, ("question", "context", "answers"))
    questions = list(squad_questions(data))
    rows = []
    for i, (title, context, question, answer) in enumerate(questions):
        rows.append({"question": question, "context": context, "answers": [answer]})
        other = next((q for q in questions[i + 7 :] + questions[:i] if q[0] != title), None)
        if i % 2 == 0 and other is not None:
            rows.append({"question": question, "context": other[1], "answers": []})
    if not rows:
        raise DataError(f"{data} holds no questions whose answer occurs in their paragraph.")
    return rows
