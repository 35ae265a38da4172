"""The straight lines drawn on a PDF page, as pdfium knows them.

Knows paths, boxes, and the parts that a page places somewhere else. Refuses to know what the lines are for.
"""

from __future__ import annotations

import ctypes
import itertools
from typing import TYPE_CHECKING, Any

from assistant.retrieval.reading.pdf_tables import Rule

if TYPE_CHECKING:
    from pypdfium2 import PdfMatrix, PdfPage

_THIN = 3.0  # points: a box so flat is a line
_LONG = 6.0
_STRAIGHT = 1.0  # points that a line may lean
_MOST = 3000  # paths, and segments of one path: more are a drawing


def rules_of(page: PdfPage) -> tuple[list[Rule], list[Rule]]:
    """Lines across and lines down, from the page's left and with y downwards; both empty on a drawing."""
    from pypdfium2 import raw

    across, down = list[Rule](), list[Rule]()
    for number, thing in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=4)):
        if number > _MOST:
            return [], []
        points = _points(thing)
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            if abs(y0 - y1) <= _STRAIGHT and abs(x0 - x1) >= _LONG:
                across.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
            elif abs(x0 - x1) <= _STRAIGHT and abs(y0 - y1) >= _LONG:
                down.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)))
    return across, down


def _points(thing: Any) -> list[tuple[float, float]]:
    """The corners of a path on the page; a break between two parts of it never looks like a line."""
    from pypdfium2 import raw

    count = raw.FPDFPath_CountSegments(thing.raw)
    if not 2 <= count <= _MOST:
        return []
    matrix = _placed(thing)
    x, y = ctypes.c_float(), ctypes.c_float()
    points, start = list[tuple[float, float]](), (0.0, 0.0)
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(thing.raw, index)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_BEZIERTO or not raw.FPDFPathSegment_GetPoint(segment, x, y):
            return []
        point = matrix.on_point(x.value, y.value)
        at = (point[0], -point[1])
        if kind == raw.FPDF_SEGMENT_MOVETO:
            points.append((float("nan"), float("nan")))
            start = at
        points.append(at)
        if raw.FPDFPathSegment_GetClose(segment):
            points.append(start)
    return _flat(points)


def _flat(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A box drawn so flat that it is a line, as that line; else the points as they are."""
    real = [p for p in points if p[0] == p[0]]  # nan is not equal to itself
    x0, x1 = min(x for x, _ in real), max(x for x, _ in real)
    y0, y1 = min(y for _, y in real), max(y for _, y in real)
    if len(real) > 2 and y1 - y0 <= _THIN < x1 - x0:
        return [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)]
    if len(real) > 2 and x1 - x0 <= _THIN < y1 - y0:
        return [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)]
    return points


def _placed(thing: Any) -> PdfMatrix:
    """Where a path stands on the page: its own place in the part that holds it, and that part's."""
    matrix, holder = thing.get_matrix(), thing.container
    while holder is not None:
        matrix, holder = matrix.multiply(holder.get_matrix()), holder.container
    return matrix
