"""Documents on disk into the index: read, split, embed what is new, write.

Knows what is unchanged and what vanished. Refuses to know which files belong to a corpus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assistant.engines.base import Embedder
from assistant.errors import DocumentRefused, StorageError
from assistant.retrieval.loading import load
from assistant.retrieval.splitting import VERSION, Chunk, split
from assistant.stores.manifests import Localized, sha256_of
from assistant.stores.passages import Draft, PassageStore, Writer
from assistant.stores.rows import DocumentRecord

_EMBED_AT_ONCE = 16  # chunks between two progress events


class Stage(StrEnum):
    """Where the ingestion of a document stands."""

    READING = "reading"
    EMBEDDING = "embedding"
    DONE = "done"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    REMOVED = "removed"
    REPAIRED = "repaired"  # the index itself was damaged and is being made again


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of an ingestion; `done` of `total` documents are finished when it is reported."""

    corpus: str
    document: str
    stage: Stage
    done: int
    total: int
    chunks: int = 0
    embedded: int = 0  # chunks of this document embedded so far
    warnings: tuple[Localized, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A document on disk and the corpus it belongs to; `as_of` is the date that a person gave it, "" for none."""

    corpus: str
    path: Path
    as_of: str = ""


class Ingestion:
    """Brings the index up to given files; see `CorporaService.ingest`."""

    def __init__(self, store: PassageStore, embedder: Embedder, max_bytes: int) -> None:
        self._store = store
        self._embedder = embedder
        self._max_bytes = max_bytes

    def run(self, writer: Writer, corpora: set[str], files: Sequence[File]) -> Iterator[Progress]:
        """`files` are all that there are of `corpora`; whatever else the index holds of these is forgotten."""
        yield from self._forget_vanished(writer, corpora, files)
        known = {(d.corpus, d.name): d.sha256 for d in self._store.documents()}
        for done, file in enumerate(files):
            digest = known.get((file.corpus, file.path.name))
            yield from self._one(writer, file, digest, (done, len(files)))

    def _one(self, writer: Writer, file: File, known: str | None, place: tuple[int, int]) -> Iterator[Progress]:
        done, total = place
        corpus, name = file.corpus, file.path.name
        try:
            digest = state_of(file.path, file.as_of)
            if digest == known:
                yield Progress(corpus, name, Stage.UNCHANGED, done + 1, total)
                return
            yield Progress(corpus, name, Stage.READING, done, total)
            document = load(file.path, max_bytes=self._max_bytes)
            chunks = split(document)
            if not chunks:
                raise DocumentRefused(
                    f"{name} holds headings only. Add text to it or remove the file.",
                    pt=f"{name} só tem títulos. Acrescente texto ou remova o arquivo.",
                )
        except DocumentRefused as error:
            reason = Localized.of(error)
            record = DocumentRecord(
                corpus, name, state_of(file.path, file.as_of), name, state="refused", notes=(reason.pt,)
            )
            writer.replace(record, [])
            yield Progress(corpus, name, Stage.REFUSED, done + 1, total, warnings=(reason,))
            return
        vectors = {d: v.tolist() for d, v in self._store.known_vectors([c.digest for c in chunks]).items()}
        missing = list({c.digest: c for c in chunks if c.digest not in vectors}.values())
        for start in range(0, len(missing), _EMBED_AT_ONCE):
            batch = missing[start : start + _EMBED_AT_ONCE]
            embedded = self._embedder.embed_passages([c.embedding_text for c in batch])
            vectors.update(zip((c.digest for c in batch), embedded, strict=True))
            count = start + len(batch)
            yield Progress(corpus, name, Stage.EMBEDDING, done, total, len(chunks), count)
        notes = tuple(warning.pt for warning in document.warnings)
        as_of = file.as_of or document.as_of
        record = DocumentRecord(corpus, name, digest, document.title, as_of, len(document.pages), notes=notes)
        writer.replace(record, [_draft(c, vectors[c.digest]) for c in chunks])
        yield Progress(corpus, name, Stage.DONE, done + 1, total, len(chunks), len(missing), warnings=document.warnings)

    def _forget_vanished(self, writer: Writer, corpora: set[str], files: Sequence[File]) -> Iterator[Progress]:
        present = {(f.corpus, f.path.name) for f in files}
        for document in self._store.documents():
            if document.corpus in corpora and (document.corpus, document.name) not in present:
                writer.remove(document.corpus, document.name)
                yield Progress(document.corpus, document.name, Stage.REMOVED, 0, len(files))


def state_of(path: Path, given: str = "") -> str:
    """What a document is read from, in short: its content, the rules that cut it, and the date that was given to it.

    Where any of these is another one, the document is new to the index; texts that it knows are not embedded again.
    """
    try:
        content = sha256_of(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error}. Check its rights.",
            pt=f"{path} não pode ser lido. Confira as permissões do arquivo.",
        ) from error
    return f"{VERSION}:{content}:{given}" if given else f"{VERSION}:{content}"


def content_of(state: str) -> str:
    """The SHA-256 of the content in a document's state."""
    return state.split(":")[1] if ":" in state else ""


def _draft(chunk: Chunk, embedding: Sequence[float]) -> Draft:
    return Draft(chunk.text, chunk.heading, chunk.page, chunk.digest, embedding)
