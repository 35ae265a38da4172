"""PPTX to text: a slide is a page, its title a heading; tables as rows, the speaker's notes after them.

Refuses to know pictures and charts.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from assistant.retrieval.documents import Page, Parsed, Source, damaged
from assistant.retrieval.reading.archives import Archive, office_bytes, office_date, office_title
from assistant.retrieval.reading.markup import markdown_rows

_DEPTH = 6  # groups within groups


def read_pptx(source: Source) -> Parsed:
    """A presentation."""
    from pptx import Presentation

    data = office_bytes(source.name, source.data, source.password)
    archive = Archive(source.name, "PPTX", data)
    archive.check_xml()
    pages: list[Page] = []
    try:
        slides = Presentation(io.BytesIO(data)).slides
        for number, slide in enumerate(slides, 1):
            pages.append(Page(number, "\n\n".join(_parts(slide))))
            source.on_page(number, len(slides))
    except MemoryError:
        raise
    # python-pptx lets KeyError, AttributeError and errors of lxml out for files that break the format
    except Exception as error:
        raise damaged(source.name, "PPTX", error) from error
    return Parsed(tuple(pages), office_title(archive), made=office_date(archive))


def _parts(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame and title.text_frame.text.strip():
        yield "# " + " ".join(title.text_frame.text.split())
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape, _DEPTH)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
        yield "Notas: " + notes.text.strip()


def _shape(shape: Any, depth: int) -> Iterator[str]:
    if depth and hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _shape(inner, depth - 1)
    elif getattr(shape, "has_table", False):
        yield markdown_rows([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_text_frame", False):
        lines = [_line(paragraph) for paragraph in shape.text_frame.paragraphs]
        if text := "\n".join(line for line in lines if line):
            yield text


def _line(paragraph: Any) -> str:
    text = " ".join(str(paragraph.text).split())
    return f"{'  ' * (paragraph.level - 1)}- {text}" if text and paragraph.level else text
