"""Adapters on disk: their folders, versions and what is live.

Knows the layout `adapters/<name>/{card.toml, recipe.toml, versions/<nnnn>-<base>/}` and that a
version without `manifest.toml` (written last) does not exist. Refuses to load weights.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomlkit

from assistant.errors import AdapterBroken, AdapterNotFound, StorageError
from assistant.stores import activations
from assistant.stores.manifests import (
    Card,
    Manifest,
    Version,
    check_name,
    is_name,
    read_card,
    sha256_of,
    write_atomically,
)

_VERSION = re.compile(r"(\d{4})-([A-Za-z0-9._-]+)")


class AdapterRegistry:
    """The adapters under one folder. Holds no state: the disk is the truth."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder that holds one sub-folder for each adapter."""
        return self._folder

    def names(self) -> list[str]:
        """Names of all adapters that have a card, sorted."""
        if not self._folder.is_dir():
            return []
        names = (p.parent.name for p in self._folder.glob("*/card.toml"))
        return sorted(name for name in names if is_name(name))  # hidden ones are being removed

    def card(self, name: str) -> Card:
        """The card of an adapter; raises `AdapterNotFound` or `ConfigurationError`."""
        path = self._folder / check_name(name, "an adapter") / "card.toml"
        if not path.is_file():
            known = ", ".join(self.names())
            raise AdapterNotFound(
                f"No adapter is called {name!r}. Registered: {known or 'none'}.",
                pt=f"Nenhum adaptador se chama {name!r}. Registrados: {known or 'nenhum'}.",
            )
        return read_card(path)

    def versions(self, name: str) -> list[Version]:
        """Complete versions of an adapter, oldest first; folders without a manifest are not listed."""
        folder = self._folder / check_name(name, "an adapter") / "versions"
        found = []
        for path in sorted(folder.glob("*/manifest.toml")):
            match = _VERSION.fullmatch(path.parent.name)
            if match:
                found.append(Version(name, int(match[1]), match[2], path.parent))
        return found

    def incomplete(self, name: str) -> list[Path]:
        """Version folders without a manifest: left by a killed process, never loaded."""
        folder = self._folder / name / "versions"
        return sorted(p for p in folder.glob("*") if p.is_dir() and not (p / "manifest.toml").is_file())

    def version(self, name: str, number: int) -> Version:
        """One version by number; raises `AdapterNotFound` listing the others."""
        for version in self.versions(name):
            if version.number == number:
                return version
        known = ", ".join(v.label for v in self.versions(name))
        raise AdapterNotFound(
            f"Adapter {name!r} has no version {number}. Versions: {known or 'none'}.",
            pt=f"O adaptador {name!r} não tem a versão {number}. Versões: {known or 'nenhuma'}.",
        )

    def active(self, name: str) -> Version | None:
        """The live version that the card names, None when the card says 0."""
        number = self.card(name).active
        return self.version(name, number) if number else None

    def manifest(self, version: Version) -> Manifest:
        """The manifest of a version; raises `AdapterBroken` when it cannot be read."""
        path = version.path / "manifest.toml"
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
            return Manifest(**raw)
        except (OSError, tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
            raise AdapterBroken(
                f"The manifest {path} cannot be read ({error}). Restore it or remove the version folder.",
                pt=f"O manifesto {path} não pode ser lido. Restaure-o ou remova a pasta da versão.",
            ) from error

    def verify(self, version: Version) -> None:
        """Compare every file with the manifest; raises `AdapterBroken` naming the first that differs."""
        for name, digest in self.manifest(version).files.items():
            path = version.path / name
            if not path.is_file():
                raise AdapterBroken(
                    f"{path} is missing from adapter {version.key}. Restore it or train the adapter again: "
                    f"python -m assistant train {version.adapter}",
                    pt=f"Falta {path} no adaptador {version.key}. Restaure o arquivo ou treine o adaptador de novo: "
                    f"python -m assistant train {version.adapter}",
                )
            if sha256_of(path) != digest:
                raise AdapterBroken(
                    f"{path} is damaged: its checksum differs from the manifest of {version.key}. Restore the "
                    f"file or train the adapter again: python -m assistant train {version.adapter}",
                    pt=f"{path} está danificado: a soma de verificação difere do manifesto de {version.key}. Restaure "
                    f"o arquivo ou treine o adaptador de novo: python -m assistant train {version.adapter}",
                )

    def next_number(self, name: str) -> int:
        """The number a new version gets: one more than any folder, complete or not, and any decision on one.

        A deleted version's number never comes back: engines and saved answers know versions by number.
        """
        folder = self._folder / name / "versions"
        numbers = [int(m[1]) for p in folder.glob("*") if (m := _VERSION.fullmatch(p.name))]
        numbers += [entry.version for entry in activations.history(self._folder / name)]
        return max(numbers, default=0) + 1

    def publish(self, staged: Path, manifest: Manifest, evaluation: Mapping[str, Any]) -> Version:
        """Complete the staged folder, the manifest last, and rename it into place.

        `evaluation` is kept whole as `evaluation.json`; an empty one leaves no file.
        """
        target = self._folder / manifest.adapter / "versions" / f"{manifest.number:04d}-{manifest.base}"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if evaluation:
                text = json.dumps(dict(evaluation), ensure_ascii=False, indent=1)
                write_atomically(staged / "evaluation.json", f"{text}\n")
            write_atomically(staged / "manifest.toml", tomlkit.dumps(asdict(manifest)))
            shutil.move(staged, target)
        except OSError as error:
            raise StorageError(
                f"The version {target} could not be written: {error}.",
                pt=f"Não foi possível gravar a versão {target}. Verifique o espaço e as permissões do disco.",
            ) from error
        return Version(manifest.adapter, manifest.number, manifest.base, target)

    def activate(self, name: str, number: int) -> None:
        """Make a version live by changing `active` in the card; 0 retires the adapter."""
        if number:
            self.version(name, number)
        path = self._folder / check_name(name, "an adapter") / "card.toml"
        document = tomlkit.parse(path.read_text("utf-8"))
        document["active"] = number
        write_atomically(path, tomlkit.dumps(document))
