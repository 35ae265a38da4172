"""Keeps the vector index equal to the ledger, without ever embedding.

The ledger counts its changes (`revision`) and records which generation of the index shows which of
them (`generation`, `vectors`, and `through`, the newest chunk's number). A published generation is never
changed: additions go to a copy of it, removals have it built anew, so that nothing of what was removed stays
on the disk, and a process killed meanwhile leaves a folder that nobody reads. Refuses to know
documents and words.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from assistant.errors import CorpusError, StorageError, StoreBusy
from assistant.stores.ledger import Ledger
from assistant.stores.vectors import Vector, VectorIndex

_PATIENCE = 2.0  # seconds to wait for another writer
_RETRY = 30.0  # seconds until an index that could not be made is tried again
_BATCH = 1_000  # chunks read from the ledger at once
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """An open index and what it shows: the ledger as of `revision`, chunks up to the number `through`."""

    index: VectorIndex
    revision: str
    through: int


class IndexKeeper:
    """The open vector index of one process, and the lock that makes a process the writer."""

    def __init__(self, folder: Path, ledger: Ledger, url: str) -> None:
        self._folder = folder
        self._ledger = ledger
        self._url = url
        self._sync = threading.Lock()  # guards the next one
        self._shown: Shown | None = None
        self._retry_at = 0.0

    @contextmanager
    def locked(self, wait: float = _PATIENCE) -> Iterator[None]:
        """Hold the writer's lock; raises `StoreBusy` where another process or thread holds it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._folder / "writer.lock", timeout=wait)
            lock.acquire()
        except Timeout as error:
            raise StoreBusy(
                f"Another process writes to the index in {self._folder}. Try again when it has finished.",
                pt=f"Outro processo está gravando o índice em {self._folder}. Tente de novo quando ele terminar.",
            ) from error
        except OSError as error:
            raise StorageError(
                f"The folder {self._folder} cannot be written ({error}). Check its rights and the free space.",
                pt=f"A pasta {self._folder} não pode ser gravada. Confira as permissões e o espaço livre no disco.",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def current(self) -> Shown | None:
        """The newest index that can be read now, mended where it is behind and nobody writes, or None.

        It may show an older revision than the ledger's: the chunks after `through` are the ledger's to search.
        """
        meta = self._ledger.meta()
        shown = self._showing(meta)
        if shown and shown.revision == meta.get("revision", "0"):
            return shown
        if time.monotonic() >= self._retry_at:
            try:
                with self.locked(wait=0.0):
                    self.mend()
                    return self._showing(self._ledger.meta())
            except StoreBusy:
                _log.debug("Another process writes; it brings the vectors after its commits.")
        return self._showing(meta) or self._opened(meta)

    def mend(self) -> bool:
        """Make the index equal to the ledger, under the lock; True where it was not."""
        meta = self._ledger.meta()
        shown = self._showing(meta)
        if shown and shown.revision == meta.get("revision", "0") and not meta.get("erase"):
            return False
        self._sweep(meta.get("generation", ""))
        try:
            index = shown.index if shown else self._trusted(meta)
            ids, there = set(self._ledger.ids()), index.ids() if index else set()
        except CorpusError as error:
            _log.warning("%s", error)
            index, ids, there = None, set(), set()
        try:
            return self._bring(index, sorted(ids - there), bool(there - ids or meta.get("erase")))
        except (CorpusError, OSError) as error:
            _log.warning("The vector index cannot be made now (%s). The ledger is searched instead.", error)
            self._failed()
            return False

    def follow(self, added: Sequence[str]) -> None:
        """Bring the vectors after a writer's commits, under the lock; a failure is mended by a reader."""
        meta = self._ledger.meta()
        shown, erase = self._showing(meta), bool(meta.get("erase"))
        if not (added or erase):
            return
        try:
            there = self._ledger.existing(added)
            self._bring(shown.index if shown else None, [c for c in added if c in there], erase)
        except (CorpusError, OSError) as error:
            _log.warning("The vector index could not follow the ledger (%s). It will be mended.", error)
            self._failed()
            if erase:
                self._ledger.scrub()  # the words at least

    def publish(self, added: Sequence[str]) -> bool:
        """The same in the middle of a writer's work; False where something was removed: that is done once."""
        if self._ledger.meta().get("erase"):
            return False
        self.follow(added)
        return True

    def distrust(self) -> None:
        """Have the index built anew: a search of it failed."""
        self.forget()
        try:
            with self.locked(wait=0.0):
                self._ledger.set_meta(generation="", vectors="")
        except StoreBusy:
            _log.info("Another process writes; it will mend the vector index.")

    def forget(self) -> None:
        """Close the index; the next search opens it again."""
        with self._sync:
            shown, self._shown = self._shown, None
        if shown:
            shown.index.close()

    def drop(self) -> None:
        """Remove the index, under the lock."""
        index = self.released()
        if index:
            index.drop()
        self._sweep("")

    def released(self) -> VectorIndex | None:
        """The index that is published now, let go of: to be dropped when the ledger names another one."""
        generation = self._ledger.meta().get("generation")
        self.forget()
        return self._generation(generation) if generation else None

    def receive(self, other: IndexKeeper) -> None:
        """Take another keeper's published generation among this one's; both locks are held.

        Until the ledger names it, it is a folder that nobody reads.
        """
        index = other.released()
        if index and not self._url:
            target = self._folder / "chroma" / index.generation
            target.parent.mkdir(parents=True, exist_ok=True)
            (other._folder / "chroma" / index.generation).replace(target)

    def _generation(self, name: str) -> VectorIndex:
        return VectorIndex(self._folder / "chroma", name, url=self._url)

    def _showing(self, meta: Mapping[str, str]) -> Shown | None:
        """The open index, if it is what the ledger names."""
        with self._sync:
            shown = self._shown
        if shown and shown.index.generation == meta.get("generation") and shown.revision == meta.get("vectors"):
            return shown
        return None

    def _opened(self, meta: Mapping[str, str]) -> Shown | None:
        """The index that another process has published, opened."""
        try:
            index = self._trusted(meta)
        except CorpusError as error:  # replaced in this moment, or broken: the lock's next holder will know
            _log.info("%s", error)
            return None
        return self._adopt(index, meta["vectors"], int(meta["through"])) if index else None

    def _trusted(self, meta: Mapping[str, str]) -> VectorIndex | None:
        """The index that the ledger names, opened, if its files are as they were sealed and can be read."""
        if not (meta.get("generation") and meta.get("vectors") and meta.get("through")):
            return None
        index = self._generation(meta["generation"])
        if index.is_sealed() and index.readable():
            return index
        index.close()
        return None

    def _failed(self) -> None:
        self.forget()
        self._retry_at = time.monotonic() + _RETRY

    def _adopt(self, index: VectorIndex, revision: str, through: int) -> Shown:
        new = Shown(index, revision, through)
        with self._sync:
            old, self._shown = self._shown, new
        if old and old.index is not index:
            old.index.close()
        return new

    def _bring(self, index: VectorIndex | None, added: Sequence[str], erase: bool) -> bool:
        """Publish an index that equals the ledger, from a trusted one where there is one; True if it is another.

        With `erase` nothing of the present files is kept, and the ledger's own are scrubbed.
        """
        meta = self._ledger.meta()
        revision, through = meta.get("revision", "0"), self._ledger.newest()
        if index is None or erase or (added and not index.is_sealed()):
            new = self._generation(VectorIndex.new_generation())
            new.add((Vector(*row) for row in self._ledger.all_vectors()), self._ledger.counts())
        else:
            new = self._extended(index, added) if added else index
        if new is not index:
            new.seal()
        self._ledger.set_meta(generation=new.generation, vectors=revision, through=str(through))
        self._adopt(new, revision, through)
        old = meta.get("generation")
        if old and old != new.generation:
            self._generation(old).drop()
        self._sweep(new.generation)
        if erase and self._ledger.scrub():
            self._ledger.set_meta(erase="")
        return bool(new is not index or added)

    def _extended(self, index: VectorIndex, added: Sequence[str]) -> VectorIndex:
        new = index
        if not index.in_place:
            new = self._generation(VectorIndex.new_generation())
            index.copy_to(new)
        new.add(self._vectors(added), self._ledger.counts(added))
        return new

    def _vectors(self, chunk_ids: Sequence[str]) -> Iterator[Vector]:
        for start in range(0, len(chunk_ids), _BATCH):
            batch = chunk_ids[start : start + _BATCH]
            chunks, vectors = self._ledger.chunks(batch), self._ledger.vectors(batch)
            yield from (Vector(c, chunks[c].corpus, vectors[c]) for c in batch)

    def _sweep(self, current: str) -> None:
        # generations that a killed process left behind
        for path in (self._folder / "chroma").glob("passages-*"):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)
