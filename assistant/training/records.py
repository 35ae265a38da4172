"""Data sets of any form, as records: what comes in, what should come out, and where it stands in the file.

Knows which reader a file needs and how a record becomes the example that the model sees. Refuses to
know tokens and models. Forms: CSV, TSV and XLSX (`tables`), JSON lines and JSON lists (`objects`),
CoNLL (`formats`), brat standoff as a folder or .zip (`brat`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import DataError
from assistant.models.marking import placed
from assistant.models.prompt_format import fill, one_line
from assistant.stores.manifests import Card, Localized
from assistant.training import files
from assistant.training.dataset import Example
from assistant.training.formats import NO_ENTITIES, entities_completion, join_tokens, parse_conll, serialize_entities
from assistant.types import AdapterKind

if TYPE_CHECKING:
    from assistant.training.tables import Row

MAX_RECORDS = 200_000
SEPARATOR = " | "  # between entities of an output
_LABEL = re.compile(r"[^\W\d_][\w-]*(?: [\w-]+)*")
_JSON, _TABLES, _CONLL = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv", ".xlsx"), (".conll", ".iob", ".bio", ".iob2")
SUFFIXES = (*_JSON, *_TABLES, *_CONLL, ".txt", ".zip")


@dataclass(frozen=True, slots=True)
class Record:
    """One input and the output to learn.

    `line` counts from 1 in the file (of a brat set: in the document that `group` names). Records of
    one `group` never straddle a split; empty: none. `entities` are (label, text) pairs in the order of
    the text, None where the form says nothing of entities.
    """

    input: str
    output: str
    group: str
    line: int
    entities: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Which columns (of a table) or fields (of an object) hold input, output and group ("": none)."""

    input: str
    output: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """A data set as it was read; `mapping` is None where the form itself says what is what."""

    records: tuple[Record, ...]
    form: str
    columns: tuple[str, ...] = ()
    mapping: Mapping | None = None
    warnings: tuple[Localized, ...] = ()


def read_records(path: Path, mapping: Mapping | None = None) -> RecordSet:
    """Read a data set of any known form; raises `DataError` naming file, line and value."""
    from assistant.training import brat, objects

    suffix, warning = path.suffix.lower(), None
    if path.is_dir() or suffix == ".zip":
        found = brat.read_brat(path)
    elif has_rows(path):
        rows, warning = read_rows(path)
        found = objects.records_of(rows, path.name, suffix[1:], mapping)
    elif suffix in SUFFIXES:
        text, warning = files.decode(files.read_bytes(path), path.name)
        found = _conll(text, path.name)
    else:
        raise _unknown(path)
    return _checked(_warned(found, warning) if warning else found, path.name)


def has_rows(path: Path) -> bool:
    """Whether the file holds rows or objects with named fields, by its ending."""
    return path.suffix.lower() in (*_JSON, *_TABLES) and not path.is_dir()


def read_rows(path: Path) -> tuple[list[Row], Localized | None]:
    """The rows of such a file, and a warning where its encoding was guessed; raises `DataError`."""
    from assistant.training import objects, tables

    if path.suffix.lower() == ".xlsx":
        return tables.xlsx_rows(path), None
    text, warning = files.decode(files.read_bytes(path), path.name)
    read = objects.json_rows if path.suffix.lower() in _JSON else tables.text_rows
    return read(text, path.name), warning


def is_conll(path: Path) -> bool:
    """Whether the file holds tokens with tags, by its ending."""
    return path.suffix.lower() in (*_CONLL, ".txt")


def entities_of(record: Record) -> tuple[tuple[str, str], ...] | None:
    """The entities of a record, from its output "LABEL: text | LABEL: text" where need be; None if it is not such."""
    if record.entities is not None:
        return record.entities
    return parse_entities(record.output)


def parse_entities(text: str) -> tuple[tuple[str, str], ...] | None:
    """(label, text) pairs of "LABEL: text | LABEL: text" or "nenhuma"; None for anything else."""
    body = text.strip()
    if body == NO_ENTITIES:
        return ()
    pairs = []
    for item in body.split(SEPARATOR):
        label, colon, words = item.partition(":")
        if not colon or not _LABEL.fullmatch(label.strip()) or not words.strip():
            return None
        pairs.append((label.strip(), words.strip()))
    return tuple(pairs)


def example_of(record: Record, card: Card) -> Example:
    """The prompt and completion that the model learns from; `DataError` where kind and output do not fit."""
    output = record.output.strip()
    if card.kind is AdapterKind.EXTRACT:
        entities = entities_of(record)
        if entities is None:
            raise DataError(
                f"Line {record.line}: {output[:80]!r} is no list of entities (LABEL: text | LABEL: text, or "
                f"{NO_ENTITIES!r}), which an adapter of kind extract needs.",
                pt=f"Linha {record.line}: {output[:80]!r} não é uma lista de entidades (CLASSE: texto | CLASSE: texto, "
                f"ou {NO_ENTITIES!r}), como pede um adaptador do tipo extract.",
            )
        completion = _extraction(card, record, [(label, one_line(words)) for label, words in entities])
    else:
        completion = f" {output}"
    return Example(fill(card.template, text=record.input), completion, record.group, record.input)


def _extraction(card: Card, record: Record, pairs: Sequence[tuple[str, str]]) -> str:
    """A list keeps pairs that the text does not hold: the report tells of them, and they are for a person to judge."""
    text = one_line(record.input)
    return entities_completion(card, text, placed(text, pairs)) if card.inline else f" {serialize_entities(pairs)}"


def is_whole(record: Record) -> bool:
    """Whether there is something to learn from: an input, and an output or a list of entities."""
    return bool(record.input.strip() and (record.output.strip() or record.entities is not None))


def record_examples(card: Card, path: Path) -> list[Example]:
    """The examples of one file for a recipe; records without input or output are left out."""
    try:
        return [example_of(record, card) for record in read_records(path).records if is_whole(record)]
    except DataError as error:
        if path.name in str(error):
            raise
        raise DataError(f"{path.name}: {error}", pt=f"{path.name}: {error.text('pt')}") from error


def _conll(text: str, name: str) -> RecordSet:
    """Sentences as natural text, so that an adapter learns what people paste."""
    records = []
    for sentence in parse_conll(text, name):
        joined, at = join_tokens(sentence.tokens, natural=True)
        spans = sentence.entities()
        entities = tuple((label, joined[at[first][0] : at[end - 1][1]]) for label, first, end in spans)
        records.append(Record(joined, serialize_entities(entities), sentence.document, sentence.line, entities))
    return RecordSet(tuple(records), "conll")


def _warned(found: RecordSet, warning: Localized) -> RecordSet:
    return RecordSet(found.records, found.form, found.columns, found.mapping, (warning, *found.warnings))


def _checked(found: RecordSet, name: str) -> RecordSet:
    if not found.records:
        raise DataError(
            f"{name} holds no records. Add rows to it or choose another file.",
            pt=f"{name} não tem registros. Acrescente linhas ou escolha outro arquivo.",
        )
    if len(found.records) > MAX_RECORDS:
        raise DataError(
            f"{name} holds {len(found.records):,} records, more than the {MAX_RECORDS:,} allowed. Take a part of it.",
            pt=f"{name} tem {len(found.records)} registros; o limite é {MAX_RECORDS}. Use uma parte dele.",
        )
    for record in found.records:
        _check_text(record, name)
    return found


def _check_text(record: Record, name: str) -> None:
    """Half of a surrogate pair, which JSON can hold, is no text: it could not be written or hashed."""
    try:
        f"{record.input}{record.output}{record.group}".encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name}, line {record.line}: {error.object[error.start]!r} is half a character. Correct the line.",
            pt=f"{name}, linha {record.line}: {error.object[error.start]!r} é meio caractere. Corrija a linha.",
        ) from error


def _unknown(path: Path) -> DataError:
    kinds = ", ".join(SUFFIXES)
    return DataError(
        f"{path.name}: data sets of kind {path.suffix or 'without an ending'!r} are not read. Save it as one of "
        f"{kinds}, or give a folder in brat's form.",
        pt=f"{path.name}: conjuntos do tipo {path.suffix or 'sem extensão'!r} não são lidos. Salve-o como um destes: "
        f"{kinds}; um conjunto brat vai em um .zip ou em uma pasta.",
    )
