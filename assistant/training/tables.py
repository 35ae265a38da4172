"""Tables as rows with their lines: CSV and TSV by any usual separator, and XLSX.

Knows separators, quotes and headers. Refuses to know which column means what.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import DataError
from assistant.training import files

_SEPARATORS = (",", ";", "\t", "|")
_SNIFFED = 50  # rows that the separator is told from
_LONGEST = 1_000_000  # characters of a cell


@dataclass(frozen=True, slots=True)
class Row:
    """One row or object: its line in the file, counted from 1, and its fields by name."""

    line: int
    fields: dict[str, Any]


def text_rows(text: str, name: str) -> list[Row]:
    """The rows of a CSV or TSV; raises `DataError` naming the line that is no row of it."""
    return _named(_cells(text, _separator(text), name), name)


def xlsx_rows(path: Path) -> list[Row]:
    """The rows of a workbook's first sheet; raises `DataError` for a damaged one."""
    import openpyxl

    data = files.read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:  # a bomb is seen before it is unpacked
            files.check_size(path.name, sum(entry.file_size for entry in archive.infolist()))
        sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        cells = [(at, ["" if v is None else str(v) for v in row]) for at, row in enumerate(sheet.values, 1) if any(row)]
    except DataError:
        raise
    # openpyxl lets KeyError, ValueError, XML and zip errors out for damaged files
    except Exception as error:
        raise DataError(
            f"{path.name} is damaged and cannot be read as a workbook ({error}). Save the sheet as CSV (UTF-8).",
            pt=f"{path.name} está danificado e não pode ser lido. Salve a planilha como CSV (UTF-8).",
        ) from error
    return _named(cells, path.name)


def _cells(text: str, separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that holds anything; a quoted cell may run over several lines."""
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name}, line {line}: no row of a table ({error}). Look for a quote that is not closed.",
            pt=f"{name}, linha {line}: não é uma linha de tabela. Procure aspas que não foram fechadas.",
        ) from error


def _separator(text: str) -> str:
    """The separator that gives the most rows of one and the same width of at least two cells."""

    def fitting(separator: str) -> tuple[int, int]:
        try:
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            widths = Counter(len(row) for row, _ in zip(rows, range(_SNIFFED), strict=False) if row)
        except csv.Error:
            return (0, 0)
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(0, 0))
        return (count if width > 1 else 0, width)

    return max(_SEPARATORS, key=fitting)


def _named(rows: Iterable[tuple[int, Sequence[str]]], name: str) -> list[Row]:
    """Rows by the names of the first one."""
    found = iter(rows)
    _, header = next(found, (0, []))
    columns = [cell.strip() or f"coluna {at}" for at, cell in enumerate(header, 1)]
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError(
            f"{name}: the column {twice[0]!r} is there twice. Each column needs a name of its own in the first line.",
            pt=f"{name}: a coluna {twice[0]!r} aparece duas vezes. Dê a cada coluna um nome próprio na primeira linha.",
        )
    result = []
    for line, cells in found:
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise DataError(
                f"{name}, line {line}: {len(cells)} cells where the first line names {len(columns)} columns "
                f"({cells[len(columns)][:40]!r} is beyond them). Quote cells that contain the separator.",
                pt=f"{name}, linha {line}: {len(cells)} células, mas a primeira linha tem {len(columns)} colunas "
                f"(sobra {cells[len(columns)][:40]!r}). Ponha entre aspas as células que contêm o separador.",
            )
        padded = [*cells, *[""] * (len(columns) - len(cells))]
        result.append(Row(line, dict(zip(columns, padded, strict=False))))
    return result
