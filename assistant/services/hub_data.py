"""Data sets of the Hugging Face hub as files of this machine: JSON lines of their rows, and where they are from.

Knows limits, and that rows are written as they come, into a folder that somebody else makes whole or throws away.
Refuses to judge what is in them, and to ask the network before a name is given.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from assistant.errors import DataError
from assistant.models.hub_files import Repository, look, open_file
from assistant.stores.manifests import Localized, write_atomically
from assistant.training.hub_layout import HubFile, Layout, choose
from assistant.training.hub_name import HubName, hub_name
from assistant.training.hub_rows import Fields, rows_of

ORIGIN = "origin.json"
MAX_ROWS = 20_000  # some thousands are enough for an adapter, and a report on more keeps two cores busy
MAX_BYTES = 20 * 2**20  # as much as the page takes as an upload
_TOLD = 500  # rows between two looks at how far it is


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a file are from.

    `commit` and `changed` are the repository's, `fetched` is when they came (ISO, UTC); `licence` is "" where the hub
    says none. `cut`: the data set has more rows than these.
    """

    repository: str
    config: str
    split: str
    commit: str
    changed: str
    licence: str
    fetched: str
    rows: int
    cut: bool

    @property
    def name(self) -> HubName:
        """The whole name: what gives the same rows again, at the same commit."""
        return HubName(self.repository, self.config, self.split)

    @property
    def words(self) -> Localized:
        """One line for people."""
        licence = Localized(
            f"licença {self.licence}" if self.licence else "o hub não informa a licença",
            f"licence {self.licence}" if self.licence else "the hub says no licence",
        )
        rows = f"{self.rows:,}"
        taken = Localized(
            f"as primeiras {rows.replace(',', '.')} linhas; há mais"
            if self.cut
            else f"{rows.replace(',', '.')} linhas",
            f"the first {rows} rows; there are more" if self.cut else f"{rows} rows",
        )
        at, day = self.commit[:12], self.fetched[:10]
        return Localized(
            f"De {self.name}, versão {at}, obtido em {day[8:10]}/{day[5:7]}/{day[:4]}, {licence.pt}: {taken.pt}.",
            f"From {self.name}, commit {at}, fetched on {day}, {licence.en}: {taken.en}.",
        )


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far it is."""

    name: str
    rows: int = 0


Fetch = Generator[Fetching, None, Path]


def fetch(text: str, folder: Path) -> Fetch:
    """Write the rows of the named data set to `<folder>/file/<name>.jsonl` and `<folder>/origin.json`; gives the file.

    Raises `DataError` for a bad name, for what is not there or cannot be read, and without a network.
    """
    name = hub_name(text)
    yield Fetching(str(name))
    repository = look(name.repository)
    layout = choose(name, [HubFile(path, size) for path, size in repository.files], repository.configs)
    path = folder / "file" / f"{layout.name.stem}.jsonl"
    path.parent.mkdir(parents=True)
    rows, cut = yield from _written(repository, layout, path)
    if not rows:
        raise DataError(
            f"{layout.name} holds no rows. Choose another.", pt=f"{layout.name} não tem linhas. Escolha outro."
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    taken = layout.name
    origin = Origin(
        taken.repository, taken.config, taken.split, repository.commit, repository.changed, repository.licence, now,
        rows, cut,
    )  # fmt: skip
    write_atomically(folder / ORIGIN, json.dumps(asdict(origin), ensure_ascii=False))
    return path


def read_origin(folder: Path) -> Origin | None:
    """What `fetch` wrote there; None where the file is from elsewhere, or the record is damaged."""
    try:
        raw: dict[str, Any] = json.loads((folder / ORIGIN).read_text("utf-8"))
        origin = Origin(**raw)
    except (OSError, ValueError, TypeError):
        return None
    return replace(origin, rows=int(origin.rows), cut=bool(origin.cut))


def _written(repository: Repository, layout: Layout, path: Path) -> Generator[Fetching, None, tuple[int, bool]]:
    """Write rows up to the limits; their number, and whether there are more."""
    rows = size = 0
    with path.open("wb") as out:
        for row in chain.from_iterable(_rows(repository, file) for file in layout.files):
            line = (json.dumps(row, ensure_ascii=False) + "\n").encode(
                "utf-8", "replace"
            )  # half a surrogate is no text
            size += len(line)
            if rows == MAX_ROWS or size > MAX_BYTES:
                return rows, True
            out.write(line)
            rows += 1
            if rows % _TOLD == 0:
                yield Fetching(str(layout.name), rows)
    return rows, False


def _rows(repository: Repository, file: HubFile) -> Generator[Fields, None, None]:
    with open_file(repository, file.path, file.size) as opened:
        yield from rows_of(opened, file.path, file.size)
