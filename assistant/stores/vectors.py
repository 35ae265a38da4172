"""The vector index: Chroma, in this process or on a server, cosine space.

Knows ids, corpora and vectors, never a word of a document: deleting a document therefore removes its
words without Chroma's help. Everything here can be rebuilt from the ledger without embedding. The only
file where Chroma's distance becomes the project's score (cosine = 1 - distance).
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ConfigurationError, CorpusError
from assistant.stores.manifests import sha256_of, write_atomically

_BATCH = 1000  # records handed to Chroma at once; its own limit is above 5,000
_PROBED = 1000  # newest records whose vectors are read back when the index is opened
_SERVER_SECONDS = 30.0  # for one request to a Chroma server
_SEAL = "seal.json"
Floats = Sequence[float] | NDArray[np.float32]
_spellings: set[str] = set()  # paths that this process has open
_spellings_lock = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vector:
    """One record: the chunk's id, its corpus and its unit vector."""

    chunk_id: str
    corpus: str
    values: Floats


class VectorIndex:
    """One generation of the index. Every failure of Chroma leaves as `CorpusError`.

    In process each generation is a folder of its own, `<folder>/<generation>`, so that a rebuilt index
    is complete before anybody reads it and the old one disappears from the disk as a whole. On a
    server it is a collection of that name.
    """

    def __init__(self, folder: Path, generation: str, *, url: str = "") -> None:
        self._folder = folder
        self.generation = generation
        self._url = url
        self._lock = threading.Lock()
        self._client: Any = None
        self._collection: Any = None
        self._closed = False
        self._spelling = ""

    @staticmethod
    def new_generation() -> str:
        """A name that no other generation has."""
        return f"passages-{uuid.uuid4().hex[:12]}"

    def add(self, vectors: Iterable[Vector]) -> None:
        """Add or replace records."""
        self._call(lambda collection: None)  # an index without records exists, too
        batch: list[Vector] = []
        for vector in vectors:
            batch.append(vector)
            if len(batch) == _BATCH:
                self._upsert(batch)
                batch = []
        if batch:
            self._upsert(batch)

    def remove(self, chunk_ids: Sequence[str]) -> None:
        """Remove records; ids that are not there are ignored."""
        for start in range(0, len(chunk_ids), _BATCH):
            ids = list(chunk_ids[start : start + _BATCH])
            self._call(lambda collection, ids=ids: collection.delete(ids=ids))

    def ids(self) -> set[str]:
        """Ids of all records."""
        found: dict[str, Any] = self._call(lambda collection: collection.get(include=[]))
        return set(found["ids"])

    def readable(self, chunk_ids: Sequence[str]) -> bool:
        """True where Chroma gives back a vector for each id; it may list records it has lost."""
        probe = list(chunk_ids[-_PROBED:])
        if not probe:
            return True
        found: dict[str, Any] = self._call(lambda c: c.get(ids=probe, include=["embeddings"]))
        vectors = found["embeddings"]
        return vectors is not None and len(vectors) == len(probe) and all(v is not None for v in vectors)

    def search(self, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[tuple[str, float]]:
        """Up to k (chunk id, cosine) pairs, closest first; `corpora` None searches all."""
        where = {"corpus": {"$in": list(corpora)}} if corpora is not None else None
        found: dict[str, Any] = self._call(
            lambda collection: collection.query(
                query_embeddings=[np.asarray(vector, np.float32)],
                n_results=k,
                where=where,
                include=["distances"],
            )
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(chunk_id, 1.0 - float(distance)) for chunk_id, distance in pairs]

    def unseal(self) -> None:
        """Mark this generation as being written; until `seal` nobody trusts its files."""
        (self._path / _SEAL).unlink(missing_ok=True)

    def seal(self) -> None:
        """Record the checksums of Chroma's graph files, last of all."""
        if not self._url:
            write_atomically(self._path / _SEAL, json.dumps(self._checksums()))

    def is_sealed(self) -> bool:
        """True where the graph files are as they were sealed.

        Chroma does not check them itself: damaged ones end the process with a segmentation fault.
        """
        if self._url:
            return True
        try:
            if not (self._path / "chroma.sqlite3").is_file():
                return False
            return bool(json.loads((self._path / _SEAL).read_text("utf-8")) == self._checksums())
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Let go of the files for good: another process may replace them any time from now on."""
        with self._lock:
            self._close()
            self._closed = True

    def drop(self) -> None:
        """Remove this generation for good."""
        with self._lock:
            self._closed = False
            if self._url:
                try:
                    self._open()
                    self._client.delete_collection(self.generation)
                # a server that is gone, or a collection another process dropped: nothing to remove
                except Exception:  # noqa: BLE001
                    _log.warning("The collection %s could not be removed from %s.", self.generation, self._url)
            self._close()
            self._closed = True
            shutil.rmtree(self._path, ignore_errors=True)

    @property
    def _path(self) -> Path:
        return self._folder / self.generation

    def _checksums(self) -> dict[str, str]:
        # without the database beside them: it changes whenever it is opened, and it reports damage itself
        return {str(p.relative_to(self._path)): sha256_of(p) for p in sorted(self._path.glob("*/*")) if p.is_file()}

    def _upsert(self, batch: Sequence[Vector]) -> None:
        self._call(
            lambda collection: collection.upsert(
                ids=[v.chunk_id for v in batch],
                embeddings=[np.asarray(v.values, np.float32) for v in batch],
                metadatas=[{"corpus": v.corpus} for v in batch],
            )
        )

    def _call(self, work: Any) -> Any:
        with self._lock:
            try:
                return work(self._open())
            except CorpusError:
                raise
            except (KeyboardInterrupt, SystemExit):
                raise
            # Chroma's Rust core panics on damaged files, and a panic is a BaseException of its own
            except BaseException as error:
                self._close()
                raise CorpusError(
                    f"The vector index {self._url or self._path} failed "
                    f"({type(error).__name__}: {str(error)[:200]}). It is made again from the ledger.",
                    pt=f"O índice vetorial {self._url or self._path} falhou. Ele é refeito a partir do registro; "
                    "tente de novo em instantes.",
                ) from error

    def _open(self) -> Any:
        if self._closed:
            # opened again, an index that was replaced meanwhile would be empty and be believed
            raise CorpusError(
                f"The vector index {self.generation} is closed.",
                pt=f"O índice vetorial {self.generation} foi fechado. Tente de novo.",
            )
        if self._collection is None:
            import chromadb
            from chromadb.config import Settings

            settings = Settings(anonymized_telemetry=False)
            if self._url:
                parts = urlsplit(self._url)
                if parts.scheme not in ("http", "https") or not parts.hostname:
                    raise ConfigurationError(
                        f"ASSISTANT_CHROMA_URL={self._url!r} is no address; write http://host:port.",
                        pt=f"ASSISTANT_CHROMA_URL={self._url!r} não é um endereço; escreva http://máquina:porta.",
                    )
                port = parts.port or (443 if parts.scheme == "https" else 8000)
                self._client = chromadb.HttpClient(parts.hostname, port, ssl=parts.scheme == "https", settings=settings)
            else:
                self._path.mkdir(parents=True, exist_ok=True)
                self._client = chromadb.PersistentClient(self._claim(), settings=settings)
            self._collection = self._client.get_or_create_collection(
                self.generation, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
            )
        return self._collection

    def _claim(self) -> str:
        # Chroma shares one state among the clients of a process that spell the path alike: a fresh client
        # would show the stale index of another one, so each gets a spelling of its own
        with _spellings_lock:
            spelling = str(self._path)
            while spelling in _spellings:
                spelling += "/."
            _spellings.add(spelling)
        self._spelling = spelling
        return spelling

    def _close(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            try:
                client.close()
                for session in _sessions(client) if self._url else ():
                    session.close()  # Chroma leaves them open
            # closing a client whose files are damaged or gone may fail in any way; it is let go of
            except Exception:  # noqa: BLE001
                _log.debug("Chroma did not close cleanly.", exc_info=True)
        with _spellings_lock:
            _spellings.discard(self._spelling)


def _sessions(client: Any) -> list[Any]:
    """The connections of a client to a server: one for records, one that Chroma makes for tenants."""
    return [client._server._session, client._admin_client._server._session]
