"""A reading beside: its pages in order, its end, its errors, and that it can be left."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from assistant.errors import DocumentRefused
from assistant.retrieval.documents import LoadedDocument, OnPage, Page
from assistant.services import corpus_reading
from assistant.services.corpus_reading import Checked, by_page


def told(page: int, of: int) -> str:
    return f"{page}/{of}"


def test_pages_are_told_and_then_what_was_read() -> None:
    def read(on_page: OnPage) -> str:
        for page in (1, 2, 3):
            on_page(page, 3)
        return "text"

    def followed() -> Generator[str, None, None]:
        ended.append((yield from by_page(read, told)))

    ended: list[str] = []
    assert list(followed()) == ["1/3", "2/3", "3/3"] and ended == ["text"]


def test_an_error_of_the_reading_is_raised_after_its_pages() -> None:
    def read(on_page: OnPage) -> str:
        on_page(1, 3)
        raise DocumentRefused("broken")

    reading = by_page(read, told)
    assert next(reading) == "1/3"
    with pytest.raises(DocumentRefused, match="broken"):
        next(reading)


def test_leaving_ends_the_reading_at_its_next_page() -> None:
    ended = threading.Event()

    def read(on_page: OnPage) -> None:
        try:
            for page in itertools.count(1):  # it would never end by itself
                on_page(page, 999)
        finally:
            ended.set()

    reading = by_page(read, told)
    assert next(reading) == "1/999"
    reading.close()
    assert ended.is_set()


def document(text: str) -> LoadedDocument:
    return LoadedDocument("a.md", "a", None, (Page(None, text),))


def test_what_was_checked_is_taken_once_and_only_while_the_file_is_the_same(tmp_path: Path) -> None:
    checked, path = Checked(), tmp_path / "a.md"
    path.write_text("um")
    checked.keep(path, document("um"))
    assert checked.take(path) == document("um") and checked.take(path) is None
    checked.keep(path, document("um"))
    path.write_text("dois")
    os.utime(path, (1, 1))
    assert checked.take(path) is None


def test_only_so_much_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_reading, "_MOST", 10)
    checked, paths = Checked(), [tmp_path / name for name in ("a.md", "b.md", "c.md")]
    for path, length in zip(paths, (6, 6, 11), strict=True):
        path.write_text("x")
        checked.keep(path, document("x" * length))
        assert path == paths[2] or checked._kept.keys() == {path}
    assert not checked._kept
