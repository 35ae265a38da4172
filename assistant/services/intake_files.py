"""Files from a browser: what may come in, and under which name it is kept.

Knows names, links and sizes. Refuses everything that is not one plain data file or the two halves of a brat set.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from assistant.errors import DataError
from assistant.training import files

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:]")
_LONGEST = 120  # characters of a name
_BRAT = (".txt", ".ann")


def copied(sources: Sequence[Path], folder: Path) -> Path:
    """A copy of the file, or of the parts of a brat set as a folder; raises `DataError` before anything is read."""
    folder.mkdir(parents=True)
    if not sources:
        raise DataError("No file was sent. Choose one.", pt="Nenhum arquivo foi enviado. Escolha um.")
    parts = len(sources) > 1 or sources[0].suffix.lower() == ".ann"
    if parts and not all(source.suffix.lower() in _BRAT for source in sources):
        names = ", ".join(source.name for source in sources[:5])
        raise DataError(
            f"{len(sources)} files were sent ({names}). Send one at a time, or the .txt and .ann files of a brat set.",
            pt=f"Foram enviados {len(sources)} arquivos ({names}). Envie um de cada vez, ou os .txt e .ann de um "
            "conjunto brat.",
        )
    target = folder / "brat" if parts else folder
    target.mkdir(exist_ok=True)
    total = 0
    for source in sources:
        total += _checked(source)
        files.check_size(source.name, total)
        if (target / source.name).exists():
            raise _twice(source.name)
        shutil.copyfile(source, target / source.name, follow_symlinks=False)
    return target if parts else folder / sources[0].name


def _checked(source: Path) -> int:
    """The size of a plain file with a plain name."""
    name = source.name
    if ".." in source.parts or name in ("", ".", "..") or _UNSAFE.search(name) or len(name) > _LONGEST:
        raise _refused(source, "has a name that cannot be kept", "tem um nome que não serve")
    if source.is_symlink() or not source.is_file():
        raise _refused(source, "is a link or no regular file", "é um atalho ou não é um arquivo comum")
    return source.stat().st_size


def _refused(source: Path, why: str, why_pt: str) -> DataError:
    shown = source.name[:_LONGEST]  # never the folder: the message goes to a browser
    return DataError(
        f"{shown!r} {why}. Send a copy of the file itself under a simple name.",
        pt=f"{shown!r} {why_pt}. Envie uma cópia do próprio arquivo, com um nome simples.",
    )


def _twice(name: str) -> DataError:
    return DataError(
        f"Two files are called {name}. Send each one once.",
        pt=f"Há dois arquivos chamados {name}. Envie cada um uma vez.",
    )
