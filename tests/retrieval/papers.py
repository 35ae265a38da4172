"""Small documents of every kind, written by the tests themselves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCUMENTS = Path(__file__).parents[3] / "shared" / "data" / "ingestion-docs"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pdf_of(*contents: str, more: str = "", objects: Sequence[str] = ()) -> bytes:
    """A PDF with one page for each content stream; `more` goes into each page, `objects` follow the pages'."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(contents)))
    all_objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, stream in enumerate(contents):
        all_objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} 0 R {more} "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        all_objects.append(f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream")
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate([*all_objects, *objects], 1):
        offsets.append(len(body.encode("cp1252")))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return (
        f"{body}xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {len(offsets) + 1} /Root 1 0 R >>\nstartxref\n{len(body.encode('cp1252'))}\n%%EOF"
    ).encode("cp1252")


def put(text: str, x: float = 72, y: float = 720, size: float = 12, turn: str = "1 0 0 1") -> str:
    """A line of text on a page; `turn` is the rotating part of its matrix."""
    return f"BT /F1 {size} Tf {turn} {x} {y} Tm ({text}) Tj ET\n"


def pdf(*pages: str) -> bytes:
    """A PDF with one line of text on each page."""
    return pdf_of(*(put(text) for text in pages))


def locked_pdf(text: str, password: str = "segredo") -> bytes:
    """A PDF with one line of text that opens with a password."""
    from pypdf import PdfReader, PdfWriter

    writer, out = PdfWriter(), io.BytesIO()
    writer.append(PdfReader(io.BytesIO(pdf(text))))
    writer.encrypt(password, "dono", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def rule(x0: float, y0: float, x1: float, y1: float) -> str:
    return f"{x0} {y0} m {x1} {y1} l S\n"


def picture_pdf(text: str, pages: int = 1) -> bytes:
    """A scan: pages that are only a picture of a line of text."""
    images = [drawn(text) for _ in range(pages)]
    out = io.BytesIO()
    images[0].save(out, "PDF", resolution=150, save_all=True, append_images=images[1:])
    return out.getvalue()


def drawn(text: str):
    """A picture of a page with a line of text."""
    import pypdfium2

    return pypdfium2.PdfDocument(pdf_of(put(text, size=20)))[0].render(scale=150 / 72, grayscale=True).to_pil()


def zipped(parts: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx_parts(body: str, core: str = "") -> dict[str, str]:
    """The parts of a DOCX with that body in WordprocessingML."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        "word/styles.xml": f'<w:styles xmlns:w="{WORD}">'
        '<w:style w:type="paragraph" w:styleId="Ttulo1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Ttulo2"><w:name w:val="heading 2"/></w:style></w:styles>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{relations}/styles" Target="styles.xml"/></Relationships>',
    }
    if core:
        parts["docProps/core.xml"] = core
    return parts


def paragraph(text: str, style: str = "") -> str:
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{kind}<w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(*paragraphs: str) -> bytes:
    return zipped(docx_parts("".join(paragraph(text) for text in paragraphs)))
