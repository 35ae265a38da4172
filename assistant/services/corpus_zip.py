"""A folder of documents as a ZIP, from somebody else: what of it is taken, and why the rest is not.

Knows how archives lie (names that lead out, links, bombs, archives inside archives) and refuses such an entry by
itself: the rest goes in. Sizes are counted while they are unpacked, never believed. Refuses to read documents.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import MAX_BYTES, SUFFIXES, too_large, wrong_kind
from assistant.services.corpus_names import safe_document_name
from assistant.stores.manifests import NO_TEXT, Localized

MAX_ENTRIES = 20_000
MAX_TOTAL = 1_000_000_000  # bytes of all entries, unpacked
_MAX_RATIO = 200  # unpacked to packed; text packs 3 to 10 times, a bomb a thousand times
_RATIO_FROM = 5_000_000  # bytes; below, a high ratio is a page of blanks
_DIRECTORY = 1_200  # bytes of the directory for one entry: more is no list of files
_PIECE = 1 << 20
_TAIL = 65_557  # bytes at the end that may hold the end record: 22 and the longest comment
_END, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x07"
_ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".cab", ".iso", ".jar"})
_DRIVE = re.compile(r"[A-Za-z]:")
_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can ask for gigabytes of memory


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive: unpacked at `path`, or refused with the reason; `origin` is its place inside."""

    name: str
    origin: str
    path: Path | None = None
    reason: Localized = NO_TEXT


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES, max_total: int = MAX_TOTAL) -> Iterator[Entry]:
    """Every document of the archive, unpacked flat into `folder` one by one, and every refused entry.

    Raises `DocumentRefused` where the file is no ZIP or its directory is not one of documents.
    """
    taken: set[str] = set()
    left = max_total
    with opened(archive) as source:
        for info in source.infolist():
            if info.is_dir():
                continue
            origin = shown_name(info)
            name = _free_name(origin, taken)
            try:
                check_entry(info, origin)
                if PurePosixPath(name).suffix.lower() not in SUFFIXES:
                    raise wrong_kind(name)
                target = folder / f"{len(taken):05d}" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if left <= 0:
                    raise _refused(
                        origin, "is beyond what one ZIP may unpack to", "passa do que um ZIP pode ter descompactado",
                        "Divida a pasta.", "Split the folder.",
                    )  # fmt: skip
                left -= write_entry(source, info, target, min(max_bytes, left))
            except DocumentRefused as error:
                yield Entry(name, origin, reason=Localized.of(error))
                continue
            taken.add(name)
            yield Entry(name, origin, target)


def opened(archive: Path) -> zipfile.ZipFile:
    """The archive, its directory looked at before it is read; raises `DocumentRefused`."""
    try:
        with archive.open("rb") as file:
            _check_directory(archive.name, file)
        return zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DocumentRefused(
            f"{archive.name} is no ZIP that can be opened ({error}). Make it again and send it.",
            pt=f"{archive.name} não é um ZIP que se consiga abrir. Compacte a pasta de novo e envie.",
        ) from error


def check_entry(info: zipfile.ZipInfo, origin: str) -> None:
    """Raise `DocumentRefused` for an entry that is no plain file with a plain name."""
    parts = PurePosixPath(origin.replace("\\", "/")).parts
    mode = info.external_attr >> 16
    outward = origin.startswith(("/", "\\")) or ".." in parts or _DRIVE.match(origin)
    if not parts or outward or "\x00" in info.orig_filename:
        raise _refused(origin, "leads out of the archive", "aponta para fora do ZIP", "Tire-o dali.", "Take it out.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _refused(
            origin, "is a link or a device", "é um atalho", "Inclua o próprio arquivo.", "Put the file itself in."
        )
    if info.flag_bits & 0x1:
        raise _refused(
            origin, "is encrypted", "está protegido por senha", "Compacte sem senha.", "Pack it without a password."
        )
    if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts) or parts[-1].lower() in _SYSTEM:
        raise _refused(origin, "is a hidden file of a system", "é um arquivo oculto do sistema")
    if PurePosixPath(parts[-1]).suffix.lower() in _ARCHIVES:
        raise _refused(
            origin, "is an archive inside the archive", "é um compactado dentro do ZIP", "Extraia-o antes.",
            "Unpack it first.",
        )  # fmt: skip
    if info.compress_type not in _METHODS:
        raise _refused(
            origin, "is packed in a way not read here", "usa uma compactação que não é lida aqui",
            "Compacte de novo como ZIP comum.", "Pack it again as a plain ZIP.",
        )  # fmt: skip


def write_entry(source: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, limit: int) -> int:
    """Unpack an entry up to `limit` bytes and give their number; raises `DocumentRefused`, leaving nothing."""
    written = 0
    most = max(_RATIO_FROM, _MAX_RATIO * max(1, info.compress_size))
    try:
        with source.open(info) as packed, target.open("xb") as file:
            while piece := packed.read(_PIECE):
                written += len(piece)
                if written > most:
                    raise _refused(
                        target.name, f"unpacks to more than {_MAX_RATIO} times its size",
                        f"descompacta para mais de {_MAX_RATIO} vezes o seu tamanho", "Envie o próprio arquivo.",
                        "Send the file itself.",
                    )  # fmt: skip
                if written > limit:
                    raise too_large(target.name, max(written, info.file_size), limit)
                file.write(piece)
    except DocumentRefused:
        target.unlink(missing_ok=True)
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise _refused(
            target.name, f"is damaged ({error})", "está danificado", "Compacte a pasta de novo.", "Pack it again."
        ) from error
    return written


def shown_name(info: zipfile.ZipInfo) -> str:
    """The name of an entry as its maker meant it: UTF-8 where it is that, else the code page of Windows in Brazil."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp850", "replace")


def _check_directory(name: str, file: BinaryIO) -> None:
    """Raise `DocumentRefused` for a directory of more files than anybody has documents, before it is in memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    place = len(tail) - 22 if tail[-22:-18] == _END and tail[-2:] == b"\0\0" else tail.rfind(_END)
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("no end record")
    record = tail[place : place + 22]
    entries, length = int.from_bytes(record[10:12], "little"), int.from_bytes(record[12:16], "little")
    if tail[max(0, place - 20) : place].startswith(_LOCATOR_64) or entries > MAX_ENTRIES:
        entries = max(entries, MAX_ENTRIES + 1)
    if entries > MAX_ENTRIES or length > MAX_ENTRIES * _DIRECTORY:
        raise DocumentRefused(
            f"{name} lists more than the {MAX_ENTRIES:,} files allowed. Split it.",
            pt=f"{name} tem mais arquivos que o limite de {MAX_ENTRIES:,}. Divida a pasta.".replace(",", "."),
        )


def _free_name(origin: str, taken: set[str]) -> str:
    """The file's own name, or with its folder's before it where another folder has one of that name, too."""
    path = PurePosixPath(origin.replace("\\", "/"))
    name = safe_document_name(path.name)
    if name in taken and len(path.parts) > 1:
        name = safe_document_name(f"{path.parts[-2]} - {path.name}")
    stem, suffix, number = PurePosixPath(name).stem, PurePosixPath(name).suffix, 2
    while name in taken:
        name, number = f"{stem} ({number}){suffix}", number + 1
    return name


def _refused(name: str, why: str, why_pt: str, way_pt: str = "", way: str = "") -> DocumentRefused:
    shown = name[-80:]
    return DocumentRefused(f"{shown} {why}. {way}".strip(), pt=f"{shown} {why_pt}. {way_pt}".strip())
