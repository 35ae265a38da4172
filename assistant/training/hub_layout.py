"""Which files of a repository on the hub are the data that somebody means.

Knows how data sets lay out their configurations and splits: as their card says it, else by the names of the files.
Pure. Refuses everything that is no plain data file: a loading script or a pickle is never one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from assistant.errors import DataError
from assistant.training.hub_name import HubName

KINDS = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".conll", ".iob2")  # the first that is there counts
_DESCRIPTIONS = {"dataset_infos.json", "dataset_info.json", "state.json", "config.json"}
_SPLITS = {
    "train": ("train", "training", "treino"),
    "validation": ("validation", "valid", "val", "dev", "validacao"),
    "test": ("test", "testing", "eval", "evaluation", "teste"),
}
_SHOWN = 12  # names in a message


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: its path there, and its size in bytes."""

    path: str
    size: int

    @property
    def kind(self) -> str:
        """Its ending, in lower case."""
        return PurePosixPath(self.path).suffix.lower()


@dataclass(frozen=True, slots=True)
class Layout:
    """What was chosen: a configuration, a split of it, and its files in their order."""

    name: HubName
    files: tuple[HubFile, ...]


def choose(name: HubName, files: Sequence[HubFile], configs: object) -> Layout:
    """The files that `name` means; `configs` is what the card says under that key, if anything.

    Raises `DataError` naming what there is instead.
    """
    data = [file for file in files if _is_data(file)]
    if not data:
        raise _no_data(name, files)
    declared = _declared(configs)
    if name.config and name.config not in (declared or ("default",)):
        raise _not_there(name, "configuration", "configuração", declared or ["default"], "@")
    if declared:
        config = name.config or _default(name, declared, configs)
        splits = _matched(declared[config], data)
    else:
        config, splits = "default", _by_name(data)
    split = name.split or ("train" if "train" in splits or len(splits) != 1 else next(iter(splits)))
    if split not in splits:
        raise _not_there(name.of(name.config, split), "split", "parte", splits, "#")
    chosen = _of_one_kind(splits[split])
    return Layout(name.of(config, split), tuple(sorted(chosen, key=lambda file: file.path)))


def _is_data(file: HubFile) -> bool:
    parts = PurePosixPath(file.path).parts
    hidden = any(part.startswith((".", "_")) or part == ".." for part in parts)
    return file.kind in KINDS and not hidden and parts[-1] not in _DESCRIPTIONS


def _declared(configs: object) -> dict[str, list[tuple[str, list[str]]]]:
    """Patterns of each split of each configuration, of those that name files."""
    found = {}
    for config in configs if isinstance(configs, list) else ():
        if isinstance(config, dict) and (patterns := list(_patterns(config))):
            found[str(config.get("config_name", "default"))] = patterns
    return found


def _patterns(config: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """(split, patterns) of one configuration: its `data_files`, else everything under its `data_dir`."""
    folder, named = str(config.get("data_dir") or "").strip("/"), config.get("data_files")
    inside = f"{folder}/" if folder else ""
    if named is None:
        if folder:
            yield "", [f"{folder}/**"]
    elif isinstance(named, dict):
        for split, paths in named.items():
            yield str(split), [inside + path for path in _texts(paths)]
    elif isinstance(named, list) and all(isinstance(item, dict) for item in named):
        for item in named:
            yield str(item.get("split", "train")), [inside + path for path in _texts(item.get("path"))]
    else:
        yield "", [inside + path for path in _texts(named)]


def _texts(value: object) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def _default(name: HubName, declared: dict[str, Any], configs: object) -> str:
    """The configuration that is meant where none is named; raises `DataError` where nothing says it."""
    listed = configs if isinstance(configs, list) else []
    marked = [str(item.get("config_name")) for item in listed if isinstance(item, dict) and item.get("default") is True]
    candidates = [*marked, "default", *(declared if len(declared) == 1 else ())]
    found: str | None = next((config for config in candidates if config in declared), None)
    if found is None:
        raise _not_there(name, "configuration", "configuração", declared, "@")
    return found


def _matched(patterns: Iterable[tuple[str, list[str]]], data: Sequence[HubFile]) -> dict[str, list[HubFile]]:
    """The files of each split that the card declares; patterns without a split are divided by the files' names."""
    splits: dict[str, list[HubFile]] = {}
    for split, paths in patterns:
        rules = [_rule(path) for path in paths]
        found = [file for file in data if any(rule.fullmatch(file.path) for rule in rules)]
        for key, part in ({split: found} if split else _by_name(found)).items():
            splits.setdefault(key, []).extend(part)
    return {split: found for split, found in splits.items() if found}


def _rule(pattern: str) -> re.Pattern[str]:
    """A glob as the hub reads it: `*` and `?` stay in one folder, `**` does not."""
    tokens = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    return re.compile("".join(tokens.get(part) or re.escape(part) for part in parts))


def _by_name(data: Sequence[HubFile]) -> dict[str, list[HubFile]]:
    """The splits by words in the files' names, then in their folders'; what names none is for training."""
    splits: dict[str, list[HubFile]] = {}
    for file in data:
        splits.setdefault(_split_of(file.path), []).append(file)
    named = {split: found for split, found in splits.items() if split}
    return named or {"train": list(data)}


def _split_of(path: str) -> str:
    for part in reversed(PurePosixPath(path.lower()).parts):
        words = re.split(r"[^a-z]+", part)
        for split, known in _SPLITS.items():
            if any(word in known for word in words):
                return split
    return ""


def _of_one_kind(found: Sequence[HubFile]) -> list[HubFile]:
    """Repositories often hold the same rows in several forms: one of them is read."""
    kind = min((file.kind for file in found), key=KINDS.index)
    return [file for file in found if file.kind == kind]


def _not_there(name: HubName, what: str, what_pt: str, known: Iterable[str], sign: str) -> DataError:
    listed = sorted(known)
    shown = ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
    wanted = name.config if sign == "@" else name.split
    example = f"{name.repository}{sign}{listed[0]}" if listed else name.repository
    had = f"has no {what} {wanted!r}" if wanted else f"has several {what}s"
    had_pt = f"não tem a {what_pt} {wanted!r}" if wanted else f"tem mais de uma {what_pt}"
    return DataError(
        f"The data set {name.repository} {had}. There are: {shown}. Name one: hub:{example}",
        pt=f"O conjunto {name.repository} {had_pt}. Há: {shown}. Escolha uma: {example}",
    )


def _no_data(name: HubName, files: Sequence[HubFile]) -> DataError:
    kinds = ", ".join(KINDS)
    script = next((file.path for file in files if file.kind == ".py"), None)
    if script:
        return DataError(
            f"The data set {name.repository} has no data files, only the loading script {script}. Such a program is "
            "never run here. Look for a copy of it with Parquet files, or bring the data as a file.",
            pt=f"O conjunto {name.repository} não tem arquivos de dados, só o programa {script}, que os baixaria. "
            "Programas assim nunca são executados aqui. Procure uma cópia com arquivos Parquet ou traga os dados em um "
            "arquivo.",
        )
    there = sorted({file.kind for file in files if file.kind})
    return DataError(
        f"The data set {name.repository} has no files that are read here ({kinds}); it has {', '.join(there) or 'none'}"
        ". Choose another one or bring the data as a file.",
        pt=f"O conjunto {name.repository} não tem arquivos que se leem aqui ({kinds}); tem "
        f"{', '.join(there) or 'nenhum'}. Escolha outro ou traga os dados em um arquivo.",
    )
