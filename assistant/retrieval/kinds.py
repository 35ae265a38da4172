"""Which kinds of files are read, by which reader, and which of them only with a program that may not be here.

The one table of kinds: whoever names them to people takes them from it. A reader is named, not imported: only the
process that reads files loads their libraries.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.errors import DocumentRefused
from assistant.stores.manifests import Localized


@dataclass(frozen=True, slots=True)
class Program:
    """A program beside this one, by any of its `commands`; `packages` is what Debian and Ubuntu call it."""

    name: str
    commands: tuple[str, ...]
    packages: str

    def path(self) -> str | None:
        """Where it is, None where it is not installed."""
        return next((found for command in self.commands if (found := shutil.which(command))), None)


@dataclass(frozen=True, slots=True)
class Kind:
    """What people call a kind of file, its endings, and `module:function` of its reader in `retrieval.reading`.

    `by_page` says that one page can be read without the others.
    """

    label: Localized
    suffixes: tuple[str, ...]
    reader: str
    needs: Program | None = None
    by_page: bool = False


def _kind(label: str, suffixes: str, reader: str, needs: Program | None = None, pt: str = "") -> Kind:
    return Kind(Localized(pt or label, label), tuple(suffixes.split()), reader, needs)


TESSERACT = Program("Tesseract", ("tesseract",), "tesseract-ocr tesseract-ocr-por")
LIBREOFFICE = Program("LibreOffice", ("soffice", "libreoffice"), "libreoffice-writer")
KINDS = (
    replace(_kind("PDF", ".pdf", "pdf:read_pdf"), by_page=True),
    _kind("pictures and scans (PNG, JPEG, TIFF, WEBP)", ".png .jpg .jpeg .tif .tiff .webp", "ocr:read_image", TESSERACT,
          pt="imagens e digitalizações (PNG, JPEG, TIFF, WEBP)"),
    _kind("DOCX", ".docx", "word:read_docx"),
    _kind("DOC", ".doc", "word:read_by_libreoffice", LIBREOFFICE),
    _kind("ODT", ".odt", "word:read_by_libreoffice", LIBREOFFICE),
    _kind("RTF", ".rtf", "word:read_by_libreoffice", LIBREOFFICE),
    _kind("PPTX", ".pptx", "slides:read_pptx"),
    _kind("XLSX", ".xlsx", "tabular:read_xlsx"),
    _kind("CSV", ".csv", "tabular:read_csv"),
    _kind("TSV", ".tsv", "tabular:read_csv"),
    _kind("HTML", ".html .htm", "markup:read_html"),
    _kind("Markdown", ".md .markdown", "texts:read_text"),
    _kind("TXT", ".txt", "texts:read_text"),
    _kind("EPUB", ".epub", "books:read_epub"),
    _kind("JSON", ".json", "records:read_json"),
    _kind("JSONL", ".jsonl", "records:read_jsonl"),
)  # fmt: skip
READERS: Mapping[str, str] = {suffix: kind.reader for kind in KINDS for suffix in kind.suffixes}
SUFFIXES = tuple(READERS)


def is_by_page(name: str) -> bool:
    """Whether one page of such a file can be read without the others."""
    suffix = Path(name).suffix.lower()
    return any(kind.by_page for kind in KINDS if suffix in kind.suffixes)


def readable() -> list[Kind]:
    """The kinds that can be read on this machine now."""
    return [kind for kind in KINDS if kind.needs is None or kind.needs.path()]


def unreadable() -> dict[Program, list[Kind]]:
    """The kinds that cannot be read on this machine now, by the program that is missing."""
    missing: dict[Program, list[Kind]] = {}
    for kind in KINDS:
        if kind.needs is not None and not kind.needs.path():
            missing.setdefault(kind.needs, []).append(kind)
    return missing


def wrong_kind(name: str) -> DocumentRefused:
    """The error of a file whose ending no reader knows."""
    kind, kinds = Path(name).suffix, ", ".join(SUFFIXES)
    return DocumentRefused(
        f"{name}: files of kind {kind or 'without an ending'!r} are not read. Save it as one of {kinds}.",
        pt=f"{name}: arquivos do tipo {kind or 'sem extensão'!r} não são lidos. Salve-o como um destes: {kinds}.",
    )
