"""An adapter version exported: made in one of four forms, compared with the adapter, given a card, then renamed.

Knows the order: nothing is offered that was not run, and nothing stands under its name before it is complete.
Refuses to know how a form is made (`export_forms`), tried (`export_trial`) and described (`export_card`).

A record (also `export.json` in the export) holds: adapter, version, form, base, exported, prompts, tokens, inputs,
reference, forms (the figures of `parity` for each form that was run); the returned one also path, bytes and seconds.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import AdapterIncompatible, AdapterNotFound, InputRejected, StorageError
from assistant.models.catalog import BaseModel
from assistant.models.disk import require_space
from assistant.models.hub import TERMS
from assistant.models.provision import fingerprint
from assistant.services import parity
from assistant.services.drafts import TOPICS_FILE, topics_of
from assistant.services.export_card import Facts, notice, readme
from assistant.services.export_forms import Form, Workshop, form_of, unwritable
from assistant.services.export_trial import Engines, Trial
from assistant.services.parity import Inputs
from assistant.services.styles import STYLES_FILE
from assistant.services.training import TrainingService
from assistant.stores.manifests import Manifest, Version
from assistant.stores.registry import AdapterRegistry

_MOST_PROMPTS = 1_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for, not yet checked. `number` None takes the live version, else the newest of this base.

    A `target` that ends in .zip becomes an archive, any other a folder. `every_form` compares all four forms,
    also those that are not exported; else only this one and, on a GGUF base, the adapter on it.
    """

    name: str
    form: str
    target: Path
    number: int | None = None
    prompts: int = parity.PROMPTS
    every_form: bool = True
    language: str = "pt"


class ExportService:
    """Exports versions of the adapters of one base."""

    def __init__(
        self, registry: AdapterRegistry, training: TrainingService, base: BaseModel, models: Path, engines: Engines
    ) -> None:
        self._registry = registry
        self._training = training
        self._base = base
        self._models = models
        self._engines = engines

    def export(self, order: Order, say: Say) -> dict[str, Any]:
        """Export a version and return the record.

        Raises `InputRejected`, `AdapterNotFound`, `AdapterIncompatible`, `AdapterBroken` for one that changes nothing
        or breaks in this form, `AdapterError` for a form it cannot have, `ModelUnavailable`, `ConfigurationError` for
        a tool that is missing, `DataError`, `StorageError`.
        """
        started = time.perf_counter()
        form, target = form_of(order.form), checked_target(order.target)
        if not 0 < order.prompts <= _MOST_PROMPTS:
            raise InputRejected(
                f"{order.prompts} prompts cannot be compared: give 1 to {_MOST_PROMPTS}.",
                pt=f"Não dá para comparar {order.prompts} entradas: peça de 1 a {_MOST_PROMPTS}.",
            )
        version, manifest = self._version(order.name, order.number)
        with _hidden_neighbour(target) as hidden:
            shop = Workshop(version, self._base, self._models, hidden / "scratch", say)
            if refusal := shop.refusal(form):
                raise refusal
            folder = hidden / f"{version.adapter}-{version.number:04d}-{form}"
            others = [other for other in Form if order.every_form and other is not form]
            needed = shop.size(form) * (2 if _is_archive(target) else 1) + sum(map(shop.size, others)) + shop.base_size
            require_space(hidden.parent, needed, ("choose another place", "escolha outro lugar"))
            trial = Trial(self._registry.card(order.name), shop, self._engines, say)
            inputs = parity.own_inputs(trial.card, self._training, order.prompts, topics_of(version))
            artefact, figures = trial.run(form, folder, inputs, order.every_form)
            record = self._record(version, form, inputs, figures)
            facts = Facts(
                trial.card, manifest, self._base, form, artefact.name if artefact.is_file() else "",
                record, record["exported"],
            )  # fmt: skip
            self._describe(folder, facts, shop, order.language)
            size = _offered(folder, target)
        seconds = round(time.perf_counter() - started, 1)
        return {**record, "path": str(target), "bytes": size, "seconds": seconds}

    def _version(self, name: str, number: int | None) -> tuple[Version, Manifest]:
        """The version that is meant, whole and of this very base."""
        card = self._registry.card(name)  # says that there is none
        if number is None:
            fitting = [v for v in self._registry.versions(name) if v.base == self._base.name]
            live = [v for v in fitting if v.number == card.active]
            if not fitting:
                raise AdapterNotFound(
                    f"Adapter {name!r} has no version of {self._base.name}. Train one: "
                    f"python -m assistant train {name}",
                    pt=f"O adaptador {name!r} não tem versão para {self._base.name}. Treine uma: "
                    f"python -m assistant train {name}",
                )
            version = (live or fitting)[-1]
        else:
            version = self._registry.version(name, number)
        manifest = self._registry.manifest(version)
        if manifest.base != self._base.name or manifest.base_fingerprint != fingerprint(self._base, self._models):
            raise AdapterIncompatible(
                f"{version.key} was trained on the base {manifest.base}, and the selected one is {self._base.name}. "
                f"Set ASSISTANT_BASE_MODEL to its base, or train it again: python -m assistant train {name}",
                pt=f"{version.key} foi treinado para o modelo base {manifest.base}, e o escolhido é {self._base.name}. "
                f"Aponte ASSISTANT_BASE_MODEL para a base dele, ou treine-o de novo: python -m assistant train {name}",
            )
        self._registry.verify(version)
        return version, manifest

    def _record(
        self, version: Version, form: Form, inputs: Inputs, figures: Mapping[str, Mapping[str, float]]
    ) -> dict[str, Any]:
        return {
            "adapter": version.adapter,
            "version": version.label,
            "form": str(form),
            "base": self._base.name,
            "exported": datetime.now(UTC).isoformat(timespec="seconds"),
            "prompts": len(inputs.prompts),
            "tokens": parity.TOKENS,
            "inputs": inputs.source,
            "reference": str(Form.PEFT),
            "forms": {name: dict(found) for name, found in figures.items()},
        }

    def _describe(self, folder: Path, facts: Facts, shop: Workshop, language: str) -> None:
        """Card, record and the terms of the base beside the weights."""
        try:
            (folder / "README.md").write_text(readme(facts, language), "utf-8")
            (folder / "NOTICE.txt").write_text(notice(self._base), "utf-8")
            text = json.dumps(facts.parity, ensure_ascii=False, indent=1)
            (folder / "export.json").write_text(f"{text}\n", "utf-8")
            for learned in (TOPICS_FILE, STYLES_FILE):
                if (shop.version.path / learned).is_file():
                    shutil.copyfile(shop.version.path / learned, folder / learned)
            for pattern in TERMS:
                for path in shop.checkpoint.glob(pattern):
                    shutil.copyfile(path, folder / f"base-{path.name}")
        except OSError as error:
            raise unwritable(folder, error) from error


def checked_target(path: Path) -> Path:
    """The absolute path of an export that is not there yet, in a folder that is; raises `StorageError`."""
    target = path.expanduser().absolute()
    if not target.parent.is_dir():
        raise StorageError(
            f"The folder {target.parent} for the export does not exist. Make it, or choose another place.",
            pt=f"A pasta {target.parent} para a exportação não existe. Crie-a ou escolha outro lugar.",
        )
    if os.path.lexists(target):
        raise StorageError(
            f"{target} is there already, and an export replaces nothing. Choose another name, or remove it.",
            pt=f"{target} já existe, e a exportação não substitui nada. Escolha outro nome ou remova-o.",
        )
    return target


def _is_archive(target: Path) -> bool:
    return target.suffix.lower() == ".zip"


@contextmanager
def _hidden_neighbour(target: Path) -> Iterator[Path]:
    """A folder beside the target to work in, gone afterwards; what killed exports to this target left goes, too."""
    import psutil

    prefix = f".{target.name}.exporting-"
    for left in target.parent.glob(f"{glob.escape(prefix)}*"):
        number = left.name.removeprefix(prefix)
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    hidden = target.with_name(f"{prefix}{os.getpid()}")
    try:
        (hidden / "scratch").mkdir(parents=True)
    except OSError as error:
        raise unwritable(hidden, error) from error
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _offered(folder: Path, target: Path) -> int:
    """Give the finished folder its name, as it is or as an archive; returns the bytes of the result."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        for path in files:
            path.chmod(0o644)  # libraries write weights for the owner alone
        made = folder
        if _is_archive(target):
            made = folder.with_suffix(".zip")
            with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:  # weights do not shrink
                for path in files:
                    archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
        size = made.stat().st_size if made.is_file() else sum(path.stat().st_size for path in files)
        checked_target(target)  # nobody else has taken the name meanwhile
        made.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            checked_target(target)
        raise unwritable(target, error) from error
    return size
