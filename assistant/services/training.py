"""From a recipe to a registered version: data, job, conversion, judgement, manifest.

Knows the order of these steps and that a version, once published, never changes. Refuses to know the loop and
the formats of data.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError, StorageError
from assistant.models.catalog import BaseModel
from assistant.models.gguf_export import export_adapter_gguf
from assistant.models.provision import fingerprint, provision_checkpoint
from assistant.services.adapters import LiveAdapter
from assistant.stores.manifests import AdapterRegistry, Manifest, Version, check_name, sha256_of
from assistant.training.config import Recipe, read_recipe
from assistant.training.dataset import Example, data_hash, split
from assistant.training.formats import read_examples
from assistant.training.job import Report, Step, TrainingRun, Validation
from assistant.training.public_data import locate

_LIBRARIES = ("torch", "transformers", "peft", "gguf")
_VALIDATION_SHARE = 0.05  # of the training data, where a recipe names no validation files
_MAX_VALIDATION = 150  # examples; the curve needs no more, and each look costs time
Judge = Callable[[LiveAdapter, Path], Mapping[str, Any]]
PUBLIC = "public:"  # prefix of files that lie in the folder of public data sets


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a recipe reads: examples to learn from and to watch the loss on."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]


class TrainingService:
    """Trains adapters of one base."""

    def __init__(self, registry: AdapterRegistry, base: BaseModel, var: Path, public_data: Path, judge: Judge) -> None:
        """`judge` runs a candidate, not yet registered, over a data file and returns its figures."""
        self._registry = registry
        self._base = base
        self._var = var
        self._public = public_data
        self._judge = judge

    def data(self, name: str) -> TrainingData:
        """Read the data of an adapter's recipe; raises `DataError` naming file and line."""
        card, recipe = self._registry.card(name), self._recipe(name)
        seed = recipe.training.seed
        examples = read_examples(card, recipe.data.source, self._paths(name, recipe.data.files), seed)
        if recipe.data.limit:
            examples = examples[: recipe.data.limit]
        if recipe.data.validation:
            paths = self._paths(name, recipe.data.validation)
            held_out = read_examples(card, recipe.data.source, paths, seed)
        else:
            examples, held_out = split(examples, _VALIDATION_SHARE, seed)
        return TrainingData(tuple(examples), tuple(held_out[:_MAX_VALIDATION]))

    def train(self, name: str, progress: Callable[[str], None], job: str = "") -> Version:
        """Train a new version of an adapter, or go on with a killed job; returns the version, not yet live.

        Raises `ConfigurationError`, `DataError`, `ModelUnavailable`, `StorageError`.
        """
        recipe = self._recipe(name)
        data = self.data(name)
        checkpoint = provision_checkpoint(self._base, self._var / "models", progress)
        folder = self._job_folder(name, job)
        progress(f"{len(data.train)} examples, {len(data.validation)} for validation; job {folder.name}")
        header: dict[str, object] = {
            "adapter": name,
            "base": self._base.name,
            "data_hash": data_hash(data.train),
            "recipe": asdict(recipe),
        }
        self._open_job(folder, header)
        with (folder / "events.jsonl").open("a", encoding="utf-8", buffering=1) as log:
            run = TrainingRun(folder, checkpoint, recipe, self._base.target_modules, _reporter(log.write, progress))
            trained = run.run(data.train, data.validation, self._base.name)
        staged = self._stage(name, trained, checkpoint)
        evaluation: Mapping[str, Any] = {}
        if recipe.data.test:
            progress(f"judging version {staged.number} on {recipe.data.test}")
            (test,) = self._paths(name, [recipe.data.test])
            evaluation = self._judge(LiveAdapter(self._registry.card(name), staged), test)
        return self._publish(staged, str(header["data_hash"]), evaluation)

    def _stage(self, name: str, trained: Path, checkpoint: Path) -> Version:
        """A trained PEFT folder and its GGUF twin in a folder that is no version yet."""
        number = self._registry.next_number(name)
        folder = self._registry.folder / name / "versions" / f".{number:04d}-staged"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copyfile(trained / file, folder / file)
        except OSError as error:
            raise StorageError(
                f"The version folder {folder} could not be written: {error}. Free space and go on with the same --job.",
                pt=f"Não foi possível gravar {folder}. Libere espaço e continue com o mesmo --job.",
            ) from error
        export_adapter_gguf(folder, checkpoint, folder / "adapter.gguf")
        return Version(name, number, self._base.name, folder)

    def _publish(self, staged: Version, digest: str, evaluation: Mapping[str, Any]) -> Version:
        manifest = Manifest(
            adapter=staged.adapter,
            number=staged.number,
            base=staged.base,
            base_fingerprint=fingerprint(self._base, self._var / "models"),
            data_hash=digest,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            files={path.name: sha256_of(path) for path in sorted(staged.path.iterdir())},
            libraries={library: package_version(library) for library in _LIBRARIES},
            scores={key: float(value) for key, value in evaluation.items() if isinstance(value, (int, float))},
        )
        return self._registry.publish(staged.path, manifest, evaluation)

    def jobs(self) -> list[Path]:
        """Job folders, newest first."""
        folder = self._var / "jobs"
        return sorted((p.parent for p in folder.glob("*/job.json")), reverse=True)

    def _recipe(self, name: str) -> Recipe:
        return read_recipe(self._registry.folder / check_name(name, "an adapter") / "recipe.toml")

    def _paths(self, name: str, files: Sequence[str]) -> list[Path]:
        own = (self._registry.folder / name).resolve()
        paths = []
        for file in files:
            relative = Path(file.removeprefix(PUBLIC))
            if relative.is_absolute() or ".." in relative.parts:
                raise ConfigurationError(f"The data file {file!r} of {name} must lie below its folder.")
            if file.startswith(PUBLIC):
                paths.append(locate(str(relative), self._public, self._var / "data"))
            else:
                paths.append(own / relative)
        return paths

    def _job_folder(self, name: str, job: str) -> Path:
        label = job or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}"
        return self._var / "jobs" / check_name(label, "a job")

    def _open_job(self, folder: Path, header: dict[str, object]) -> None:
        path = folder / "job.json"
        text = json.dumps(header, ensure_ascii=False, indent=1)
        if path.is_file() and path.read_text("utf-8") != text:
            raise ConfigurationError(
                f"The job {folder.name} was started with other data or settings. Start a new job without --job."
            )
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _reporter(write: Callable[[str], int], progress: Callable[[str], None]) -> Report:
    """Events to the job's log, and one readable line in ten steps."""

    def report(event: Step | Validation) -> None:
        write(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}) + "\n")
        if isinstance(event, Validation):
            progress(f"step {event.step}: validation loss {event.loss:.4f}")
        elif event.step % 10 == 0 or event.step == event.steps:
            left = event.seconds / event.step * (event.steps - event.step)
            progress(
                f"step {event.step}/{event.steps} loss {event.loss:.4f} lr {event.learning_rate:.1e} "
                f"{event.tokens_per_second:.0f} tokens/s, {left / 60:.0f} min left"
            )

    return report
