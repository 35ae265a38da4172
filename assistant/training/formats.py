"""Readers: from files of a data set to examples, by the name a recipe gives as `data.source`.

Knows CoNLL with IOB tags, JSON lines of pairs, and question sets in SQuAD's form. A new source is
one function in `READERS`. Refuses to know tokens and models; prompts come from the adapter's card.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import DataError
from assistant.models.prompt_format import fill
from assistant.stores.manifests import Card
from assistant.training.dataset import Example

NO_ENTITIES = "nenhuma"
EMPTY_KEPT = 0.8  # share of the sentences without entities; with half of them precision stayed below recall


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence of a CoNLL file: tokens and IOB tags, both of the same length."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]

    def entities(self) -> list[tuple[str, int, int]]:
        """(label, first token, one past the last token), in order. An I- without B- opens a span."""
        spans: list[tuple[str, int, int]] = []
        for i, tag in enumerate(self.tags):
            prefix, _, label = tag.partition("-")
            continues = prefix == "I" and spans and spans[-1][0] == label and spans[-1][2] == i
            if continues:
                spans[-1] = (label, spans[-1][1], i + 1)
            elif prefix in {"B", "I"}:
                spans.append((label, i, i + 1))
        return spans


def read_conll(path: Path) -> list[TaggedSentence]:
    """Sentences of a CoNLL file (token, blank, tag; an empty line between sentences).

    Raises `DataError` with the line number of the first line that is neither.
    """
    sentences: list[TaggedSentence] = []
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*read_text(path).splitlines(), ""], start=1):
        if line.strip():
            parts = line.split()
            if len(parts) < 2 or not re.fullmatch(r"O|[BI]-\S+", parts[-1]):
                raise DataError(f"{path}, line {number}: {line!r} is not 'token TAG' with TAG O, B-X or I-X.")
            tokens.append(parts[0])
            tags.append(parts[-1])
        elif tokens:
            sentences.append(TaggedSentence(tuple(tokens), tuple(tags)))
            tokens, tags = [], []
    return sentences


def read_jsonl(path: Path, required: Sequence[str]) -> list[dict[str, Any]]:
    """Objects of a JSON-lines file that have the required fields; `DataError` names the bad line."""
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: no valid JSON ({error.msg}).") from error
        missing = [name for name in required if not isinstance(row, dict) or name not in row]
        if missing:
            raise DataError(f"{path}, line {number}: the field {missing[0]!r} is missing.")
        rows.append(row)
    if not rows:
        raise DataError(f"{path} holds no records.")
    return rows


def read_text(path: Path) -> str:
    """The file as UTF-8 text; `DataError` when it is missing or in another encoding."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"The data file {path} does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The data file {path} cannot be read as UTF-8: {error}.") from error


def serialize_entities(entities: Sequence[tuple[str, str]]) -> str:
    """(label, text) pairs as an extract adapter writes them: "LOCAL: Recife | PESSOA: Ana"."""
    return " | ".join(f"{label}: {text}" for label, text in entities) or NO_ENTITIES


def join_tokens(tokens: Sequence[str], *, natural: bool) -> tuple[str, list[tuple[int, int]]]:
    """Tokens as text, with the character span of each.

    `natural` undoes tokenization as far as punctuation tells: no blank before , . ; : ! ? ) and none
    after (. Otherwise tokens are separated by one blank, as in the file.
    """
    text = ""
    spans = []
    for i, token in enumerate(tokens):
        glued = natural and (re.fullmatch(r"[,.;:!?)\]%”»]+", token) is not None or (i > 0 and tokens[i - 1] in "([“«"))
        if i and not glued:
            text += " "
        spans.append((len(text), len(text) + len(token)))
        text += token
    return text, spans


def _conll(card: Card, files: Sequence[Path], seed: int) -> list[Example]:
    """Extraction examples.

    A share of the sentences without entities is dropped (they are the majority and teach one word);
    half of the texts are written as people paste them, half as tokenized.
    """
    chooser = random.Random(seed)  # noqa: S311  # no secret: a reproducible choice
    examples = []
    for path in files:
        for sentence in read_conll(path):
            natural, keep = chooser.random() < 0.5, chooser.random() < EMPTY_KEPT
            spans = sentence.entities()
            if not spans and not keep:
                continue
            text, at = join_tokens(sentence.tokens, natural=natural)
            found = [(label, text[at[a][0] : at[b - 1][1]]) for label, a, b in spans]
            examples.append(Example(fill(card.template, text=text), " " + serialize_entities(found)))
    return examples


def _pairs(card: Card, files: Sequence[Path], seed: int) -> list[Example]:
    """Reply examples from {"review", "reply", "situation"} records; one situation is one group."""
    return [
        Example(fill(card.template, text=row["review"]), f" {row['reply'].strip()}", row.get("situation", ""))
        for path in files
        for row in read_jsonl(path, ("review", "reply"))
    ]


def _grounded(card: Card, files: Sequence[Path], seed: int) -> list[Example]:
    from assistant.training.grounding import grounded_examples

    return grounded_examples(card, files, seed)


def squad_questions(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """(title, context, question, answer) of a file in SQuAD's form; entities of HTML resolved.

    Offsets of these files are not trusted: an answer counts only where its text occurs.
    """
    import html

    data = json.loads(read_text(path))["data"]
    for article in data:
        for paragraph in article["paragraphs"]:
            context = html.unescape(paragraph["context"]).strip()
            for qa in paragraph["qas"]:
                answer = html.unescape(qa["answers"][0]["text"]).strip() if qa["answers"] else ""
                if answer and answer.lower() in context.lower():
                    yield article.get("title", ""), context, html.unescape(qa["question"]).strip(), answer


Reader = Callable[[Card, Sequence[Path], int], list[Example]]
READERS: dict[str, Reader] = {"conll": _conll, "pairs": _pairs, "grounded": _grounded}


def read_examples(card: Card, source: str, files: Sequence[Path], seed: int) -> list[Example]:
    """The examples of a recipe's data section; raises `DataError` for an unknown source."""
    reader = READERS.get(source)
    if reader is None:
        raise DataError(f"data.source is {source!r}; known sources: {', '.join(sorted(READERS))}.")
    return reader(card, files, seed)
