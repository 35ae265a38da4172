"""The styles that a version can be asked for, kept in its folder beside its weights.

A version that was trained without styles has no such file: it offers none, and its prompts name none. Refuses to
know what a style is (`models.style`) and who chooses it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from assistant.errors import AdapterBroken
from assistant.models.style import Length, Manner, Styles
from assistant.services.residence import stamp
from assistant.stores.manifests import Version, write_atomically

STYLES_FILE = "styles.json"


def keep_styles(styles: Styles, folder: Path) -> None:
    """Write the styles into a version's folder; raises `OSError`."""
    write_atomically(folder / STYLES_FILE, json.dumps(asdict(styles), ensure_ascii=False) + "\n")


def styles_of(version: Version) -> Styles | None:
    """What a version can be asked for; None where it was trained without styles. Raises `AdapterBroken`."""
    file = version.path / STYLES_FILE
    written = stamp(file)
    return _read(file, written) if any(written) else None


@lru_cache(maxsize=16)
def _read(file: Path, written: tuple[int, int]) -> Styles:
    try:
        raw = json.loads(file.read_text("utf-8"))
        manners, lengths = map(Manner, raw["manners"]), map(Length, raw["lengths"])
        return Styles(float(raw["words"]), tuple(manners), tuple(lengths))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AdapterBroken(
            f"{file} cannot be read ({error}). Restore it or train the adapter again.",
            pt=f"{file} não pode ser lido. Restaure o arquivo ou treine o adaptador de novo.",
        ) from error
