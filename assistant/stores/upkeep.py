"""Keeps the vector index equal to the ledger, without ever embedding.

The ledger counts its changes (`revision`) and records which generation of the index shows which of
them (`generation`, `vectors`). A reader that finds the index behind mends it, or, while another process
writes, searches the ledger instead. Refuses to know documents and words.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from assistant.errors import CorpusError, StorageError, StoreBusy
from assistant.stores.ledger import Ledger
from assistant.stores.vectors import Vector, VectorIndex

_PATIENCE = 2.0  # seconds to wait for another writer
_RETRY = 30.0  # seconds until an index that could not be made is tried again
# chunks; fewer are indexed anew after a removal (about 3 s), because Chroma keeps removed vectors in its files;
# above, `ingest --rebuild` is what frees the disk of them
_REBUILD_BELOW = 5_000
_BATCH = 1_000  # chunks read from the ledger at once
_log = logging.getLogger(__name__)


class IndexKeeper:
    """The open vector index of one process, and the lock that makes a process the writer."""

    def __init__(self, folder: Path, ledger: Ledger, url: str) -> None:
        self._folder = folder
        self._ledger = ledger
        self._url = url
        self._sync = threading.Lock()  # guards the next two together
        self._index: VectorIndex | None = None
        self._seen = ""  # the revision that our open index shows
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

    def current(self) -> VectorIndex | None:
        """The index if it shows the ledger's revision, opened or mended where that is needed, or None."""
        meta = self._ledger.meta()
        index = self._showing(meta)
        if index:
            return index
        if self._index and meta.get("vectors") == meta.get("revision", "0"):
            # another process changed the index: an open Chroma does not notice, a fresh one does
            index = self._generation(meta["generation"])
            if index.is_sealed():
                self._adopt(index, meta["vectors"])
                return index
        if time.monotonic() >= self._retry_at:
            try:
                with self.locked(wait=0.0):
                    self.mend()
            except StoreBusy:
                return None  # the writer brings the vectors after its commits
        return self._showing(self._ledger.meta())

    def mend(self) -> bool:
        """Make the index equal to the ledger, under the lock; True where it had to be built anew."""
        meta = self._ledger.meta()
        if self._showing(meta):
            return False
        revision, generation = meta.get("revision", "0"), meta.get("generation", "")
        self.forget()
        index = self._generation(generation) if generation else None
        try:
            ids = self._ledger.ids()
            if index and index.is_sealed() and index.ids() == set(ids) and index.readable(ids):
                if meta.get("vectors") != revision:
                    self._ledger.set_meta(vectors=revision)
                self._adopt(index, revision)
                return False
        except CorpusError as error:
            _log.warning("%s", error)
        try:
            self._rebuild(index)
        except (CorpusError, OSError) as error:
            _log.warning("The vector index cannot be made now (%s). The ledger is searched instead.", error)
            self._retry_at = time.monotonic() + _RETRY
            return False
        return True

    def follow(self, added: Sequence[str], removed: Sequence[str]) -> None:
        """Bring the vectors after a writer's commits, under the lock; a failure is mended by a reader."""
        if not (added or removed):
            return
        kept = set(self._ledger.ids())
        try:
            if self._index is None or (removed and len(kept) <= _REBUILD_BELOW):
                self._rebuild(self._index)
            else:
                self._extend(self._index, [c for c in added if c in kept], [c for c in removed if c not in kept])
        except (CorpusError, OSError) as error:
            _log.warning("The vector index could not follow the ledger (%s). It will be mended.", error)
            self.forget()
        if removed:
            self._ledger.scrub()

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
            index, self._index, self._seen = self._index, None, ""
        if index:
            index.close()

    def drop(self) -> None:
        """Remove the index, under the lock."""
        index = self._index
        self.forget()
        if index:
            index.drop()
        self._sweep("")

    def _generation(self, name: str) -> VectorIndex:
        return VectorIndex(self._folder / "chroma", name, url=self._url)

    def _showing(self, meta: Mapping[str, str]) -> VectorIndex | None:
        revision = meta.get("revision", "0")
        with self._sync:
            index = self._index
            if index and index.generation == meta.get("generation") and self._seen == revision:
                return index if meta.get("vectors") == revision else None
        return None

    def _adopt(self, index: VectorIndex, revision: str) -> None:
        with self._sync:
            old, self._index, self._seen = self._index, index, revision
        if old and old is not index:
            old.close()

    def _rebuild(self, old: VectorIndex | None) -> None:
        """Write a new generation from the ledger, then switch to it, then remove the old one."""
        revision = self._ledger.meta().get("revision", "0")
        index = self._generation(VectorIndex.new_generation())
        index.add(Vector(*row) for row in self._ledger.all_vectors())
        index.seal()
        self._ledger.set_meta(generation=index.generation, vectors=revision)
        self._adopt(index, revision)
        if old:
            old.drop()
        self._sweep(index.generation)

    def _extend(self, index: VectorIndex, added: Sequence[str], removed: Sequence[str]) -> None:
        index.unseal()
        index.remove(removed)
        for start in range(0, len(added), _BATCH):
            batch = added[start : start + _BATCH]
            chunks, vectors = self._ledger.chunks(batch), self._ledger.vectors(batch)
            index.add(Vector(c, chunks[c].corpus, vectors[c]) for c in batch)
        index.seal()
        revision = self._ledger.meta().get("revision", "0")
        self._ledger.set_meta(vectors=revision)
        self._adopt(index, revision)

    def _sweep(self, current: str) -> None:
        # generations that a killed process left behind
        for path in (self._folder / "chroma").glob("passages-*"):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)
