"""What a person hands over as a data set, as text: size and kind checked first, then the encoding.

Knows sizes, byte order marks and the encodings that Portuguese files come in. Refuses to know the
forms of data sets.
"""

from __future__ import annotations

import codecs
import re
from importlib import import_module
from pathlib import Path

from assistant.errors import DataError
from assistant.stores.manifests import Localized

MAX_BYTES = 100_000_000  # ten times what two cores learn from in a night at 400 tokens/s
_SAMPLE = 200_000  # bytes that the encoding is guessed from
_ENCODINGS = ("cp1252", "mac_roman", "cp850")  # Windows, old Macs, DOS: what Portuguese files are written in
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FOREIGN = re.compile(r"\w*[^\x00-\x7f]\w*")


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes; `DataError` before anything is read."""
    try:
        if not path.is_file():
            raise DataError(
                f"The data file {path} does not exist or is no regular file. Check the name.",
                pt=f"O arquivo {path.name} não existe ou não é um arquivo comum. Confira o nome.",
            )
        check_size(path.name, path.stat().st_size, limit)
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The data file {path} cannot be read: {error}. Check its rights.",
            pt=f"O arquivo {path.name} não pode ser lido. Confira as permissões.",
        ) from error


def check_size(name: str, size: int, limit: int = MAX_BYTES) -> None:
    """Raise `DataError` when `size` bytes are more than `limit`."""
    if size > limit:
        raise DataError(
            f"{name} has {size / 1e6:,.0f} MB, more than the {limit / 1e6:,.0f} MB allowed. Take a part of it: "
            "a few thousand rows are enough for an adapter.",
            pt=f"{name} tem {_megabytes(size)} MB; o limite é {_megabytes(limit)} MB. Use uma parte dele: alguns "
            "milhares de linhas bastam para um adaptador.",
        )


def decode(data: bytes, name: str) -> tuple[str, Localized | None]:
    """Text, and a warning where the encoding was guessed.

    UTF-8, UTF-16 with its mark, else the likeliest of Windows-1252, Mac Roman and DOS 850. Raises
    `DataError` for binary data, and for text that is UTF-8 except for a few bytes.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding, name), None
    if b"\x00" in data[:4096]:
        raise DataError(
            f"{name} holds binary data, not text. Export it as CSV or JSON lines in UTF-8.",
            pt=f"{name} contém dados binários, não texto. Exporte-o como CSV ou JSON Lines em UTF-8.",
        )
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        _refuse_nearly_utf8(data, name, error.start)
    encoding = _guess(data)
    text = _strict(data, encoding, name)
    word = _FOREIGN.search(text)
    sample = word[0] if word else ""
    return text, Localized(
        f"{name} não está em UTF-8; foi lido como {encoding}. Confira os acentos, por exemplo em «{sample}».",
        f"{name} is not in UTF-8; it was read as {encoding}. Check the accents, for instance in {sample!r}.",
    )


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(data, name, error.start, encoding) from error


def _refuse_nearly_utf8(data: bytes, name: str, at: int) -> None:
    """Another encoding would spoil all the letters that are right to save the few that are not."""
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if sum(not character.isascii() for character in text) > 2 * wrong:
        raise _undecodable(data, name, at, "utf-8")


def _undecodable(data: bytes, name: str, at: int, encoding: str) -> DataError:
    line, value = data.count(b"\n", 0, at) + 1, data[at : at + 4].hex(" ")
    return DataError(
        f"{name}, line {line}: the bytes {value} are no {encoding} text. Save the file as UTF-8.",
        pt=f"{name}, linha {line}: os bytes {value} não são texto em {encoding}. Salve o arquivo em UTF-8.",
    )


def _guess(data: bytes) -> str:
    """The likeliest encoding; Windows-1252 where charset-normalizer, an optional library, is not there."""
    try:
        best = import_module("charset_normalizer").from_bytes(data[:_SAMPLE], cp_isolation=list(_ENCODINGS)).best()
    except ImportError:
        return _ENCODINGS[0]
    return str(best.encoding) if best else _ENCODINGS[0]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f}".replace(",", ".")
