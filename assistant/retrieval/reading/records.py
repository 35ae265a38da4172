"""JSON and JSON lines to readable text: "key: value", records apart, what is nested named by its path.

Refuses to know what the keys mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from assistant.retrieval.documents import MAX_CHARS, Page, Parsed, Source, damaged, too_much_text
from assistant.retrieval.reading.texts import decode_or_guess, guess_warning

_DATES = ("as_of", "date", "data", "published", "updated_at", "created_at")
_TITLES = ("title", "titulo", "título", "name", "nome")


def read_json(source: Source) -> Parsed:
    """One JSON value; a list is read as its records."""
    text, guessed = decode_or_guess(source.data)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(source.name, "JSON", error) from error
    return _parsed(source, value if isinstance(value, list) else [value], text, guessed)


def read_jsonl(source: Source) -> Parsed:
    """A JSON value on each line; the message of a bad one names its line."""
    text, guessed = decode_or_guess(source.data)
    values: list[Any] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise damaged(source.name, "JSONL", f"line {number}: {error}") from error
    return _parsed(source, values, text, guessed)


def _parsed(source: Source, values: list[Any], text: str, guessed: str) -> Parsed:
    blocks, letters = list[str](), 0
    for value in values:
        try:
            block = "\n".join(_lines("", value))
        except RecursionError as error:
            raise damaged(source.name, "JSON", error) from error
        letters += len(block)
        if letters > MAX_CHARS:
            raise too_much_text(source.name, letters)
        blocks.append(block)
    only = values[0] if len(values) == 1 and isinstance(values[0], dict) else {}
    title = next((str(only[key]) for key in _TITLES if isinstance(only.get(key), str)), "")
    date = next((str(only[key]) for key in _DATES if isinstance(only.get(key), str)), "")
    body = "\n\n".join(filter(None, blocks))
    return Parsed((Page(None, body),), title, made=date, warnings=tuple(guess_warning(source.name, text, guessed)))


def _lines(path: str, value: Any) -> Iterator[str]:
    """A line a value, named by its path: "autor > nome: Machado"; a list of plain values is one line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = " ".join(str(key).split())
            yield from _lines(f"{path} > {name}" if path else name.lstrip("#"), inner)
    elif isinstance(value, list):
        if all(not isinstance(inner, dict | list) for inner in value):
            yield from _line(path, ", ".join(_plain(inner) for inner in value))
            return
        for number, inner in enumerate(value, 1):
            yield from _lines(f"{path} {number}".strip(), inner)
    else:
        yield from _line(path, _plain(value))


def _line(path: str, text: str) -> Iterator[str]:
    if text:
        yield f"{path}: {text}" if path else text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "sim" if value else "não"
    return str(value).strip()
