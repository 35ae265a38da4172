"""How the data of an adapter gets onto the disk: whole or not at all.

Knows staged folders, free names and what the disk says. Refuses to know what is written.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.errors import ConfigurationError, DataError, StorageError
from assistant.stores.manifests import Card, read_card, write_atomically
from assistant.training.config import read_recipe
from assistant.training.drafts import card_text, lines_of, recipe_text
from assistant.training.records import Record
from assistant.training.report import DataReport


def write_new(
    staged: Path, card: Card, parts: dict[str, tuple[Record, ...]], result: DataReport, source: str = ""
) -> None:
    """A whole adapter folder, read again as everything else will read it; `source` says where the data is from."""
    (staged / "data").mkdir(parents=True)
    for part, records in parts.items():
        write_atomically(staged / "data" / f"{part}.jsonl", lines_of(records, card.kind))
    names = {part: f"data/{part}.jsonl" for part in parts}
    write_atomically(staged / "recipe.toml", recipe_text(card.name, names, result, source))
    write_atomically(staged / "card.toml", card_text(card, result))
    read_recipe(staged / "recipe.toml")
    read_card(staged / "card.toml")


def place(staged: Path, target: Path) -> None:
    """Give a staged folder its name; raises `ConfigurationError` when somebody took that name meanwhile."""
    try:
        os.rename(staged, target)
    except FileExistsError as error:
        raise taken(target.name) from error
    except OSError:
        if target.exists():  # somebody was faster
            raise taken(target.name) from None
        raise


def write_all(texts: dict[Path, str], recipe: Path, recipe_words: str) -> None:
    """Data files first, the recipe that names them last; all of them or none."""
    with written(recipe.parent):
        done: list[Path] = []
        try:
            for path, text in texts.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                done.append(path)
                write_atomically(path, text)
            write_atomically(recipe, recipe_words)
        except BaseException:  # whatever it was, an interruption too: the recipe does not name these files
            for path in done:
                path.unlink(missing_ok=True)
            raise


@contextmanager
def written(target: Path) -> Iterator[None]:
    """Translate what the disk says about a folder that is being written."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{target} could not be written: {error}. Free space on the disk or check its rights; nothing was kept.",
            pt=f"Não foi possível gravar {target}. Libere espaço no disco ou confira as permissões; nada foi mantido.",
        ) from error


def safe_stem(words: str) -> str:
    """A safe name of at most 40 letters, digits and hyphens from a title or a file's name; empty if none is left."""
    bare = unicodedata.normalize("NFKD", words.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")[:40].strip("-")


def free_path(folder: Path, stem: str, text: str) -> Path:
    """A path in `folder` that is not taken."""
    for number in range(1, 1000):
        path = folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")
        if not path.exists():
            return path
        if path.read_text("utf-8") == text:
            raise DataError(
                f"This very data is there already: {path}. Choose another file.",
                pt=f"Estes mesmos dados já estão no adaptador, em {path.name}. Escolha outro arquivo.",
            )
    raise DataError(f"{folder} holds too many files called {stem}. Rename the file.", pt="Dê outro nome ao arquivo.")


def taken(name: str) -> ConfigurationError:
    """What is said of a name that another adapter has."""
    return ConfigurationError(
        f"The name {name!r} is taken. Choose another one, or add the data to that adapter.",
        pt=f"O nome {name!r} já está em uso. Escolha outro.",
    )
