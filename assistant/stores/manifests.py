"""What an adapter says of itself: its card, and the manifest that each of its versions ends with.

Knows the fields of both, how a card is read with all its faults, and how such a file is replaced.
Refuses to know where adapters lie: that is `registry`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError, ConfigurationError, StorageError
from assistant.types import AdapterKind

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")


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
WITHOUT_INPUT = Localized("prompt.template precisa conter {input}", "prompt.template must contain {input}")


@dataclass(frozen=True, slots=True)
class Card:
    """What a registered adapter is for, how it is prompted and when it is chosen.

    `template` has a field `{input}` (for kind chat `{documents}` and `{history}`, too, for kind reply `{topics}`
    and `{style}`);
    `reason` says in words why the router chose it; `inputs` and `rejects` are data files whose records the router
    learns as this adapter's, and as nobody's; `active` is the number of the live version, 0 for none. `fallback`
    marks the adapter that answers where no other fits; `inline` says that kind extract learns to write the text again
    with its entities marked (see `models.marking`), not to list them.
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
    inline: bool = False


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


def is_name(name: str) -> bool:
    """Whether `name` is a safe name of a folder."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, what: str) -> str:
    """Return `name` if it is a safe folder name, else raise `ConfigurationError`."""
    if not is_name(name):
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
        faults.append(WITHOUT_INPUT)
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
        inline=bool(prompt.get("inline", False)),
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
