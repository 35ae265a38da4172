"""What somebody brings, laid ready in a folder of this program: files, a ZIP, a pasted text.

Knows names, links and sizes; what cannot be taken is told line by line and the rest is laid ready. Refuses to read
documents and to put them into a corpus.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from assistant.errors import DocumentRefused, InputRejected, StorageError
from assistant.retrieval.loading import MAX_CHARS, SUFFIXES, too_large, wrong_kind
from assistant.services.corpus_names import document_name_of, safe_document_name
from assistant.services.corpus_report import FileReport, FileState
from assistant.services.corpus_zip import unpack
from assistant.stores.manifests import Localized

_LONGEST_TITLE = 120  # characters


@dataclass(slots=True)
class Laid:
    """Files by the name they will have, and a line for each that was brought, refused ones included."""

    files: dict[str, Path] = field(default_factory=dict)
    lines: list[FileReport] = field(default_factory=list)

    def refuse(self, name: str, reason: Localized, origin: str = "") -> None:
        """Note why a file is not taken."""
        self.lines.append(FileReport(name, FileState.REFUSED, origin, notes=(reason,)))

    def take(self, name: str, path: Path, origin: str = "") -> None:
        """Note a file that lies ready."""
        self.files[name] = path
        self.lines.append(FileReport(name, origin=origin, size=path.stat().st_size))


def lay_files(sources: Sequence[Path], folder: Path, max_bytes: int) -> Laid:
    """Copies of the files, and the documents of each ZIP; raises `InputRejected` for none, `StorageError`."""
    if not sources:
        raise InputRejected("No file was sent. Choose one.", pt="Nenhum arquivo foi enviado. Escolha um.")
    laid = Laid()
    try:
        for number, source in enumerate(sources):
            place = folder / f"{number:05d}"
            place.mkdir(parents=True)
            try:
                _lay(source, place, laid, max_bytes)
            except DocumentRefused as error:
                laid.refuse(source.name[:120], Localized.of(error))
    except OSError as error:
        raise StorageError(
            f"The files could not be copied: {error}. Free space on the disk and send them again.",
            pt="Não foi possível copiar os arquivos. Libere espaço no disco e envie-os de novo.",
        ) from error
    return laid


def lay_text(title: str, text: str, date: str, folder: Path, taken: Collection[str]) -> Laid:
    """A pasted text as a Markdown document of that title; `taken` are names that it must not have."""
    words = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").strip()
    if not words:
        raise InputRejected("There is no text. Paste it first.", pt="Não há texto. Cole-o antes de acrescentar.")
    if len(words) > MAX_CHARS:
        raise InputRejected(
            f"The text has {len(words):,} characters, above the {MAX_CHARS:,} allowed. Split it.",
            pt="O texto é longo demais para um documento. Divida-o.",
        )
    called = " ".join((title.encode("utf-8", "replace").decode().strip() or words.splitlines()[0].lstrip("# ")).split())
    called = called[:_LONGEST_TITLE]
    head = [f"title: {called}", *([f"as_of: {date}"] if date else [])]
    name = free_name(document_name_of(called, ".md"), taken)
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["---", *head, "---", "", words, ""]), "utf-8")
    laid = Laid()
    laid.take(name, path)
    return laid


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it where it is taken."""
    path, number, free = PurePosixPath(name), 2, name
    while free in taken:
        free, number = f"{path.stem} ({number}){path.suffix}", number + 1
    return free


def _lay(source: Path, place: Path, laid: Laid, max_bytes: int) -> None:
    if source.is_symlink() or not source.is_file():
        raise DocumentRefused(
            f"{source.name} is a link or no file. Give the file itself.",
            pt=f"{source.name} é um atalho ou não é um arquivo. Envie o próprio arquivo.",
        )
    if source.suffix.lower() == ".zip":
        for entry in unpack(source, place, max_bytes=max_bytes):
            origin = f"{source.name}/{entry.origin}"
            if entry.path is None:
                laid.refuse(entry.name, entry.reason, origin)
                continue
            laid.take(free_name(entry.name, laid.files), entry.path, origin)
        return
    name = free_name(safe_document_name(source.name), laid.files)
    if PurePosixPath(name).suffix not in SUFFIXES:
        raise wrong_kind(source.name)
    if source.stat().st_size > max_bytes:
        raise too_large(source.name, source.stat().st_size, max_bytes)
    shutil.copyfile(source, place / name, follow_symlinks=False)
    laid.take(name, place / name)
