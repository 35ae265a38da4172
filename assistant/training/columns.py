"""Which columns a file has, what its first rows hold, and which column probably is what.

Knows what is plain from names and contents. Refuses to settle what is not: there a person says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import DataError
from assistant.training.objects import GROUPS, INPUTS, OUTPUTS, guess_mapping, known_form, plain_name
from assistant.training.records import Mapping, has_rows, read_rows
from assistant.training.tables import Row

_FIRST = 3  # rows that are shown
_LOOKED = 100  # rows that the columns are taken from, as `objects` does


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file; none where its form says by itself what is what.

    `proposed` has "" where it is not plain; `first` are the texts of the first rows, column by column.
    """

    names: tuple[str, ...] = ()
    first: tuple[tuple[str, ...], ...] = ()
    proposed: Mapping | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing has to be asked."""
        return self.proposed is None or bool(self.proposed.input and self.proposed.output)


def columns_of(path: Path) -> Columns:
    """The columns of a data file; raises `DataError` naming file and line."""
    if not has_rows(path):
        return Columns()
    rows, _ = read_rows(path)
    names = tuple(dict.fromkeys(name for row in rows[:_LOOKED] for name in row.fields))
    if known_form(rows) or not names:
        return Columns()
    first = tuple(tuple(_shown(row.fields.get(name)) for name in names) for row in rows[:_FIRST])
    return Columns(names, first, _proposed(names, rows, path.name))


def _proposed(names: Sequence[str], rows: Sequence[Row], name: str) -> Mapping:
    """The guess of the reader; where it gives up, only what one column alone can be."""
    try:
        return guess_mapping(names, rows, name)
    except DataError:  # the names do not say it: the person who knows the file will
        alone = [_only(names, known) for known in (INPUTS, OUTPUTS)]
        group = next((column for column in names if plain_name(column) in GROUPS), "")
        return Mapping(alone[0], alone[1] if alone[1] != alone[0] else "", group)


def _only(names: Sequence[str], known: Sequence[str]) -> str:
    found = [column for column in names if plain_name(column) in known]
    return found[0] if len(found) == 1 else ""


def _shown(value: object) -> str:
    return "" if value is None else str(value)
