"""EPUB to text: the chapters in the order of the book's spine, one page each.

Knows the package file, its title and date. Refuses to know how a chapter's HTML becomes text,
and to open a book that is locked.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import MAX_CHARS, Page, Parsed, Source, damaged, too_much_text
from assistant.retrieval.reading.archives import Archive
from assistant.retrieval.reading.markup import decode_html, parse_html, text_of

_CHAPTERS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # only fonts are hidden by these


def read_epub(source: Source) -> Parsed:
    """A book."""
    archive = Archive(source.name, "EPUB", source.data)
    _refuse_locked(archive)
    root = archive.xml("META-INF/container.xml")
    place = next((e.get("full-path") for e in _all(root, "rootfile")), None)
    package = archive.xml(place) if place else None
    if place is None or package is None:
        raise damaged(source.name, "EPUB", "no package file")
    chapters = _spine(package, posixpath.dirname(place))
    pages, letters = list[Page](), 0
    for number, chapter in enumerate(chapters, 1):
        content = archive.part(chapter)
        text = text_of(parse_html(decode_html(content)[0])) if content else ""
        letters += len(text)
        if letters > MAX_CHARS:
            raise too_much_text(source.name, letters)
        pages.append(Page(number, text))
        source.on_page(number, len(chapters))
    return Parsed(tuple(pages), _first(package, "title"), made=_first(package, "date"))


def _spine(package: Element, folder: str) -> list[str]:
    """The archive's names of the chapters, in reading order."""
    items = {e.get("id"): e for e in _all(package, "item") if e.get("media-type") in _CHAPTERS and e.get("href")}
    order = [items[e.get("idref")] for e in _all(package, "itemref") if e.get("idref") in items]
    hrefs = [unquote(str(item.get("href")).partition("#")[0]) for item in order or items.values()]
    return list(dict.fromkeys(posixpath.normpath(posixpath.join(folder, href)) for href in hrefs))


def _refuse_locked(archive: Archive) -> None:
    root = archive.xml("META-INF/encryption.xml")
    methods = {e.get("Algorithm") for e in _all(root, "EncryptionMethod")}
    if methods - set(_FONTS):
        raise DocumentRefused(
            f"{archive.name} is locked by its seller (DRM) and cannot be read. Use an edition without a lock.",
            pt=f"{archive.name} está travado pelo vendedor (DRM) e não pode ser lido. Use uma edição sem trava.",
        )


def _all(root: Element | None, name: str) -> list[Element]:
    """Elements of a name in any name space."""
    return [e for e in root.iter() if str(e.tag).rpartition("}")[2] == name] if root is not None else []


def _first(package: Element, name: str) -> str:
    return next((" ".join((e.text or "").split()) for e in _all(package, name) if (e.text or "").strip()), "")
