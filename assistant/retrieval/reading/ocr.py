"""Pictures of text to text, by the tesseract program with its Portuguese data.

Knows which languages are installed and what to say where Portuguese is not among them. Refuses to know where a picture
came from.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import Page, Parsed, Source, damaged, missing_program, pt_number, without_text
from assistant.retrieval.reading.programs import run
from assistant.stores.manifests import Localized

if TYPE_CHECKING:
    from PIL.Image import Image

DPI = 300  # what tesseract's models were made for
PACKAGES = "tesseract-ocr tesseract-ocr-por"
_SECONDS = 50.0  # for one page
_MAX_PIXELS = 120_000_000  # a page of A3 at 600 dpi has 70 million
_MIN_SIDE = 1200  # pixels: a smaller picture is enlarged, its letters are below what the models know
_MAX_FRAMES = 500
_WRAPPED = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")


@cache
def languages() -> tuple[str, ...]:
    """What tesseract has data for here; empty where it is not installed."""
    program = shutil.which("tesseract")
    if program is None:
        return ()
    status, said = run([program, "--list-langs"], seconds=20)
    return tuple(line.strip() for line in said.decode("utf-8", "replace").splitlines()[1:]) if status == 0 else ()


def check(name: str) -> tuple[Localized, ...]:
    """What to warn of before a picture is read; raises `DocumentRefused` where none can be."""
    if not {"por", "eng"} & set(languages()):
        raise missing_program(name, "Tesseract (OCR)", PACKAGES)
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


def read_picture(picture: Image) -> str:
    """The text of one page; "" where there is none or where it takes too long."""
    program = shutil.which("tesseract")
    if program is None:
        return ""
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
    command = [program, "stdin", "stdout", "-l", chosen, "--psm", mode, "--dpi", str(DPI)]
    # one thread: its own threads only wait for each other, and the chat needs the other core
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        status, out = run(command, seconds=_SECONDS, given=buffer.getvalue(), environment=environment)
    except subprocess.TimeoutExpired:
        return ""
    text = out.decode("utf-8", "replace").replace("\f", "") if status == 0 else ""
    return _WRAPPED.sub("", text)


def read_image(source: Source) -> Parsed:
    """A PNG, JPEG, TIFF (a page a frame) or WEBP."""
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

    warnings = check(source.name)
    pages: list[Page] = []
    try:
        with Image.open(io.BytesIO(source.data), formats=("PNG", "JPEG", "TIFF", "WEBP")) as image:
            frames = min(getattr(image, "n_frames", 1), _MAX_FRAMES)
            for number, frame in enumerate(ImageSequence.Iterator(image), 1):
                if number > frames:
                    break
                if frame.width * frame.height > _MAX_PIXELS:
                    raise too_many_pixels(source.name, frame.width, frame.height)
                pages.append(Page(number, read_picture(ImageOps.exif_transpose(frame))))
                source.on_page(number, frames)
    except Image.DecompressionBombError as error:
        raise too_many_pixels(source.name, _MAX_PIXELS, 1) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise damaged(source.name, "image", error) from error
    if not any(page.text.strip() for page in pages):
        raise without_text(source.name)
    return Parsed(tuple(pages), warnings=warnings)


def too_many_pixels(name: str, width: int, height: int) -> DocumentRefused:
    """The error of a picture that would fill the memory."""
    return DocumentRefused(
        f"{name} holds a picture of {width:,} x {height:,} points, above {_MAX_PIXELS:,} in all. Make it smaller.",
        pt=f"{name} tem uma imagem de {pt_number(width)} x {pt_number(height)} pontos, mais que os "
        f"{pt_number(_MAX_PIXELS)} permitidos. Reduza a imagem.",
    )
