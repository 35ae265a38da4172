"""From a file somebody has to the data of an adapter: examined, shown, adopted, or the beginning of a new one.

Knows that everything is checked before anything is written, and that what was written goes again when a
later step fails. What is kept are JSON lines in UTF-8, one file for each part of the split, so that the
columns somebody chose, the encoding and the split are settled once. Refuses to train.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.errors import AssistantError, ConfigurationError, DataError
from assistant.models.tokens import TokenCounter
from assistant.services.additions import Addition, DataFile, FindPublic, extended, known_data, listed, own_file, without
from assistant.services.dataset_files import free_path, place, safe_stem, taken, write_all, write_new, written
from assistant.stores.cards import faults_of
from assistant.stores.manifests import WITHOUT_INPUT, Card, Localized, check_name, write_atomically
from assistant.stores.registry import AdapterRegistry
from assistant.training import across
from assistant.training.config import Recipe, TrainingSettings, read_recipe
from assistant.training.drafts import NewAdapter, draft_card, lines_of, recipe_text
from assistant.training.findings import Severity
from assistant.training.parts import divide
from assistant.training.records import Mapping, Record, RecordSet, is_whole, read_records
from assistant.training.report import DataReport, PreviewItem, ReportOptions, Study, named_rows, preview, report
from assistant.types import AdapterKind

_EXTENDED = ("records", "pairs", "conll")  # sources whose files "records" reads alike
_SHARE = 0.1  # of the records for validation, and as much for the test

Target = str | AdapterKind | Card | NewAdapter
Parts = dict[str, tuple[Record, ...]]  # train, validation, test: those that hold anything


@dataclass(frozen=True, slots=True)
class Adopted:
    """The data set as an adapter has it now: the files that were written, and the report on it."""

    adapter: str
    files: tuple[Path, ...]
    report: DataReport


class DataSetService:
    """Data sets for the adapters of one folder."""

    def __init__(
        self,
        registry: AdapterRegistry,
        counter: Callable[[], TokenCounter],
        public: FindPublic = lambda name: None,
    ) -> None:
        """`counter` gives the token counter; it is asked once, when it is first needed. `public` finds public files."""
        self._registry = registry
        self._public = public
        self._make_counter = counter
        self._counter: TokenCounter | None = None
        self._lock = threading.Lock()  # two data sets for one recipe, one after the other

    def examine(self, target: Target, path: Path, mapping: Mapping | None = None) -> DataReport:
        """What a file holds as data of an adapter (by name or card), or of one that is yet to be.

        Raises `DataError` for a file that cannot be read, naming line and value; everything else is a finding.
        """
        return self._examined(target, *self._open(target, path, mapping))

    def study(
        self,
        target: Target,
        path: Path,
        mapping: Mapping | None = None,
        n: int = 3,
        found: RecordSet | None = None,
    ) -> Study:
        """`examine` and `preview` in one reading, with the texts of the rows that the findings name.

        `found` are the records of the file where it was read already.
        """
        found, card = self._open(target, path, mapping, found)
        result = self._examined(target, found, card)
        shown = preview(found.records, card, n) if result.ok else ()
        return Study(result, shown, named_rows(found.records, result))

    def preview(
        self, target: Target, path: Path, mapping: Mapping | None = None, n: int = 3
    ) -> tuple[PreviewItem, ...]:
        """Exactly what the model will see of `n` records from all over the file."""
        found, card = self._open(target, path, mapping)
        return preview(found.records, card, n)

    def adopt(self, name: str, path: Path, mapping: Mapping | None = None) -> Adopted:
        """Add a data set to an adapter's recipe; its validation part too where the recipe has one.

        Rows that the adapter has already, or holds out, are left out.
        Raises `DataError` when the report has errors or the recipe reads something else; nothing has changed then.
        """
        with self._lock:
            found, card = self._open(name, path, mapping)
            recipe = self._recipe(name)
            if recipe is None:
                return self._begin(card, found, path)
            if recipe.data.source not in _EXTENDED:
                raise DataError(
                    f"The recipe of {name} reads the source {recipe.data.source!r}, whose files have a form of their "
                    f"own. Make a new adapter from {path.name} instead.",
                    pt=f"A receita de {name} lê dados do tipo {recipe.data.source!r}, que têm forma própria. Crie um "
                    f"adaptador novo a partir de {path.name}.",
                )
            result, parts = self._crossed(found, card, recipe)
            _accepted(result, path)
            return Adopted(name, self._extend(card, parts, path), result)

    def targets(self) -> dict[str, AdapterKind]:
        """The adapters whose data can be added to, with their kinds."""
        found = {}
        for name in self._registry.names():
            try:
                recipe = self._recipe(name)
                if recipe is not None and recipe.data.source in _EXTENDED:
                    found[name] = self._registry.card(name).kind
            except AssistantError:  # a card or recipe with faults: other pages tell of it
                continue
        return found

    def revision(self, name: str) -> tuple[int, ...]:
        """Another value where the card or the recipe of an adapter has changed."""
        paths = (self._registry.folder / check_name(name, "an adapter") / file for file in ("card.toml", "recipe.toml"))
        return tuple(path.stat().st_mtime_ns for path in paths if path.is_file())

    def files(self, name: str) -> tuple[DataFile, ...]:
        """The data files of an adapter's recipe; raises `AdapterNotFound`, `ConfigurationError`."""
        recipe = self._recipe_file(name)
        return listed(recipe.parent, recipe.read_text("utf-8")) if recipe.is_file() else ()

    def remove(self, name: str, file: str) -> tuple[str, ...]:
        """Undo an addition: its files go from the recipe and from the disk; returns their names.

        Raises `AdapterNotFound`, `DataError` for a file that nobody added, `StorageError`.
        """
        with self._lock:
            recipe = self._recipe_file(name)
            text, gone = without(name, recipe.read_text("utf-8") if recipe.is_file() else "[data]\n", file)
            with written(recipe.parent):
                write_atomically(recipe, text)
                for path in filter(None, (own_file(recipe.parent, each) for each in gone)):
                    path.unlink(missing_ok=True)
            return gone

    def create(self, new: NewAdapter, path: Path, mapping: Mapping | None = None) -> Adopted:
        """A new adapter, without a version yet: card, recipe and the three parts of the data.

        Raises `ConfigurationError` for a name that is unsafe or taken, `DataError` when the report has errors;
        nothing is left behind then.
        """
        self.check_free(new.name)
        target = self._registry.folder / new.name
        _check_words(new)
        found = read_records(path, mapping)
        card = draft_card(new, found.records)
        result = _accepted(self._report(found, card, None), path)
        parts = _parts(found, result, new.kind)
        card = replace(card, utterances=draft_card(new, parts["train"]).utterances)
        with written(target):
            self._registry.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".staged-", dir=self._registry.folder) as staging:
                staged = Path(staging) / new.name
                write_new(staged, card, parts, result, new.source)
                place(staged, target)
        return Adopted(new.name, tuple(sorted((target / "data").iterdir())), result)

    def check_free(self, name: str) -> None:
        """Raise `ConfigurationError` for a name that no new adapter can have: unsafe, or taken."""
        target = self._registry.folder / check_name(name, "an adapter")
        if target.exists() or target.is_symlink():
            raise taken(name)

    def _open(
        self, target: Target, path: Path, mapping: Mapping | None, found: RecordSet | None = None
    ) -> tuple[RecordSet, Card]:
        if isinstance(target, str) and not isinstance(target, AdapterKind):
            target = self._registry.card(target)  # says that there is none, before the file is read
        found = found or read_records(path, mapping)
        if isinstance(target, AdapterKind):
            words = Localized(path.stem, path.stem)
            return found, draft_card(NewAdapter("draft", target, words, words), found.records)
        if isinstance(target, NewAdapter):
            return found, draft_card(target, found.records)
        return found, target

    def _examined(self, target: Target, found: RecordSet, card: Card) -> DataReport:
        """As data of an adapter that is there its own recipe sets the limits, and its own data is beside it."""
        there = isinstance(target, str | Card) and not isinstance(target, AdapterKind)
        recipe = self._recipe(card.name) if there else None
        if recipe is not None and recipe.data.source in _EXTENDED:
            return self._crossed(found, card, recipe)[0]
        return self._report(found, card, recipe)

    def _crossed(self, found: RecordSet, card: Card, recipe: Recipe) -> tuple[DataReport, Parts]:
        """The report on a file as an addition to what the adapter has, and what of it goes where."""
        known = known_data(self._registry.folder / card.name, recipe, self._public)
        crossed = across.compare([r for r in found.records if is_whole(r)], known, card.kind)
        report = self._report(found, card, recipe)
        parts = across.parts_of(crossed, report.split.seed, report.split.share, bool(recipe.data.validation))
        return across.joined(report, crossed, parts, known), parts

    def _recipe_file(self, name: str) -> Path:
        self._registry.card(name)  # says that there is none
        return self._registry.folder / name / "recipe.toml"

    def _report(self, found: RecordSet, card: Card, recipe: Recipe | None) -> DataReport:
        if self._counter is None:
            self._counter = self._make_counter()
        settings = recipe.training if recipe else TrainingSettings()
        options = ReportOptions(
            self._counter.count, self._counter.estimated, settings.max_length, settings.seed, _SHARE
        )
        return report(found, card, options)

    def _recipe(self, name: str) -> Recipe | None:
        path = self._registry.folder / name / "recipe.toml"
        return read_recipe(path) if path.is_file() else None

    def _begin(self, card: Card, found: RecordSet, path: Path) -> Adopted:
        """The first recipe of an adapter that has only a card."""
        result = _accepted(self._report(found, card, None), path)
        folder = self._registry.folder / card.name
        files = self._files(card, _parts(found, result, card.kind), path)
        names = {part: f"data/{file.name}" for part, (file, _) in files.items()}
        write_all(dict(files.values()), folder / "recipe.toml", recipe_text(card.name, names, result))
        return Adopted(card.name, tuple(file for file, _ in files.values()), result)

    def _extend(self, card: Card, parts: Parts, path: Path) -> tuple[Path, ...]:
        recipe_path = self._registry.folder / card.name / "recipe.toml"
        files = self._files(card, parts, path)
        names = {part: f"data/{file.name}" for part, (file, _) in files.items()}
        addition = Addition(path.name, names, {part: len(rows) for part, rows in parts.items()})
        write_all(dict(files.values()), recipe_path, extended(recipe_path.read_text("utf-8"), addition))
        return tuple(file for file, _ in files.values())

    def _files(self, card: Card, parts: Parts, path: Path) -> dict[str, tuple[Path, str]]:
        """A new file and its text for each part; raises `DataError` when the adapter has this very data already."""
        folder, stem = self._registry.folder / card.name / "data", safe_stem(path.stem) or "dados"
        result = {}
        for part, records in parts.items():
            text = lines_of(records, card.kind)
            result[part] = (free_path(folder, stem if part == "train" else f"{stem}-{part}", text), text)
        return result


def _accepted(result: DataReport, path: Path) -> DataReport:
    """The report, if nothing in it keeps the data from being used; else `DataError` with all its errors."""
    if result.ok:
        return result
    errors = [item for item in result.findings if item.severity is Severity.ERROR]
    lines = [f" ({', '.join(map(str, item.lines[:5]))})" if item.lines else "" for item in errors]
    raise DataError(
        f"{path.name} is not taken: "
        + " ".join(f"{item.message.en}{at}" for item, at in zip(errors, lines, strict=True)),
        pt=f"{path.name} não foi aceito: "
        + " ".join(f"{item.message.pt}{at}" for item, at in zip(errors, lines, strict=True)),
    )


def _parts(found: RecordSet, result: DataReport, kind: AdapterKind) -> Parts:
    """The parts that hold anything. Chat is judged on questions with passages, which records do not have."""
    usable = [record for record in found.records if is_whole(record)]
    dealt = divide(usable, result.split.seed, result.split.share)
    validation, test = dealt.validation, dealt.test
    if kind is AdapterKind.CHAT:
        validation, test = validation + test, ()
    parts = {"train": dealt.train, "validation": validation, "test": test}
    return {part: records for part, records in parts.items() if records}


def _check_words(new: NewAdapter) -> None:
    """Raise `ConfigurationError` with every fault of what a person said of a new adapter."""
    words: dict[str, object] = {"title": new.title, "description": new.description}
    if new.template is not None:
        words["template"] = new.template
    faults = faults_of(words, ())
    if not all((new.title.pt.strip(), new.title.en.strip(), new.description.pt.strip(), new.description.en.strip())):
        faults.append(Localized("faltam o título ou a descrição", "the title or the description is missing"))
    if new.template is not None and "{input}" not in new.template:
        faults.append(WITHOUT_INPUT)
    if faults:
        raise ConfigurationError(
            f"The adapter {new.name} cannot be made: {'; '.join(fault.en for fault in faults)}.",
            pt=f"O adaptador {new.name} não pode ser criado: {'; '.join(fault.pt for fault in faults)}.",
        )
