"""Files to documents: the door through which every file comes in.

Knows what is asked of a file before it is opened. The reading itself happens in a process of its own, so that no file
can take this one down. Refuses to know corpora, chunks and the index.
"""

from __future__ import annotations

from pathlib import Path

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import MAX_CHARS, LoadedDocument, OnPage, Page, too_large
from assistant.retrieval.kinds import SUFFIXES, wrong_kind
from assistant.retrieval.workers import Request, shared

__all__ = [
    "MAX_BYTES",
    "MAX_CHARS",
    "SUFFIXES",
    "LoadedDocument",
    "Page",
    "load",
    "load_page",
    "too_large",
    "unlock",
    "wrong_kind",
]

MAX_BYTES = 50_000_000


def load(
    path: Path,
    *,
    max_bytes: int = MAX_BYTES,
    name: str = "",
    password: str = "",
    on_page: OnPage | None = None,
) -> LoadedDocument:
    """Read a document; `name` is what its owner calls it where the file on disk is called otherwise.

    Raises `DocumentRefused` with the reason and the way out; `PasswordNeeded`, one of these, where `password` is
    missing or wrong; `StorageError` where no process can be started. `on_page` gets the pages read and all there are.
    """
    name = name or path.name
    _check(path, name, max_bytes)
    return shared().read(Request(path, name, max_bytes, password), on_page)


def load_page(path: Path, page: int, *, max_bytes: int = MAX_BYTES) -> LoadedDocument:
    """One page of a document, the others empty, where its kind can be read so; else all of it. Raises like `load`."""
    _check(path, path.name, max_bytes)
    return shared().read(Request(path, path.name, max_bytes, only=max(1, page)))


def unlock(path: Path, target: Path, password: str, *, max_bytes: int = MAX_BYTES, name: str = "") -> None:
    """Write a protected document to `target` without its protection: no password is kept. Raises like `load`."""
    name = name or path.name
    _check(path, name, max_bytes)
    shared().unlock(Request(path, name, max_bytes, password, target))


def _check(path: Path, name: str, max_bytes: int) -> None:
    if Path(name).suffix.lower() not in SUFFIXES:
        raise wrong_kind(name)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DocumentRefused(
            f"{name} cannot be opened ({error}). Check the file's rights.",
            pt=f"{name} não pode ser aberto. Confira as permissões do arquivo.",
        ) from error
    if size > max_bytes:
        raise too_large(name, size, max_bytes)
