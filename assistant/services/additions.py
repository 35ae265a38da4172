"""Data files of an adapter: what its recipe reads, what people added to it, and how an addition is undone.

Knows the recipe's `[data]` as text that keeps its comments; every addition stands under `data.added`, so that it can be
taken back whole: the files, their names in the recipe, and the source that was read before. Refuses to judge data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import tomlkit

from assistant.errors import ConfigurationError, DataError
from assistant.services.training import PUBLIC
from assistant.training.across import Known
from assistant.training.config import Recipe
from assistant.training.records import Record, is_whole, read_records

FindPublic = Callable[[str], Path | None]  # where a public file lies on this machine; None: not here yet


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file that a recipe reads. `origin` is the file it was added from; empty: it was there from the beginning.

    `part` is "train", "validation" or "test"; `rows` is None where they are not counted; `added` is an ISO date.
    """

    name: str
    part: str
    rows: int | None = None
    origin: str = ""
    added: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """What is noted of an addition: the file it came from, and by part the file in the recipe and its rows."""

    origin: str
    files: Mapping[str, str]
    rows: Mapping[str, int]


def known_data(folder: Path, recipe: Recipe, public: FindPublic) -> Known:
    """The records that an adapter learns from and those held out; what cannot be read here is named."""
    absent: list[str] = []

    def records(names: Sequence[str]) -> list[Record]:
        found: list[Record] = []
        for name in dict.fromkeys(names):
            path = _place(folder, name, public)
            try:
                found += [record for record in read_records(path).records if is_whole(record)] if path else []
            except DataError:  # a test set in a form of its own
                path = None
            if path is None and name not in absent:
                absent.append(name)
        return found

    data = recipe.data
    train, held_out = records(data.files), records([*data.validation, *([data.test] if data.test else [])])
    return Known(tuple(train), tuple(held_out), tuple(absent))


def listed(folder: Path, recipe_text: str) -> tuple[DataFile, ...]:
    """The files that a recipe reads, part by part, each with what is noted of it."""
    data = _data(tomlkit.parse(recipe_text))
    origins = {name: entry for entry in _entries(data) for name in (*entry["files"], *entry["validation"])}
    tests = [data["test"]] if data.get("test") else []
    parts = (("train", data.get("files", [])), ("validation", data.get("validation", [])), ("test", tests))
    found = []
    for part, names in parts:
        for name in map(str, names):
            entry = origins.get(name, {})
            origin, added = str(entry.get("from", "")), str(entry.get("on", ""))
            found.append(DataFile(name, part, _lines(folder / name), origin, added))
    return tuple(found)


def extended(recipe_text: str, addition: Addition) -> str:
    """The recipe with the files of an addition, and a note by which it can be undone."""
    recipe = tomlkit.parse(recipe_text)
    data = _data(recipe)
    for part, name in addition.files.items():
        data["files" if part == "train" else part].append(name)
    if "added" not in data:
        data["source_before"] = data["source"]
        data["added"] = tomlkit.array().multiline(True)
    note = tomlkit.inline_table()
    note.update({"from": addition.origin, "on": date.today().isoformat()})
    for key, part in (("files", "train"), ("validation", "validation")):
        note[key] = [addition.files[part]] if part in addition.files else []
    note["rows"] = sum(addition.rows.values())
    data["added"].append(note)
    data["source"] = "records"
    return tomlkit.dumps(recipe)


def without(adapter: str, recipe_text: str, file: str) -> tuple[str, tuple[str, ...]]:
    """The recipe without the addition that `file` belongs to, and the files that it names no more.

    Raises `DataError` for a file that nobody added: what was there from the beginning stays.
    """
    recipe = tomlkit.parse(recipe_text)
    data = _data(recipe)
    entries = _entries(data)
    place = next((at for at, e in enumerate(entries) if file in (*e["files"], *e["validation"])), None)
    if place is None:
        known = ", ".join(name for entry in entries for name in entry["files"]) or "-"
        raise DataError(
            f"{file!r} was not added to the data of {adapter}; only what was added can be taken back: {known}.",
            pt=f"{file!r} não foi juntado aos dados de {adapter}; só sai o que foi juntado: {known}.",
        )
    gone = tuple(map(str, (*entries[place]["files"], *entries[place]["validation"])))
    for key in ("files", "validation"):
        for name in entries[place][key]:
            if name in data.get(key, []):
                data[key].remove(name)
    if not data["files"]:
        raise DataError(
            f"{file} is the last training file of {adapter}. Add another one first.",
            pt=f"{file} é o último arquivo de treino de {adapter}. Antes, junte outro.",
        )
    del data["added"][place]
    if not data["added"]:
        data["source"] = data["source_before"]
        del data["added"], data["source_before"]
    return tomlkit.dumps(recipe), gone


def own_file(folder: Path, name: str) -> Path | None:
    """A data file of the adapter's own; None for a public one, and for a path that leads out of its folder."""
    relative = Path(name)
    inside = not name.startswith(PUBLIC) and not relative.is_absolute() and ".." not in relative.parts
    return folder / relative if inside else None


def _place(folder: Path, name: str, public: FindPublic) -> Path | None:
    path = public(name.removeprefix(PUBLIC)) if name.startswith(PUBLIC) else own_file(folder, name)
    return path if path is not None and path.is_file() else None


def _data(recipe: Any) -> Any:
    data = recipe.get("data")
    if not isinstance(data, dict):
        raise ConfigurationError("The recipe has no [data].", pt="A receita não tem a seção [data].")
    return data


def _entries(data: Any) -> list[Any]:
    """The additions that are noted; what somebody wrote there by hand and cannot be read counts as nothing."""
    added = data.get("added", [])
    keys = ("files", "validation")
    return [e for e in added if isinstance(e, dict) and all(isinstance(e.get(key), list) for key in keys)]


def _lines(path: Path) -> int | None:
    """Rows of a file of JSON lines; None for another form, or where it is not here."""
    if path.suffix != ".jsonl":
        return None
    try:
        return sum(1 for line in path.read_bytes().split(b"\n") if line.strip())
    except OSError:
        return None
