"""Pictures and scans, read by the tesseract that is installed here."""

import io
import shutil
import subprocess

import pytest
from PIL import Image

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import load
from assistant.retrieval.reading.ocr import recognised

from .papers import DOCUMENTS, drawn, picture_pdf, write

TESSERACT = shutil.which("tesseract")
LANGUAGES = subprocess.run([TESSERACT, "--list-langs"], capture_output=True, text=True).stdout if TESSERACT else ""
needs_ocr = pytest.mark.skipif("por" not in LANGUAGES, reason="tesseract and its Portuguese data are not installed")
SENTENCE = "A apelação não foi provida"


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@needs_ocr
def test_a_scan_is_read_and_says_which_pages_were(tmp_path):
    document = load(write(tmp_path, "a.pdf", picture_pdf(SENTENCE, pages=2)))
    assert [page.text for page in document.pages] == [SENTENCE, SENTENCE]
    assert "OCR" in document.warnings[0].pt
    assert "1, 2" in document.warnings[0].en


@needs_ocr
@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("a.TIF", "TIFF")])
def test_pictures_of_every_kind(tmp_path, name, kind):
    assert load(write(tmp_path, name, saved(drawn(SENTENCE), kind))).pages[0].text == SENTENCE


@needs_ocr
def test_the_frames_of_a_tiff_are_its_pages(tmp_path):
    content = saved(drawn("Primeira folha"), "TIFF", save_all=True, append_images=[drawn("Segunda folha")])
    assert [page.text for page in load(write(tmp_path, "a.tiff", content)).pages] == ["Primeira folha", "Segunda folha"]


@needs_ocr
def test_a_picture_of_nothing_is_not_legible(tmp_path):
    with pytest.raises(DocumentRefused, match=r"No legible text was found in a\.png"):
        load(write(tmp_path, "a.png", saved(Image.new("L", (400, 400), 255), "PNG")))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
@needs_ocr
def test_a_broken_picture_is_refused(tmp_path, content):
    with pytest.raises(DocumentRefused, match=r"a\.png is damaged"):
        load(write(tmp_path, "a.png", content))


@needs_ocr
def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path):
    content = saved(Image.new("1", (20_000, 20_000)), "PNG")  # 400 million points in a few kilobytes
    with pytest.raises(DocumentRefused, match="points"):
        load(write(tmp_path, "a.png", content))


def test_the_words_of_tesseracts_table_are_lines_and_paragraphs():
    words = [("1", "1", "A"), ("1", "1", "consti-"), ("1", "2", "tuição"), ("2", "1", "vale"), ("2", "1", " ")]
    rows = [f"5\t1\t1\t{par}\t{line}\t1\t0\t0\t9\t9\t80.0\t{word}" for par, line, word in words]
    found = recognised("\n".join(["level\tpage_num", "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t", *rows]))
    assert found.text == "A constituição\n\nvale"
    assert found.sure == 80.0
    assert found.is_legible and not found.is_doubtful


@needs_ocr
@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_marks_that_only_look_like_letters_are_not_taken_for_text(tmp_path):
    import pypdfium2

    document = pypdfium2.PdfDocument(DOCUMENTS / "pdf-broken" / "malformed-from-issue-932.pdf")
    page = document[0].render(scale=2, grayscale=True).to_pil()  # in Chinese, with a stamp
    with pytest.raises(DocumentRefused, match="No legible text"):
        load(write(tmp_path, "a.png", saved(page, "PNG")))


@needs_ocr
@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=f"{DOCUMENTS} is not on this machine")
def test_a_real_scan_turned_on_its_side_is_read():
    pages = load(DOCUMENTS / "pdf-scanned" / "cardinal.pdf").pages
    assert len(pages) == 4
    assert all("32 Track MIDI Sequence Recorder" in page.text for page in pages)
