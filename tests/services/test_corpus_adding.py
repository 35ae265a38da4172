"""Documents come in through the background work, on the real ledger and vector index."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import AssistantError, CorpusNotFound, InputRejected, StoreBusy
from assistant.retrieval import lexical
from assistant.services.corpus_adding import Adding
from assistant.services.corpus_order import Order
from assistant.services.corpus_report import FileReport, FileState, Reports, Task, Work, WorkState
from assistant.services.corpus_tools import corpus_tools

from ..retrieval.papers import pdf
from .library import Library


def test_files_come_in_with_a_report_for_each(library: Library) -> None:
    good = library.put("regimento-2024.md", "# Regimento\n\nO zorgblat da casa é lavado às segundas por todos nós.")
    bad = library.put("foto.exe", b"MZ")
    empty = library.put("vazio.md", "  ")
    work = library.finished(library.tools.ingestions.add_files("notas", [good, bad, empty]))
    lines = {file.name: file for file in work.files}
    assert work.state is WorkState.DONE and work.seconds_left is None
    line = lines["regimento-2024.md"]
    assert (line.state, line.pages, line.chunks, line.language, line.as_of) == (FileState.DONE, 1, 1, "pt", "2024")
    assert lines["foto.exe"].state is FileState.REFUSED and "não são lidos" in lines["foto.exe"].notes[0].pt
    assert lines["vazio.md"].state is FileState.REFUSED and "não tem texto" in lines["vazio.md"].notes[0].pt
    assert library.names() == ["regimento-2024.md"]
    assert library.found("zorgblat")
    assert good.exists(), "what somebody brought is theirs"
    assert list((library.home / "var" / "incoming").iterdir()) == []


def test_the_same_document_again_costs_nothing_and_a_twin_is_told(library: Library) -> None:
    text = "# Um\n\nO mel cura por noventa dias."
    first = library.put("um.md", text)
    library.finished(library.tools.ingestions.add_files("notas", [first]))
    before = library.embedder.passages
    assert library.states(library.tools.ingestions.add_files("notas", [first])) == {"um.md": "unchanged"}
    assert library.embedder.passages == before
    twin = library.finished(library.tools.ingestions.add_files("notas", [library.put("dois.md", text)]))
    assert "um.md" in twin.files[0].notes[0].pt


def test_a_pasted_text_becomes_a_dated_document_and_never_takes_a_place(library: Library) -> None:
    ingestions = library.tools.ingestions
    for text in ("O farol pisca a cada dez segundos.", "O farol pisca a cada vinte segundos."):
        work = library.finished(ingestions.add_text("notas", "Aviso: farol/2", text, "11/03/2025"))
        assert [(f.state, f.as_of) for f in work.files] == [(FileState.DONE, "2025-03-11")]
    assert library.names() == ["Aviso- farol-2 (2).md", "Aviso- farol-2.md"]
    titles = {document.title for document in library.corpora.documents("notas")}
    assert titles == {"Aviso: farol/2"}
    for title, text, date in (("", " ", ""), ("a", "b", "31/02/2025")):
        with pytest.raises(InputRejected):
            ingestions.add_text("notas", title, text, date)


def test_progress_goes_through_every_stage_and_is_found_by_another_process(library: Library) -> None:
    held, go = threading.Event(), threading.Event()

    def wait() -> None:
        held.set()
        assert go.wait(30)

    library.embedder.before = wait
    text = "\n\n".join(f"# Parte {i}\n\nO farol número {i} fica na praia {i}." for i in range(40))
    work = library.tools.ingestions.add_files("notas", [library.put("faróis.md", text)])
    assert held.wait(30)
    seen = library.tools.ingestions.works("notas")[0]
    assert seen.id == work.id and seen.state is WorkState.RUNNING
    assert seen.files[0].state is FileState.READING
    other = Reports(library.home / "var" / "ingestions").all("notas")[0]
    assert other.id == work.id and other.active
    go.set()
    states = [now.files[0].state for now in library.tools.ingestions.follow(work.id)]
    assert states[-1] is FileState.DONE
    after = Reports(library.home / "var" / "ingestions").all("notas")[0]
    assert (after.state, after.files[0].chunks) == (WorkState.DONE, 40)


def long_pdf(library: Library, name: str = "longo.pdf") -> Path:
    return library.put(name, pdf(*(f"A folha {n} fala do zorgblat {n}." for n in range(1, 31))))


def adding(library: Library, path: Path, folder: Path, stopped: Callable[[], bool] = lambda: False) -> Adding:
    """A piece of work without its thread, so that a test sees every step."""
    folder.mkdir()
    brought = folder / path.name
    brought.write_bytes(path.read_bytes())
    line = FileReport(path.name, size=path.stat().st_size)
    work = Work("w", "notas", Task.ADD, "2025-01-01T10:00:00+00:00", files=(line,))
    place = library.tools.ingestions._place
    return Adding(place, work, Order(folder, {path.name: brought}), lambda seconds: stopped())


def test_a_long_document_is_told_page_by_page_and_read_once(library: Library, tmp_path: Path) -> None:
    seen = [now.files[0] for now in adding(library, long_pdf(library), tmp_path / "lote").run()]
    read = [line for line in seen if line.state is FileState.CHECKING and line.page]
    assert [line.page for line in read] == list(range(1, 31)) and {line.pages for line in read} == {30}
    assert [line.is_being_read for line in read] == [True] * 29 + [False]
    assert [line.page for line in seen if line.state is FileState.READING] == [30], "what was checked is not read again"
    shares = [line.share for line in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert (seen[-1].state, seen[-1].pages) == (FileState.DONE, 30)


def test_an_index_made_again_tells_the_pages_too(library: Library, tmp_path: Path) -> None:
    library.finished(library.tools.ingestions.add_files("notas", [long_pdf(library)]))
    steps = list(library.corpora.ingest(rebuild=True))
    assert [(step.page, step.pages) for step in steps if step.page] == [(n, 30) for n in range(1, 31)]


def test_where_a_long_reading_is_outlives_a_reload(library: Library, tmp_path: Path) -> None:
    steps = adding(library, long_pdf(library), tmp_path / "lote").run()
    middle = next(now for now in steps if now.files[0].page == 12)
    Reports(tmp_path / "reports").write(middle)
    (found,) = Reports(tmp_path / "reports").all("notas")
    assert (found.files[0].page, found.files[0].pages, found.active) == (12, 30, True)
    assert found.seconds_left is None, "how many passages it will have is not known yet"
    steps.close()  # type: ignore[attr-defined]  # a generator
    assert library.names() == [] and not (tmp_path / "lote").exists()


def test_a_long_reading_stops_at_its_next_page_and_leaves_the_older_document(library: Library, tmp_path: Path) -> None:
    library.finished(library.tools.ingestions.add_files("notas", [library.put("longo.pdf", pdf("O farol velho"))]))
    before = library.corpora.path_of("notas", "longo.pdf").read_bytes()
    seen: list[Work] = []
    work = adding(library, long_pdf(library), tmp_path / "lote", lambda: bool(seen) and seen[-1].files[0].page >= 3)
    for now in work.run():
        seen.append(now)
    assert seen[-1].state is WorkState.STOPPED and seen[-1].files[0].state is FileState.STOPPED
    assert seen[-1].files[0].page < 30
    assert library.corpora.path_of("notas", "longo.pdf").read_bytes() == before and library.found("velho")
    assert not (tmp_path / "lote").exists()


def test_a_report_whose_process_has_gone_was_interrupted(library: Library, tmp_path: Path) -> None:
    reports = Reports(tmp_path / "reports")
    reports.write(Work("20260101-000000-000000-abcdef", "notas", Task.ADD, "2026-01-01", WorkState.RUNNING))
    path = tmp_path / "reports" / "20260101-000000-000000-abcdef.json"
    raw = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(raw | {"process": [2**22 - 3, 1.0]}), "utf-8")
    (tmp_path / "reports" / "half.json").write_text('{"id": "x"', "utf-8")
    assert [work.state for work in reports.all()] == [WorkState.INTERRUPTED]


def test_stopping_keeps_what_is_committed_and_leaves_nothing_of_the_rest(library: Library) -> None:
    held, go = threading.Event(), threading.Event()
    library.embedder.before = lambda: (held.set(), go.wait(30))  # type: ignore[assignment,func-returns-value]
    files = [library.put(f"d{i}.md", f"O documento {i} fala de zorgblat {i}.") for i in range(3)]
    work = library.tools.ingestions.add_files("notas", files)
    assert held.wait(30)
    library.tools.ingestions.stop(work.id)
    go.set()
    done = library.finished(work)
    assert done.state is WorkState.STOPPED
    committed = [f.name for f in done.files if f.state is FileState.DONE]
    assert library.names() == committed == [d.name for d in library.corpora.documents("notas")]
    assert len(committed) < 3
    with pytest.raises(InputRejected):
        library.tools.ingestions.stop(work.id)


def test_a_person_goes_before_a_long_ingestion(library: Library) -> None:
    library.finished(library.tools.ingestions.add_files("notas", [library.put("velho.md", "O texto velho do farol.")]))
    held, go = threading.Event(), threading.Event()
    library.embedder.before = lambda: (held.set(), go.wait(30))  # type: ignore[assignment,func-returns-value]
    files = [library.put(f"novo{i}.md", f"O texto novo {i}.") for i in range(4)]
    work = library.tools.ingestions.add_files("notas", files)
    assert held.wait(30)
    with pytest.raises(StoreBusy), library.tools.upkeep.turns.first(patience=0.05):
        pass
    done: list[str] = []
    remover = threading.Thread(
        target=lambda: (library.tools.upkeep.remove("notas", "velho.md"), done.append("removed"))
    )
    remover.start()
    while not library.tools.upkeep.turns.wanted:
        assert remover.is_alive()
    go.set()
    remover.join(30)
    assert done == ["removed"]
    assert set(library.states(work).values()) == {"done"}
    assert library.names() == [f"novo{i}.md" for i in range(4)]


def test_a_newer_document_takes_the_place_of_an_older_one(library: Library) -> None:
    ingestions = library.tools.ingestions
    library.finished(ingestions.add_files("notas", [library.put("luas-2023.md", "Júpiter tem 92 luas.")], "2023-02"))
    library.finished(ingestions.add_files("notas", [library.put("outro.md", "Outro assunto.")]))
    newer = library.put("luas-2025.md", "Saturno tem 274 luas.")
    assert library.states(ingestions.replace("notas", "luas-2023.md", newer)) == {"luas-2025.md": "done"}
    assert library.names() == ["luas-2025.md", "outro.md"]
    assert library.found("Júpiter") == [] and library.found("Saturno")
    assert library.tools.dates.of("notas") == {}
    taken = ingestions.replace("notas", "luas-2025.md", library.put("outro.md", "Tomaria o lugar de outro."))
    assert library.states(taken) == {"outro.md": "refused"}
    assert library.found("assunto") == ["Outro assunto."]
    with pytest.raises(CorpusNotFound):
        ingestions.replace("notas", "../corpus.toml", newer)


@pytest.mark.parametrize("text", ["  ", "# Só um título\n"])
def test_the_older_document_stays_where_the_newer_one_cannot_be_used(library: Library, text: str) -> None:
    ingestions = library.tools.ingestions
    old = library.put("luas.md", "Júpiter tem 92 luas.")
    library.finished(ingestions.add_files("notas", [old]))
    newer = library.put("luas.md", text)
    assert library.states(ingestions.replace("notas", "luas.md", newer)) == {"luas.md": "refused"}
    assert library.corpora.path_of("notas", "luas.md").read_text("utf-8") == "Júpiter tem 92 luas."
    assert library.found("Júpiter")
    assert [(d.name, d.state) for d in library.corpora.documents("notas")] == [("luas.md", "ready")]


def test_the_older_document_stays_where_embedding_the_newer_one_breaks(library: Library) -> None:
    ingestions = library.tools.ingestions
    library.finished(ingestions.add_files("notas", [library.put("luas.md", "Júpiter tem 92 luas.")]))

    def broken() -> None:
        raise RuntimeError("no memory")

    library.embedder.before = broken
    work = library.finished(ingestions.replace("notas", "luas.md", library.put("luas.md", "Saturno tem 274 luas.")))
    assert work.state is WorkState.FAILED and "erro inesperado" in work.error.pt
    library.embedder.before = lambda: None
    assert library.corpora.path_of("notas", "luas.md").read_text("utf-8") == "Júpiter tem 92 luas."
    assert library.found("Júpiter")
    assert list((library.home / "var" / "incoming").iterdir()) == []


def test_an_index_of_another_embedder_refuses_with_the_way_out_and_keeps_nothing(library: Library) -> None:
    library.finished(library.tools.ingestions.add_files("notas", [library.put("a.md", "O farol.")]))
    from assistant.services.corpora import CorporaService
    from assistant.stores.passages import PassageStore

    other = PassageStore(library.home / "var" / "index", "test/other", 64, lexical.terms)
    corpora = CorporaService(library.home / "corpora", other, library.embedder)
    tools = corpus_tools(corpora, other, lambda: library.adapters, library.home / "var")
    work = tools.ingestions.add_files("notas", [library.put("b.md", "Outro farol.")])
    done = list(tools.ingestions.follow(work.id))[-1]
    assert done.state is WorkState.FAILED and "--rebuild" in done.error.pt
    assert library.names() == ["a.md"]
    other.close()


@pytest.mark.parametrize("corpus", ["../x", "não-há", ""])
def test_nothing_comes_into_a_corpus_that_is_not_there(library: Library, corpus: str) -> None:
    with pytest.raises(AssistantError):
        library.tools.ingestions.add_files(corpus, [library.put("a.md", "x")])
    assert not (library.home / "var" / "incoming").exists()
