"""PDF to text, page by page: its own text in reading order, tables as rows, and OCR where a page is only a picture.

Knows passwords, dates and what is missing. Nothing in a PDF is run or opened: neither scripts nor attachments. Refuses
to know how words are ordered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import Page, Parsed, Source, damaged, locked
from assistant.retrieval.reading import ocr
from assistant.retrieval.reading.pdf_layout import page_text
from assistant.retrieval.reading.pdf_rules import rules_of
from assistant.retrieval.reading.pdf_tables import with_tables
from assistant.retrieval.reading.pdf_words import right_to_left, unreadable, words_of
from assistant.stores.manifests import Localized

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_FEW = 20  # letters and digits: fewer on a page that is mostly a picture are a stamp on a scan
_COVERED = 0.5  # of a page, by one picture: then it is a scan
_MAX_SIDE = 5000  # pixels of a rendered page
_MADE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")


def read_pdf(source: Source) -> Parsed:
    """A PDF; raises `DocumentRefused` where it is locked, damaged, or a scan that nothing here can read."""
    from pypdfium2 import PdfiumError

    try:
        with closing(open_pdf(source)) as document:
            reader = _Reader(source, document)
            pages = tuple(reader.pages())
            title, made = _said(document, "Title"), _MADE.match(_said(document, "CreationDate"))
    except PdfiumError as error:
        raise damaged(source.name, "PDF", error) from error
    date = "-".join(part for part in made.groups() if part) if made else ""
    return Parsed(pages, title, made=date, warnings=reader.warnings(len(pages)))


def open_pdf(source: Source) -> PdfDocument:
    """An open PDF, unlocked with the password where one is needed; raises `DocumentRefused`."""
    from pypdfium2 import PdfDocument, PdfiumError, raw

    if not source.data:
        raise damaged(source.name, "PDF", "0 bytes")
    try:
        document = PdfDocument(source.data, password=source.password or None)
        len(document)
    except PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise locked(source.name, tried=bool(source.password)) from error
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise DocumentRefused(
                f"{source.name} is encrypted in a way not read here. Save it without protection and add that file.",
                pt=f"{source.name} usa uma criptografia que não é lida aqui. Salve uma cópia sem proteção e envie essa "
                "cópia.",
            ) from error
        raise damaged(source.name, "PDF", error) from error
    return document


class _Reader:
    """The pages of one document; notes what is to be warned of."""

    def __init__(self, source: Source, document: PdfDocument) -> None:
        from pypdfium2 import raw

        self._source = source
        self._document = document
        self._has_form = document.get_formtype() == raw.FORMTYPE_ACRO_FORM
        if self._has_form:
            document.init_forms()
        self._empty: list[int] = []
        self._scanned: list[int] = []
        self._doubtful: list[int] = []
        self._ocr: tuple[Localized, ...] | None = None  # None: not asked for yet
        self._no_ocr: DocumentRefused | None = None

    def pages(self) -> Iterator[Page]:
        """Every page, the empty ones too; raises `DocumentRefused` where no page can be read."""
        from pypdfium2 import PdfiumError

        total, read, fault = len(self._document), 0, None
        for number in range(1, total + 1):
            if self._source.only not in (0, number):
                yield Page(number, "")
                continue
            try:
                with closing(self._page(number)) as page:
                    text = self._text(page, number)
            except PdfiumError as error:  # one damaged page is no reason to lose the others
                text, fault = "", error
            read += bool(text.strip())
            if not text.strip():
                self._empty.append(number)
            self._source.on_page(number, total)
            yield Page(number, text)
        if not read and fault is not None:
            raise damaged(self._source.name, "PDF", fault)
        if not read and self._ocr is not None and not self._source.only:
            raise self._no_ocr or ocr.illegible(self._source.name)

    def warnings(self, total: int) -> tuple[Localized, ...]:
        """What the owner should know of how it was read."""
        name, found = self._source.name, list(self._ocr or ())
        if self._scanned:
            pages, end = _listed(self._scanned)
            found.append(
                Localized(
                    f"{name}: lido por OCR, que pode trocar letras: páginas {pages}{end}.",
                    f"{name}: read by OCR, which may mistake letters: page(s) {pages}{end}.",
                )
            )
        found += ocr.doubts(name, self._doubtful)
        if self._empty and len(self._empty) < total:
            pages, end = _listed(self._empty)
            install = f" ({self._no_ocr.text('pt')})" if self._no_ocr else ""
            install_en = f" ({self._no_ocr})" if self._no_ocr else ""
            found.append(
                Localized(
                    f"{name}: páginas sem texto: {pages}{end}.{install}",
                    f"{name}: no text on page(s) {pages}{end}.{install_en}",
                )
            )
        return tuple(found)

    def _page(self, number: int) -> PdfPage:
        page = self._document[number - 1]
        if self._has_form:  # what was filled in becomes text of the page
            page.flatten()
            page.close()
            page = self._document[number - 1]
        return page

    def _text(self, page: PdfPage, number: int) -> str:
        with closing(page.get_textpage()) as textpage:
            turned, plain = words_of(textpage), textpage.get_text_range()
        if right_to_left(plain):  # pdfium knows its order; columns are not looked for
            return str(plain).replace("\r\n", "\n")
        if turned and page.get_rotation() == 0:
            turned[0] = with_tables(turned[0], *rules_of(page))
        text = "\n\n".join(page_text(words) for words in turned)
        if not self._is_scan(page, text):
            return text
        return self._recognised(page, number) or ("" if unreadable(text) else text)

    def _is_scan(self, page: PdfPage, text: str) -> bool:
        from pypdfium2 import raw

        letters, printed = sum(c.isalnum() for c in text), sum(not c.isspace() for c in text)
        if letters == 0 or unreadable(text) or (letters <= _FEW and 2 * letters < printed):
            return bool(raw.FPDFPage_CountObjects(page.raw))
        if letters > _FEW:
            return False
        whole = page.get_width() * page.get_height()
        for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
            left, bottom, right, top = image.get_bounds()
            if (right - left) * (top - bottom) > _COVERED * whole:
                return True
        return False

    def _recognised(self, page: PdfPage, number: int) -> str:
        if self._ocr is None:
            try:
                self._ocr = ocr.check(self._source.name)
            except DocumentRefused as error:
                self._ocr, self._no_ocr = (), _scan_refused(self._source.name, error)
        if self._no_ocr is not None:
            return ""
        side = max(page.get_width(), page.get_height(), 1.0)
        bitmap = page.render(scale=min(ocr.DPI / 72, _MAX_SIDE / side), grayscale=True)
        found = ocr.read_picture(bitmap.to_pil())
        if not found.is_legible:
            return ""
        self._scanned.append(number)
        self._doubtful += [number] if found.is_doubtful else []
        return found.text


def _said(document: PdfDocument, key: str) -> str:
    return str(document.get_metadata_value(key) or "").strip()


def _listed(numbers: list[int]) -> tuple[str, str]:
    return ", ".join(str(number) for number in numbers[: ocr.LISTED]), " ..." if len(numbers) > ocr.LISTED else ""


def _scan_refused(name: str, error: DocumentRefused) -> DocumentRefused:
    return DocumentRefused(
        f"{name} has pages that are pictures only, without text. {error}",
        pt=f"{name} tem páginas que são só imagem, sem texto. {error.text('pt')}",
    )
