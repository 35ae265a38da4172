"""Tables of records to text: CSV and TSV, and the sheets of a workbook, one line a row with its headers repeated.

Knows separators, headers and how a cell is written. A cell is what it says: nothing that looks like a formula is ever
computed. Refuses to know what the columns mean.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import MAX_CHARS, Page, Parsed, Source, damaged, too_much_text
from assistant.retrieval.reading.archives import Archive, office_bytes, office_date, office_title
from assistant.retrieval.reading.texts import decode_or_guess, guess_warning
from assistant.stores.manifests import Localized

_SEPARATORS = (";", ",", "\t", "|")
_SAMPLE_LINES = 50
_MAX_FIELD = 1_000_000  # letters of one cell
_MAX_COLUMNS = 1000
_FORMULA = ("=", "+", "@", "-")


def read_csv(source: Source) -> Parsed:
    """A CSV or TSV of any separator and encoding."""
    text, guessed = decode_or_guess(source.data)
    if "\x00" in text[:4096]:
        raise damaged(source.name, "CSV", "binary data")
    csv.field_size_limit(_MAX_FIELD)
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # what Excel writes for itself
        separator, text = first.strip()[4], rest
    else:
        separator = separator_of(text)
    try:
        rows = [
            [cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        ]
    except csv.Error as error:
        raise damaged(source.name, "CSV", error) from error
    found = [*guess_warning(source.name, text, guessed), *formula_warning(source.name, rows)]
    written = _limited(source.name, row_lines(rows))
    return Parsed((Page(None, "\n".join(written)),), warnings=tuple(found))


def separator_of(text: str) -> str:
    """The separator that cuts most lines into equally many cells, more than one; a comma where none does."""
    lines = [line for line in islice(text.splitlines(), _SAMPLE_LINES) if line.strip()]

    def fits(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        usual = max(set(widths), key=widths.count, default=1)
        return (widths.count(usual) / max(len(widths), 1) if usual > 1 else 0.0, usual)

    try:
        best = max(_SEPARATORS, key=fits)
        return best if fits(best)[0] > 0 else ","
    except csv.Error:
        return ","


def row_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A line a row, "header: cell; header: cell"; without headers the cells alone."""
    filled = (row for row in rows if any(row))
    head = next(filled, None)
    while head is not None and len(head) > 1 and sum(map(bool, head)) == 1:  # a title above the table
        yield _plain(head)
        head = next(filled, None)
    if head is None:
        return
    if not _is_header(head):
        yield from (_plain(row) for row in [head, *filled])
        return
    empty = True
    for row in filled:
        empty = False
        yield "; ".join(
            f"{name}: {cell}" if name else cell
            for name, cell in zip([*head, *[""] * len(row)], row, strict=False)
            if cell
        )
    if empty:
        yield _plain(head)


def _plain(row: Sequence[str]) -> str:
    return "; ".join(cell for cell in row if cell).lstrip("#")


def _is_header(row: Sequence[str]) -> bool:
    """Whether a first row names columns: words, each once, no numbers and no sentences."""
    names = [cell for cell in row if cell]
    words = all(not cell.replace(".", "").replace(",", "").isdigit() and len(cell) <= 80 for cell in names)
    return bool(names) and words and len(set(names)) == len(names) and 2 * len(names) >= len(row)


def formula_warning(name: str, rows: Sequence[Sequence[str]]) -> list[Localized]:
    """What to say of cells that a spreadsheet would compute; empty where there are none."""
    cells = (cell for row in rows for cell in row if cell[:1] in _FORMULA)
    count = sum(1 for cell in cells if cell[:1] in "=@" or (len(cell) > 1 and cell[1].isalpha() and "(" in cell))
    if not count:
        return []
    return [
        Localized(
            f"{name}: {count} célula(s) com cara de fórmula; lidas como texto, nada é calculado.",
            f"{name}: {count} cell(s) look like formulas; they are read as text, nothing is computed.",
        )
    ]


def read_xlsx(source: Source) -> Parsed:
    """An XLSX: a page a sheet, headings with their names; of a formula the value that was saved with it."""
    import warnings

    from openpyxl import load_workbook

    data = office_bytes(source.name, source.data, source.password)
    archive = Archive(source.name, "XLSX", data)
    archive.check_xml()
    pages: list[Page] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about every feature that it does not keep
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheets = book.worksheets
        for number, sheet in enumerate(sheets, 1):
            rows = ([_cell(value) for value in row[:_MAX_COLUMNS]] for row in sheet.iter_rows(values_only=True))
            lines = list(_limited(source.name, row_lines(rows)))
            pages.append(Page(number, "\n".join([f"# {sheet.title}", "", *lines]) if lines else ""))
            source.on_page(number, len(sheets))
    except DocumentRefused:
        raise
    except MemoryError:
        raise
    # openpyxl lets KeyError, TypeError and more out for workbooks that break the format
    except Exception as error:
        raise damaged(source.name, "XLSX", error) from error
    return Parsed(tuple(pages), office_title(archive), made=office_date(archive))


def _cell(value: object) -> str:
    """A cell as a person writes it: dates in ISO form, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return " ".join(str(value).split())


def _limited(name: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines, as long as a document may be; raises `DocumentRefused` past it."""
    count = 0
    for line in lines:
        count += len(line) + 1
        if count > MAX_CHARS:
            raise too_much_text(name, count)
        yield line
