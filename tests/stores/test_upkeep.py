"""A published index is never changed; one that is behind is completed from the ledger; a new one is made beside."""

import signal
from pathlib import Path

import pytest

from assistant.errors import IndexMismatch, StoreBusy
from assistant.stores.passages import PassageStore

from .test_erasing import in_child
from .test_passages import DIMENSION, NAME, document, draft, leave_unfinished, put, texts, vector


@pytest.fixture
def store(tmp_path):
    store = PassageStore(tmp_path, NAME, DIMENSION, lambda text: text.lower().split())
    yield store
    store.close()


def everything(store):
    return sorted(texts(store, store.search_dense(vector("x"), None, 99)))


def state(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*.bin"))}


def whole_scans(store, monkeypatch) -> list[int]:
    """How the ledger is scanned from now on: from which chunk's number."""
    scans: list[int] = []
    real = store._scan

    def scan(vector, corpora, k, after=0):
        scans.append(after)
        return real(vector, corpora, k, after)

    monkeypatch.setattr(store, "_scan", scan)
    return scans


def test_a_published_index_is_never_written_to(store, tmp_path):
    put(store, "a.md", "um", "dois")
    first = store._keeper.current().index
    before = state(tmp_path / "chroma" / first.generation)
    assert before
    seen = []
    real = first.close
    first.close = lambda: (seen.append(state(tmp_path / "chroma" / first.generation)), real())
    put(store, "b.md", "tres")
    assert seen == [before]
    assert everything(store) == ["dois", "tres", "um"]
    assert [p.name for p in (tmp_path / "chroma").iterdir()] == [store._keeper.current().index.generation]


def test_searches_during_a_long_ingestion_are_complete_and_scan_only_what_is_new(store, monkeypatch):
    put(store, "a.md", *[f"velho {i}" for i in range(30)])
    reader = PassageStore(store.path.parent, NAME, DIMENSION, str.split)
    assert len(everything(reader)) == 30
    scans = whole_scans(reader, monkeypatch)
    with store.writing() as writer:
        writer.replace(document("b.md"), [draft("novo um"), draft("novo dois")])
        writer.replace(document("c.md", "outro"), [draft("novo tres")])
        writer.remove("luas", "a.md")
        writer.replace(document("d.md"), [draft("velho 3"), draft("velho 4")])
        assert everything(reader) == ["novo dois", "novo tres", "novo um", "velho 3", "velho 4"]
        assert texts(reader, reader.search_dense(vector("novo um"), ["luas"], 1)) == ["novo um"]
        assert texts(reader, reader.search_dense(vector("novo um"), ["outro"], 1)) == ["novo tres"]
        assert scans
        assert all(scans), "only chunks after those of the index are scanned"
    scans.clear()
    assert everything(reader) == ["novo dois", "novo tres", "novo um", "velho 3", "velho 4"]
    assert scans == []
    reader.close()


def test_a_long_ingestion_publishes_on_the_way(store, monkeypatch):
    monkeypatch.setattr("assistant.stores.writer.PUBLISHED_AT", 10)
    with store.writing() as writer:
        for number in range(7):
            writer.replace(document(f"d{number}.md"), [draft(f"novo {number} {i}") for i in range(3)])
        assert len(store._keeper.current().index.ids()) == 12
        assert len(everything(store)) == 21
        writer.remove("luas", "d0.md")
        for number in range(4):
            writer.replace(document(f"e{number}.md"), [draft(f"mais {number} {i}") for i in range(3)])
        assert len(store._keeper.current().index.ids()) == 12, "a removal is brought once, at the end"
        assert len(everything(store)) == 30
    assert store._keeper.current().index.ids() == set(store._ledger.ids())


def test_a_process_that_starts_while_another_writes_uses_the_published_index(store, monkeypatch):
    put(store, "a.md", "um", "dois")
    with store.writing() as writer:
        writer.replace(document("b.md"), [draft("tres")])
        late = PassageStore(store.path.parent, NAME, DIMENSION, str.split)
        scans = whole_scans(late, monkeypatch)
        assert everything(late) == ["dois", "tres", "um"]
        assert all(scans)
    late.close()


@pytest.mark.parametrize(
    "moment", ["VectorIndex._upsert", "VectorIndex.copy_to", "VectorIndex.seal", "VectorIndex.drop"]
)
def test_a_process_killed_while_it_writes_to_chroma_is_repaired_without_embedding(store, tmp_path, moment):
    put(store, "a.md", "um", "dois")
    store.close()
    body = f"""
        real = {moment}
        def once(self, *a, **k):
            real(self, *a, **k)
            die()
        with store.writing() as writer:
            writer.replace(document("b.md"), [draft("tres")])
            writer.replace(document("c.md", "outro"), [draft("quatro")])
            {moment} = once
    """
    assert in_child(tmp_path, body) == -signal.SIGKILL
    assert everything(store) == ["dois", "quatro", "tres", "um"]
    current = store._keeper.current()
    assert current.index.ids() == set(store._ledger.ids())
    assert [p.name for p in (tmp_path / "chroma").iterdir()] == [current.index.generation]


def test_an_index_made_beside_takes_its_place_at_once(store, tmp_path):
    put(store, "a.md", "velho")
    old = store._keeper.current().index.generation
    reader = PassageStore(tmp_path, NAME, DIMENSION, str.split)
    with store.beside() as new:
        put(new, "a.md", "novo um")
        assert everything(store) == everything(reader) == ["velho"]
        assert store.search_lexical(["novo"], None, 5) == []
        with pytest.raises(StoreBusy), reader._keeper.locked(0.0):
            pass
        put(new, "b.md", "novo dois")
    assert everything(store) == everything(reader) == ["novo dois", "novo um"]
    assert texts(store, store.search_lexical(["velho", "novo"], None, 5)) == ["novo um", "novo dois"]
    assert not (tmp_path / "next").exists()
    assert old not in {p.name for p in (tmp_path / "chroma").iterdir()}
    put(store, "c.md", "depois")
    assert everything(reader) == ["depois", "novo dois", "novo um"]
    reader.close()


def test_an_interrupted_index_goes_on_and_leaves_the_old_one(store, tmp_path):
    put(store, "a.md", "velho")
    leave_unfinished(store, "a.md", "novo")
    assert everything(store) == ["velho"]
    with store.beside() as new:
        assert [d.name for d in new.documents()] == ["a.md"], "it goes on with what it had"
        put(new, "b.md", "mais")
    assert everything(store) == ["mais", "novo"]


@pytest.mark.parametrize("moment", ["IndexKeeper.receive", "Ledger.take_over", "VectorIndex.drop", "IndexKeeper.mend"])
@pytest.mark.parametrize("after", [False, True])
def test_a_rebuild_that_is_killed_leaves_one_whole_index(store, tmp_path, moment, after):
    put(store, "a.md", "velho")
    store.close()
    body = f"""
        real = {moment}
        def once(self, *a, **k):
            if {after}: real(self, *a, **k)
            die()
        with store.beside() as new:
            put(new, "a.md", "novo um", "novo dois")
            {moment} = once
    """
    assert in_child(tmp_path, body) == -signal.SIGKILL
    swapped = (moment, after) in {("Ledger.take_over", True), ("VectorIndex.drop", False), ("VectorIndex.drop", True)}
    assert everything(store) == (["novo dois", "novo um"] if swapped else ["velho"])
    with store.beside() as new:
        assert len(new.documents()) == 1, "nothing is embedded again"
    assert everything(store) == ["novo dois", "novo um"]
    assert len(list((tmp_path / "chroma").iterdir())) == 1


def test_a_swap_killed_between_two_pages_is_undone(store, tmp_path):
    put(store, "a.md", *[f"velho {i}" for i in range(300)])
    store.close()
    body = """
        import sqlite3
        from assistant.stores import ledger
        class Connection(sqlite3.Connection):
            def backup(self, target):
                super().backup(target, pages=5, progress=lambda status, left, total: left < total / 2 and die())
        real = sqlite3.connect
        with store.beside() as new:
            put(new, "a.md", *[f"novo {i}" for i in range(300)])
            ledger.sqlite3.connect = lambda *a, **k: real(*a, **k, factory=Connection)
    """
    assert in_child(tmp_path, body) == -signal.SIGKILL
    assert store.is_sound()
    assert all(text.startswith("velho") for text in everything(store))
    assert len(store._ledger.ids()) == 300


def test_an_index_in_the_making_for_another_embedder_is_begun_again(store, tmp_path):
    put(store, "a.md", "velho")
    leave_unfinished(store, "a.md", "pela metade")
    store.close()
    other = PassageStore(tmp_path, "test/other", DIMENSION, str.split)
    with pytest.raises(IndexMismatch, match="ingest --rebuild"):
        other.search_dense(vector("x"), None, 1)
    with other.beside() as new:
        assert new.documents() == []
        put(new, "a.md", "novo")
    assert everything(other) == ["novo"]
    with pytest.raises(IndexMismatch, match="test/other"):
        store.search_dense(vector("x"), None, 1)
    other.close()
