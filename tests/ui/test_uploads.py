"""What a browser sent: where it lands, who uses it, and that nothing of it stays."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from conftest import loops_left_open, standing_alone
from demo_assistant import DemoAssistant

from assistant.ui import uploads
from assistant.ui.corpora import CorporaPage
from assistant.ui.looking import Looking
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
        path.write_text("# A\n\nTexto.", "utf-8")
    with standing_alone() as tab:
        page = CorporaPage(assistant, Words(PT), gr.State(Session()))
        page.build(tab)
    list(page._add.bring(Session(), Looking("sistema-solar"), [str(path) for path in sent]))
    assert not any(path.exists() for path in sent)
    work = assistant.corpus_tools.ingestions.works("sistema-solar")[0]
    ended = list(assistant.corpus_tools.ingestions.follow(work.id))[-1]
    assert {file.name: str(file.state) for file in ended.files} == {"a.md": "done", "refused.pdf": "refused"}
    del page, tab
    with loops_left_open():
        gc.collect()


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
