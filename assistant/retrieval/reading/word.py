"""Word processors' documents: DOCX by mammoth; DOC, ODT and RTF through LibreOffice into DOCX.

Knows headings, lists, tables and notes. Macros are never run, pictures and what lies outside the file never fetched.
Refuses to know pages: a DOCX has none until it is printed.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from assistant.retrieval.documents import Page, Parsed, Source, damaged
from assistant.retrieval.reading.archives import OLE, Archive, office_bytes, office_date, office_title
from assistant.retrieval.reading.markup import parse_html, text_of
from assistant.retrieval.reading.office import to_docx

# the names of LibreOffice and of Word; "Title" has no heading of its own in mammoth's map
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Título'] => h1:fresh
p[style-name='Subtitle'] => h2:fresh
"""


def read_docx(source: Source) -> Parsed:
    """A DOCX, a password-protected one with its password; an old DOC that only is called so, like a DOC."""
    data = office_bytes(source.name, source.data, source.password)
    if data.startswith(OLE):
        data = to_docx(source.name, data, ".doc")
    return _parsed(Archive(source.name, "DOCX", data))


def read_by_libreoffice(source: Source) -> Parsed:
    """A DOC, ODT or RTF; raises `DocumentRefused` where LibreOffice is not installed or does not open it."""
    data = office_bytes(source.name, source.data, source.password)
    return _parsed(Archive(source.name, "DOCX", to_docx(source.name, data, Path(source.name).suffix.lower())))


def _parsed(archive: Archive) -> Parsed:
    import mammoth

    if "word/document.xml" not in archive.names() and "_rels/.rels" not in archive.names():
        raise damaged(archive.name, archive.kind, "no document inside")
    archive.check_xml()
    try:
        result = mammoth.convert_to_html(
            io.BytesIO(archive.data),
            style_map=_STYLES,
            include_embedded_style_map=False,
            convert_image=mammoth.images.img_element(_no_picture),
            external_file_access=False,
        )
    # mammoth lets KeyError, AttributeError and more out for documents that break the format
    except Exception as error:
        raise damaged(archive.name, archive.kind, error) from error
    text = text_of(parse_html(str(result.value)))
    return Parsed((Page(None, text),), office_title(archive), made=office_date(archive))


def _no_picture(image: Any) -> dict[str, str]:
    """A picture leaves nothing; its bytes are not even read."""
    return {}
