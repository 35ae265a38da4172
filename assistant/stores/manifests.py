"""Adapters on disk: cards, recipes, versions and their manifests.

Knows the layout `adapters/<name>/{card.toml, recipe.toml, versions/<nnnn>-<base>/}` and that a
version without `manifest.toml` (written last) does not exist. Refuses to load weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from assistant.errors import AdapterBroken, AdapterNotFound, AssistantError, ConfigurationError, StorageError
from assistant.stores import activations
from assistant.types import AdapterKind

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_VERSION = re.compile(r"(\d{4})-([A-Za-z0-9._-]+)")


@dataclass(frozen=True, slots=True)
class Localized:
    """A text in both interface languages."""

    pt: str
    en: str

    def get(self, language: str) -> str:
        """The text in `language` ("pt" or "en")."""
        return self.en if language == "en" else self.pt

    def __bool__(self) -> bool:
        """Whether there is any text."""
        return bool(self.pt or self.en)

    @classmethod
    def of(cls, error: AssistantError) -> Localized:
        """What an error says, in both languages."""
        return cls(error.text("pt"), error.text("en"))


NO_TEXT = Localized("", "")


@dataclass(frozen=True, slots=True)
class Card:
    """What a registered adapter is for, how it is prompted and when it is chosen.

    `template` has a field `{input}` (and, for kind chat, `{documents}` and `{history}`); `reason` says in
    words why the router chose it; `inputs` and `rejects` are data files whose records the router learns
    as this adapter's, and as nobody's; `active` is the number of the live version, 0 for none. `fallback`
    marks the adapter that answers where no other fits.
    """

    name: str
    kind: AdapterKind
    title: Localized
    description: Localized
    reason: Localized
    template: str
    stop: tuple[str, ...]
    utterances: tuple[str, ...]
    active: int
    labels: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()
    fallback: bool = False
    max_tokens: int = 256


@dataclass(frozen=True, slots=True)
class Manifest:
    """The certificate of a version, written last.

    `base_fingerprint` and `data_hash` are SHA-256; `files` maps each file name of the version to its
    SHA-256; `scores` holds the figures of its evaluation (0 to 1 unless the name says otherwise).
    """

    adapter: str
    number: int
    base: str
    base_fingerprint: str
    data_hash: str
    created: str
    files: Mapping[str, str]
    libraries: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version folder."""

    adapter: str
    number: int
    base: str
    path: Path

    @property
    def key(self) -> str:
        """The name that engines know it by: "legal-ner@0001"."""
        return f"{self.adapter}@{self.number:04d}"

    @property
    def label(self) -> str:
        """The folder's name: "0001-gemma3-270m"."""
        return f"{self.number:04d}-{self.base}"


def check_name(name: str, what: str) -> str:
    """Return `name` if it is a safe folder name, else raise `ConfigurationError`."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no valid name for {what}: use 1 to 48 lower-case letters, digits and hyphens, "
            "beginning with a letter or digit.",
            pt=f"{name!r} não serve como nome: use de 1 a 48 letras minúsculas sem acento, algarismos e hífens, "
            "começando por letra ou algarismo.",
        )
    return name


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        return sorted(name for name in names if _NAME.fullmatch(name))  # hidden ones are being removed

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


def read_card(path: Path, text: str | None = None) -> Card:
    """Parse a card; all its faults are reported at once as `ConfigurationError`.

    `text` is what would stand in the file, where it is not there yet.
    """
    name = path.parent.name
    try:
        raw = tomllib.loads(path.read_text("utf-8") if text is None else text)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise card_unreadable(path, error) from error
    faults: list[Localized] = []
    texts = {key: localized(raw, key, faults) for key in ("title", "description", "reason")}
    prompt: dict[str, Any] = raw.get("prompt", {})
    routing: dict[str, Any] = raw.get("routing", {})
    template = str(prompt.get("template", ""))
    if "{input}" not in template:
        faults.append(Localized("prompt.template precisa conter {input}", "prompt.template must contain {input}"))
    kind = str(raw.get("kind", ""))
    if kind not in set(AdapterKind):
        kinds = ", ".join(AdapterKind)
        faults.append(Localized(f"kind é {kind!r}; use um destes: {kinds}", f"kind is {kind!r}; use one of {kinds}"))
    if kind == AdapterKind.EXTRACT and not prompt.get("labels"):
        faults.append(
            Localized(
                "prompt.labels precisa listar as classes de um adaptador do tipo extract",
                "prompt.labels must list the classes of an adapter of kind extract",
            )
        )
    active = raw.get("active", 0)
    if not isinstance(active, int) or active < 0:
        faults.append(
            Localized(
                f"active é {active!r}; use o número de uma versão, ou 0 para nenhuma",
                f"active is {active!r}; use the number of a version, 0 for none",
            )
        )
    if faults:
        raise card_faulty(path, faults)
    return Card(
        name=name,
        kind=AdapterKind(kind),
        title=texts["title"],
        description=texts["description"],
        reason=texts["reason"],
        template=template,
        stop=tuple(prompt.get("stop", ())),
        utterances=tuple(routing.get("utterances", ())),
        active=active,
        labels=tuple(prompt.get("labels", ())),
        corpora=tuple(raw.get("corpora", ())),
        inputs=tuple(routing.get("inputs", ())),
        rejects=tuple(routing.get("rejects", ())),
        fallback=bool(routing.get("fallback", False)),
        max_tokens=int(prompt.get("max_tokens", 256)),
    )


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a killed process, never sees half of it; raises `StorageError`."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"{path} could not be written: {error}. Free space on the disk or check its rights; the old file is kept.",
            pt=f"Não foi possível gravar {path}. Libere espaço no disco ou confira as permissões; o arquivo anterior "
            "foi mantido.",
        ) from error


def card_unreadable(path: Path, error: Exception) -> ConfigurationError:
    """The error of a card, of an adapter or of a corpus, that is no TOML in UTF-8."""
    return ConfigurationError(
        f"The card {path} cannot be read: {error}.",
        pt=f"O cartão {path} não pode ser lido: {error}. Corrija-o; o formato é TOML em UTF-8.",
    )


def card_faulty(path: Path, faults: Sequence[Localized]) -> ConfigurationError:
    """The error of a card that can be read but says something impossible."""
    return ConfigurationError(
        f"The card {path} has faults: {'; '.join(fault.en for fault in faults)}.",
        pt=f"O cartão {path} tem erros: {'; '.join(fault.pt for fault in faults)}.",
    )


def localized(raw: Mapping[str, Any], key: str, faults: list[Localized]) -> Localized:
    """The text `key` of a card; where a language is missing, `faults` gets an entry."""
    value = raw.get(key)
    if not isinstance(value, dict) or not value.get("pt") or not value.get("en"):
        faults.append(Localized(f"{key} precisa de um texto em pt e em en", f"{key} must give a text in pt and en"))
        return NO_TEXT
    return Localized(str(value["pt"]), str(value["en"]))
