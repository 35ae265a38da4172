"""Files to text: Markdown, plain text, HTML and PDF, with title, date and page numbers.

Knows formats and encodings, and says in words why a file is refused and what to do about it. Refuses
to know corpora, chunks and the index.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import DocumentRefused
from assistant.retrieval import freshness
from assistant.stores.manifests import Localized

MAX_BYTES = 50_000_000
MAX_CHARS = 5_000_000  # of text; a page of a book has about 2,000
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?\n", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_QUOTED = re.compile(r"""\A(["'])(.*)\1\Z""")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_SKIPPED_TAGS = ("script", "style", "nav", "noscript", "template", "iframe", "svg", "form", "aside", "footer")
_BLOCKS = ("p", "li", "tr", "dt", "dd", "blockquote", "pre", "div", "section", "article", "br", "table")
_DATE_NAMES = ("date", "article:published_time", "article:modified_time", "dcterms.date", "dc.date")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a document; `number` counts from 1, None where the kind of file has no pages."""

    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A document as text. Headings are lines that begin with "#"; `as_of` is an ISO date or None."""

    name: str
    title: str
    as_of: str | None
    pages: tuple[Page, ...]
    warnings: tuple[Localized, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What one reader found; empty strings where the file says nothing."""

    pages: tuple[Page, ...]
    title: str = ""
    date: str = ""
    warnings: tuple[Localized, ...] = ()


def load(path: Path, *, max_bytes: int = MAX_BYTES) -> LoadedDocument:
    """Read a document; raises `DocumentRefused` with the reason and the way out."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise wrong_kind(path.name)
    try:
        data = path.read_bytes() if path.stat().st_size <= max_bytes else None
    except OSError as error:
        raise DocumentRefused(
            f"{path.name} cannot be opened ({error}). Check the file's rights.",
            pt=f"{path.name} não pode ser aberto. Confira as permissões do arquivo.",
        ) from error
    if data is None:
        raise too_large(path.name, path.stat().st_size, max_bytes)
    parsed = reader(data, path.name)
    pages = tuple(Page(p.number, _tidy(p.text)) for p in parsed.pages)
    letters = sum(len(p.text) for p in pages)
    if not any(p.text.strip() for p in pages):
        raise DocumentRefused(
            f"{path.name} holds no text. Add text to it or remove the file.",
            pt=f"{path.name} não tem texto. Acrescente texto ou remova o arquivo.",
        )
    if letters > MAX_CHARS:
        raise DocumentRefused(
            f"{path.name} holds {letters:,} characters of text, above the {MAX_CHARS:,} allowed. Split it.",
            pt=f"{path.name} tem {_pt(letters)} caracteres de texto; o limite é {_pt(MAX_CHARS)}. Divida o arquivo.",
        )
    top = "\n".join(p.text for p in pages[:2])
    as_of = (
        (freshness.parse(parsed.date) if parsed.date else None)
        or freshness.from_file_name(path.stem)
        or freshness.from_text(top)
    )
    heading = _HEADING.search(top)
    title = parsed.title.strip() or (heading[1] if heading else "") or path.stem.replace("-", " ")
    return LoadedDocument(path.name, " ".join(title.split())[:200], as_of, pages, parsed.warnings)


def wrong_kind(name: str) -> DocumentRefused:
    """The error of a file whose ending no reader knows."""
    kind, kinds = Path(name).suffix, ", ".join(SUFFIXES)
    return DocumentRefused(
        f"{name}: files of kind {kind or 'without an ending'!r} are not read. Save it as one of {kinds}.",
        pt=f"{name}: arquivos do tipo {kind or 'sem extensão'!r} não são lidos. Salve-o como um destes: {kinds}.",
    )


def too_large(name: str, size: int, limit: int) -> DocumentRefused:
    """The error of a file of `size` bytes where `limit` are allowed."""
    return DocumentRefused(
        f"{name} has {size:,} bytes, more than the {limit:,} allowed. Split it.",
        pt=f"{name} tem {_pt(size)} bytes; o limite é {_pt(limit)}. Divida o arquivo.",
    )


def decode(data: bytes) -> str:
    """Text of any encoding met in practice: UTF-8 and UTF-16 (byte order mark), else Windows-1252."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _read_text(data: bytes, name: str) -> _Parsed:
    if b"\x00" in data[:4096] and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DocumentRefused(
            f"{name} is not a text file (it holds binary data). Export it as text or PDF.",
            pt=f"{name} não é um arquivo de texto (contém dados binários). Exporte-o como texto ou PDF.",
        )
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    fields: dict[str, str] = {}
    match = _FRONT_MATTER.match(text)
    if match:
        for line in match[1].splitlines():
            key, colon, value = line.partition(":")
            if colon:
                fields[key.strip().lower()] = _QUOTED.sub(r"\2", value.strip())
        text = text[match.end() :]
    warnings: list[Localized] = []
    date = fields.get("as_of") or fields.get("date", "")
    if date and not freshness.parse(date):
        warnings.append(
            Localized(
                f"{name}: as_of {date!r} não é uma data; escreva 2025-03-11, 2025-03 ou 2025.",
                f"{name}: as_of {date!r} is no date; write it as 2025-03-11, 2025-03 or 2025.",
            )
        )
    return _Parsed((Page(None, text),), fields.get("title", ""), date, tuple(warnings))


def _read_html(data: bytes, name: str) -> _Parsed:
    from bs4 import BeautifulSoup

    # bytes: the parser honours the encoding that the page declares
    soup = BeautifulSoup(data, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    date = ""
    for meta in soup.find_all("meta"):
        label = str(meta.get("name") or meta.get("property") or meta.get("itemprop") or "").lower()
        if label in _DATE_NAMES and not date:
            date = str(meta.get("content") or "")
    if not date and (stamp := soup.find("time", attrs={"datetime": True})):
        date = str(stamp["datetime"])
    for tag in soup.find_all(_SKIPPED_TAGS):
        tag.decompose()
    body = soup.find("main") or soup.body or soup
    for line in body.find_all(["pre", "td", "th"]):
        line.append(" ")
    for level in range(1, 7):
        for heading in body.find_all(f"h{level}"):
            heading.replace_with(f"\n\n{'#' * level} {heading.get_text(' ', strip=True)}\n\n")
    for block in body.find_all(_BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n\n" if block.name in ("p", "table") else "\n")
    text = "\n".join(" ".join(line.split()) for line in body.get_text().splitlines())
    return _Parsed((Page(None, text),), title, date)


def _read_pdf(data: bytes, name: str) -> _Parsed:
    import io
    import logging

    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns about every oddity it mends
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentRefused(
                f"{name} is protected by a password. Save it without one and add that file.",
                pt=f"{name} está protegido por senha. Salve uma cópia sem senha e envie essa cópia.",
            )
        texts = [page.extract_text() or "" for page in reader.pages]
        title = str((reader.metadata and reader.metadata.title) or "")
        created = reader.metadata.creation_date if reader.metadata else None
    except DocumentRefused:
        raise
    except DependencyError as error:
        raise DocumentRefused(
            f"{name} is encrypted in a way not read here. Save it without protection and add that file.",
            pt=f"{name} usa uma criptografia que não é lida aqui. Salve uma cópia sem proteção e envie essa cópia.",
        ) from error
    except MemoryError as error:
        raise DocumentRefused(
            f"{name} needs too much memory to be read. Split it.",
            pt=f"{name} precisa de memória demais para ser lido. Divida o arquivo.",
        ) from error
    # pypdf lets KeyError, TypeError, RecursionError and more out for damaged files, beside its own errors
    except (PyPdfError, Exception) as error:
        raise DocumentRefused(
            f"{name} is damaged and cannot be read as PDF ({type(error).__name__}: {error}). "
            "Open it in a viewer and save or print it to a new PDF.",
            pt=f"{name} está danificado e não pode ser lido como PDF. Abra-o em um leitor de PDF e salve ou imprima "
            "em um novo PDF.",
        ) from error
    letters = sum(c.isalnum() for text in texts for c in text)
    if letters < 20:
        raise DocumentRefused(
            f"{name} has no text layer ({len(texts)} pages of images only). Run it through an OCR program "
            "(for instance ocrmypdf) and add the result.",
            pt=f"{name} não tem camada de texto ({len(texts)} páginas só com imagens). Passe-o por um programa de "
            "reconhecimento de texto, OCR (por exemplo, ocrmypdf), e envie o resultado.",
        )
    empty = [str(number) for number, text in enumerate(texts, 1) if not text.strip()]
    listed = ", ".join(empty[:20])
    warning = Localized(f"{name}: páginas sem texto: {listed}.", f"{name}: no text on page(s) {listed}.")
    warnings = (warning,) if empty else ()
    pages = tuple(Page(number, text) for number, text in enumerate(texts, 1))
    # the date of creation is the last resort: what the text or the name says speaks for the content
    said = freshness.from_file_name(Path(name).stem) or freshness.from_text("\n".join(texts[:2]))
    return _Parsed(pages, title, said or (created.date().isoformat() if created else ""), warnings)


def _pt(number: int) -> str:
    """A number with the points of Portuguese: 50.000.000."""
    return f"{number:,}".replace(",", ".")


def _tidy(text: str) -> str:
    text = _CONTROL.sub(" ", text).replace("\u00ad", "").replace("\u00a0", " ")
    return re.sub(r"\n{3,}", "\n\n", text.encode("utf-8", "replace").decode("utf-8")).strip()


_READERS: Mapping[str, Callable[[bytes, str], _Parsed]] = {
    ".md": _read_text,
    ".markdown": _read_text,
    ".txt": _read_text,
    ".html": _read_html,
    ".htm": _read_html,
    ".pdf": _read_pdf,
}
SUFFIXES = tuple(_READERS)
