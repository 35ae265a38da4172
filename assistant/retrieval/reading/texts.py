"""Plain text and Markdown in any encoding that Portuguese is met in.

Knows encodings and the front matter of a Markdown file. Refuses to know markup.
"""

from __future__ import annotations

import codecs
import re

from assistant.errors import DocumentRefused
from assistant.retrieval import freshness
from assistant.retrieval.documents import Page, Parsed, Source
from assistant.stores.manifests import Localized

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?\n", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"""\A(["'])(.*)\1\Z""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PORTUGUESE = ["cp1252", "cp850", "mac_roman"]  # Windows, DOS, old Macintosh; ISO 8859-1 is inside the first
_FOREIGN_SHARE = 0.2  # of letters outside ASCII: Portuguese has 3 to 5 in a hundred
_FOREIGN_BYTES = 16  # fewer are no evidence of another language
_ACCENTED = frozenset("áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇºª§–—“”‘’…°«»€")
_SAMPLE = 50_000  # bytes that a guess is made from
_NULLS = 0.3  # share of NUL bytes in one half of UTF-16 without a mark


def decode(data: bytes) -> str:
    """Text of the encodings met in practice: by byte order mark, else UTF-8, UTF-16, else the likeliest old one."""
    return decode_or_guess(data)[0]


def decode_or_guess(data: bytes) -> tuple[str, str]:
    """The text, and the name of its encoding where that is only a guess ("" where it is sure)."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    try:
        if b"\x00" not in data[:_SAMPLE]:
            return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        pass
    if (wide := _utf16(data)) is not None:
        return wide, ""
    if b"\x00" in data[:_SAMPLE]:
        return data.decode("utf-8", "replace"), ""
    if (
        len(mended := data.decode("utf-8", "ignore").encode("utf-8")) > 0.999 * len(data)
        and len(data) - len(mended) < 9
    ):
        return data.decode("utf-8", "replace"), "utf-8"  # a text cut in the middle of a letter, or one stray byte
    encoding = _guess(data)
    return data.decode(encoding, "replace"), encoding


def _utf16(data: bytes) -> str | None:
    sample = data[:_SAMPLE]
    half = max(len(sample) // 2, 1)
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if sample[start::2].count(0) / half > _NULLS and sample[1 - start :: 2].count(0) / half < 0.05:
            return data.decode(encoding, "replace")
    return None


def _guess(data: bytes) -> str:
    """The old encoding that makes the likeliest Portuguese; another language's only where none of these does."""
    from charset_normalizer import from_bytes

    sample = data[:_SAMPLE]

    def strange(encoding: str) -> int:
        text = sample.decode(encoding, "replace")
        return sum(1 for c in text if (ord(c) > 127 or ord(c) < 9) and c not in _ACCENTED)

    best = min(_PORTUGUESE, key=strange)
    high = sum(1 for byte in sample if byte > 127)
    if strange(best) > 0.5 * high and high > max(_FOREIGN_SHARE * len(sample), _FOREIGN_BYTES):
        found = from_bytes(sample).best()
        if found is not None:
            return str(found.encoding)
    return best


def read_text(source: Source) -> Parsed:
    """A text or Markdown file; YAML-like front matter gives title and date."""
    text, guessed = decode_or_guess(source.data)
    if "\x00" in text[:4096]:
        raise DocumentRefused(
            f"{source.name} is not a text file (it holds binary data). Export it as text or PDF.",
            pt=f"{source.name} não é um arquivo de texto (contém dados binários). Exporte-o como texto ou PDF.",
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    fields: dict[str, str] = {}
    if match := _FRONT_MATTER.match(text):
        for line in match[1].splitlines():
            key, colon, value = line.partition(":")
            if colon:
                fields[key.strip().lower()] = _QUOTED.sub(r"\2", value.strip())
        text = text[match.end() :]
    date = fields.get("as_of") or fields.get("date", "")
    warnings = [*guess_warning(source.name, text, guessed)]
    if date and not freshness.parse(date):
        warnings.append(
            Localized(
                f"{source.name}: as_of {date!r} não é uma data; escreva 2025-03-11, 2025-03 ou 2025.",
                f"{source.name}: as_of {date!r} is no date; write it as 2025-03-11, 2025-03 or 2025.",
            )
        )
    return Parsed((Page(None, text),), fields.get("title", ""), date, warnings=tuple(warnings))


def guess_warning(name: str, text: str, guessed: str) -> list[Localized]:
    """What to say of a guessed encoding: something only where letters were lost or it is none of the usual ones."""
    if guessed in ("", "cp1252") and "\ufffd" not in text:
        return []
    label = guessed or "utf-8"
    return [
        Localized(
            f"{name}: a codificação não está declarada; foi lida como {label}. Se houver letras trocadas, "
            "salve o arquivo em UTF-8.",
            f"{name}: its encoding is not declared; read as {label}. If letters look wrong, save it as UTF-8.",
        )
    ]
