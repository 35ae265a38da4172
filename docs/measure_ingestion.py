"""Figures of reading documents: `python docs/measure_ingestion.py files | ocr FOLDER [OPTIONS]`.

files  every file of a folder and of those in it: kind, seconds, pages, letters, chunks, and what became of it;
       then each kind's totals with pages/s and chunks/s. A MANIFEST.tsv with a column `password_that_opens` opens what
       is locked (--passwords). Embedding is not part of it.
ocr    the character error rate of OCR. Known text is a `NAME.txt` beside a picture or scan `NAME.*`. Without one, pages
       of PDFs with text are drawn as pictures (--dpi, --noise) and read again: their own text is what is known.

Error rates: edits / letters of the known text, white space folded; "in any order" compares lines with their best match,
because a page with columns can be right in every letter and in another order.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.errors import DocumentRefused, PasswordNeeded
from assistant.retrieval.loading import load
from assistant.retrieval.splitting import split

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".pdf")


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one file."""

    path: Path
    kind: str
    seconds: float
    pages: int = 0
    letters: int = 0
    chunks: int = 0
    outcome: str = "read"


def measured(path: Path, password: str) -> Read:
    """Read and split one file; a locked one with its password."""
    kind, started = path.suffix.lower().lstrip(".") or "-", time.perf_counter()
    try:
        try:
            document = load(path)
        except PasswordNeeded:
            if not password:
                raise
            document = load(path, password=password)
        chunks = split(document)
    except DocumentRefused as error:
        return Read(path, kind, time.perf_counter() - started, outcome=f"refused: {error}")
    if any("OCR" in warning.en for warning in document.warnings):
        kind += " (OCR)"
    said = " | ".join(warning.en for warning in document.warnings)
    seconds = time.perf_counter() - started
    pages, letters = len(document.pages), sum(len(page.text) for page in document.pages)
    return Read(path, kind, seconds, pages, letters, len(chunks), f"read{'; ' + said if said else ''}")


def files(options: argparse.Namespace) -> None:
    """Every file, then the totals."""
    passwords = manifest(options.folder) if options.passwords else {}
    found = [path for path in sorted(options.folder.rglob("*")) if path.is_file()]
    by_kind: dict[str, list[Read]] = defaultdict(list)
    print("file\tkind\tseconds\tpages\tletters\tchunks\toutcome")
    for path in found:
        name = path.relative_to(options.folder).as_posix()
        one = measured(path, passwords.get(name, ""))
        by_kind[one.kind].append(one)
        print(
            f"{name}\t{one.kind}\t{one.seconds:.2f}\t{one.pages}\t{one.letters}\t{one.chunks}\t{one.outcome}",
            flush=True,
        )
    print("\nkind\tfiles\tread\trefused\tpages\tchunks\tseconds\tpages/s\tchunks/s\tslowest s")
    for kind, ones in sorted(by_kind.items()):
        print_totals(kind, ones)
    print_totals("all", [one for ones in by_kind.values() for one in ones])


def print_totals(kind: str, ones: Sequence[Read]) -> None:
    """A line of totals; the rates count only what was read."""
    read = [one for one in ones if one.outcome.startswith("read")]
    pages, chunks, seconds = (sum(getattr(one, key) for one in read) for key in ("pages", "chunks", "seconds"))
    rates = f"{pages / seconds:.1f}\t{chunks / seconds:.1f}" if read else "-\t-"
    slowest = max(one.seconds for one in ones)
    print(
        f"{kind}\t{len(ones)}\t{len(read)}\t{len(ones) - len(read)}\t{pages}\t{chunks}\t"
        f"{sum(one.seconds for one in ones):.1f}\t{rates}\t{slowest:.1f}"
    )


def manifest(folder: Path) -> dict[str, str]:
    """The password of each file that a MANIFEST.tsv names one for."""
    path = folder / "MANIFEST.tsv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["file"]: row["password_that_opens"] for row in rows if row.get("password_that_opens")}


def ocr(options: argparse.Namespace) -> None:
    """Error rates page by page, then together."""
    rates: list[tuple[int, int, int]] = []
    print("page\tletters\terror rate\tin any order\tseconds")
    with tempfile.TemporaryDirectory() as folder:
        for path, page, known in [*given(options.folder), *drawn(options, Path(folder))]:
            started = time.perf_counter()
            try:
                document = load(path)
            except DocumentRefused as error:
                print(f"{page}\t-\t{error}")
                continue
            text, right = plain("\n".join(page.text for page in document.pages)), plain(known)
            edits, apart = distance(right, text), line_edits(known, text)
            rates.append((len(right), edits, apart))
            shown = f"{edits / len(right):.4f}\t{apart / len(right):.4f}\t{time.perf_counter() - started:.1f}"
            print(f"{page}\t{len(right)}\t{shown}", flush=True)
    letters, edits, apart = (sum(row[i] for row in rates) for i in range(3))
    if letters:
        print(f"all {len(rates)} pages\t{letters}\t{edits / letters:.4f}\t{apart / letters:.4f}")


def given(folder: Path) -> Iterator[tuple[Path, str, str]]:
    """Pictures and scans with their known text beside them."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and (known := path.with_suffix(".txt")).is_file():
            yield path, path.name, known.read_text("utf-8")


def drawn(options: argparse.Namespace, folder: Path) -> Iterator[tuple[Path, str, str]]:
    """Pages of PDFs with text as pictures, with that text; --pages of each file."""
    import pypdfium2

    for path in sorted(options.folder.rglob("*.pdf")):
        try:
            document = load(path)
        except DocumentRefused:
            continue
        if any("OCR" in warning.en for warning in document.warnings):
            continue
        full = [page for page in document.pages if len(page.text) > 400 and page.number][: options.pages]
        with closing(pypdfium2.PdfDocument(path)) as pdf:
            for page in full:
                target = folder / f"{path.stem}-{page.number}.png"
                image = pdf[page.number - 1].render(scale=options.dpi / 72, grayscale=True).to_numpy()
                save(image, target, options.noise)
                yield target, f"{path.stem} p. {page.number}", page.text


def save(image: np.ndarray, target: Path, noise: float) -> None:
    """A picture as a scanner might give it: grey noise of that standard deviation (0 to 255)."""
    from PIL import Image

    flat = image.reshape(image.shape[:2]).astype(np.float32)
    flat += np.random.default_rng(0).normal(0, noise, flat.shape).astype(np.float32) if noise else 0
    Image.fromarray(flat.clip(0, 255).astype(np.uint8)).save(target)


def plain(text: str) -> str:
    """The text without what a reader adds to it (headings, rows), with white space folded."""
    return " ".join(re.sub(r"(?m)^#+ |\\|", " ", text).split())


def line_edits(known: str, text: str) -> int:
    """The edits of each known line against its best place in what was read, summed."""
    return sum(nearest(line, text) for line in map(plain, known.splitlines()) if line)


def distance(a: str, b: str) -> int:
    """Edits (insert, delete, replace) from one text to another."""
    return int(_rows(a, b, np.arange(len(b) + 1))[-1])


def nearest(a: str, b: str) -> int:
    """Edits from a text to the part of another that is nearest to it."""
    return int(_rows(a, b, np.zeros(len(b) + 1, dtype=np.int64)).min())


def _rows(a: str, b: str, row: np.ndarray) -> np.ndarray:
    other, places = np.array([ord(c) for c in b], dtype=np.int64), np.arange(len(b) + 1)
    for letter in a:
        step = np.concatenate(([row[0] + 1], np.minimum(row[1:] + 1, row[:-1] + (other != ord(letter)))))
        row = np.minimum.accumulate(step - places) + places
    return row


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["files", "ocr"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passwords", action="store_true", help="open locked files with the manifest's passwords")
    parser.add_argument("--pages", type=int, default=2, help="pages of each PDF to be drawn and read again")
    parser.add_argument("--dpi", type=int, default=300)
    parser.add_argument("--noise", type=float, default=12.0)
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is no folder.")
    {"files": files, "ocr": ocr}[options.what](options)


if __name__ == "__main__":
    main()
