"""Files that are ZIP archives inside (DOCX, PPTX, XLSX, EPUB): opened only where they are harmless.

Knows archive bombs, names that lead out, links, and XML that grows or reaches out. Nothing is ever unpacked to disk.
Refuses to know what the parts of an archive mean.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError
from xml.sax.handler import ContentHandler

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import damaged, locked, pt_number

MAX_PARTS = 20_000
MAX_UNPACKED = 400_000_000  # bytes of all parts together
MAX_RATIO = 200  # unpacked to packed, of one part; text of an office document reaches about 40
_SMALL = 1_000_000  # bytes: below this a part may be packed as tightly as it likes
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how an old office document begins, and what an encrypted one is wrapped in


class Archive:
    """A ZIP archive in memory, checked before anything of it is unpacked."""

    def __init__(self, name: str, kind: str, data: bytes) -> None:
        """`kind` is what a refusal calls the file. Raises `DocumentRefused`."""
        self.name, self.kind, self.data = name, kind, data
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, EOFError) as error:
            raise damaged(name, kind, error) from error
        self._infos = {info.filename: info for info in self._zip.infolist()}
        self._check()

    def names(self) -> list[str]:
        """The names of all parts."""
        return list(self._infos)

    def part(self, part: str) -> bytes | None:
        """The bytes of a part, None where there is none; raises `DocumentRefused` for a broken one."""
        info = self._infos.get(part)
        if info is None:
            return None
        try:
            with self._zip.open(info) as file:
                content = file.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError) as error:
            raise damaged(self.name, self.kind, error) from error
        if len(content) > info.file_size:  # its own directory lies about it
            raise self._bomb(len(content))
        return content

    def xml(self, part: str) -> Element | None:
        """A part as an XML tree, None where there is none."""
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import fromstring

        content = self.part(part)
        if content is None:
            return None
        try:
            tree: Element = fromstring(content, forbid_dtd=False)
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise damaged(self.name, self.kind, error) from error
        return tree

    def check_xml(self) -> None:
        """Refuse XML parts with entities or a document type: no office program writes any, and they can grow."""
        from xml.sax import SAXException

        from defusedxml import DefusedXmlException
        from defusedxml.sax import parseString

        for part in self._xml_parts():
            content = self.part(part) or b""
            try:
                parseString(content, ContentHandler(), forbid_dtd=True)
            except (DefusedXmlException, SAXException, ValueError) as error:
                raise damaged(self.name, self.kind, f"{part}: {error!r}") from error

    def _xml_parts(self) -> Iterator[str]:
        for part in self._infos:
            if part.endswith((".xml", ".rels")):
                yield part

    def _check(self) -> None:
        infos = list(self._infos.values())
        total = sum(info.file_size for info in infos)
        if len(self._zip.infolist()) > MAX_PARTS or total > MAX_UNPACKED:
            raise self._bomb(total)
        for info in infos:
            if info.file_size > _SMALL and info.file_size > MAX_RATIO * max(info.compress_size, 1):
                raise self._bomb(info.file_size)
            path = PurePosixPath(info.filename.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or stat.S_ISLNK(info.external_attr >> 16):
                raise DocumentRefused(
                    f"{self.name} holds a part that leads out of it ({info.filename[:80]!r}). It is not opened; "
                    "save the document again in its own program.",
                    pt=f"{self.name} contém um item que aponta para fora dele ({info.filename[:80]!r}). Ele não é "
                    "aberto; salve o documento de novo no programa em que foi feito.",
                )
            if info.flag_bits & 1:
                raise locked(self.name, tried=False)

    def _bomb(self, size: int) -> DocumentRefused:
        return DocumentRefused(
            f"{self.name} unpacks to far more than it seems ({size:,} bytes or more from {len(self.data):,}). It is "
            "not opened; save the document again in its own program, or split it.",
            pt=f"{self.name} cresce demais ao ser descompactado ({pt_number(size)} bytes ou mais, a partir de "
            f"{pt_number(len(self.data))}). Ele não é aberto; salve-o de novo no programa em que foi feito ou "
            "divida-o.",
        )


def office_bytes(name: str, data: bytes, password: str) -> bytes:
    """An office document without its encryption; raises `PasswordNeeded` where it asks for a password."""
    if not data.startswith(OLE):
        return data
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError

    out = io.BytesIO()
    try:
        file = msoffcrypto.OfficeFile(io.BytesIO(data))
        if not file.is_encrypted():
            return data
        if not password:
            raise locked(name, tried=False)
        file.load_key(password=password)
        file.decrypt(out)
    except (InvalidKeyError, DecryptionError) as error:
        raise locked(name, tried=True) from error
    except (FileFormatError, OSError, ValueError, KeyError) as error:
        raise damaged(name, "Office", error) from error
    return out.getvalue()


def office_date(archive: Archive) -> str:
    """The day an office document was last changed, else made, as its core properties say; "" where they do not."""
    root = archive.xml("docProps/core.xml")
    found = (
        {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root} if root is not None else {}
    )
    return (found.get("modified") or found.get("created") or "")[:10]


def office_title(archive: Archive) -> str:
    """The title in the core properties of an office document; "" where there is none."""
    root = archive.xml("docProps/core.xml")
    titles = [e.text or "" for e in root if e.tag.endswith("}title")] if root is not None else []
    return titles[0].strip() if titles else ""
