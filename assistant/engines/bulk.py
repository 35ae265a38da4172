"""Many chunks to vectors: the embedded embedder's own, by a niced process beside this one.

Knows how that process is started, asked and ended, and that its vectors are believed only while they agree
with the embedded embedder's. Where it cannot be had, the embedded one does the work. Refuses to know
how vectors are computed (`e5_torch`) and when there are many (`services.ingestion`).
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from assistant.engines.base import Embedder
from assistant.engines.embedder import clean

MODULE = "assistant.engines.e5_torch"
AGREEMENT = 0.99  # least cosine between both engines' vectors of a text
_PROBED = 2  # texts of the first request that both engines embed
_AT_ONCE = 64  # texts of one request: about two seconds
_STARTING_S, _ANSWER_S = 120.0, 300.0  # patience with the process; it works below everything else
_log = logging.getLogger(__name__)


class _Gone(Exception):
    """The process cannot be asked any more, with the reason."""


class BulkEmbedder:
    """An `Embedder` over another one, `embedder`, for as long as `open_bulk` holds it open."""

    def __init__(self, embedder: Embedder, process: subprocess.Popen[bytes] | None) -> None:
        self._embedder = embedder
        self._process = process
        self._probed = False

    @property
    def name(self) -> str:
        """Identity of the vectors: they are the embedder's own."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self._embedder.dimension

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question, by the embedder itself."""
        return self._embedder.embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of chunks, in order; by the embedder itself where the process fails."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _AT_ONCE):
            batch = list(texts[start : start + _AT_ONCE])
            vectors += self._by_process(batch) or self._embedder.embed_passages(batch)
        return vectors

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
            process.wait()

    def _by_process(self, texts: Sequence[str]) -> list[list[float]] | None:
        if self._process is None:
            return None
        try:
            found = self._asked(self._process, texts)
        except (_Gone, OSError) as error:
            _log.warning("The bulk embedder failed (%s); the embedded one goes on, more slowly.", error)
            self.close()
            return None
        vectors: list[list[float]] = found.tolist()
        return vectors

    def _asked(self, process: subprocess.Popen[bytes], texts: Sequence[str]) -> NDArray[np.float32]:
        if not self._probed and _read(process, len(b"ready\n"), _STARTING_S) != b"ready\n":
            raise _Gone("it does not speak as expected")
        assert process.stdin is not None
        process.stdin.write(json.dumps([clean(t) for t in texts]).encode("ascii") + b"\n")
        process.stdin.flush()
        size = len(texts) * self.dimension
        found = np.frombuffer(_read(process, 4 * size, _ANSWER_S), np.float32).reshape(len(texts), self.dimension)
        if not _are_units(found):
            raise _Gone("a vector of it is no unit vector")
        if not self._probed:
            expected = np.asarray(self._embedder.embed_passages(texts[:_PROBED]), np.float32)
            agreement = float((expected * found[:_PROBED]).sum(axis=1).min())
            if agreement < AGREEMENT:
                raise _Gone(f"its vectors are {agreement:.3f} like the embedded ones, less than {AGREEMENT}")
            self._probed = True
        return found


@contextmanager
def open_bulk(
    embedder: Embedder, environment: Mapping[str, str], python: str = sys.executable
) -> Iterator[BulkEmbedder]:
    """A bulk embedder over `embedder`; `environment` are the variables of its process."""
    # all cores for one product: its threads wait asleep, so that they take nothing while they wait
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))), "OMP_WAIT_POLICY": "passive"}
    try:
        process = subprocess.Popen(  # noqa: S603  # fixed words, no shell
            [python, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, **threads},
        )
    except OSError as error:
        _log.warning("The bulk embedder cannot be started (%s); the embedded one works alone.", error)
        process = None
    bulk = BulkEmbedder(embedder, process)
    try:
        yield bulk
    finally:
        bulk.close()


def _are_units(vectors: NDArray[np.float32]) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):  # whatever bytes came
        return bool(np.all(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3))


def _read(process: subprocess.Popen[bytes], size: int, patience: float) -> bytes:
    """Exactly `size` bytes of what the process says; raises `_Gone`."""
    assert process.stdout is not None
    found, deadline = bytearray(), time.monotonic() + patience
    pipe = process.stdout.fileno()
    while len(found) < size:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise _Gone(f"no answer within {patience:.0f} seconds")
        piece = os.read(pipe, size - len(found))
        if not piece:
            raise _Gone("the process ended")
        found += piece
    return bytes(found)


def _close(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except OSError:  # what was still to be written has nobody to read it
        _log.debug("A pipe of the bulk embedder was broken.", exc_info=True)
