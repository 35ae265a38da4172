"""Locked, hostile and half files on their way into a corpus: nothing is half done, and the others go on."""

import pytest

from assistant.errors import DocumentRefused, PasswordNeeded
from assistant.retrieval import lexical
from assistant.services.corpora import CorporaService
from assistant.services.ingestion import Stage

from ..retrieval.papers import docx, docx_parts, locked_pdf, paragraph, pdf, zipped


@pytest.fixture
def service(tmp_path, store, embedder):
    service = CorporaService(tmp_path / "corpora", store, embedder)
    service.create("notas", "Minhas notas")
    return service


LOCKED = locked_pdf("O zorgblat vale trinta dias")


def found(store, word):
    hits = store.search_lexical(lexical.terms(word), None, 9)
    return [chunk.text for chunk in store.get([hit.chunk_id for hit in hits]).values()]


def test_a_locked_document_asks_and_is_kept_without_its_password(service, store, tmp_path):
    folder = tmp_path / "corpora" / "notas" / "documents"
    with pytest.raises(PasswordNeeded, match=r"^contrato\.pdf is protected"):
        service.add_document("notas", "contrato.pdf", LOCKED)
    with pytest.raises(PasswordNeeded, match=r"does not open contrato\.pdf"):
        service.add_document("notas", "contrato.pdf", LOCKED, "errada")
    assert not list(folder.iterdir())
    service.add_document("notas", "contrato.pdf", LOCKED, "segredo")
    assert [path.name for path in folder.iterdir()] == ["contrato.pdf"]
    assert b"segredo" not in (folder / "contrato.pdf").read_bytes()
    list(service.ingest())
    assert found(store, "zorgblat") == ["O zorgblat vale trinta dias"]


def test_what_is_refused_leaves_the_document_before_it(service, store, tmp_path):
    service.add_document("notas", "a.docx", docx("O zorgblat custa doze reais."))
    bomb = zipped({**docx_parts(paragraph("x")), "word/a.bin": bytes(30_000_000)})
    with pytest.raises(DocumentRefused, match=r"^a\.docx unpacks"):
        service.add_document("notas", "a.docx", bomb)
    list(service.ingest())
    assert found(store, "zorgblat") == ["O zorgblat custa doze reais."]
    assert len(list((tmp_path / "corpora" / "notas" / "documents").iterdir())) == 1


def test_hostile_files_on_disk_are_reported_and_the_others_go_on(service, store, tmp_path):
    folder = tmp_path / "corpora" / "notas" / "documents"
    (folder / "a.pdf").write_bytes(pdf("x")[:150])
    (folder / "b.docx").write_bytes(zipped({"../fora.xml": "x"}))
    (folder / "c.pdf").write_bytes(LOCKED)
    (folder / "d.json").write_bytes(b"[" * 200_000)
    (folder / "e.md").write_text("O zorgblat custa doze reais.", "utf-8")
    ended = {p.document: p.stage for p in service.ingest() if p.stage in (Stage.DONE, Stage.REFUSED)}
    assert ended == dict.fromkeys(("a.pdf", "b.docx", "c.pdf", "d.json"), Stage.REFUSED) | {"e.md": Stage.DONE}
    assert found(store, "zorgblat") == ["O zorgblat custa doze reais."]
    for record in service.documents("notas"):
        assert record.state == "ready" or record.name in record.notes[0]
