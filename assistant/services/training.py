"""From a recipe to a registered version: data, job, conversion, judgement, manifest.

Knows the order of these steps and that a version, once published, never changes. Refuses to know the loop and
the formats of data.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, Protocol

from assistant.errors import ConfigurationError, StorageError
from assistant.models.catalog import BaseModel, Source
from assistant.models.gguf_export import export_adapter_gguf
from assistant.models.provision import fingerprint, provision_checkpoint, ready_checkpoint
from assistant.models.style import Styles
from assistant.models.topics import Topics
from assistant.services.drafts import keep_topics
from assistant.services.job_files import Phase
from assistant.services.residence import LiveAdapter
from assistant.services.styles import keep_styles
from assistant.stores.manifests import Manifest, Version, check_name, sha256_of, write_atomically
from assistant.stores.registry import AdapterRegistry
from assistant.training.config import LoraSettings, Recipe, TrainingSettings, changed, read_recipe
from assistant.training.dataset import Example, data_hash, split, without
from assistant.training.formats import read_examples
from assistant.training.job import Reach, Report, Sample, Step, TrainingRun, Validation
from assistant.training.outlines import learned_styles, learned_topics, outlined
from assistant.training.processes import here
from assistant.training.public_data import locate, not_here, present

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
    topics: Topics | None = None  # what written replies take up
    styles: Styles | None = None  # what they can be asked for


class TrainingService:
    """Trains adapters of one base."""

    def __init__(self, registry: AdapterRegistry, base: BaseModel, var: Path, public_data: Path, judge: Judge) -> None:
        """`judge` runs a candidate, not yet registered, over a data file and returns its figures."""
        self._registry = registry
        self._base = base
        self._var = var
        self._public = public_data
        self._judge = judge

    def trainable(self) -> list[str]:
        """Names of the adapters that have a recipe."""
        return [name for name in self._registry.names() if (self._registry.folder / name / "recipe.toml").is_file()]

    def recipe(self, name: str, overrides: Mapping[str, object] | None = None) -> Recipe:
        """An adapter's recipe with single settings changed; raises `AdapterNotFound`, `ConfigurationError`."""
        self._registry.card(name)  # says that there is none
        recipe = read_recipe(self._registry.folder / check_name(name, "an adapter") / "recipe.toml")
        wanted = changed(recipe, overrides or {})
        if wanted.lora.use_dora and self._base.source in (Source.PACKAGE, Source.GGUF):
            raise ConfigurationError(
                f"use_dora cannot be used on {self._base.name}: the format of its adapters has no DoRA. Turn it off.",
                pt=f"use_dora não serve para {self._base.name}: o formato dos adaptadores não tem DoRA. Desligue-o.",
            )
        return wanted

    def tokenizer_file(self) -> Path | None:
        """The base's tokenizer.json, None while its checkpoint is not on this machine."""
        checkpoint = ready_checkpoint(self._base, self._var / "models")
        file = checkpoint / "tokenizer.json" if checkpoint else None
        return file if file and file.is_file() else None

    def data(self, name: str, overrides: Mapping[str, object] | None = None, *, fetch: bool = True) -> TrainingData:
        """Read the data of an adapter's recipe; raises `DataError` naming file and line.

        Without `fetch` the network is left alone: a public file that is not here yet is a `DataError`, too.
        """
        card, recipe = self._registry.card(name), self.recipe(name, overrides)
        seed = recipe.training.seed
        examples = read_examples(card, recipe.data.source, self._paths(name, recipe.data.files, fetch), seed)
        examples, kept = without(examples, recipe.data.held_out)
        if 0 < recipe.data.limit < len(examples):  # spread over the files, which may hold one kind of example each
            examples = [examples[i * len(examples) // recipe.data.limit] for i in range(recipe.data.limit)]
        if recipe.data.validation:
            paths = self._paths(name, recipe.data.validation, fetch)
            held_out = read_examples(card, recipe.data.source, paths, seed)
        elif kept:
            held_out = random.Random(seed).sample(kept, len(kept))  # noqa: S311  # no secret: a reproducible order
        else:
            examples, held_out = split(examples, _VALIDATION_SHARE, seed)
        topics, styles = learned_topics(card, examples), learned_styles(card, examples)
        shown = outlined(card, examples, topics, styles, seen=True)
        watched = outlined(card, held_out[:_MAX_VALIDATION], topics, styles)
        return TrainingData(tuple(shown), tuple(watched), topics, styles)

    def at_hand(self, name: str) -> list[Example]:
        """Training examples that can be shown at once: of an adapter's own files, else of public ones already here.

        Raises `AdapterNotFound`, `ConfigurationError`, `DataError`.
        """
        card, recipe = self._registry.card(name), self.recipe(name)
        own = [file for file in recipe.data.files if not file.startswith(PUBLIC)]
        paths = self._paths(name, own or recipe.data.files, fetch=False)
        return read_examples(card, recipe.data.source, paths, recipe.training.seed)

    def test_file(self, name: str, fetch: bool = True) -> Path | None:
        """The rows that versions of an adapter are judged on: the recipe's test file, else its validation file.

        None where the recipe names neither; then `data` splits some off. `fetch` as in `data`. Raises
        `ConfigurationError`.
        """
        data = self.recipe(name).data
        paths = self._paths(name, [data.test] if data.test else data.validation[:1], fetch)
        return paths[0] if paths else None

    def train(
        self,
        name: str,
        progress: Callable[[str], None],
        job: str = "",
        overrides: Mapping[str, object] | None = None,
        control: Control | None = None,
    ) -> Version:
        """Train a new version of an adapter, or go on with a killed job; returns the version, not yet live.

        `overrides` are settings that differ from the recipe; `control` may stop the run between two steps.
        Raises `ConfigurationError`, `DataError`, `ModelUnavailable`, `StorageError`, `TrainingStopped`.
        """
        control = control or _Unattended()
        recipe = self.recipe(name, overrides)
        data = self.data(name, overrides)
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
            run = self._run(name, (folder, checkpoint, recipe), event_log(log.write, progress))
            control.phase(Phase.TRAINING)
            here().told((folder, dict(overrides or {})))  # the other processes begin
            trained = run.run(data.train, data.validation, self._base.name, control.should_stop)
        control.phase(Phase.JUDGING)
        staged = self._stage(name, trained, checkpoint, data)
        evaluation: Mapping[str, Any] = {}
        if recipe.data.test:
            progress(f"judging version {staged.number} on {recipe.data.test}")
            (test,) = self._paths(name, [recipe.data.test])
            evaluation = self._judge(LiveAdapter(self._registry.card(name), staged), test)
        return self._publish(staged, str(header["data_hash"]), evaluation)

    def assist(self, name: str, progress: Callable[[str], None]) -> None:
        """Make the steps of a training that another process of `accelerate launch` leads; writes nothing but the base.

        Waits until that one is ready. Raises `ConfigurationError`, `DataError`, `ModelUnavailable`, `StorageError`,
        `TrainingStopped`.
        """
        nothing: tuple[Path, dict[str, object]] = Path(), {}
        folder, overrides = here().told(nothing)
        recipe, data = self.recipe(name, overrides), self.data(name, overrides)
        checkpoint = provision_checkpoint(self._base, self._var / "models", progress)
        run = self._run(name, (folder, checkpoint, recipe), lambda event: None)
        run.run(data.train, data.validation, self._base.name)

    def _run(self, name: str, place: tuple[Path, Path, Recipe], report: Report) -> TrainingRun:
        ending = self._registry.card(name).template.rpartition("}")[2]  # what stands after the last field
        return TrainingRun(*place, Reach(self._base.target_modules, ending), report)

    def _stage(self, name: str, trained: Path, checkpoint: Path, data: TrainingData) -> Version:
        """A trained PEFT folder, its GGUF twin, and what was learned beside it, in a folder that is no version yet."""
        number = self._registry.next_number(name)
        folder = self._registry.folder / name / "versions" / f".{number:04d}-staged"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copyfile(trained / file, folder / file)
            if data.topics:
                keep_topics(data.topics, folder)
            if data.styles:
                keep_styles(data.styles, folder)
        except OSError as error:
            raise StorageError(
                f"The version folder {folder} could not be written: {error}. Free space and go on with the same --job.",
                pt=f"Não foi possível gravar {folder}. Libere espaço e continue com o mesmo --job.",
            ) from error
        if not json.loads((folder / "adapter_config.json").read_text("utf-8")).get("use_dora"):
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

    def _paths(self, name: str, files: Sequence[str], fetch: bool = True) -> list[Path]:
        own = (self._registry.folder / name).resolve()
        paths = []
        for file in files:
            relative = Path(file.removeprefix(PUBLIC))
            if relative.is_absolute() or ".." in relative.parts:
                raise ConfigurationError(f"The data file {file!r} of {name} must lie below its folder.")
            paths.append(self._public_file(str(relative), fetch) if file.startswith(PUBLIC) else own / relative)
        return paths

    def _public_file(self, name: str, fetch: bool) -> Path:
        places = self._public, self._var / "data"
        if fetch:
            return locate(name, *places)
        there = present(name, *places)
        if there is None:
            raise not_here(name)
        return there

    def _job_folder(self, name: str, job: str) -> Path:
        label = job or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}"
        return self._var / "jobs" / check_name(label, "a job")

    def _open_job(self, folder: Path, header: dict[str, object]) -> None:
        path = folder / "job.json"
        text = json.dumps(header, ensure_ascii=False, indent=1)
        if path.is_file() and _with_defaults(json.loads(path.read_text("utf-8"))) != json.loads(text):
            raise ConfigurationError(
                f"The job {folder.name} was started with other data or settings. Start a new job without --job.",
                pt=f"O treino {folder.name} foi iniciado com outros dados ou ajustes. Inicie um treino novo.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


class Control(Protocol):
    """What the process of a training lends to it."""

    def phase(self, phase: Phase) -> None:
        """Told what is being done; may raise `KeyboardInterrupt`."""
        ...

    def should_stop(self) -> bool:
        """Asked between two steps."""
        ...


class _Unattended:
    """The control of a training that nobody watches."""

    def phase(self, phase: Phase) -> None:
        """Nobody is told."""

    def should_stop(self) -> bool:
        """Nobody stops it."""
        return False


def _with_defaults(header: dict[str, Any]) -> dict[str, Any]:
    """A job's header with the settings that recipes did not have when it was written."""
    recipe = header.get("recipe", {})
    for section, defaults in (("lora", LoraSettings()), ("training", TrainingSettings())):
        recipe[section] = asdict(defaults) | recipe.get(section, {})
    recipe["data"] = {"held_out": []} | recipe.get("data", {})
    return header


def event_log(write: Callable[[str], int], progress: Callable[[str], None]) -> Report:
    """Events to the job's log, and one readable line in ten steps."""
    before: list[int] = []  # steps made before this start; `seconds` of a step counts from this start

    def report(event: Step | Validation | Sample) -> None:
        write(json.dumps({"event": type(event).__name__.lower(), **asdict(event)}) + "\n")
        if isinstance(event, Step) and not before:
            before.append(event.step - 1)
        if isinstance(event, Validation):
            progress(f"step {event.step}: validation loss {event.loss:.4f}")
        elif isinstance(event, Step) and (event.step % 10 == 0 or event.step == event.steps):
            left = event.seconds / (event.step - before[0]) * (event.steps - event.step)
            progress(
                f"step {event.step}/{event.steps} loss {event.loss:.4f} lr {event.learning_rate:.1e} "
                f"{event.tokens_per_second:.0f} tokens/s, {left / 60:.0f} min left"
            )

    return report
