"""Looks for what should be gone, in every file: words in UTF-8 and UTF-16, vectors as float32 of any alignment."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

CLOSE = 1e-4  # Chroma norms what it is given, so its copy may differ in the last digits
COMPARED = 8  # components; that many agree by chance in no file


def traces(folder: Path, words: Iterable[str] = (), vectors: Iterable[Sequence[float]] = ()) -> list[str]:
    """ "file: what" of each word and vector found in some file below the folder."""
    wanted = [np.asarray(v, np.float32)[:COMPARED] for v in vectors]
    patterns = [(word, form) for word in words for form in _forms(word)]
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        found += [f"{path.relative_to(folder)}: {word}" for word, form in patterns if form in data]
        found += [f"{path.relative_to(folder)}: vector {i}" for i, v in enumerate(wanted) if _holds(data, v)]
    return found


def _forms(word: str) -> list[bytes]:
    spellings = {word, word.lower(), word.upper(), word.capitalize()}
    return [s.encode(code) for s in spellings for code in ("utf-8", "utf-16-le", "utf-16-be")]


def _holds(data: bytes, vector: np.ndarray) -> bool:
    for start in range(4):
        values = np.frombuffer(data[start : start + (len(data) - start) // 4 * 4], "<f4")
        with np.errstate(all="ignore"):
            at = np.flatnonzero(np.abs(values[: max(0, len(values) - len(vector) + 1)] - vector[0]) < CLOSE)
            for number in range(1, len(vector)):
                at = at[np.abs(values[at + number] - vector[number]) < CLOSE]
        if len(at):
            return True
    return False
