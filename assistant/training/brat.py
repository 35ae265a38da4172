"""Standoff annotation as brat writes it: a folder, or a .zip of it, with a .txt and an .ann for each document.

Knows text-bound annotations (T lines); relations, events and notes are passed over. Refuses links, paths
that lead out, encrypted or bloated archives; nothing is ever unpacked to the disk.
"""

from __future__ import annotations

import re
import stat
import zipfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assistant.errors import DataError
from assistant.models.prompt_format import one_line
from assistant.stores.manifests import Localized
from assistant.training import files
from assistant.training.formats import serialize_entities
from assistant.training.records import Record, RecordSet

MAX_FILES = 20_000
_LONG = 400  # characters of a line that is cut at ends of sentences, as texts are when they are answered
_SENTENCE = re.compile(r"(?<=[a-zà-ü]{5}[.!?])\s+(?=[A-ZÀ-Ü\"“])")  # five letters: no abbreviation
_LINES = re.compile(r"\n\s*")
_BOUND = re.compile(r"(T\d+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)")


@dataclass(frozen=True, slots=True)
class _Span:
    label: str
    start: int
    end: int


def read_brat(path: Path) -> RecordSet:
    """Records of every annotated document, each document a group; raises `DataError` naming file and line."""
    members = _folder(path) if path.is_dir() else _archive(path)
    texts = {name[:-4]: data for name, data in members.items() if name.endswith(".txt")}
    notes = {name[:-4]: data for name, data in members.items() if name.endswith(".ann")}
    if not notes:
        raise DataError(
            f"{path.name} holds no .ann file: it is no brat set. Put a .txt and an .ann for each document in it.",
            pt=f"{path.name} não tem arquivos .ann: não é um conjunto brat. Ponha um .txt e um .ann por documento.",
        )
    records: list[Record] = []
    broken = 0
    warnings: dict[Localized, None] = {}
    for name, data in sorted(notes.items()):
        if name not in texts:
            raise DataError(
                f"{path.name}: {name}.ann has no {name}.txt beside it. Add the text or remove the annotation.",
                pt=f"{path.name}: falta {name}.txt ao lado de {name}.ann. Acrescente o texto ou remova a anotação.",
            )
        text, warning = files.decode(texts[name], f"{name}.txt")
        annotation, _ = files.decode(data, f"{name}.ann")
        spans, skipped = _spans(annotation, text, f"{name}.ann")
        broken += skipped
        records += _records(text, spans, name)
        if warning:
            warnings[warning] = None
    if broken:
        pt = f"{broken} anotações de partes separadas ficaram de fora: o texto delas não está inteiro em um só lugar."
        warnings[Localized(pt, f"{broken} annotations of separate parts were left out: they are not one text.")] = None
    without = sorted(set(texts) - set(notes))
    if without:
        shown = ", ".join(without[:5])
        en = f"{len(without)} texts without an .ann file were left out: {shown}."
        warnings[Localized(f"{len(without)} textos sem arquivo .ann ficaram de fora: {shown}.", en)] = None
    return RecordSet(tuple(records), "brat", warnings=tuple(warnings))


def _folder(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for file in sorted(path.rglob("*")):
        if file.is_symlink():
            raise _refused(path.name, str(file.relative_to(path)), "a link", "um link")
        if file.suffix in (".txt", ".ann") and file.is_file():
            total += file.stat().st_size
            files.check_size(path.name, total)
            _check_count(path.name, len(found) + 1)
            found[file.relative_to(path).as_posix()] = files.read_bytes(file)
    return found


def _archive(path: Path) -> dict[str, bytes]:
    files.check_size(path.name, path.stat().st_size if path.is_file() else 0)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check_count(path.name, len(entries))
            files.check_size(path.name, sum(entry.file_size for entry in entries))
            for entry in entries:
                _check_entry(entry, path.name)
            wanted = [entry for entry in entries if entry.filename.endswith((".txt", ".ann"))]
            return {entry.filename: _read(archive, entry, path.name) for entry in wanted}
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise DataError(
            f"{path.name} cannot be read as a .zip ({error}). Make the archive again.",
            pt=f"{path.name} não pode ser lido como .zip. Crie o arquivo de novo.",
        ) from error


def _check_entry(entry: zipfile.ZipInfo, name: str) -> None:
    where = PurePosixPath(entry.filename.replace("\\", "/"))
    if where.is_absolute() or ".." in where.parts or ":" in where.parts[0]:
        raise _refused(name, entry.filename, "a path that leads out", "um caminho que sai da pasta")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise _refused(name, entry.filename, "a link", "um link")
    if entry.flag_bits & 0x1:
        raise _refused(name, entry.filename, "an encrypted file", "um arquivo com senha")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    """One entry, never more than it says: the sizes in the directory, summed before, may lie."""
    with archive.open(entry) as file:
        data = file.read(entry.file_size + 1)
    if len(data) > entry.file_size:
        raise _refused(name, entry.filename, "a file larger than it says", "um arquivo maior do que declara")
    return data


def _check_count(name: str, count: int) -> None:
    if count > MAX_FILES:
        raise DataError(
            f"{name} holds more than {MAX_FILES:,} files. Take a part of it.",
            pt=f"{name} tem mais de {MAX_FILES} arquivos. Use uma parte dele.",
        )


def _refused(name: str, entry: str, what: str, what_pt: str) -> DataError:
    return DataError(
        f"{name}: {entry!r} is {what}; such a set is not read. Remove it and try again.",
        pt=f"{name}: {entry!r} é {what_pt}; o conjunto não foi lido. Remova-o e tente de novo.",
    )


def _spans(annotation: str, text: str, name: str) -> tuple[list[_Span], int]:
    """The spans of a document in its order, and how many of separate parts were left out."""
    spans, separate = [], 0
    for number, line in enumerate(annotation.split("\n"), 1):
        if not line.startswith("T"):
            continue
        match = _BOUND.fullmatch(line.rstrip("\r"))
        if not match:
            raise _no_annotation(name, number, line)
        if ";" in match[3]:
            separate += 1
            continue
        start, end = (int(offset) for offset in match[3].split(" "))
        if start >= end or one_line(text[start:end]) != one_line(match[4]):
            raise _no_annotation(name, number, line)
        spans.append(_Span(match[2], start, end))
    return sorted(spans, key=lambda span: (span.start, span.end)), separate


def _no_annotation(name: str, number: int, line: str) -> DataError:
    return DataError(
        f"{name}, line {number}: {line[:80]!r} does not fit the text (T1<tab>LABEL start end<tab>text there).",
        pt=f"{name}, linha {number}: {line[:80]!r} não corresponde ao texto (T1<tab>CLASSE início fim<tab>texto).",
    )


def _records(text: str, spans: Sequence[_Span], name: str) -> list[Record]:
    """A record for each line, or for a few sentences of a long one; no entity is ever cut."""
    breaks = [at for at, character in enumerate(text) if character == "\n"]
    records = []
    for start, end in _pieces(text, spans):
        if text[start:end].strip():
            held = [span for span in spans if start <= span.start < end]
            entities = tuple((span.label, one_line(text[span.start : span.end])) for span in held)
            line = bisect_right(breaks, start) + 1
            records.append(Record(one_line(text[start:end]), serialize_entities(entities), name, line, entities))
    return records


def _pieces(text: str, spans: Sequence[_Span]) -> list[tuple[int, int]]:
    cuts = _cuts(_LINES, text, 0, len(text), spans)
    pieces = []
    for start, end in cuts:
        if end - start <= _LONG:
            pieces.append((start, end))
        else:
            pieces += _cuts(_SENTENCE, text, start, end, spans)
    return pieces


def _cuts(pattern: re.Pattern[str], text: str, start: int, end: int, spans: Sequence[_Span]) -> list[tuple[int, int]]:
    """The pieces of text[start:end] between the matches that lie in no span."""
    pieces = []
    for match in pattern.finditer(text, start, end):
        if not any(span.start < match.end() and match.start() < span.end for span in spans):
            pieces.append((start, match.start()))
            start = match.end()
    return [*pieces, (start, end)]
