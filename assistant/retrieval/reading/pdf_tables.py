"""Tables drawn with lines on a page, as Markdown rows in their place.

Knows how lines make a grid and which words stand in which cell. Pure: it is given lines and words with their places.
Refuses to know PDF, and tables without lines: those are read row by row as they stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assistant.retrieval.reading.markup import markdown_rows
from assistant.retrieval.reading.pdf_layout import Word, page_text

_NEAR = 3.0  # points: lines so close are one, and so do lines meet
_SHORT = 4.0  # a row or a line below it is an ornament
_MOST = 600  # lines one way: a page with more is a drawing
_MAX_CELL = 600  # letters: a frame around a page of text is no cell
_BESIDE = 0.3  # of a table's words; more beside it are a column of text


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across or down: its place, and from where to where it runs; points from the left and the top."""

    at: float
    start: float
    end: float


def with_tables(words: Sequence[Word], across: Iterable[Rule], down: Iterable[Rule]) -> list[Word]:
    """The words of a page with those inside a drawn table replaced by one block that holds its rows."""
    rest, blocks = list(words), list[Word]()
    horizontal, vertical = _joined(across), _joined(down)
    if max(len(horizontal), len(vertical)) > _MOST:
        return rest
    for h, v in _grids(horizontal, vertical):
        rows, held = _rows(rest, h, v)
        filled = [row for row in rows if sum(bool(cell) for cell in row) > 1]
        if len(filled) < 2 or any(len(cell) > _MAX_CELL for row in rows for cell in row) or _cut(rest, held):
            continue
        inside = {id(word) for word in held}
        rest = [word for word in rest if id(word) not in inside]
        blocks.append(_block(markdown_rows(_merged(rows)), held))
    return [*rest, *blocks]


def _joined(rules: Iterable[Rule]) -> list[Rule]:
    """Lines without those drawn twice and with pieces that follow each other made one."""
    out: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (round(r.at / _NEAR), r.start)):
        last = out[-1] if out else None
        if last and abs(last.at - rule.at) <= _NEAR and rule.start <= last.end + _NEAR:
            out[-1] = Rule(last.at, last.start, max(last.end, rule.end))
        elif rule.end - rule.start >= _SHORT:
            out.append(rule)
    return out


def _grids(horizontal: Sequence[Rule], vertical: Sequence[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Lines that meet each other, directly or through others: one pair of lists for each table, the inner parts too."""
    grids: list[tuple[list[Rule], list[Rule]]] = []
    left_h, left_v = list(horizontal), list(vertical)
    while left_h:
        h, v, todo = [left_h.pop()], list[Rule](), True
        while todo:
            new_v = [rule for rule in left_v if any(_meet(other, rule) for other in h)]
            left_v = [rule for rule in left_v if rule not in new_v]
            new_h = [rule for rule in left_h if any(_meet(rule, other) for other in new_v)]
            left_h = [rule for rule in left_h if rule not in new_h]
            v, h, todo = v + new_v, h + new_h, bool(new_h)
        if len(h) >= 2 and len(v) >= 1 and len(h) + len(v) >= 5:
            grids.append((h, v))
    return grids


def _meet(across: Rule, down: Rule) -> bool:
    return across.start - _NEAR <= down.at <= across.end + _NEAR and down.start - _NEAR <= across.at <= down.end + _NEAR


def _rows(words: Sequence[Word], across: Sequence[Rule], down: Sequence[Rule]) -> tuple[list[list[str]], list[Word]]:
    """The cells' texts, row by row, and the words in them. Only lines that reach through a row divide it."""
    left, right = min(r.start for r in across), max(r.end for r in across)
    ys = _places([r.at for r in across] + [min(r.start for r in down), max(r.end for r in down)])
    xs = _places([r.at for r in down] + [left, right])
    rows, held = list[list[str]](), list[Word]()
    for top, bottom in itertools.pairwise(ys):
        if bottom - top < _SHORT:
            continue
        middle = (top + bottom) / 2
        inside = [w for w in words if not w.block and top <= (w.top + w.bottom) / 2 <= bottom]
        inner = [r.at for r in down if r.start - _NEAR <= middle <= r.end + _NEAR]
        bounds = _places([left, *inner, right])
        row = [""] * max(len(xs) - 1, 1)
        for a, b in itertools.pairwise(bounds):
            cell = [w for w in inside if a <= (w.x0 + w.x1) / 2 <= b]
            place = _nearest(xs[: len(row)], a)
            row[place] = " ".join([row[place], *page_text(cell).replace("#", " ").split()]).strip()
            held.extend(cell)
        rows.append(row)
    return rows, held


def _nearest(places: Sequence[float], at: float) -> int:
    return min(range(len(places)), key=lambda number: abs(places[number] - at))


def _places(values: Sequence[float]) -> list[float]:
    """Different places in order; those that are near are one."""
    out: list[float] = []
    for value in sorted(values):
        if not out or value - out[-1] > _NEAR:
            out.append(value)
    return out


def _cut(words: Sequence[Word], inside: Sequence[Word]) -> bool:
    """Whether the lines are drawn around a part of a table only: a few words stand beside it on its own rows."""
    top, bottom = min(word.top for word in inside), max(word.bottom for word in inside)
    level = sum(1 for word in words if not word.block and top <= (word.top + word.bottom) / 2 <= bottom)
    return 0 < level - len(inside) <= _BESIDE * len(inside)


def _merged(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows without the empty columns that lines drawn twice make: neighbours that no row fills both are one."""
    columns: list[list[str]] = []
    for column in (list(cells) for cells in zip(*rows, strict=True)):
        if columns and not any(a and b for a, b in zip(columns[-1], column, strict=True)):
            columns[-1] = [a or b for a, b in zip(columns[-1], column, strict=True)]
        else:
            columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)]


def _block(text: str, words: Sequence[Word]) -> Word:
    left, right = min(word.x0 for word in words), max(word.x1 for word in words)
    return Word(text, left, min(word.top for word in words), right, max(word.bottom for word in words), block=True)
