"""What changes about a corpus: words, name, dates, who quotes from it, its end; and a corpus as one file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from assistant.errors import (
    AdapterNotFound,
    AssistantError,
    ConfigurationError,
    CorpusNotFound,
    DocumentRefused,
    InputRejected,
)
from assistant.services.corpus_dates import checked_date
from assistant.services.corpus_upkeep import CardWords
from assistant.stores.manifests import Localized

from .library import Library


def filled(library: Library) -> Library:
    files = [
        library.put("luas-2023.md", "# Luas\n\nJúpiter tem 92 luas."),
        library.put("farol.md", "# Farol\n\nO zorgblat do farol pisca a cada dez segundos."),
    ]
    library.finished(library.tools.ingestions.add_files("notas", files))
    return library


def test_words_and_age_change_and_comments_stay(library: Library) -> None:
    path = library.corpora.card_path("notas")
    path.write_text(f"# minha nota\n{path.read_text('utf-8')}", "utf-8")
    card = library.tools.upkeep.describe("notas", CardWords(Localized("Outro título", ""), None, 30))
    assert (card.title, card.max_age_days) == (Localized("Outro título", "Outro título"), 30)
    assert path.read_text("utf-8").startswith("# minha nota")
    with pytest.raises(ConfigurationError) as faults:
        library.tools.upkeep.describe("notas", CardWords(Localized(" ", ""), Localized("x" * 2000, ""), -1))
    said = faults.value.text("pt")
    assert all(word in said for word in ("title", "description", "max_age_days"))
    assert library.corpora.card("notas").max_age_days == 30


@pytest.mark.parametrize(
    ("said", "kept"),
    [("2025", "2025"), ("03/2025", "2025-03"), ("11/03/2025", "2025-03-11"), ("2025-03", "2025-03"),
     ("11 de março de 2025", "2025-03-11")],
)  # fmt: skip
def test_a_date_is_taken_as_people_write_it(said: str, kept: str) -> None:
    assert checked_date(said) == kept


@pytest.mark.parametrize("said", ["ontem", "31/02/2025", "13/2025", "2025-13", "99999", "'; DROP"])
def test_what_is_no_date_is_refused(said: str) -> None:
    with pytest.raises(InputRejected, match="no date"):
        checked_date(said)


def test_a_given_date_goes_before_the_documents_own_without_embedding(library: Library) -> None:
    filled(library)
    before = library.embedder.passages
    assert library.tools.upkeep.date("notas", "luas-2023.md", "03/2025") == "2025-03"
    passage = library.retriever.retrieve("luas de Júpiter", corpora=["notas"], k=1)[0]
    assert passage.as_of == "2025-03"
    assert library.corpora.list()[0].stats.newest == "2025-03"
    assert 'luas-2023.md" = "2025-03"' in library.corpora.card_path("notas").read_text("utf-8")
    library.tools.upkeep.date("notas", "luas-2023.md", "")
    assert library.corpora.documents("notas")[1].as_of == "2023"
    assert "[dates]" not in library.corpora.card_path("notas").read_text("utf-8")
    assert library.embedder.passages == before
    with pytest.raises(CorpusNotFound):
        library.tools.upkeep.date("notas", "../corpus.toml", "2025")


def test_every_ingestion_honours_the_dates_of_corpus_toml(library: Library) -> None:
    filled(library)
    path = library.corpora.card_path("notas")
    path.write_text(path.read_text("utf-8") + '\n[dates]\n"farol.md" = "2019-04"\n"outro.md" = "não é data"\n', "utf-8")
    before = library.embedder.passages
    assert [step.document for step in library.corpora.ingest() if step.stage == "done"] == ["farol.md"]
    assert {d.name: d.as_of for d in library.corpora.documents("notas")}["farol.md"] == "2019-04"
    assert [str(step.stage) for step in library.corpora.ingest()] == ["unchanged", "unchanged"]
    assert library.embedder.passages == before
    library.corpora.path_of("notas", "farol.md").write_text("# Farol\n\nOutro texto.", "utf-8")
    library.tools.upkeep.date("notas", "farol.md", "2020")
    assert library.found("zorgblat"), "the changed file is read by the next ingestion, not dated over"
    list(library.corpora.ingest())
    assert library.corpora.documents("notas")[0].as_of == "2020" and not library.found("zorgblat")


def test_a_removed_document_leaves_no_word_and_no_date(library: Library) -> None:
    filled(library)
    library.tools.upkeep.date("notas", "farol.md", "2024")
    library.tools.upkeep.remove("notas", "farol.md")
    (library.home / "outside" / "farol.md").unlink()
    for path in (p for p in library.home.rglob("*") if p.is_file()):
        assert b"zorgblat" not in path.read_bytes(), path
    assert library.tools.dates.of("notas") == {}


def test_a_renamed_corpus_takes_adapters_reports_and_index_along_without_embedding(library: Library) -> None:
    filled(library)
    before = library.embedder.passages
    upkeep, ingestions = library.tools.upkeep, library.tools.ingestions
    for taken, error in (
        ("notas", ConfigurationError),
        ("../x", ConfigurationError),
        ("Maiúscula", ConfigurationError),
    ):
        with pytest.raises(error):
            upkeep.rename("notas", taken)
    assert upkeep.rename("notas", "cadernos") == "cadernos"
    library.finished(ingestions.index("cadernos", forget="notas"))
    assert library.embedder.passages == before
    assert library.found("farol", "cadernos") and not library.found("farol", "notas")
    assert [d.corpus for d in library.store.documents()] == ["cadernos", "cadernos"]
    assert library.adapters.detail("reply").card.corpora == ("cadernos",)
    assert library.adapters.detail("chat").card.corpora == ("*",)
    assert {work.corpus for work in ingestions.works()} == {"cadernos"}
    assert "# a comment that stays" in (library.home / "adapters" / "reply" / "card.toml").read_text("utf-8")


def test_a_corpus_goes_only_where_its_name_was_typed(library: Library) -> None:
    filled(library)
    for typed in ("", "Notas", "outro"):
        with pytest.raises(InputRejected, match="Type its name"):
            library.tools.upkeep.delete("notas", typed)
    assert library.names() == ["farol.md", "luas-2023.md"]
    library.tools.upkeep.delete("notas", " notas ")
    assert library.corpora.list() == [] and library.store.documents() == []
    assert library.adapters.detail("reply").card.corpora == ()
    assert library.tools.ingestions.works() == []


def test_who_quotes_from_a_corpus_is_set_from_the_corpus(library: Library) -> None:
    library.corpora.create("outro", "Outro")
    grounding = library.tools.grounding
    assert {f.name: (f.grounds, f.everywhere) for f in grounding.of("outro")} == {
        "chat": (True, True),
        "reply": (False, False),
    }
    grounding.set("outro", ["reply"])
    assert library.adapters.detail("reply").card.corpora == ("notas", "outro")
    assert library.adapters.detail("chat").card.corpora == ("notas",), "everywhere but here, by name"
    for strange in ("ner", "../x"):
        with pytest.raises(AdapterNotFound):
            grounding.set("outro", [strange])


def test_a_corpus_goes_out_and_comes_back_whole(library: Library, tmp_path: Path) -> None:
    filled(library)
    library.tools.upkeep.date("notas", "farol.md", "2024-06")
    library.tools.upkeep.describe("notas", CardWords(Localized("Título", "Title"), None, 90))
    file = library.tools.transfer.export("notas", tmp_path / "notas.zip")
    with pytest.raises(ConfigurationError, match="another name"):
        library.tools.transfer.import_file(file)
    before = library.embedder.passages
    assert library.tools.transfer.import_file(file, "copia") == "copia"
    library.finished(library.tools.ingestions.index("copia"))
    assert library.embedder.passages == before
    assert library.names("copia") == library.names("notas")
    for name in library.names():
        own, copy = (library.corpora.path_of(corpus, name).read_bytes() for corpus in ("notas", "copia"))
        assert own == copy
    assert library.corpora.card("copia").max_age_days == 90
    assert {d.name: d.as_of for d in library.corpora.documents("copia")} == {
        "farol.md": "2024-06",
        "luas-2023.md": "2023",
    }
    with pytest.raises(AssistantError):
        library.tools.transfer.export("não-há", tmp_path / "x.zip")


def rewritten(file: Path, target: Path, **changes: bytes | None) -> Path:
    """The export with entries changed, taken out (None) or put in."""
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(target, "w") as after:
        entries = {name: before.read(name) for name in before.namelist()} | {
            name.replace("__", "/"): content for name, content in changes.items()
        }
        for name, content in entries.items():
            if content is not None:
                after.writestr(name, content)
    return target


def test_nothing_is_kept_of_a_file_that_is_not_what_its_manifest_says(library: Library, tmp_path: Path) -> None:
    filled(library)
    file = library.tools.transfer.export("notas", tmp_path / "notas.zip")
    manifest = json.loads(zipfile.ZipFile(file).read("manifest.json"))
    lie = json.dumps(manifest | {"files": manifest["files"] | {"documents/../x.md": {"sha256": "0"}}}).encode()
    card = b"title = 1"
    false_card = json.dumps(
        manifest
        | {"files": manifest["files"] | {"corpus.toml": {"sha256": __import__("hashlib").sha256(card).hexdigest()}}}
    ).encode()
    before = sorted(p for p in (library.home / "corpora").rglob("*"))
    for number, changes in enumerate(
        [
            {"documents__farol.md": b"changed"},
            {"documents__farol.md": None},
            {"documents__extra.md": b"x"},
            {"manifest.json": None},
            {"manifest.json": b"[]"},
            {"manifest.json": json.dumps(manifest | {"version": 99}).encode()},
            {"manifest.json": json.dumps(manifest | {"name": "../x"}).encode()},
            {"manifest.json": lie, "documents__..__x.md": b"x"},
            {"manifest.json": false_card, "corpus.toml": card},
        ]
    ):
        broken = rewritten(file, tmp_path / f"{number}.zip", **changes)
        with pytest.raises(DocumentRefused):
            library.tools.transfer.import_file(broken, "copia")
    (tmp_path / "half.zip").write_bytes(file.read_bytes()[:200])
    with pytest.raises(DocumentRefused):
        library.tools.transfer.import_file(tmp_path / "half.zip", "copia")
    with pytest.raises(ConfigurationError, match="no valid name"):
        library.tools.transfer.import_file(file, "../copia")
    assert sorted(p for p in (library.home / "corpora").rglob("*")) == before


def test_the_preview_shows_each_part_beside_its_own_chunks(library: Library) -> None:
    parts = [f"# Parte {i}\n\n" + f"A frase {i} do farol diz que a luz {i} pisca. " * 60 for i in range(6)]
    library.finished(library.tools.ingestions.add_files("notas", [library.put("longo.md", "\n\n".join(parts))]))
    seen, preview = [], library.tools.preview
    total = preview.of("notas", "longo.md").page.total
    assert total > 2
    for position in range(1, total + 1):
        page = preview.of("notas", "longo.md", position).page
        assert page.position == position and page.number is None
        for chunk in page.chunks:
            assert chunk.text[:20] in page.text
        seen += [chunk.chunk_id for chunk in page.chunks]
    assert seen == [c.chunk_id for c in library.store.chunks_of("notas", "longo.md")]
    assert preview.of("notas", "longo.md", 99).page.position == total
    with pytest.raises(CorpusNotFound):
        preview.of("notas", "../corpus.toml")
