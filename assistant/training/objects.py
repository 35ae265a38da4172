"""Rows and JSON objects to records: which fields hold the input, the output and the group.

Knows the usual forms of public data sets (messages, Alpaca, prompt/completion, question/answer,
text/entities) and guesses columns by their names, then by their content. Refuses to read files.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from assistant.errors import DataError
from assistant.stores.manifests import Localized
from assistant.training.formats import numbered_jsonl, serialize_entities
from assistant.training.records import Mapping, Record, RecordSet, parse_entities
from assistant.training.tables import Row

INPUTS = (
    "input", "entrada", "prompt", "texto", "text", "pergunta", "question", "avaliacao", "review", "reclamacao",
    "complaint", "mensagem", "message", "frase", "sentence", "comentario", "comment", "conteudo", "content", "relato",
    "descricao", "description", "manifestacao",
)  # fmt: skip
OUTPUTS = (
    "output", "saida", "completion", "resposta", "answer", "reply", "response", "label", "labels", "rotulo",
    "etiqueta", "classe", "class", "categoria", "category", "departamento", "department", "setor", "target", "alvo",
    "polaridade", "polarity", "sentimento", "sentiment", "entities", "entidades",
)  # fmt: skip
GROUPS = ("group", "grupo", "situation", "situacao", "documento", "document", "caso")
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant"}
_SPACE = re.compile(r"\s*")


def json_rows(text: str, name: str) -> list[Row]:
    """Objects of JSON lines, or of one JSON list; raises `DataError` naming the line."""
    body = text.lstrip()
    if body.startswith("["):
        return list(_listed(text, name))
    return [Row(line, row) for line, row in numbered_jsonl(text, name, ())]


def records_of(rows: Sequence[Row], name: str, form: str, mapping: Mapping | None = None) -> RecordSet:
    """Records of rows; without a mapping by a known form, else by the columns that are guessed."""
    if not rows:
        return RecordSet((), form)
    columns = tuple(dict.fromkeys(column for row in rows[:100] for column in row.fields))
    known = None if mapping else known_form(rows)
    if known:
        found = tuple(record for row in rows for record in known(row, name))
        return RecordSet(found, form, columns, None, _told(rows))
    chosen = _existing(mapping, columns, name) if mapping else guess_mapping(columns, rows, name)
    found = tuple(_pair(row, chosen, name) for row in rows)
    used = {chosen.input, chosen.output, chosen.group}
    unused = ", ".join(column for column in columns if column not in used)
    note = Localized(f"Colunas que não são usadas: {unused}.", f"Columns that are not used: {unused}.")
    return RecordSet(found, form, columns, chosen, (note,) if unused else ())


def guess_mapping(columns: Sequence[str], rows: Sequence[Row], name: str) -> Mapping:
    """The columns of input, output and group; raises `DataError` naming them all where it is not plain."""
    inputs = [column for column in columns if plain_name(column) in INPUTS]
    outputs = [column for column in columns if plain_name(column) in OUTPUTS]
    group = next((column for column in columns if plain_name(column) in GROUPS), "")
    if len(inputs) == len(outputs) == 1:
        return Mapping(inputs[0], outputs[0], group)
    if not inputs and len(outputs) < 2:
        texts, classes = _by_content([column for column in columns if column != group], rows)
        if len(texts) == 1 and (outputs or len(classes) == 1) and texts[0] not in outputs:
            return Mapping(texts[0], (outputs or classes)[0], group)
    listed = ", ".join(columns)
    raise DataError(
        f"{name} has {len(columns)} columns ({listed}). Say which one holds the question (input) and which one the "
        "answer (output): --input COLUMN --output COLUMN. The first line must hold the names of the columns.",
        pt=f"{name} tem {len(columns)} coluna{'s' * (len(columns) > 1)} ({listed}). Diga qual é a pergunta (entrada) e "
        "qual é a resposta (saída). A primeira linha precisa trazer os nomes das colunas.",
    )


def _by_content(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Columns of texts (five words and more) and of classes (short, and few for the number of rows)."""
    texts, classes = [], []
    for column in columns:
        values = [str(row.fields.get(column) or "").strip() for row in rows]
        filled = [value for value in values if value]
        words = sum(len(value.split()) for value in filled) / len(filled) if filled else 0
        if words >= 5:
            texts.append(column)
        elif 2 <= len(set(filled)) <= max(2, len(filled) // 5) and not all(v.isdigit() for v in filled):
            classes.append(column)
    return texts, classes


def _existing(mapping: Mapping, columns: Sequence[str], name: str) -> Mapping:
    """The mapping that a person gave; a column that is not there is named."""
    for column in filter(None, (mapping.input, mapping.output, mapping.group)):
        if column not in columns:
            raise DataError(
                f"{name} has no column {column!r}. It has: {', '.join(columns)}.",
                pt=f"{name} não tem a coluna {column!r}. As colunas são: {', '.join(columns)}.",
            )
    if mapping.input == mapping.output:
        raise DataError(
            f"{name}: the column {mapping.input!r} cannot be both input and output. Choose two columns.",
            pt=f"{name}: a coluna {mapping.input!r} não pode ser entrada e saída ao mesmo tempo. Escolha duas colunas.",
        )
    if mapping.group in (mapping.input, mapping.output):
        raise DataError(
            f"{name}: the column {mapping.group!r} cannot be the group, too. Rows of one group stay in one part of the "
            "split: choose a column that says what belongs together, or none.",
            pt=f"{name}: a coluna {mapping.group!r} não pode ser também o grupo. As linhas de um grupo ficam na mesma "
            "parte da divisão: escolha a coluna que diz o que vai junto, ou nenhuma.",
        )
    return mapping


# -- forms ------------------------------------------------------------------------------------------


def _pair(row: Row, mapping: Mapping, name: str) -> Record:
    if isinstance(row.fields.get(mapping.output), list):
        return _entity_record(row, mapping.input, mapping.output, name)
    group = _text(row, mapping.group, name) if mapping.group else ""
    return Record(_text(row, mapping.input, name), _text(row, mapping.output, name), group, row.line, None)


def _messages(row: Row, name: str) -> Iterator[Record]:
    """Each question with its answer; the turns of one conversation are one group."""
    field = "messages" if "messages" in row.fields else "conversations"
    turns = row.fields[field]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise _wrong(name, row.line, field, turns)
    spoken = [(str(t.get("role", t.get("from"))), t.get("content", t.get("value"))) for t in turns]
    known = [(_ROLES[role], words) for role, words in spoken if role in _ROLES]
    for (first, question), (second, answer) in pairwise(known):
        if (first, second) == ("user", "assistant"):
            if not isinstance(question, str) or not isinstance(answer, str):
                raise _wrong(name, row.line, field, question if not isinstance(question, str) else answer)
            yield Record(question.strip(), answer.strip(), f"{row.line}", row.line, None)


def _alpaca(row: Row, name: str) -> Iterator[Record]:
    parts = (_text(row, "instruction", name), _text(row, "input", name))
    yield Record("\n".join(filter(None, parts)), _text(row, "output", name), _group(row, name), row.line, None)


def _entities(row: Row, name: str) -> Iterator[Record]:
    yield _entity_record(row, "text", "entities", name)


def _pairs(source: str, target: str) -> Callable[[Row, str], Iterator[Record]]:
    def read(row: Row, name: str) -> Iterator[Record]:
        yield Record(_text(row, source, name), _text(row, target, name), _group(row, name), row.line, None)

    return read


Reader = Callable[[Row, str], Iterator[Record]]
_FORMS: tuple[tuple[set[str], Reader], ...] = (
    ({"messages"}, _messages),
    ({"conversations"}, _messages),
    ({"instruction", "output"}, _alpaca),
    ({"prompt", "completion"}, _pairs("prompt", "completion")),
    ({"review", "reply"}, _pairs("review", "reply")),
    ({"question", "answer"}, _pairs("question", "answer")),
    ({"text", "entities"}, _entities),
)


def _told(rows: Sequence[Row]) -> tuple[Localized, ...]:
    """What a known form loses: earlier turns, instructions to the system, passages beside a question."""
    notes = []
    turns = [row.fields.get("messages", row.fields.get("conversations")) or [] for row in rows]
    if any(len(found) > 3 for found in turns):
        pt = "Conversas com vários turnos viram pares de pergunta e resposta, cada um sem os turnos anteriores."
        en = "Conversations of several turns become pairs of question and answer, each without the turns before it."
        notes.append(Localized(pt, en))
    if any(isinstance(turn, dict) and turn.get("role") == "system" for found in turns for turn in found):
        pt = "Mensagens de sistema não são usadas: o adaptador aprende a tarefa pelos exemplos."
        notes.append(Localized(pt, "System messages are not used: the adapter learns its task from the examples."))
    if any({"passages", "context"} & set(row.fields) for row in rows):
        pt = 'Os trechos (passages, context) não são usados; para respostas com documentos, use source = "grounded".'
        en = 'Passages (passages, context) are not used; for answers from documents use source = "grounded".'
        notes.append(Localized(pt, en))
    return tuple(notes)


def _entity_record(row: Row, source: str, target: str, name: str) -> Record:
    text, value = _text(row, source, name, strip=False), row.fields.get(target)
    if isinstance(value, str):
        pairs = parse_entities(value)
        if pairs is None:
            raise _wrong(name, row.line, target, value)
    else:
        if not isinstance(value, list):
            raise _wrong(name, row.line, target, value)
        pairs = tuple(_entity(item, text, row.line, name) for item in sorted(value, key=_start))
    return Record(text.strip(), serialize_entities(pairs), _group(row, name), row.line, pairs)


def _entity(item: Any, text: str, line: int, name: str) -> tuple[str, str]:
    """(label, text) of {"label", "text"}, of {"label", "start", "end"} or of [start, end, label]."""
    if isinstance(item, list) and len(item) == 3:
        item = {"start": item[0], "end": item[1], "label": item[2]}
    label = item.get("label", item.get("type")) if isinstance(item, dict) else None
    if not isinstance(label, str) or not label.strip():
        raise _wrong(name, line, "entities", item)
    start, end, words = item.get("start"), item.get("end"), item.get("text")
    if isinstance(start, int) and isinstance(end, int):
        if not 0 <= start < end <= len(text):
            raise _wrong(name, line, "entities", item)
        words = words if isinstance(words, str) else text[start:end]
    if not isinstance(words, str) or not words.strip():
        raise _wrong(name, line, "entities", item)
    return label.strip(), words.strip()


def _start(item: Any) -> int:
    """Where an entity begins; those without offsets keep their order."""
    first = item[0] if isinstance(item, list) and item else item.get("start") if isinstance(item, dict) else None
    return first if isinstance(first, int) else 0


def known_form(rows: Sequence[Row]) -> Reader | None:
    """The reader of a form that says by its fields what is what; None for a table that does not."""
    return next((read for needed, read in _FORMS if rows and needed <= set(rows[0].fields)), None)


# -- values -----------------------------------------------------------------------------------------


def _text(row: Row, field: str, name: str, *, strip: bool = True) -> str:
    """A field as text; numbers and truth values are written out, nothing is an empty text."""
    value = row.fields.get(field)
    if isinstance(value, (list, dict)):
        raise _wrong(name, row.line, field, value)
    text = "" if value is None else str(value)
    return text.strip() if strip else text


def _group(row: Row, name: str) -> str:
    return next((_text(row, field, name) for field in row.fields if plain_name(field) in GROUPS), "")


def _wrong(name: str, line: int, field: str, value: Any) -> DataError:
    shown = repr(value)[:80]
    return DataError(
        f"{name}, line {line}: the value {shown} of {field!r} is not what this form needs. Correct the line.",
        pt=f"{name}, linha {line}: o valor {shown} de {field!r} não é o que este formato pede. Corrija a linha.",
    )


def _listed(text: str, name: str) -> Iterator[Row]:
    """The objects of a JSON list, each with the line it begins on."""
    decoder, at, line = json.JSONDecoder(), text.index("[") + 1, 1
    counted = 0
    while True:
        at = _after_space(text, at)
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _no_json(name, line + text.count("\n", counted, getattr(error, "pos", at)), error) from error
        if not isinstance(value, dict):
            raise _wrong(name, line, "list", value)
        yield Row(line, value)
        at = _after_space(text, at)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "]":
            raise _no_json(name, line + text.count("\n", counted, at), ValueError("a comma or ] is missing"))


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _no_json(name: str, line: int, error: Exception) -> DataError:
    return DataError(
        f"{name}, line {line}: no valid JSON ({getattr(error, 'msg', error)}).",
        pt=f"{name}, linha {line}: não é JSON válido. Corrija a linha.",
    )


def plain_name(name: str) -> str:
    """A column's name without accents, case and signs: " Avaliação " -> "avaliacao"."""
    bare = unicodedata.normalize("NFKD", name.strip().lower())
    return "".join(character for character in bare if character.isalnum())
