"""Pictures of text to text, by the tesseract program with its Portuguese data.

Knows which languages are installed and what to say where Portuguese is not among them. Refuses to know where a picture
came from.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import Page, Parsed, Source, damaged, missing_program, pt_number
from assistant.retrieval.kinds import TESSERACT
from assistant.retrieval.reading.programs import run
from assistant.stores.manifests import Localized

if TYPE_CHECKING:
    from PIL.Image import Image

DPI = 300  # what tesseract's models were made for
_SECONDS = 50.0  # for one page
_MAX_PIXELS = 120_000_000  # a page of A3 at 600 dpi has 70 million
_MIN_SIDE = 1200  # pixels: a smaller picture is enlarged, its letters are below what the models know
_MAX_FRAMES = 500
LEGIBLE = 35.0  # of 100: below it there are only marks
DOUBTFUL = 70.0
LISTED = 20  # pages named in a warning
_WRAPPED = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")


@cache
def languages() -> tuple[str, ...]:
    """What tesseract has data for here; empty where it is not installed."""
    program = TESSERACT.path()
    if program is None:
        return ()
    status, said = run([program, "--list-langs"], seconds=20)
    return tuple(line.strip() for line in said.decode("utf-8", "replace").splitlines()[1:]) if status == 0 else ()


def check(name: str) -> tuple[Localized, ...]:
    """What to warn of before a picture is read; raises `DocumentRefused` where none can be."""
    if not {"por", "eng"} & set(languages()):
        raise missing_program(name, f"{TESSERACT.name} (OCR)", TESSERACT.packages)
    if "por" in languages():
        return ()
    return (
        Localized(
            f"{name}: faltam os dados de português do Tesseract; acentos podem sair errados. "
            "Instale: sudo apt install tesseract-ocr-por.",
            f"{name}: Tesseract's Portuguese data is missing, accents may be wrong. "
            "Install it: sudo apt install tesseract-ocr-por.",
        ),
    )


@dataclass(frozen=True, slots=True)
class Recognised:
    """The text of a picture; `sure` is tesseract's own confidence, 0 to 100, each word as often as it has letters."""

    text: str
    sure: float

    @property
    def is_legible(self) -> bool:
        """Whether it is more than marks that only look like letters: another script, a drawing, a stain."""
        return bool(self.text.strip()) and self.sure >= LEGIBLE

    @property
    def is_doubtful(self) -> bool:
        """Whether its owner should look at it."""
        return self.sure < DOUBTFUL


def read_picture(picture: Image) -> Recognised:
    """The text of one page; empty where there is none or where it takes too long."""
    program = TESSERACT.path()
    if program is None:
        return Recognised("", 0)
    have = languages()
    chosen = "por" if "por" in have else "eng"
    grey = picture.convert("L")
    if max(grey.size) < _MIN_SIDE and min(grey.size) > 0:
        factor = min(_MIN_SIDE / max(grey.size), 4)
        grey = grey.resize((round(grey.width * factor), round(grey.height * factor)))
    buffer = io.BytesIO()
    grey.save(buffer, "PNG", dpi=(DPI, DPI), compress_level=1)
    # 1: finds out how the page is turned, which needs its own data; 3: all but that
    mode = "1" if "osd" in have else "3"
    command = [program, "stdin", "stdout", "-l", chosen, "--psm", mode, "--dpi", str(DPI), "tsv"]
    # one thread: its own threads only wait for each other, and the chat needs the other core
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        status, out = run(command, seconds=_SECONDS, given=buffer.getvalue(), environment=environment)
    except subprocess.TimeoutExpired:
        return Recognised("", 0)
    return recognised(out.decode("utf-8", "replace") if status == 0 else "")


def recognised(table: str) -> Recognised:
    """What tesseract's table of words says: level, page, block, paragraph, line, word, place (4), confidence, text."""
    paragraphs: dict[tuple[str, ...], dict[str, list[str]]] = {}
    letters, points = 0, 0.0
    for row in (line.split("\t") for line in table.splitlines()[1:]):
        if len(row) < 12 or row[0] != "5" or not row[11].strip():
            continue
        paragraphs.setdefault(tuple(row[1:4]), {}).setdefault(row[4], []).append(row[11].strip())
        letters += len(row[11])
        points += len(row[11]) * max(float(row[10]), 0)
    text = "\n\n".join("\n".join(" ".join(words) for words in lines.values()) for lines in paragraphs.values())
    return Recognised(_WRAPPED.sub("", text), points / letters if letters else 0.0)


def read_image(source: Source) -> Parsed:
    """A PNG, JPEG, TIFF (a page a frame) or WEBP."""
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

    warnings = check(source.name)
    pages, doubtful = list[Page](), list[int]()
    try:
        with Image.open(io.BytesIO(source.data), formats=("PNG", "JPEG", "TIFF", "WEBP")) as image:
            frames = min(getattr(image, "n_frames", 1), _MAX_FRAMES)
            for number, frame in enumerate(ImageSequence.Iterator(image), 1):
                if number > frames:
                    break
                if frame.width * frame.height > _MAX_PIXELS:
                    raise too_many_pixels(source.name, frame.width, frame.height)
                found = read_picture(ImageOps.exif_transpose(frame))
                pages.append(Page(number, found.text if found.is_legible else ""))
                doubtful += [number] if found.is_legible and found.is_doubtful else []
                source.on_page(number, frames)
    except Image.DecompressionBombError as error:
        raise too_many_pixels(source.name, _MAX_PIXELS, 1) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise damaged(source.name, "image", error) from error
    if not any(page.text.strip() for page in pages):
        raise illegible(source.name)
    return Parsed(tuple(pages), warnings=(*warnings, *doubts(source.name, doubtful)))


def doubts(name: str, pages: Sequence[int]) -> list[Localized]:
    """What to say of pages that were hard to read; nothing where there are none."""
    if not pages:
        return []
    listed = ", ".join(map(str, pages[:LISTED])) + (" ..." if len(pages) > LISTED else "")
    return [
        Localized(
            f"{name}: imagem difícil de ler; confira o texto: páginas {listed}.",
            f"{name}: hard to read as a picture, compare the text: page(s) {listed}.",
        )
    ]


def illegible(name: str) -> DocumentRefused:
    """The error of pictures in which nothing that can be read was found."""
    return DocumentRefused(
        f"No legible text was found in {name}. Scan it again, straight and at 300 dpi; other alphabets than the Latin "
        "one are not read.",
        pt=f"Nenhum texto legível foi encontrado em {name}. Digitalize de novo, com a folha reta e em 300 dpi; só o "
        "alfabeto latino é lido.",
    )


def too_many_pixels(name: str, width: int, height: int) -> DocumentRefused:
    """The error of a picture that would fill the memory."""
    return DocumentRefused(
        f"{name} holds a picture of {width:,} x {height:,} points, above {_MAX_PIXELS:,} in all. Make it smaller.",
        pt=f"{name} tem uma imagem de {pt_number(width)} x {pt_number(height)} pontos, mais que os "
        f"{pt_number(_MAX_PIXELS)} permitidos. Reduza a imagem.",
    )
