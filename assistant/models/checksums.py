"""Checksums of weights, and stamps: a checksum with the size and time of the file it was computed for.

Knows when a stamp still speaks of a file. Refuses to know which checksum is the right one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from assistant.models.disk import writing


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp_of(path: Path) -> Path:
    """Where the stamp of a file lies that is this project's own: beside it."""
    return path.with_name(path.name + ".sha256")


def stamped(path: Path, stamp: Path) -> str | None:
    """The checksum in `stamp` if it still speaks of this very file."""
    try:
        found = path.stat()
        known, size, mtime, where = stamp.read_text("utf-8").rstrip("\n").split(" ", 3)
    except (OSError, ValueError):
        return None
    same = (size, mtime, where) == (str(found.st_size), str(found.st_mtime_ns), str(path.resolve()))
    return known if same else None


def write_stamp(path: Path, stamp: Path, checksum: str) -> None:
    """Keep the checksum of a file as it is now; raises `StorageError`."""
    found = path.stat()
    line = f"{checksum} {found.st_size} {found.st_mtime_ns} {path.resolve()}\n"
    with writing(stamp):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(line, "utf-8")
