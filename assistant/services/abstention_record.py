"""What a calibration of a corpus found: the curve and the figures, beside the corpus, to be shown again.

    corpora/<name>/abstention.json    written before corpus.toml says the threshold; another threshold there: not shown

Refuses to know how it was found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.retrieval.abstention import Calibration, Point, Share
from assistant.stores.manifests import write_atomically

FILE = "abstention.json"
_MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """A calibration with what it was made of: counts of questions, and the drawn ones that were left out.

    `own` unanswerable questions came with the file, `drawn` ones are about other subjects; `left_out` were drawn, too,
    but the corpus may answer them.
    """

    calibration: Calibration
    answerable: int
    own: int
    drawn: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def questions(self) -> int:
        """All that counted."""
        return self.answerable + self.own + self.drawn


def write_record(folder: Path, record: Record) -> None:
    """Keep a record beside its corpus; raises `StorageError`."""
    write_atomically(folder / FILE, json.dumps(as_json(record), ensure_ascii=False, separators=(",", ":")) + "\n")


def read_record(folder: Path, threshold: float) -> Record | None:
    """The record of this very threshold; None where there is none, or none that can be read."""
    path = folder / FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        record = _record(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if record.calibration.threshold == threshold else None


def as_json(record: Record) -> dict[str, Any]:
    """Points as [threshold, answered, of, let through, of]; counts are means over splits where they are held out."""
    found = record.calibration
    return {
        "answerable": record.answerable,
        "own": record.own,
        "drawn": record.drawn,
        "left_out": list(record.left_out),
        "threshold": found.threshold,
        "held_out": _listed(found.held_out),
        "held_out_own": [round(found.own.count, 3), found.own.of],
        "default": _listed(found.default),
        "curve": [_listed(point) for point in found.curve],
    }


def _listed(point: Point) -> list[float]:
    answered, false = point.answered, point.false
    return [point.threshold, round(answered.count, 3), answered.of, round(false.count, 3), false.of]


def _record(raw: Mapping[str, Any]) -> Record:
    passed, of = raw["held_out_own"]
    found = Calibration(
        float(raw["threshold"]),
        _point(raw["held_out"]),
        Share(float(passed), int(of)),
        _point(raw["default"]),
        tuple(_point(row) for row in raw["curve"]),
    )
    left_out = tuple(str(text) for text in raw["left_out"])
    return Record(found, int(raw["answerable"]), int(raw["own"]), int(raw["drawn"]), left_out)


def _point(row: Any) -> Point:
    threshold, answered, of, false, of_false = row
    return Point(float(threshold), Share(float(answered), int(of)), Share(float(false), int(of_false)))
