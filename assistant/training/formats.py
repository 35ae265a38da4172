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
from assistant.models.marking import marked
from assistant.models.prompt_format import fill
from assistant.stores.manifests import Card
from assistant.training.dataset import Example

NO_ENTITIES = "nenhuma"
EMPTY_KEPT = 0.8  # share of the sentences without entities; with half of them precision stayed below recall


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence of a CoNLL file: tokens and IOB2 tags, both of the same length.

    `line` is where it begins in the file; `document` tells documents apart where the file does.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    line: int = 0
    document: str = ""

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
    return parse_conll(read_text(path), str(path))


def parse_conll(text: str, name: str) -> list[TaggedSentence]:
    """Sentences of CoNLL text, tags of any scheme (IOB1, IOB2, BIOES, BILOU) as IOB2; see `read_conll`."""
    sentences: list[TaggedSentence] = []
    tokens: list[str] = []
    tags: list[str] = []
    documents = 0
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        parts = line.split()
        if parts and parts[0] == "-DOCSTART-":
            documents += 1
        elif parts:
            if len(parts) < 2 or not re.fullmatch(r"O|[BIESLU]-\S+", parts[-1]):
                raise DataError(
                    f"{name}, line {number}: {line!r} is not 'token TAG' with TAG O, B-X or I-X.",
                    pt=f"{name}, linha {number}: {line!r} não é 'palavra ETIQUETA', com ETIQUETA O, B-X ou I-X.",
                )
            tokens.append(parts[0])
            tags.append(parts[-1])
        if tokens and (not parts or parts[0] == "-DOCSTART-"):
            document = str(documents) if documents else ""
            sentences.append(TaggedSentence(tuple(tokens), iob2(tags), number - len(tokens), document))
            tokens, tags = [], []
    return sentences


def iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags of any scheme as IOB2: every entity begins with B-, what goes on is I-.

    IOB1 writes B- only between adjacent entities of one class; E- and L- end, S- and U- are whole entities.
    """
    result: list[str] = []
    before, ended = "O", True
    for tag in tags:
        prefix, _, label = tag.partition("-")
        if prefix == "O":
            result.append("O")
        else:
            goes_on = prefix in "IEL" and not ended and before == label
            result.append(f"{'I' if goes_on else 'B'}-{label}")
        before, ended = label, prefix in "OESLU"
    return tuple(result)


def read_jsonl(path: Path, required: Sequence[str]) -> list[dict[str, Any]]:
    """Objects of a JSON-lines file that have the required fields; `DataError` names the bad line."""
    return [row for _, row in numbered_jsonl(read_text(path), str(path), required)]


def numbered_jsonl(text: str, name: str, required: Sequence[str]) -> list[tuple[int, dict[str, Any]]]:
    """(line, object) of JSON lines; see `read_jsonl`. Lines end at line feeds only, as editors count them."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # also a number of thousands of digits, endless brackets
            raise DataError(
                f"{name}, line {number}: no valid JSON ({getattr(error, 'msg', error)}).",
                pt=f"{name}, linha {number}: não é JSON válido. Corrija a linha.",
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"{name}, line {number}: {line.strip()[:60]!r} is no object with named fields.",
                pt=f"{name}, linha {number}: {line.strip()[:60]!r} não é um objeto com campos.",
            )
        missing = [field for field in required if field not in row]
        if missing:
            raise DataError(
                f"{name}, line {number}: the field {missing[0]!r} is missing.",
                pt=f"{name}, linha {number}: falta o campo {missing[0]!r}.",
            )
        rows.append((number, row))
    if not rows:
        raise DataError(f"{name} holds no records.", pt=f"{name} não tem registros.")
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


def entities_completion(card: Card, text: str, entities: Sequence[tuple[str, int, int]]) -> str:
    """What an extract adapter learns to write after a text: its entities listed, or the text with them marked.

    `entities` are (label, start, end) in the text, in its order.
    """
    if card.inline and entities:
        return marked(text, entities)
    return f" {serialize_entities([(label, text[start:end]) for label, start, end in entities])}"


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
            found = [(label, at[a][0], at[b - 1][1]) for label, a, b in spans]
            examples.append(Example(fill(card.template, text=text), entities_completion(card, text, found), text=text))
    return examples


def _pairs(card: Card, files: Sequence[Path], seed: int) -> list[Example]:
    """Reply examples from {"review", "reply", "situation"} records; one situation is one group."""
    return [
        Example(
            fill(card.template, text=row["review"]),
            f" {row['reply'].strip()}",
            row.get("situation", ""),
            row["review"],
        )
        for path in files
        for row in read_jsonl(path, ("review", "reply"))
    ]


def _grounded(card: Card, files: Sequence[Path], seed: int) -> list[Example]:
    from assistant.training.grounding import grounded_examples

    return grounded_examples(card, files, seed)


def _records(card: Card, files: Sequence[Path], seed: int) -> list[Example]:
    """Files of any form that `records` reads; CoNLL as the source "conll" reads it."""
    from assistant.training.records import is_conll, record_examples

    examples = []
    for path in files:
        examples += _conll(card, [path], seed) if is_conll(path) else record_examples(card, path)
    return examples


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
READERS: dict[str, Reader] = {"conll": _conll, "pairs": _pairs, "grounded": _grounded, "records": _records}


def read_examples(card: Card, source: str, files: Sequence[Path], seed: int) -> list[Example]:
    """The examples of a recipe's data section; raises `DataError` for an unknown source."""
    reader = READERS.get(source)
    if reader is None:
        raise DataError(f"data.source is {source!r}; known sources: {', '.join(sorted(READERS))}.")
    return reader(card, files, seed)
