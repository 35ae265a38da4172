"""What a user can do with corpora: list, create, add and remove documents, ingest.

`corpora/<name>/documents/*` is the truth; the index follows it. Knows files and names, and lets no
name leave the folder. Refuses to know how text is searched.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from assistant.engines.base import Embedder
from assistant.errors import ConfigurationError, CorpusNotFound, DocumentRefused, StorageError
from assistant.retrieval.documents import OnPage
from assistant.retrieval.loading import MAX_BYTES, SUFFIXES, load, too_large, unlock, wrong_kind
from assistant.services.corpus_card import CorpusCard, dates_in, read_card
from assistant.services.corpus_reading import Checked
from assistant.services.ingestion import Bulk, File, Ingestion, Progress, Stage
from assistant.stores.manifests import (
    NO_TEXT,
    Localized,
    check_name,
    write_atomically,
)
from assistant.stores.passages import CorpusStats, PassageStore
from assistant.stores.rows import DocumentRecord
from assistant.stores.writer import Writer

_FILE_NAME = re.compile(r"[\w][\w .,()+-]{0,119}")
_NO_STATS = CorpusStats(documents=0, refused=0, chunks=0, oldest=None, newest=None)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus on disk beside what the index holds of it; `files` are the documents on disk."""

    card: CorpusCard
    stats: CorpusStats
    files: tuple[str, ...]
    problem: Localized = NO_TEXT  # why the corpus cannot be used; empty where it can


class CorporaService:
    """Corpora under one folder and their index. Holds nothing of a visitor."""

    def __init__(
        self,
        folder: Path,
        store: PassageStore,
        embedder: Embedder,
        max_bytes: int = MAX_BYTES,
        bulk: Callable[[], Bulk] | None = None,
    ) -> None:
        """`bulk` opens an embedder that is quicker for many chunks."""
        self._folder = folder
        self._store = store
        self._checked = Checked()
        self._ingestion = Ingestion(embedder, max_bytes, bulk, self._checked)
        self._max_bytes = max_bytes

    @property
    def folder(self) -> Path:
        """Where the corpora lie."""
        return self._folder

    @property
    def max_bytes(self) -> int:
        """The largest document."""
        return self._max_bytes

    def names(self) -> list[str]:
        """Names of all corpora that have a corpus.toml, sorted."""
        return sorted(p.parent.name for p in self._folder.glob("*/corpus.toml") if not p.parent.is_symlink())

    def list(self) -> list[Corpus]:
        """All corpora; one whose corpus.toml is faulty is listed with its problem."""
        stats = self._store.stats()
        found = []
        for name in self.names():
            problem = NO_TEXT
            try:
                card = read_card(self._folder / name / "corpus.toml")
            except ConfigurationError as error:
                card, problem = CorpusCard(name, Localized(name, name), NO_TEXT), Localized.of(error)
            files = tuple(f.path.name for f in self._files(name))
            found.append(Corpus(card, stats.get(name, _NO_STATS), files, problem))
        return found

    def card(self, name: str) -> CorpusCard:
        """The card of a corpus; raises `CorpusNotFound` or `ConfigurationError`."""
        return read_card(self._corpus(name) / "corpus.toml")

    def card_path(self, name: str) -> Path:
        """The corpus.toml of a corpus; raises `CorpusNotFound`, `ConfigurationError` for a bad name."""
        return self._corpus(name) / "corpus.toml"

    def paths(self, name: str) -> Sequence[Path]:
        """The documents of a corpus on disk, by name; links and hidden files are none."""
        self._corpus(name)
        return [file.path for file in self._files(name)]

    def path_of(self, name: str, document: str) -> Path:
        """A document on disk; raises `CorpusNotFound` for one that is not there."""
        wanted = unicodedata.normalize("NFC", document)
        found = next((path for path in self.paths(name) if path.name == wanted), None)
        if found is None:
            raise CorpusNotFound(
                f"The corpus {name!r} has no document {document[:120]!r}. Look at its list again.",
                pt=f"O corpus {name!r} não tem o documento {document[:120]!r}. Veja de novo a lista dele.",
            )
        return found

    def check_file_name(self, filename: str) -> str:
        """The name as it is kept; raises `DocumentRefused` for one that leads elsewhere or a kind that is not read."""
        return self._file_name(filename)

    def max_age_days(self, name: str) -> int:
        """Days after which a source of the corpus is old; 0 where never, or where the corpus is gone."""
        try:
            return self.card(name).max_age_days
        except (CorpusNotFound, ConfigurationError):
            return 0

    def documents(self, name: str) -> Sequence[DocumentRecord]:
        """What the index holds of a corpus, refused documents and their reasons included."""
        self._corpus(name)
        return self._store.documents(name)

    def ingest(self, names: Sequence[str] | None = None, *, rebuild: bool = False) -> Iterator[Progress]:
        """Bring the index up to the files, yielding progress; `names` None is all corpora.

        Unchanged documents cost nothing, changed ones embed only their new chunks, vanished ones leave
        the index. `rebuild` makes a whole index anew beside the one in use, which answers until the new one
        takes its place; where it is interrupted, the next one goes on. Raises `StoreBusy`, `IndexMismatch`,
        `CorpusNotFound`, `StorageError`; a document that cannot be read is reported and skipped.
        """
        chosen = [self._corpus(name).name for name in names] if names is not None else None
        if not self._store.is_sound():
            moved = self._store.set_aside()
            warning = Localized(
                f"O índice estava danificado. Ele fica guardado em {moved} e é refeito a partir dos documentos.",
                f"The index was damaged. It is kept as {moved} and made again from the documents.",
            )
            _log.warning("%s", warning.en)
            chosen = None
            yield Progress("", "", Stage.REPAIRED, 0, 0, warnings=(warning,))
        elif rebuild:
            with self._store.beside() as new, new.writing() as writer:
                yield from self._run(new, writer, None)
            return
        with self._store.writing() as writer:
            yield from self._run(self._store, writer, chosen)

    def _run(self, store: PassageStore, writer: Writer, names: Sequence[str] | None) -> Iterator[Progress]:
        """Bring a store up to the files of these corpora, or of all that there are or were."""
        chosen = self.names() if names is None else names
        files = [file for name in chosen for file in self._files(name)]
        gone = set(chosen) | ({d.corpus for d in store.documents()} if names is None else set())
        yield from self._ingestion.run(store, writer, gone, files)

    def create(self, name: str, title: str) -> Corpus:
        """Make an empty corpus; raises `ConfigurationError` for a bad or taken name."""
        folder = self._folder / check_name(name, "a corpus")
        title = " ".join(title.split())[:120] or name
        document = {
            "title": {"pt": title, "en": title},
            "description": {"pt": title, "en": title},
            "max_age_days": 0,
            "language": "pt",
        }
        try:
            (folder / "documents").mkdir(parents=True)
            write_atomically(folder / "corpus.toml", tomlkit.dumps(document))
        except FileExistsError as error:
            raise ConfigurationError(
                f"A corpus {name!r} exists already. Choose another name.",
                pt=f"O corpus {name!r} já existe. Escolha outro nome.",
            ) from error
        except OSError as error:
            raise _unwritable(folder, error) from error
        return Corpus(read_card(folder / "corpus.toml"), _NO_STATS, ())

    def add_document(
        self, corpus: str, filename: str, content: bytes | Path, password: str = "", on_page: OnPage | None = None
    ) -> Path:
        """Put a file into a corpus, replacing the one of that name; `ingest` indexes it. `on_page` hears how far it is.

        A protected file is kept without its protection: no password is stored anywhere. Raises `DocumentRefused` for
        a bad name, a link, a kind that is not read or a file too large, `PasswordNeeded` where it asks for one.
        """
        folder = self._documents(corpus)
        target = folder / self._file_name(filename)
        if target.is_symlink():
            raise DocumentRefused(
                f"{filename!r} is a link in the corpus {corpus!r}. Remove it first.",
                pt=f"{filename!r} é um atalho no corpus {corpus!r}. Remova-o antes.",
            )
        data = content if isinstance(content, bytes) else self._read(content)
        if len(data) > self._max_bytes:
            raise too_large(filename, len(data), self._max_bytes)
        temporary = folder / f".{uuid.uuid4().hex}{target.suffix}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if password:
                self._unlock(temporary, target.name, password)
            # what cannot be read is refused before it is kept
            document = load(temporary, max_bytes=self._max_bytes, name=target.name, on_page=on_page)
            temporary.replace(target)
            self._checked.keep(target, document)
        except OSError as error:
            raise _unwritable(target, error) from error
        finally:
            with suppress(OSError):  # a read-only disk refuses even to look for it
                temporary.unlink()
        return target

    def remove_document(self, corpus: str, filename: str) -> None:
        """Remove a document from disk and index, with its words and vectors."""
        name = unicodedata.normalize("NFC", filename)
        path = self._documents(corpus) / name
        listed = {f.path.name for f in self._files(corpus)} | {d.name for d in self._store.documents(corpus)}
        if name not in listed:
            raise CorpusNotFound(
                f"The corpus {corpus!r} has no document {filename!r}.",
                pt=f"O corpus {corpus!r} não tem o documento {filename!r}.",
            )
        with self._store.removing() as writer:
            path.unlink(missing_ok=True)
            writer.remove(corpus, name)

    def delete(self, corpus: str) -> None:
        """Remove a corpus with all its documents from disk and index."""
        folder = self._corpus(corpus)
        with self._store.removing() as writer:
            (folder / "corpus.toml").unlink(missing_ok=True)  # first: without it the corpus does not exist
            shutil.rmtree(folder, ignore_errors=True)
            for document in self._store.documents(corpus):
                writer.remove(corpus, document.name)

    def _unlock(self, path: Path, name: str, password: str) -> None:
        opened = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
        try:
            unlock(path, opened, password, max_bytes=self._max_bytes, name=name)
            opened.replace(path)
        finally:
            opened.unlink(missing_ok=True)

    def _files(self, corpus: str) -> Iterator[File]:
        # links could lead out of the corpus, hidden files are somebody's half-written ones
        given = dates_in(self._folder / corpus / "corpus.toml")
        for path in sorted((self._folder / corpus / "documents").glob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                yield File(corpus, path, given.get(path.name, ""))

    def _corpus(self, name: str) -> Path:
        folder = self._folder / check_name(name, "a corpus")
        if folder.is_symlink() or not (folder / "corpus.toml").is_file():
            raise unknown_corpus(name, self.names())
        return folder

    def _documents(self, corpus: str) -> Path:
        folder = self._corpus(corpus) / "documents"
        if folder.is_symlink():
            raise DocumentRefused(
                f"{folder} is a link. Make it a folder.", pt=f"{folder} é um atalho. Troque-o por uma pasta."
            )
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        return folder

    def _file_name(self, filename: str) -> str:
        name = unicodedata.normalize("NFC", filename)
        if not _FILE_NAME.fullmatch(name) or ".." in name:
            raise DocumentRefused(
                f"{filename[:80]!r} is no valid file name: use letters, digits, spaces, hyphens and dots, "
                "at most 120, without folders.",
                pt=f"{filename[:80]!r} não serve como nome de arquivo: use letras, algarismos, espaços, hífens e "
                "pontos, no máximo 120, sem pastas.",
            )
        if Path(name).suffix.lower() not in SUFFIXES:
            raise wrong_kind(name)
        return name

    def _read(self, path: Path) -> bytes:
        if path.is_symlink() or not path.is_file():
            raise DocumentRefused(
                f"{path.name} is a link or no file. Give the file itself.",
                pt=f"{path.name} é um atalho ou não é um arquivo. Envie o próprio arquivo.",
            )
        if path.stat().st_size > self._max_bytes:
            raise too_large(path.name, path.stat().st_size, self._max_bytes)
        return path.read_bytes()


def unknown_corpus(name: str, known: Sequence[str]) -> CorpusNotFound:
    """The error of a name that is none of the `known` ones."""
    there = ", ".join(known)
    return CorpusNotFound(
        f"No corpus is called {name!r}. There are: {there or 'none'}.",
        pt=f"Nenhum corpus se chama {name!r}. Existem: {there or 'nenhum'}.",
    )


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error}. Free space or check its rights.",
        pt=f"{path} não pode ser gravado. Libere espaço no disco ou confira as permissões.",
    )
