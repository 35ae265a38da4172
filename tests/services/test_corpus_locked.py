"""Documents that open with a password: they wait for it, go in without it, and nobody finds it afterwards."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.errors import CorpusNotFound, DocumentRefused, InputRejected, PasswordNeeded
from assistant.retrieval.workers import Request
from assistant.services import corpus_locked
from assistant.services.corpus_locked import KEPT, LockedFile, LockedFiles
from assistant.services.corpus_report import FileState, Work, WorkState
from assistant.services.corpus_tools import corpus_tools

from ..retrieval.papers import docx, locked_pdf, pdf
from .library import Library

SECRET = "abre-te sésamo 8391"


def brought(library: Library, date: str = "") -> Work:
    """A contract that asks for its password, beside a note that does not."""
    contract = library.put("contrato.pdf", locked_pdf("O zorgblat vale trinta dias", SECRET))
    note = library.put("nota.md", "O farol pisca.")
    return library.finished(library.tools.ingestions.add_files("notas", [contract, note], date))


def waiting(library: Library) -> list[str]:
    return [file.name for file in library.tools.ingestions.locked("notas")]


def everywhere(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_locked_document_waits_and_the_others_go_on(library: Library) -> None:
    work = brought(library)
    states = {file.name: file.state for file in work.files}
    assert states == {"contrato.pdf": FileState.LOCKED, "nota.md": FileState.DONE} and work.state is WorkState.DONE
    assert "Informe a senha" in work.files[0].notes[0].pt
    assert waiting(library) == ["contrato.pdf"] and library.names() == ["nota.md"]


def test_a_wrong_password_says_so_and_keeps_the_document_waiting(library: Library) -> None:
    brought(library)
    with pytest.raises(PasswordNeeded) as wrong:
        library.tools.ingestions.unlock("notas", "contrato.pdf", "errada")
    assert "A senha não abre contrato.pdf" in wrong.value.text("pt")
    for name, password in (("contrato.pdf", ""), ("../corpus.toml", SECRET), ("nota.md", SECRET)):
        with pytest.raises(InputRejected):
            library.tools.ingestions.unlock("notas", name, password)
    assert waiting(library) == ["contrato.pdf"] and library.names() == ["nota.md"]
    left = [path.name for path in (library.home / "var" / "incoming").iterdir()]
    assert left == ["locked"], "a failed attempt leaves nothing beside the document that waits"


def test_the_right_password_brings_it_in_and_the_index_is_made_again_without_it(library: Library) -> None:
    brought(library, "03/2025")
    work = library.finished(library.tools.ingestions.unlock("notas", "contrato.pdf", SECRET))
    (line,) = work.files
    assert (line.state, line.as_of) == (FileState.DONE, "2025-03")
    assert "cópia sem proteção" in line.notes[0].pt and "without protection" in line.notes[0].en
    assert waiting(library) == [] and library.found("zorgblat")
    for _ in library.corpora.ingest(rebuild=True):
        pass
    assert library.found("zorgblat") == ["O zorgblat vale trinta dias"]
    assert not list((library.home / "var" / "incoming" / "locked").iterdir())


def test_no_password_stays_anywhere(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    brought(library)
    with pytest.raises(PasswordNeeded) as wrong:
        library.tools.ingestions.unlock("notas", "contrato.pdf", SECRET + "!")
    work = library.finished(library.tools.ingestions.unlock("notas", "contrato.pdf", SECRET))
    assert SECRET not in f"{wrong.value}{work}{library.tools.ingestions.works()}{caplog.text}"
    assert SECRET.encode() not in everywhere(library.home)
    assert SECRET not in repr(Request(Path("a.pdf"), "a.pdf", 1, SECRET))


def test_an_office_document_opens_as_well(library: Library) -> None:
    import msoffcrypto.format.ooxml

    out = io.BytesIO()
    plain = docx("O zorgblat custa doze reais.", *(f"Parágrafo {number}" for number in range(3000)))
    msoffcrypto.format.ooxml.OOXMLFile(io.BytesIO(plain)).encrypt(SECRET, out)
    file = library.put("preços.docx", out.getvalue())
    assert library.states(library.tools.ingestions.add_files("notas", [file])) == {"preços.docx": "locked"}
    assert library.states(library.tools.ingestions.unlock("notas", "preços.docx", SECRET)) == {"preços.docx": "done"}
    assert library.found("zorgblat")


def test_an_entry_of_a_zip_waits_like_any_other(library: Library) -> None:
    folder = library.zipped("papeis.zip", {"a/contrato.pdf": locked_pdf("O zorgblat vale trinta dias", SECRET)})
    library.finished(library.tools.ingestions.add_files("notas", [folder]))
    (file,) = library.tools.ingestions.locked("notas")
    assert file.origin == "papeis.zip/a/contrato.pdf"
    assert library.states(library.tools.ingestions.unlock("notas", "contrato.pdf", SECRET)) == {"contrato.pdf": "done"}


def test_a_newer_document_that_asks_takes_the_place_only_when_it_is_opened(library: Library) -> None:
    ingestions = library.tools.ingestions
    library.finished(ingestions.add_files("notas", [library.put("velho.md", "O farol velho.")]))
    newer = library.put("novo.pdf", locked_pdf("O farol novo", SECRET))
    assert library.states(ingestions.replace("notas", "velho.md", newer)) == {"novo.pdf": "locked"}
    assert library.names() == ["velho.md"]
    assert library.states(ingestions.unlock("notas", "novo.pdf", SECRET)) == {"novo.pdf": "done"}
    assert library.names() == ["novo.pdf"]


def test_the_place_it_was_to_take_may_have_gone(library: Library) -> None:
    ingestions = library.tools.ingestions
    library.finished(ingestions.add_files("notas", [library.put("velho.md", "O farol velho.")]))
    newer = library.put("novo.pdf", locked_pdf("O farol novo", SECRET))
    library.finished(ingestions.replace("notas", "velho.md", newer))
    library.tools.upkeep.remove("notas", "velho.md")
    assert library.states(ingestions.unlock("notas", "novo.pdf", SECRET)) == {"novo.pdf": "done"}


def test_one_that_is_given_up_or_brought_open_waits_no_more(library: Library) -> None:
    brought(library)
    library.tools.ingestions.give_up("notas", "contrato.pdf")
    assert waiting(library) == []
    assert not list((library.home / "var" / "incoming" / "locked").iterdir())
    with pytest.raises(InputRejected, match="waits for its password"):
        library.tools.ingestions.give_up("notas", "contrato.pdf")
    brought(library)
    again = library.put("contrato.pdf", locked_pdf("O zorgblat vale trinta dias", SECRET))
    library.finished(library.tools.ingestions.add_files("notas", [again]))
    assert waiting(library) == ["contrato.pdf"], "the same file twice waits once"
    library.finished(library.tools.ingestions.add_files("notas", [library.put("contrato.pdf", pdf("aberto"))]))
    assert waiting(library) == [] and "contrato.pdf" in library.names()


def test_what_waits_follows_its_corpus_and_goes_with_it(library: Library) -> None:
    brought(library)
    library.tools.upkeep.rename("notas", "cadernos")
    assert [file.name for file in library.tools.ingestions.locked("cadernos")] == ["contrato.pdf"]
    work = library.finished(library.tools.ingestions.unlock("cadernos", "contrato.pdf", SECRET))
    assert work.files[0].state is FileState.DONE
    brought_again = library.put("outro.pdf", locked_pdf("x", SECRET))
    library.finished(library.tools.ingestions.add_files("cadernos", [brought_again]))
    library.tools.upkeep.delete("cadernos", "cadernos")
    assert not list((library.home / "var" / "incoming" / "locked").iterdir())
    with pytest.raises((CorpusNotFound, InputRejected)):
        library.tools.ingestions.unlock("cadernos", "outro.pdf", SECRET)


def test_a_restart_keeps_what_waits_and_removes_what_waited_too_long(library: Library) -> None:
    brought(library)
    library.finished(library.tools.ingestions.add_files("notas", [library.put("b.pdf", locked_pdf("b", SECRET))]))
    locked = library.home / "var" / "incoming" / "locked"
    old = sorted(locked.iterdir())[0] / "waiting.json"
    since = (datetime.now(UTC) - KEPT - timedelta(minutes=1)).isoformat(timespec="seconds")
    old.write_text(json.dumps(json.loads(old.read_text("utf-8")) | {"since": since}), "utf-8")
    (locked / "half").mkdir()
    restarted = corpus_tools(library.corpora, library.store, lambda: library.adapters, library.home / "var")
    assert [file.name for file in restarted.ingestions.locked("notas")] == ["b.pdf"]
    assert not old.parent.exists() and (locked / "half").exists(), "another process may be writing it just now"
    library.finished(library.tools.ingestions.add_text("notas", "t", "O farol pisca."))
    assert waiting(library) == ["b.pdf"], "what killed processes left is another matter"


def test_only_so_many_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_locked, "MOST", 2)
    monkeypatch.setattr(corpus_locked, "MOST_BYTES", 100)
    files, path = LockedFiles(tmp_path / "locked"), tmp_path / "a.pdf"
    path.write_bytes(b"x" * 40)
    for name in ("a.pdf", "b.pdf", "a.pdf"):
        files.put(LockedFile("notas", name, 40), path)
    assert [file.name for file in files.of("notas")] == ["b.pdf", "a.pdf"]
    with pytest.raises(DocumentRefused, match="wait for theirs already") as full:
        files.put(LockedFile("notas", "c.pdf", 1), path)
    assert "já esperam" in full.value.text("pt")
    files.remove("notas", "a.pdf")
    with pytest.raises(DocumentRefused):
        files.put(LockedFile("outras", "c.pdf", 61), path)
    assert files.find("notas", "b.pdf")[1].read_bytes() == b"x" * 40
