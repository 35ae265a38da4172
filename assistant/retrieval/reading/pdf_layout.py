"""The words of a printed page in the order in which a person reads them.

Knows lines, columns, headings by the size of their letters, and words cut at the end of a line. Pure: it is given words
with their places. Refuses to know PDF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

_BIN = 2.0  # points: how finely a page is looked at for a gutter
_GUTTER = 0.55  # of a line's height: the narrowest white between two columns
_CROSSING = 0.4  # share of lines that may run across the gutter: titles, notes, a table
_SIDE = 0.18  # of the width: the narrowest column
_PROSE = 3  # words of a line in the middle; below it the columns are those of a table, which is read by rows
_FILLED = 0.5  # of a column's width that its lines fill in the middle
_MIN_LINES = 4
_DEPTH = 3
_PARAGRAPH = 1.6  # of the usual distance between two lines
_HEADINGS = ((1.7, "# "), (1.25, "## "))  # letters so many times as tall as the page's usual ones
_HEADING_WORDS = 14
_HEADING_LETTERS = 0.6  # of what is printed: a tall formula is no heading
_CUT = re.compile(r"[a-zà-ÿ]-$")
_CLITICS = frozenset(
    ["me", "te", "se", "lhe", "lhes", "nos", "vos", "o", "a", "os", "as", "lo", "la", "los", "las", "no", "na"]
)


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without white space, in points from the left and from the top; `block` is a table, drawn already."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    block: bool = False

    @property
    def height(self) -> float:
        """In points."""
        return self.bottom - self.top


Line = list[Word]  # from left to right


def page_text(words: Sequence[Word]) -> str:
    """The text of a page; a table is a block of its own, a heading begins with "#"."""
    plain = [word for word in words if not word.block]
    usual = _usual_height(plain)
    out: list[str] = []
    for region in _regions(_lines(words), usual, _DEPTH):
        out.append("\n".join(_paragraphs(region, usual)))
    return "\n\n".join(part for part in out if part.strip())


def _usual_height(words: Sequence[Word]) -> float:
    """Of a letter of running text: the middle one, every letter counted."""
    heights = sorted((word.height, len(word.text)) for word in words)
    half, seen = sum(count for _, count in heights) / 2, 0
    for height, count in heights:
        seen += count
        if seen >= half:
            return height
    return 10.0


def _lines(words: Sequence[Word]) -> list[Line]:
    """Words that share a line, from the top; a block is a line of its own."""
    lines: list[Line] = []
    for word in sorted(words, key=lambda w: (w.top + w.bottom) / 2):
        for line in lines[-3:][::-1]:
            first = line[0]
            shared = min(word.bottom, first.bottom) - max(word.top, first.top)
            if not word.block and not first.block and shared > 0.5 * min(word.height, first.height):
                line.append(word)
                break
        else:
            lines.append([word])
    for line in lines:
        line.sort(key=lambda w: w.x0)
    return sorted(lines, key=lambda line: min(word.top for word in line))


def _regions(lines: list[Line], usual: float, depth: int) -> Iterator[list[Line]]:
    """The columns of a page, one after the other, and what runs across them in its place."""
    gutter = _gutter(lines, usual) if depth and len(lines) >= _MIN_LINES else None
    if gutter is None:
        if lines:
            yield lines
        return
    for across, group in groupby(lines, key=lambda line: any(word.x0 < gutter < word.x1 for word in line)):
        if across:
            yield list(group)
        else:
            yield from _columns(list(group), gutter, usual, depth)


def _columns(lines: list[Line], gutter: float, usual: float, depth: int) -> Iterator[list[Line]]:
    for side in (True, False):
        part = [[w for w in line if (w.x1 <= gutter) is side] for line in lines]
        yield from _regions([line for line in part if line], usual, depth - 1)


def _gutter(lines: list[Line], usual: float) -> float | None:
    """Where white runs down between two columns of prose; None where there is but one."""
    left, right = min(w.x0 for line in lines for w in line), max(w.x1 for line in lines for w in line)
    bins = int((right - left) / _BIN) + 2
    covered = [0] * (bins + 1)
    for line in lines:
        for a, b in _spans(line, left):
            covered[a] += 1
            covered[b] -= 1
    for place in range(1, bins):
        covered[place] += covered[place - 1]
    low, high = int(bins * _SIDE), int(bins * (1 - _SIDE))
    most = _CROSSING * len(lines)
    best: tuple[float, float] | None = None
    for level in sorted({covered[place] for place in range(low, high)}):
        if level > most or best is not None:
            break
        for a, b in _runs(covered, low, high, level):
            at = left + (a + b) / 2 * _BIN
            wide = (b - a) * _BIN
            if wide >= _GUTTER * usual and _two_columns(lines, at) and (best is None or wide > best[0]):
                best = (wide, at)
    return best[1] if best else None


def _spans(line: Line, left: float) -> list[tuple[int, int]]:
    """The bins that a line covers, as ranges that do not overlap."""
    spans: list[tuple[int, int]] = []
    for word in line:
        a, b = int((word.x0 - left) / _BIN), int((word.x1 - left) / _BIN) + 1
        if spans and a <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(b, spans[-1][1]))
        else:
            spans.append((a, b))
    return spans


def _runs(covered: list[int], low: int, high: int, level: int) -> Iterator[tuple[int, int]]:
    """Ranges of bins that at most `level` lines cover."""
    start = None
    for place in range(low, high + 1):
        free = place < high and covered[place] <= level
        if free and start is None:
            start = place
        elif not free and start is not None:
            yield start, place
            start = None


def _two_columns(lines: list[Line], gutter: float) -> bool:
    """Whether both sides read as prose of their own, not as the cells of one table."""
    apart = [line for line in lines if not any(word.x0 < gutter < word.x1 for word in line)]
    for side in (True, False):
        parts = [part for line in apart if (part := [w for w in line if (w.x1 <= gutter) is side])]
        if len(parts) < _MIN_LINES or median(len(part) for part in parts) < _PROSE:
            return False
        widths = [part[-1].x1 - part[0].x0 for part in parts]
        if median(widths) < _FILLED * max(widths):
            return False
    return True


def _paragraphs(lines: list[Line], usual: float) -> Iterator[str]:
    """The lines of one column as text, an empty one between two paragraphs."""
    distances = [b[0].top - a[0].top for a, b in pairwise(lines)]
    step = median(distances) if distances else 0.0
    before, last_top = "", 0.0
    for line in lines:
        text = " ".join(word.text for word in line)
        if line[0].block:
            yield from filter(None, (before, "", text, ""))
            before = ""
            continue
        mark = _mark(line, text, usual)
        text = mark + text
        top = line[0].top
        if before and mark and before.startswith(mark):
            before = f"{before} {text[len(mark) :]}"  # a heading of two lines
        elif before and not mark and (joined := _joined(before, text)):
            before = joined
        else:
            if before:
                yield before
                if mark or before.startswith("#") or (step > 0 and top - last_top > _PARAGRAPH * step):
                    yield ""
            before = text
        last_top = top
    if before:
        yield before


def _mark(line: Line, text: str, usual: float) -> str:
    """What stands before a heading ("# " or "## "), "" before any other line."""
    letters, printed = sum(c.isalpha() for c in text), sum(not c.isspace() for c in text)
    if len(line) > _HEADING_WORDS or letters < max(3, _HEADING_LETTERS * printed) or text.endswith((".", ";", ",")):
        return ""
    height = median(word.height for word in line)
    return next((mark for times, mark in _HEADINGS if height >= times * usual), "")


def _joined(before: str, after: str) -> str | None:
    """Two lines as one where a word was cut between them; None where none was."""
    if not _CUT.search(before.rpartition("\n")[2]) or not after[:1].islower():
        return None
    word, _, rest = after.partition(" ")
    kept = "-" if word.rstrip(".,;:)").lower() in _CLITICS else ""  # "disse-lhe" keeps its hyphen
    head = before[:-1] + kept + word
    return f"{head}\n{rest}" if rest else head
