"""The vector index: Chroma, in this process or on a server, cosine space.

Knows ids, corpora and vectors, never a word of a document: deleting a document therefore removes its
words without Chroma's help. Everything here can be rebuilt from the ledger without embedding. The only
file where Chroma's distance becomes the project's score (cosine = 1 - distance).
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ConfigurationError, CorpusError
from assistant.stores.graph_files import wipe_unused
from assistant.stores.manifests import sha256_of, write_atomically

_BATCH = 1000  # records handed to Chroma at once; its own limit is above 5,000
_PROBED = 1000  # records of a corpus whose vectors are read back when the index is opened
_LEAST = 2  # records that Chroma writes its graph for
_LOOKED_AT = 200  # candidates of a search; of 10,000 made-up vectors 100, the default, missed 4 % of the nearest 24
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

    In process each generation is a folder of its own, `<folder>/<generation>`, written once, sealed, and
    never changed again: readers see whole ones, and what is removed disappears from the disk with the old
    one. On a server it is the collections of that name, and they are changed in place. Each corpus is a
    collection: a filter inside of one would cost Chroma 25 ms for 10,000 records.
    """

    def __init__(self, folder: Path, generation: str, *, url: str = "") -> None:
        self._folder = folder
        self.generation = generation
        self._url = url
        self._prefix = f"{generation if url else 'passages'}."  # a copy of a folder keeps its names
        self._lock = threading.Lock()
        self._client: Any = None
        self._collections: dict[str, Any] = {}  # by corpus
        self._new: dict[str, Any] = {}  # those made by this object, while it adds
        self._closed = False
        self._spelling = ""

    @staticmethod
    def new_generation() -> str:
        """A name that no other generation has."""
        return f"passages-{uuid.uuid4().hex[:12]}"

    def add(self, vectors: Iterable[Vector], counts: Mapping[str, int]) -> None:
        """Add or replace records, `counts` of them in each corpus, and have Chroma write its graph files."""
        if not self._url:
            self._path.mkdir(parents=True, exist_ok=True)
        self._call(lambda: None)  # an index without records exists, too
        batches: dict[str, list[Vector]] = {}
        for vector in vectors:
            batch = batches.setdefault(vector.corpus, [])
            batch.append(vector)
            if len(batch) == _BATCH:
                self._upsert(batches.pop(vector.corpus), counts)
        for batch in batches.values():
            self._upsert(batch, counts)
        self._call(self._settle)

    def copy_to(self, other: VectorIndex) -> None:
        """Make `other` begin with the records of this one, which is sealed."""
        try:
            shutil.copytree(self._path, other._path, ignore=shutil.ignore_patterns(_SEAL))
        except (OSError, shutil.Error) as error:
            raise self._failed(error) from error

    @property
    def in_place(self) -> bool:
        """Whether records are added to this very generation: on a server they are."""
        return bool(self._url)

    def ids(self) -> set[str]:
        """Ids of all records."""
        found: list[dict[str, Any]] = self._call(lambda: [c.get(include=[]) for c in self._collections.values()])
        return {chunk_id for one in found for chunk_id in one["ids"]}

    def readable(self) -> bool:
        """True where Chroma gives back a vector for its newest ids; it may list records it has lost."""
        whole = self._call(lambda: all(_readable(c) for c in self._collections.values()))
        # the seal goes first when a generation is dropped: what was opened after that is another, empty one
        return bool(whole) and (bool(self._url) or (self._path / _SEAL).is_file())

    def search(self, vector: Floats, corpora: Sequence[str] | None, k: int) -> list[tuple[str, float]]:
        """Up to k (chunk id, cosine) pairs, closest first; `corpora` None searches all."""
        asked = {
            "query_embeddings": [np.asarray(vector, np.float32)],
            "n_results": k,
            "include": ["distances"],
        }
        found: list[dict[str, Any]] = self._call(
            lambda: [c.query(**asked) for name, c in self._collections.items() if corpora is None or name in corpora]
        )
        pairs = [pair for one in found for pair in zip(one["ids"][0], one["distances"][0], strict=True)]
        pairs.sort(key=lambda pair: float(pair[1]))
        return [(chunk_id, 1.0 - float(distance)) for chunk_id, distance in pairs[:k]]

    def seal(self) -> None:
        """Record the checksums of Chroma's graph files, last of all; nothing is added from then on."""
        if not self._url:
            try:
                wipe_unused(self._path)
            except OSError as error:
                raise self._failed(error) from error
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
                    for collection in self._collections.values():
                        self._client.delete_collection(collection.name)
                # a server that is gone, or a collection another process dropped: nothing to remove
                except Exception:  # noqa: BLE001
                    _log.warning("The collections %s could not be removed from %s.", self.generation, self._url)
            self._close()
            self._closed = True
            (self._path / _SEAL).unlink(missing_ok=True)
            shutil.rmtree(self._path, ignore_errors=True)

    @property
    def _path(self) -> Path:
        return self._folder / self.generation

    def _checksums(self) -> dict[str, str]:
        # without the database beside them: it changes whenever it is opened, and it reports damage itself
        return {str(p.relative_to(self._path)): sha256_of(p) for p in sorted(self._path.glob("*/*")) if p.is_file()}

    def _upsert(self, batch: Sequence[Vector], counts: Mapping[str, int]) -> None:
        corpus = batch[0].corpus
        if len(batch) < _LEAST:  # alone it would stay in the queue
            self._put(corpus, counts[corpus], batch)
        self._put(corpus, counts[corpus], batch)

    def _put(self, corpus: str, count: int, batch: Sequence[Vector]) -> None:
        self._call(
            lambda: self._collection(corpus, count).upsert(
                ids=[v.chunk_id for v in batch],
                embeddings=[np.asarray(v.values, np.float32) for v in batch],
            )
        )

    def _collection(self, corpus: str, count: int) -> Any:
        """The collection of a corpus; a new one writes its graph when `count` records have been added.

        Chroma writes the whole graph at each thousandth record otherwise, and keeps the rest in a queue
        that every later start reads.
        """
        collection = self._collections.get(corpus)
        if collection is None:
            steps = {"sync_threshold": max(_LEAST, count), "batch_size": max(_LEAST, min(count, _BATCH))}
            collection = self._client.get_or_create_collection(
                self._prefix + hashlib.sha256(corpus.encode("utf-8")).hexdigest()[:16],
                metadata={"corpus": corpus},
                configuration={"hnsw": {"space": "cosine", "ef_search": _LOOKED_AT, **steps}},
                embedding_function=None,
            )
            self._collections[corpus] = self._new[corpus] = collection
        return collection

    def _settle(self) -> None:
        # from now on the graph is written with each call that adds
        for collection in self._new.values():
            collection.modify(configuration={"hnsw": {"sync_threshold": _LEAST, "batch_size": _LEAST}})
        self._new.clear()

    def _call(self, work: Callable[[], Any]) -> Any:
        with self._lock:
            try:
                self._open()
                return work()
            except CorpusError:
                raise
            except (KeyboardInterrupt, SystemExit):
                raise
            # Chroma's Rust core panics on damaged files, and a panic is a BaseException of its own
            except BaseException as error:
                self._close()
                raise self._failed(error) from error

    def _failed(self, error: BaseException) -> CorpusError:
        where = self._url or self._path
        return CorpusError(
            f"The vector index {where} failed ({type(error).__name__}: {str(error)[:200]}). "
            "It is made again from the ledger.",
            pt=f"O índice vetorial {where} falhou. Ele é refeito a partir do registro; tente de novo em instantes.",
        )

    def _open(self) -> None:
        if self._closed:
            # opened again, an index that was replaced meanwhile would be empty and be believed
            raise CorpusError(
                f"The vector index {self.generation} is closed.",
                pt=f"O índice vetorial {self.generation} foi fechado. Tente de novo.",
            )
        if self._client is None:
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
                if not self._path.is_dir():  # Chroma would make an empty index, which would be believed
                    raise self._failed(FileNotFoundError("it was replaced"))
                self._client = chromadb.PersistentClient(self._claim(), settings=settings)
            names = [c.name for c in self._client.list_collections() if c.name.startswith(self._prefix)]
            found = [self._client.get_collection(name, embedding_function=None) for name in names]
            self._collections = {c.metadata["corpus"]: c for c in found}

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
        client, self._client, self._collections = self._client, None, {}
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


def _readable(collection: Any) -> bool:
    found = collection.get(limit=_PROBED, offset=max(0, collection.count() - _PROBED), include=["embeddings"])
    vectors = found["embeddings"]
    return vectors is not None and len(vectors) == len(found["ids"]) and all(v is not None for v in vectors)


def _sessions(client: Any) -> list[Any]:
    """The connections of a client to a server: one for records, one that Chroma makes for tenants."""
    return [client._server._session, client._admin_client._server._session]
