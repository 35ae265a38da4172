"""A data set that somebody brought to the page, until it becomes an adapter: the file, and what was said of it.

Keeps one for each visitor under `var/datasets/<key>/`, so that a reload or a restart shows the same. Knows that
a file comes in whole or not at all. Refuses to judge what is in it: `datasets` reads and reports.

    file/<its name>     as it came (of a brat pair: a folder)
    origin.json         where it is from, of a data set of the hub
    choice.json         what was said of it, written last
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from assistant.errors import ConfigurationError, DataError
from assistant.services.dataset_files import written
from assistant.services.datasets import Adopted, DataSetService
from assistant.services.hub_data import Fetching, fetch, read_origin
from assistant.services.intake_choice import (
    Choice,
    Intake,
    gone,
    kind_of,
    likely,
    mapping_of,
    new_adapter,
    said_of,
)
from assistant.services.intake_files import copied
from assistant.stores.manifests import Localized, write_atomically
from assistant.training.columns import Columns, columns_of
from assistant.training.drafts import proposed_template
from assistant.training.records import read_records
from assistant.training.report import Study

_KEPT_S = 30 * 24 * 3600.0  # a data set that nobody came back to; it may hold personal data
_STUDIES = 8  # reports kept in memory
_LONGEST = 4_000  # characters of what is typed into one field


class IntakeService:
    """The data sets that visitors brought; `owner` is a visitor's key, which only that browser knows."""

    def __init__(self, datasets: DataSetService, folder: Path) -> None:
        self._datasets = datasets
        self._folder = folder
        self._studies: OrderedDict[tuple[object, ...], tuple[str, Study]] = OrderedDict()
        self._columns: dict[tuple[int, ...], Columns] = {}
        self._lock = threading.Lock()
        with suppress(OSError):  # a folder that cannot be read is told of when somebody brings something
            self._sweep()

    def bring(self, owner: str, files: Sequence[Path]) -> None:
        """Take a file, or the .txt and .ann of a brat set, in the place of what was there before.

        Raises `DataError` for what cannot be read; nothing of it is kept then, and the earlier one stays.
        """
        place = self._place(owner)
        with self._staged(place) as staged:
            self._begin(staged, copied(files, staged / "file"))

    def bring_named(self, owner: str, name: str) -> Iterator[Fetching]:
        """The same with a data set of the hub, by its name; tells how far it is. Who stops asking, cancels it.

        Raises `DataError` for what is no name or cannot be had, among them every name where there is no network.
        """
        place = self._place(owner)
        with self._staged(place) as staged:
            self._begin(staged, (yield from fetch(name, staged)))
            if origin := read_origin(staged):  # the last chance to stop: nothing has changed yet
                yield Fetching(str(origin.name), origin.rows)

    def fetched(self, name: str) -> Generator[Fetching, None, Path]:
        """A data set of the hub for who has no page: the file, kept like those of visitors, its origin beside it."""
        place = self._place(f"hub {name}")
        with self._staged(place) as staged:
            path = yield from fetch(name, staged)
        return place / path.relative_to(staged)

    @contextmanager
    def _staged(self, place: Path) -> Iterator[Path]:
        """A folder that takes the place of `place` once it is whole, and is gone where it does not come to that."""
        with written(place):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with tempfile.TemporaryDirectory(prefix=".staged-", dir=self._folder) as staging:
                staged = Path(staging) / "set"
                yield staged
                with self._lock:
                    if place.exists():
                        os.rename(place, Path(staging) / "before")
                    os.rename(staged, place)

    def _begin(self, staged: Path, path: Path) -> None:
        """Read what came, once, and say of it what is plain."""
        columns = self._columns_of(path)
        found = read_records(path, columns.proposed) if columns.plain else None
        self._write(staged, Choice(likely(found), columns.proposed))

    def state(self, owner: str) -> Intake | None:
        """What this visitor brought, with its report; None where there is nothing. Who looks, keeps it."""
        place = self._place(owner)
        said = said_of(place)
        if said is None:
            return None
        with suppress(OSError):  # gone meanwhile, or a disk that is only read
            os.utime(place)
        try:
            said = self._aimed(said)
            return self._studied(replace(said, columns=self._columns_of(said.path)))
        except DataError as error:
            return replace(said, problem=Localized.of(error)) if said.path.exists() else None
        except FileNotFoundError:  # gone meanwhile
            return None

    def choose(self, owner: str, kind: str, columns: Sequence[str]) -> None:
        """Say what it is to teach and which columns hold input, output and group ("" for none).

        Raises `DataError` for a kind or a column that there is not; nothing has changed then.
        """
        now = self._there(owner)
        mapping = mapping_of(columns, now)
        aimed = self._aimed(replace(now, choice=replace(now.choice, kind=kind_of(kind), mapping=mapping)))
        choice = aimed.choice
        self._try(aimed)
        self._change(
            owner, now, lambda latest: replace(latest, kind=choice.kind, mapping=mapping, adapter=choice.adapter)
        )

    def aim(self, owner: str, adapter: str) -> None:
        """Say whose data it is to be added to; empty: a new adapter is to be made. Raises `DataError`."""
        now = self._there(owner)
        if adapter and adapter not in now.targets:
            raise DataError(
                f"The data cannot be added to {adapter!r}. Adapters of this kind: {', '.join(now.targets) or 'none'}.",
                pt=f"Estes dados não podem ser juntados a {adapter!r}. Adaptadores deste tipo: "
                f"{', '.join(now.targets) or 'nenhum'}.",
            )
        self._try(replace(now, choice=replace(now.choice, adapter=adapter)))
        self._change(owner, now, lambda latest: replace(latest, adapter=adapter))

    def _try(self, wanted: Intake) -> None:
        """Raise what keeps the set from being studied like this."""
        try:
            self._studied(wanted)
        except (DataError, FileNotFoundError) as error:
            if wanted.path.exists():
                raise
            raise gone() from error

    def describe(self, owner: str, title: str, name: str, template: str) -> None:
        """Keep what was typed of the adapter to be, whether or not it will do; the proposed template is no choice."""
        now = self._there(owner)
        own = template[:_LONGEST] if template.strip() else ""
        if own.strip() == now.template.strip():  # as it stands there, typed before or proposed
            own = now.choice.template
        words, known = title[:_LONGEST], name[:_LONGEST]
        self._change(owner, now, lambda latest: replace(latest, title=words, name=known, template=own))

    def check_name(self, name: str) -> None:
        """Raise `ConfigurationError` for a name that no new adapter can have."""
        self._datasets.check_free(name)

    def add(self, owner: str) -> Adopted:
        """Add the rows to the data of the adapter that was chosen; they are its own then, and go from here.

        Raises `DataError` where none was chosen or nothing of them can be used.
        """
        now = self._there(owner)
        if not now.choice.adapter:
            raise DataError(
                "Choose first the adapter whose data the rows are to be added to.",
                pt="Antes, escolha o adaptador a cujos dados as linhas devem ser juntadas.",
            )
        made = self._datasets.adopt(now.choice.adapter, self._named(now).path, now.choice.mapping)
        self.drop(owner)
        return made

    def create(self, owner: str) -> Adopted:
        """Make the adapter that was described; the data set is the adapter's own then, and goes from here.

        Raises `DataError` for data that cannot be used, `ConfigurationError` for a name or words that will not do.
        """
        now = self._named(self._there(owner))
        made = self._datasets.create(new_adapter(now.choice, now.template, now.origin), now.path, now.choice.mapping)
        self.drop(owner)
        return made

    def _named(self, now: Intake) -> Intake:
        """The set, if its columns are named; raises `DataError`."""
        if now.study is None:
            raise DataError(
                f"{now.path.name}: say first which column holds the input and which one the output.",
                pt=f"{now.path.name}: antes, diga qual coluna é a entrada e qual é a saída.",
            )
        return now

    def drop(self, owner: str) -> None:
        """Remove what this visitor brought."""
        with self._lock:
            shutil.rmtree(self._place(owner), ignore_errors=True)

    def _aimed(self, now: Intake) -> Intake:
        """With the adapters of its kind; one that is of another kind, or gone, is no longer chosen."""
        targets = tuple(name for name, kind in self._datasets.targets().items() if kind is now.choice.kind)
        chosen = now.choice.adapter if now.choice.adapter in targets else ""
        return replace(now, targets=targets, choice=replace(now.choice, adapter=chosen))

    def _there(self, owner: str) -> Intake:
        now = self.state(owner)
        if now is None:
            raise gone()
        return now

    def _change(self, owner: str, seen: Intake, change: Callable[[Choice], Choice]) -> None:
        """Change what was said last, with nobody in between; raises `DataError` where another set has come."""
        place = self._place(owner)
        with self._lock:
            said = said_of(place)
            if said is None or (said.path, said.size) != (seen.path, seen.size):
                raise gone()
            self._write(place, change(said.choice))

    def _place(self, owner: str) -> Path:
        if not owner:
            raise ConfigurationError("Load the page again.", pt="Recarregue a página.")
        return self._folder / hashlib.sha256(owner.encode()).hexdigest()[:32]

    def _studied(self, now: Intake) -> Intake:
        """With the report, from memory where nothing has changed; without one while columns have to be named."""
        choice = now.choice
        if choice.mapping and not (choice.mapping.input and choice.mapping.output):
            return now
        beside = (choice.adapter, *self._datasets.revision(choice.adapter)) if choice.adapter else ()
        file = (str(now.path), now.path.stat().st_mtime_ns, now.size)
        key = (*file, choice.kind, choice.mapping, choice.template, beside)
        known = self._studies.pop(key, None)
        if known is None:
            found = read_records(now.path, choice.mapping)
            template = choice.template or proposed_template(choice.kind, found)
            target = choice.adapter or new_adapter(choice, template)
            known = template, self._datasets.study(target, now.path, choice.mapping, found=found)
        self._studies[key] = known
        while len(self._studies) > _STUDIES:
            self._studies.popitem(last=False)
        return replace(now, template=known[0], study=known[1])

    def _columns_of(self, path: Path) -> Columns:
        found = path.stat()
        key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)  # the same before and after a renaming
        known = self._columns.get(key) or columns_of(path)
        self._columns = {key: known}  # one is enough: looks at the page come in a row
        return known

    def _write(self, place: Path, choice: Choice) -> None:
        with written(place):
            try:
                write_atomically(place / "choice.json", json.dumps(asdict(choice), ensure_ascii=False))
            except FileNotFoundError as error:
                raise gone() from error

    def _sweep(self) -> None:
        """Data sets that nobody came back to, and what a killed process left half-way."""
        with self._lock:
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # another visitor's, gone meanwhile
                    if time.time() - path.stat().st_mtime > _KEPT_S:
                        shutil.rmtree(path, ignore_errors=True)
