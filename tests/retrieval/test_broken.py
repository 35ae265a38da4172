"""Files of every kind, cut short and with bytes changed: read or refused in words, and the reader goes on."""

import io
import random

import pytest

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import load
from assistant.retrieval.workers import shared

from .papers import docx, pdf, picture_pdf, write, zipped


def workbook():
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    for number in range(20):
        book.active.append([f"item {number}", number])
    book.save(out)
    return out.getvalue()


def presentation():
    from pptx import Presentation

    slides, out = Presentation(), io.BytesIO()
    slides.slides.add_slide(slides.slide_layouts[0]).shapes.title.text = "Título"
    slides.save(out)
    return out.getvalue()


MADE = {
    ".pdf": lambda: pdf(*(f"folha {number} do processo" for number in range(5))),
    ".docx": lambda: docx(*(f"Parágrafo {number}" for number in range(50))),
    ".xlsx": workbook,
    ".pptx": presentation,
    ".epub": lambda: zipped({"META-INF/container.xml": '<a><rootfile full-path="b"/></a>', "b": "<package/>" * 9}),
    ".html": lambda: "<table><tr><td>a<ul><li>ação</table>".encode() * 50,
    ".json": lambda: b'{"a": [1, {"b": null}], "c": "\\u00e7"}' * 20,
    ".csv": lambda: 'a;b;c\n"x;y";ação;3\n'.encode() * 50,
    ".md": lambda: "# Título\n\nAção.\n".encode() * 50,
}


def broken(content, seed):
    """The content cut, or with some bytes changed, or with zeros in it."""
    chance = random.Random(seed)
    place = chance.randrange(len(content))
    if seed % 3 == 0:
        return content[:place]
    if seed % 3 == 1:
        return content[:place] + bytes(64) + content[place + 64 :]
    changed = bytearray(content)
    for _ in range(1 + len(content) // 300):
        changed[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("suffix", MADE)
def test_whatever_is_broken_is_read_or_refused(tmp_path, suffix):
    content = MADE[suffix]()
    load(write(tmp_path, f"whole{suffix}", content)) if suffix not in (".epub", ".json") else None
    reader = None
    for seed in range(12):
        path = write(tmp_path, f"quebrado-{seed}{suffix}", broken(content, seed))
        said = outcome(path)
        assert path.name in said
        assert "break down" not in said
        pids = {worker.pid for worker in shared()._idle}
        reader = reader or pids
        assert pids == reader  # one process through all of them


def outcome(path):
    try:
        return load(path).name
    except DocumentRefused as error:
        return str(error)


def test_the_text_of_one_kind_under_the_name_of_another_is_refused_or_read(tmp_path):
    for suffix in MADE:
        for content in (b"", b"\x00" * 100, picture_pdf("x")[:500], docx("x"), pdf("texto"), "ação".encode("utf-16")):
            path = write(tmp_path, f"outro{suffix}", content)
            assert path.name in outcome(path)
