"""The rows of one data file of the hub, one after the other, as what JSON can hold.

Knows Parquet (with the names of its classes), JSON lines, JSON, CSV, TSV and CoNLL. Refuses to know where a file lies:
it is given as an open one. Nothing in it is executed. Columns of bytes (pictures, sound) are not even read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from assistant.errors import DataError
from assistant.training import files, tables
from assistant.training.formats import TaggedSentence, iob2, join_tokens, parse_conll
from assistant.training.objects import json_rows

if TYPE_CHECKING:
    import pyarrow as pa

Fields = dict[str, Any]
HEAD_BYTES = 40_000_000  # of a CSV; more rows than anybody takes
_LINE_BYTES = 4_000_000  # of one row of JSON lines
_GROUP_BYTES = 2_000_000_000  # of one row group in memory
_BATCH = 256  # rows
_TAG = re.compile(r"O|[BIESLU]-\S+")


def rows_of(file: IO[bytes], path: str, size: int) -> Iterator[Fields]:
    """The rows of the file `path` of `size` bytes; raises `DataError` naming file and line where there is one."""
    name, kind = PurePosixPath(path).name, PurePosixPath(path).suffix.lower()
    if kind == ".parquet":
        return map(_as_text, _parquet(file, name))
    if kind in (".jsonl", ".ndjson"):
        return map(_as_text, _json_lines(file, name))
    if kind in (".csv", ".tsv"):
        return (row.fields for row in tables.text_rows(_head(file, name, size), name))
    files.check_size(name, size)
    text, _ = files.decode(file.read(), name)
    if kind == ".json":
        return (_as_text(row.fields) for row in json_rows(text, name))
    return ({**_marked(found), "document": found.document} for found in parse_conll(text, name))


def _json_lines(file: IO[bytes], name: str) -> Iterator[Fields]:
    number = 0
    while line := file.readline(_LINE_BYTES + 1):
        number += 1
        files.check_size(f"{name}, {number}", len(line), _LINE_BYTES)
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DataError(
                f"{name}, line {number}: no JSON object in UTF-8. Choose another data set or bring a corrected file.",
                pt=f"{name}, linha {number}: não é um objeto JSON em UTF-8. Escolha outro conjunto ou traga um arquivo "
                "corrigido.",
            )
        yield row


def _head(file: IO[bytes], name: str, size: int) -> str:
    """The text of a table, of a long one its first rows."""
    data = file.read(HEAD_BYTES)
    if size <= HEAD_BYTES:
        return files.decode(data, name)[0]
    text, _ = files.decode(data[: data.rfind(b"\n") + 1], name)
    end = len(text)
    while text.count('"', 0, end) % 2:  # in the middle of a quoted cell
        end = text.rfind("\n", 0, end)
    return text[:end] if end > 0 else text


def _as_text(row: Fields) -> Fields:
    """A sentence in `tokens` with a tag for each in `ner_tags` as `text` and `entities`; any other row as it is."""
    tokens, tags = row.get("tokens"), row.get("ner_tags")
    if not isinstance(tokens, list) or not isinstance(tags, list) or not 0 < len(tokens) == len(tags):
        return row
    if not all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags):
        return row
    rest = {key: value for key, value in row.items() if key not in ("tokens", "ner_tags")}
    return rest | _marked(TaggedSentence(tuple(map(str, tokens)), iob2(tags)))


def _marked(sentence: TaggedSentence) -> Fields:
    joined, at = join_tokens(sentence.tokens, natural=True)
    spans = [(label, at[first][0], at[end - 1][1]) for label, first, end in sentence.entities()]
    return {"text": joined, "entities": [{"label": label, "text": joined[a:b]} for label, a, b in spans]}


# -- Parquet ----------------------------------------------------------------------------------------


def _parquet(file: IO[bytes], name: str) -> Iterator[Fields]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file, pre_buffer=False)
        largest = max((opened.metadata.row_group(at).total_byte_size for at in range(opened.num_row_groups)), default=0)
        files.check_size(name, largest, _GROUP_BYTES)
        schema = opened.schema_arrow
        columns = [field.name for field in schema if not _holds_bytes(field.type)]
        named = _class_names(schema)
        for batch in opened.iter_batches(batch_size=_BATCH, columns=columns, use_threads=False):
            for row in batch.to_pylist():
                yield {key: named.get(key, _plain)(value) for key, value in row.items()}
    except (
        pa.ArrowException,
        ValueError,
        OSError,
    ) as error:  # Arrow says OSError of broken pages; no disk is read here
        raise DataError(
            f"{name} is damaged and cannot be read as Parquet ({error}). Choose another data set or bring a file.",
            pt=f"{name} está danificado e não pode ser lido como Parquet. Escolha outro conjunto ou traga um arquivo.",
        ) from error


def _holds_bytes(kind: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return True
    return any(_holds_bytes(kind.field(at).type) for at in range(kind.num_fields))


def _class_names(schema: pa.Schema) -> dict[str, Callable[[Any], Any]]:
    """For each column of classes, which are numbers in the file, what gives their names.

    They stand in the metadata that `datasets` writes: {"info": {"features": {column: {"names": [...], "_type": ...}}}}.
    """
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {str(key): _namer(names) for key, feature in features.items() if (names := _names_in(feature))}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _names_in(feature: Any) -> list[str]:
    """The names of a class label, or of a list of such."""
    while isinstance(feature, (list, dict)) and feature:
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
            return [str(name) for name in feature.get("names") or ()]
        feature = feature[0] if isinstance(feature, list) else feature.get("feature")
    return []


def _namer(names: list[str]) -> Callable[[Any], Any]:
    def name(value: Any) -> Any:
        if isinstance(value, list):
            return [name(item) for item in value]
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else None

    return name


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, bytes):  # of a dictionary, say: no text
        return None
    return value if value is None or isinstance(value, (str, int)) else str(value)
