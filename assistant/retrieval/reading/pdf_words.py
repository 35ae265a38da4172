"""The words of a PDF page with their places, as pdfium finds them.

Knows letters printed twice, pages turned on their side, and text without a map to letters. Refuses to know the order in
which words are read.
"""

from __future__ import annotations

import ctypes
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from unicodedata import bidirectional

from assistant.retrieval.reading.pdf_layout import Word

_TWICE = 0.18  # of a letter's height: the same letter again so close is a shadow or a bold made by hand
_HYPHENS = (0x02, 0xFFFE)  # what pdfium makes of a hyphen at the end of a line
_GAP = 0.35  # of a letter's height: a wider gap inside a word is one that pdfium did not see
_F = ord("f")
_MAX_CHARS = 60_000  # of one page


@dataclass(slots=True)
class _Run:
    """A word while it grows."""

    codes: list[int]
    box: list[float]
    turn: int
    last: tuple[float, float]  # the left and the right end of the last letter


def words_of(textpage: Any) -> list[list[Word]]:
    """The words of a page, one list for each way in which text is turned on it; the longest first."""
    from pypdfium2 import raw

    seen: dict[tuple[int, int, int], list[tuple[float, float]]] = defaultdict(list)
    found: dict[int, list[Word]] = defaultdict(list)
    run: _Run | None = None
    handle, box = textpage.raw, raw.FS_RECTF()
    for index in range(min(textpage.count_chars(), _MAX_CHARS)):
        code = raw.FPDFText_GetUnicode(handle, index)
        blank = code in (0x20, 0x0D, 0x0A, 0x09, 0xA0, 0x00) or 0x2000 <= code <= 0x200B
        if blank or not raw.FPDFText_GetLooseCharBox(handle, index, ctypes.byref(box)):
            _close(run, found)
            run = None
            continue
        turn = round(raw.FPDFText_GetCharAngle(handle, index) / (math.pi / 2)) % 4
        x0, top, x1, bottom = _turned(turn, (box.left, box.bottom, box.right, box.top))
        height = bottom - top
        # the parts of a ligature stand in one place: "ff" there is no letter printed twice
        ligature = run is not None and run.last == (x0, x1) and run.codes[-1] == _F and run.codes[-2:] != [_F, _F]
        if not ligature and _again(seen, code, x0, top, _TWICE * height):
            continue
        if run is not None and (run.turn != turn or not _follows(run, x0, top, bottom)):
            _close(run, found)
            run = None
        if run is None:
            run = _Run([], [x0, top, x1, bottom], turn, (x0, x1))
        run.last = (x0, x1)
        run.codes.append(0x2D if code in _HYPHENS else code)
        run.box = [run.box[0], min(run.box[1], top), max(run.box[2], x1), max(run.box[3], bottom)]
    _close(run, found)
    return sorted(found.values(), key=lambda words: -sum(len(word.text) for word in words))


def _again(
    seen: dict[tuple[int, int, int], list[tuple[float, float]]], code: int, x: float, y: float, near: float
) -> bool:
    """Whether the same letter stands there already; notes it where it does not."""
    column, row = int(x // 2), int(y // 2)
    for a in (column - 1, column, column + 1):
        for b in (row - 1, row, row + 1):
            for other_x, other_y in seen.get((code, a, b), ()):
                if abs(other_x - x) < near and abs(other_y - y) < near:
                    return True
    seen[code, column, row].append((x, y))
    return False


def _follows(run: _Run, x0: float, top: float, bottom: float) -> bool:
    """Whether a letter stands right after a word, on its line."""
    box = run.box
    height = max(box[3] - box[1], 1.0)
    shared = min(bottom, box[3]) - max(top, box[1])
    near = run.last[0] - 0.1 * height <= x0 < run.last[1] + _GAP * height
    return near and shared > 0.3 * min(height, bottom - top)


def _turned(turn: int, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A box (left, bottom, right, top; y upwards) as seen by who reads the text: x0, top, x1, bottom; y downwards."""
    left, bottom, right, top = box
    if turn == 0:
        return left, -top, right, -bottom
    if turn == 3:  # upwards: pdfium turns clockwise
        return bottom, left, top, right
    if turn == 2:
        return -right, bottom, -left, top
    return -top, -right, -bottom, -left


def _close(run: _Run | None, found: dict[int, list[Word]]) -> None:
    if run is None:
        return
    # beyond the first plane a letter comes in two halves
    text = b"".join(chr(code).encode("utf-16-le", "surrogatepass") for code in run.codes if code <= 0x10FFFF).decode(
        "utf-16-le", "replace"
    )
    if text.strip():
        found[run.turn].append(Word(text, run.box[0], run.box[1], run.box[2], run.box[3]))


def right_to_left(text: str) -> bool:
    """Whether a text is mostly written from right to left: Arabic, Hebrew."""
    ways = [bidirectional(c) for c in text if c.isalpha()]
    return 2 * sum(way in ("R", "AL") for way in ways) > len(ways)


def unreadable(text: str) -> bool:
    """Whether most letters of a page are not those that are printed: a font with no map to letters, or a false one."""
    letters = [c for c in text if not c.isspace()]
    none = sum(1 for c in letters if c == "\ufffd" or ord(c) < 32 or 0xE000 <= ord(c) <= 0xF8FF)
    # no language writes half of its letters in these blocks; Polish and Czech come to a tenth
    strange = sum(1 for c in letters if 0x100 <= ord(c) <= 0x2AF)
    return none > 0.3 * len(letters) or strange > 0.45 * len(letters)
