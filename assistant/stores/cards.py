"""A card changed from the outside: which fields may change, and how the file keeps its comments.

Knows the places of the fields in `card.toml`. Refuses to write a card that could not be read again,
or that would say something else than was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Array

from assistant.errors import ConfigurationError, StorageError
from assistant.stores.manifests import Card, Localized, card_faulty, card_unreadable, read_card, write_atomically

EVERY_CORPUS = "*"  # in `corpora`: whatever there is
MAX_UTTERANCES = 2_000
_MAX_CHARS = 4_000  # of one text of a card; a legal paragraph as an utterance has about a thousand
_MAX_TOKENS = 4_096
_FIELD = re.compile(r"\{(\w*)\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_KNOWN_FIELDS = ("input", "topics", "style", "documents", "history")
_KNOWN = ", ".join(f"{{{field}}}" for field in _KNOWN_FIELDS)


@dataclass(frozen=True, slots=True)
class CardChanges:
    """New values of a card's fields; None leaves a field as it is. The meaning of each is `Card`'s."""

    title: Localized | None = None
    description: Localized | None = None
    reason: Localized | None = None
    template: str | None = None
    stop: tuple[str, ...] | None = None
    max_tokens: int | None = None
    utterances: tuple[str, ...] | None = None
    corpora: tuple[str, ...] | None = None


# Where each field stands in the file: table (None: the top) and key.
_PLACES: Mapping[str, tuple[str | None, str]] = {
    "title": (None, "title"),
    "description": (None, "description"),
    "reason": (None, "reason"),
    "template": ("prompt", "template"),
    "stop": ("prompt", "stop"),
    "max_tokens": ("prompt", "max_tokens"),
    "utterances": ("routing", "utterances"),
    "corpora": (None, "corpora"),
}


def edit_card(path: Path, changes: CardChanges, known_corpora: Collection[str]) -> Card:
    """Put the changes into a card file and return the card it is now; the old file stays until the new one is read.

    Raises `ConfigurationError` with every fault at once, and `StorageError`.
    """
    before = read_card(path)
    changed = {
        field.name: value
        for field in fields(changes)
        if (value := getattr(changes, field.name)) is not None and value != getattr(before, field.name)
    }
    if not changed:
        return before
    if found := faults_of(changed, known_corpora):
        raise card_faulty(path, found)
    text = _rewritten(path, changed)
    after = read_card(path, text)
    for name, value in changed.items():
        if getattr(after, name) != value:
            raise ConfigurationError(
                f"The card {path} cannot hold {value!r} as {name}. Edit the file by hand.",
                pt=f"O cartão {path} não consegue guardar {value!r} em {name}. Edite o arquivo à mão.",
            )
    try:
        write_atomically(path, text)
    except OSError as error:
        raise StorageError(
            f"The card {path} could not be written: {error}. Free space or check its permissions.",
            pt=f"Não foi possível gravar o cartão {path}. Verifique o espaço e as permissões do disco.",
        ) from error
    return after


def faults_of(changed: Mapping[str, Any], known_corpora: Collection[str]) -> list[Localized]:
    """Everything that is impossible in new values, by field name."""
    found: list[Localized] = []
    texts = [text for value in changed.values() for text in _texts(value)]
    if any(len(text) > _MAX_CHARS for text in texts):
        found.append(
            Localized(f"um texto passa de {_MAX_CHARS} caracteres", f"a text is longer than {_MAX_CHARS} characters")
        )
    if any(_CONTROL.search(text) for text in texts):
        found.append(Localized("um texto tem caracteres de controle", "a text has control characters"))
    template = changed.get("template", "")
    for field in {field for field in _FIELD.findall(template) if field not in _KNOWN_FIELDS}:
        found.append(
            Localized(
                f"prompt.template tem o campo {{{field}}}; existem {_KNOWN}",
                f"prompt.template has the field {{{field}}}; known are {_KNOWN}",
            )
        )
    limit = changed.get("max_tokens", 1)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _MAX_TOKENS:
        found.append(
            Localized(
                f"prompt.max_tokens é {limit!r}; use de 1 a {_MAX_TOKENS}",
                f"prompt.max_tokens is {limit!r}; use 1 to {_MAX_TOKENS}",
            )
        )
    if len(changed.get("utterances", ())) > MAX_UTTERANCES:
        found.append(
            Localized(f"há mais de {MAX_UTTERANCES} exemplos", f"there are more than {MAX_UTTERANCES} utterances")
        )
    if "" in changed.get("stop", ()):
        found.append(Localized("prompt.stop tem um texto vazio", "prompt.stop has an empty text"))
    for name in changed.get("corpora", ()):
        if name != EVERY_CORPUS and name not in known_corpora:
            found.append(Localized(f"o corpus {name[:60]!r} não existe", f"there is no corpus {name[:60]!r}"))
    return found


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, Localized):
        return (value.pt, value.en)
    if isinstance(value, str):
        return (value,)
    return [str(item) for item in value] if isinstance(value, tuple) else ()


def _rewritten(path: Path, changed: Mapping[str, Any]) -> str:
    try:
        document = tomlkit.parse(path.read_text("utf-8"))
        for name, value in changed.items():
            table, key = _PLACES[name]
            if table is not None and table not in document:
                document[table] = tomlkit.table()
            place: Any = document if table is None else document[table]
            if isinstance(value, Localized):
                place[key]["pt"], place[key]["en"] = value.pt, value.en
            else:
                place[key] = _array(value) if isinstance(value, tuple) else value
        return tomlkit.dumps(document)
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:  # tomlkit's errors are ValueErrors
        raise card_unreadable(path, error) from error


def _array(items: tuple[str, ...]) -> Array:
    array = tomlkit.array()
    array.extend(items)
    return array.multiline(sum(map(len, items)) > 80)
