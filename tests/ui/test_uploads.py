"""What a browser sent: where it lands, who uses it, and that nothing of it stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from demo_assistant import DemoAssistant

from assistant.ui import uploads
from assistant.ui.corpora import CorporaPage
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.words import Words

PT = texts("pt")


def test_an_upload_that_two_visitors_share_goes_with_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    shared = tmp_path / "hash" / "a.csv"
    shared.parent.mkdir()
    shared.write_text("a;b", "utf-8")
    uploads.taken([shared])
    uploads.taken([shared])
    uploads.forget([shared])
    assert shared.exists()
    uploads.forget([shared])
    assert list(tmp_path.iterdir()) == []
    shared.parent.mkdir()
    shared.write_text("a;b", "utf-8")
    uploads.forget([shared])
    assert not shared.exists(), "nothing is left of the count"


def test_a_document_goes_from_the_uploads_once_the_corpus_has_it(
    assistant: DemoAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    sent = [tmp_path / "hash" / name for name in ("a.md", "refused.pdf")]
    sent[0].parent.mkdir()
    for path in sent:
        path.write_text("# A", "utf-8")
    page = CorporaPage(assistant, Words(PT), None)
    *_, (report, _, drop) = page._add("sistema-solar", [str(path) for path in sent], Session())
    assert "refused.pdf não tem texto" in report and drop is None
    assert [name for _, name, _ in assistant.corpora.added] == ["a.md"]
    assert not any(path.exists() for path in sent)


def test_gradio_removes_what_nobody_took(blocks: Any) -> None:
    assert blocks.delete_cache == uploads.KEPT_S == (3600, 86400)


def test_uploads_land_in_a_folder_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    orphan = tmp_path / "assistant-uploads-4194305-x"  # beyond the largest process id of Linux
    orphan.mkdir()
    uploads.own_folder()
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
    assert not orphan.exists()
    uploads.own_folder()
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
