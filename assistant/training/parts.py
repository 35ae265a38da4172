"""Training, validation and test parts of a data set: whole groups, seeded.

Where records have no group, equal and nearly equal inputs stay together. Refuses to know files.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.training.records import Record
from assistant.training.similar import clusters

_FEWEST = 10  # records below which nothing is held out


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts, in the order of the file, and how many units (groups) were dealt."""

    train: tuple[Record, ...]
    validation: tuple[Record, ...]
    test: tuple[Record, ...]
    units: int


def divide(records: Sequence[Record], seed: int, share: float, near: Sequence[int] | None = None) -> Parts:
    """Deal whole units: about `share` (0 to 0.4) of the records to validation, as many to test, the rest to train.

    The same records, seed and share give the same parts. A unit that is larger than what a part still
    needs goes on to the next one. `near` are the clusters of the inputs, where they are known already.
    """
    units = _units(records, near if near is not None else clusters([record.input for record in records]))
    order = sorted(units)
    random.Random(seed).shuffle(order)  # noqa: S311  # no secret: a reproducible split
    wanted = max(1, round(len(records) * share)) if len(records) >= _FEWEST and share > 0 else 0
    places: dict[str, list[int]] = {"validation": [], "test": [], "train": []}
    for key in order:
        size = len(units[key])
        part = next((p for p in ("validation", "test") if len(places[p]) + size <= wanted), "train")
        places[part] += units[key]
    chosen = {part: tuple(records[at] for at in sorted(found)) for part, found in places.items()}
    return Parts(chosen["train"], chosen["validation"], chosen["test"], len(units))


def _units(records: Sequence[Record], near: Sequence[int]) -> dict[str, list[int]]:
    units: dict[str, list[int]] = defaultdict(list)
    for at, record in enumerate(records):
        units[f"group {record.group}" if record.group else f"near {near[at]:09d}"].append(at)
    return units
