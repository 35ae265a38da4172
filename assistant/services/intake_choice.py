"""What was said of a data set that somebody brought: how it lies beside the file, and what of it can be.

Knows the fields and what a browser may put into them. Refuses to know visitors, places and reports.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.errors import DataError
from assistant.services.hub_data import Origin, read_origin
from assistant.stores.manifests import NO_TEXT, Localized
from assistant.training.columns import Columns
from assistant.training.drafts import NewAdapter
from assistant.training.records import Mapping, RecordSet
from assistant.training.report import Study
from assistant.types import AdapterKind


@dataclass(frozen=True, slots=True)
class Choice:
    """What was said of a data set so far; an empty template is the proposed one.

    `adapter` is the one whose data it is to be added to; empty: a new one is to be made of it.
    """

    kind: AdapterKind = AdapterKind.REPLY
    mapping: Mapping | None = None
    title: str = ""
    name: str = ""
    template: str = ""
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """A data set as it stands: `study` is None while columns have to be named, or where `problem` says why.

    `targets` are the adapters of its kind, whose data it can be added to; `origin` is None of what came as a file.
    """

    path: Path
    size: int
    columns: Columns
    choice: Choice
    template: str = ""
    study: Study | None = None
    problem: Localized = NO_TEXT
    targets: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def ready(self) -> bool:
        """Whether an adapter can be made of it, or learn from it."""
        return self.study is not None and self.study.report.ok


def new_adapter(choice: Choice, template: str, origin: Origin | None = None) -> NewAdapter:
    """The adapter that was described, as far as it was."""
    words = Localized(choice.title.strip(), choice.title.strip())
    source = origin.words.en if origin else ""
    return NewAdapter(choice.name.strip(), choice.kind, words, words, template, source)


def likely(found: RecordSet | None) -> AdapterKind:
    """What the data is there to teach, as far as its form says it."""
    marked = found is not None and all(record.entities is not None for record in found.records)
    return AdapterKind.EXTRACT if marked else AdapterKind.REPLY


def said_of(place: Path) -> Intake | None:
    """What lies in a folder and what was said of it, not yet read; None where there is nothing whole."""
    try:
        choice = _choice(json.loads((place / "choice.json").read_text("utf-8")))
        path = next((place / "file").iterdir())
        size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
    return Intake(path, size, Columns(), choice, origin=read_origin(place))


def gone() -> DataError:
    """The error of a data set that was there a moment ago."""
    return DataError(
        "The data set is no longer here. Send the file again.",
        pt="O arquivo de dados não está mais aqui. Envie-o de novo.",
    )


def _choice(raw: dict[str, str | dict[str, str] | None]) -> Choice:
    mapping = raw["mapping"]
    title, name, template = (str(raw[field]) for field in ("title", "name", "template"))
    adapter = str(raw.get("adapter", ""))  # what was brought before there was a choice has none
    said = Mapping(**mapping) if isinstance(mapping, dict) else None
    return Choice(AdapterKind(str(raw["kind"])), said, title, name, template, adapter)


def kind_of(value: str) -> AdapterKind:
    """What a browser sent as a kind; raises `DataError`."""
    try:
        return AdapterKind(value)
    except ValueError as error:
        raise DataError(
            f"There is no kind {value!r}. Kinds: {', '.join(AdapterKind)}.",
            pt=f"Não há o tipo {value!r}. Tipos: {', '.join(AdapterKind)}.",
        ) from error


def _apart(wanted: Mapping, before: Mapping) -> Mapping:
    """Input and output are two columns: who gives one the other's column exchanges them."""
    if not wanted.input or wanted.input != wanted.output:
        return wanted
    if wanted.input == before.output:
        return replace(wanted, output=before.input)
    return replace(wanted, input=before.output)


def mapping_of(columns: Sequence[str], now: Intake) -> Mapping | None:
    """Input, output and group ("" for none) as they were named; None where the file's form says what is what.

    Raises `DataError` for a column that there is not.
    """
    if not now.columns.names:
        return None
    unknown = next((column for column in columns if column not in (*now.columns.names, "")), None)
    if unknown is not None:
        raise DataError(
            f"{now.path.name} has no column {unknown!r}. It has: {', '.join(now.columns.names)}.",
            pt=f"{now.path.name} não tem a coluna {unknown!r}. As colunas são: {', '.join(now.columns.names)}.",
        )
    return _apart(Mapping(columns[0], columns[1], columns[2]), now.choice.mapping or Mapping("", ""))
