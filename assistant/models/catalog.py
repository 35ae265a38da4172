"""Which base models exist, and what the rest of the program must know of each.

Knows names, sources, prompt formats, LoRA targets and licences (catalog.toml). Refuses to fetch or
to load anything: that is `provision`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path

from assistant.errors import ConfigurationError

EMBEDDED = "gemma3-270m"

_LLAMA_LIKE = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Source(StrEnum):
    """Where the weights of a base come from."""

    PACKAGE = "package"
    HUB = "hub"
    FOLDER = "folder"
    GGUF = "gguf"


class PromptFormat(StrEnum):
    """How a question is put to the base."""

    PLAIN = "plain"  # the project's own prompts, for a base without chat template
    TEMPLATE = "template"  # the chat template that came with an instruct base


@dataclass(frozen=True, slots=True)
class BaseModel:
    """One base model of the catalog.

    `location` is a package name, hub id or path by `source`; `file` the GGUF inside a package;
    `sha256` its checksum where it is pinned. `parameters_millions` is 0 where it is not known.
    """

    name: str
    title: str
    source: Source
    location: str
    prompt_format: PromptFormat
    target_modules: tuple[str, ...]
    licence: str
    notice: str = ""
    file: str = ""
    sha256: str = ""
    parameters_millions: int = 0
    context_size: int = 4096


@cache
def catalog() -> dict[str, BaseModel]:
    """Every base of catalog.toml by its name."""
    raw = tomllib.loads(files("assistant.models").joinpath("catalog.toml").read_text("utf-8"))
    return {name: _from_toml(name, fields) for name, fields in raw.items()}


def find(name: str) -> BaseModel:
    """The base called `name`: a catalog name, a folder, a .gguf file or a hub id.

    Raises `ConfigurationError` naming the catalog when it is none of these.
    """
    known = catalog()
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return _derived(path.stem, Source.GGUF, str(path.resolve()))
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ConfigurationError(
                f"The folder {path} given as base model has no config.json. Give a folder written by "
                "save_pretrained, a .gguf file, a hub id (owner/name) or a name of the catalog."
            )
        return _derived(path.name, Source.FOLDER, str(path.resolve()))
    for entry in known.values():
        if entry.location == name:
            return entry
    if _HUB_ID.fullmatch(name) and not name.startswith((".", "/")):
        return _derived(name.rsplit("/", 1)[1], Source.HUB, name)
    raise ConfigurationError(
        f"No base model is called {name!r}. Known: {', '.join(sorted(known))}; a folder, a .gguf file "
        f"or a hub id (owner/name) works too. Set ASSISTANT_BASE_MODEL={EMBEDDED} for the embedded one."
    )


def _derived(stem: str, source: Source, location: str) -> BaseModel:
    """An entry for weights that are not in the catalog.

    The prompt format is settled by `provision`, which can see whether a template came along; until
    then the project's own prompts are assumed. The targets are those of the Llama family.
    """
    slug = re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.") or "base"
    return BaseModel(
        name=slug,
        title=stem,
        source=source,
        location=location,
        prompt_format=PromptFormat.PLAIN,
        target_modules=_LLAMA_LIKE,
        licence="see the model's own page",
    )


def _from_toml(name: str, fields: dict[str, object]) -> BaseModel:
    values = dict(fields)
    targets = values.pop("target_modules")
    assert isinstance(targets, list)
    return BaseModel(
        name=name,
        source=Source(str(values.pop("source"))),
        prompt_format=PromptFormat(str(values.pop("prompt_format"))),
        target_modules=tuple(targets),
        **values,  # type: ignore[arg-type]  # the toml file is ours; a test loads it whole
    )
