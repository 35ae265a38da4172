"""Documents that wait for their password: brought, and not to be opened until somebody gives it.

Knows how they lie on the disk, how many may wait, and for how long. A password is never here. Refuses to open anything.

    var/incoming/locked/<key>/document.<ending>   as it was brought, still locked
                              waiting.json        written last: corpus, name, date, and whose place it takes
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from assistant.errors import DocumentRefused, InputRejected, StorageError
from assistant.stores.manifests import is_name, write_atomically

MOST = 50  # documents that wait, of all corpora
MOST_BYTES = 1_000_000_000
KEPT = timedelta(days=7)
_RECORD = "waiting.json"


@dataclass(frozen=True, slots=True)
class LockedFile:
    """A document that waits. `since` is ISO 8601, UTC; `date` was given to it; `replaces` names an older document."""

    corpus: str
    name: str
    size: int
    since: str = ""
    date: str = ""
    replaces: str = ""
    origin: str = ""


class LockedFiles:
    """What waits under one folder. One of the same name in the same corpus takes the place of the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, corpus: str) -> list[LockedFile]:
        """What waits in a corpus, the one that waits longest first."""
        return [file for _, file in self._all() if file.corpus == corpus]

    def find(self, corpus: str, name: str) -> tuple[LockedFile, Path]:
        """One that waits, and where its bytes are; raises `InputRejected` where none of that name does."""
        for place, file in self._all():
            if (file.corpus, file.name) == (corpus, name):
                return file, _document(place, name)
        raise InputRejected(
            f"No document {name[:120]!r} waits for its password in {corpus[:60]!r}. Bring it again.",
            pt=f"Nenhum documento {name[:120]!r} espera senha aqui. Envie o arquivo de novo.",
        )

    def put(self, file: LockedFile, path: Path) -> None:
        """Have a document wait; raises `DocumentRefused` where too many do already, `StorageError`."""
        others = [(place, known) for place, known in self._all() if not _same(known, file)]
        if len(others) >= MOST or sum(known.size for _, known in others) + file.size > MOST_BYTES:
            raise DocumentRefused(
                f"{file.name} needs its password, and {len(others)} documents wait for theirs already. Open these or "
                "give them up, then bring it again.",
                pt=f"{file.name} precisa de senha, e outros documentos ({len(others)}) já esperam a deles. Abra-os ou "
                "desista deles e envie este de novo.",
            )
        before = [place for place, known in self._all() if _same(known, file)]
        now = datetime.now(UTC)
        place = self.folder / f"{now:%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:6]}"
        try:
            place.mkdir(parents=True)
            shutil.copyfile(path, _document(place, file.name), follow_symlinks=False)
            self._write(place, replace(file, since=now.isoformat(timespec="seconds")))
        except (OSError, StorageError) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise StorageError(
                f"{file.name} cannot be kept until its password is given: {error}. Free space and bring it again.",
                pt=f"Não foi possível guardar {file.name} até a senha chegar. Libere espaço no disco e envie de novo.",
            ) from error
        for old in before:
            shutil.rmtree(old, ignore_errors=True)

    def remove(self, corpus: str, name: str) -> None:
        """Let go of one, if it waits."""
        for place, file in self._all():
            if (file.corpus, file.name) == (corpus, name):
                shutil.rmtree(place, ignore_errors=True)

    def forget(self, corpus: str) -> None:
        """Let go of all of a corpus."""
        for file in self.of(corpus):
            self.remove(corpus, file.name)

    def rename(self, corpus: str, to: str) -> None:
        """Have those of a corpus follow its name."""
        for place, file in self._all():
            if file.corpus == corpus:
                self._write(place, replace(file, corpus=to))

    def sweep(self) -> None:
        """Remove what nobody opened in time, and what a killed process left half-written."""
        oldest = datetime.now(UTC) - KEPT
        whole = dict(self._all())
        for place in self.folder.glob("*"):
            since = whole[place].since if place in whole else _made(place)
            if datetime.fromisoformat(since) < oldest:
                shutil.rmtree(place, ignore_errors=True)

    def _all(self) -> Iterator[tuple[Path, LockedFile]]:
        for place in sorted(self.folder.glob("*")):
            file = _read(place)
            if file is not None:
                yield place, file

    def _write(self, place: Path, file: LockedFile) -> None:
        write_atomically(place / _RECORD, json.dumps(asdict(file), ensure_ascii=False))


def _read(place: Path) -> LockedFile | None:
    try:
        file = LockedFile(**json.loads((place / _RECORD).read_text("utf-8")))
        datetime.fromisoformat(file.since)
    except (OSError, ValueError, TypeError):  # half-written, or removed meanwhile
        return None
    return file if is_name(place.name) and _document(place, file.name).is_file() else None


def _document(place: Path, name: str) -> Path:
    return place / f"document{PurePosixPath(name).suffix.lower()}"


def _same(one: LockedFile, other: LockedFile) -> bool:
    return (one.corpus, one.name) == (other.corpus, other.name)


def _made(place: Path) -> str:
    try:
        return datetime.fromtimestamp(place.stat().st_mtime, UTC).isoformat()
    except OSError:
        return datetime.now(UTC).isoformat()
