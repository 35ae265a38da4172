"""Which endings of files are read, and by which reader.

A reader is named, not imported: only the process that reads files loads their libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assistant.errors import DocumentRefused

# ending -> module in `assistant.retrieval.reading` and its function
READERS: Mapping[str, str] = {
    ".md": "texts:read_text",
    ".markdown": "texts:read_text",
    ".txt": "texts:read_text",
    ".html": "markup:read_html",
    ".htm": "markup:read_html",
    ".pdf": "pdf:read_pdf",
    ".docx": "word:read_docx",
    ".doc": "word:read_by_libreoffice",
    ".odt": "word:read_by_libreoffice",
    ".rtf": "word:read_by_libreoffice",
    ".pptx": "slides:read_pptx",
    ".xlsx": "tabular:read_xlsx",
    ".csv": "tabular:read_csv",
    ".tsv": "tabular:read_csv",
    ".json": "records:read_json",
    ".jsonl": "records:read_jsonl",
    ".epub": "books:read_epub",
    ".png": "ocr:read_image",
    ".jpg": "ocr:read_image",
    ".jpeg": "ocr:read_image",
    ".tif": "ocr:read_image",
    ".tiff": "ocr:read_image",
    ".webp": "ocr:read_image",
}
SUFFIXES = tuple(READERS)


def wrong_kind(name: str) -> DocumentRefused:
    """The error of a file whose ending no reader knows."""
    kind, kinds = Path(name).suffix, ", ".join(SUFFIXES)
    return DocumentRefused(
        f"{name}: files of kind {kind or 'without an ending'!r} are not read. Save it as one of {kinds}.",
        pt=f"{name}: arquivos do tipo {kind or 'sem extensão'!r} não são lidos. Salve-o como um destes: {kinds}.",
    )
