import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from assistant.errors import CorpusError, IndexMismatch, StoreBusy
from assistant.stores.passages import PassageStore
from assistant.stores.rows import DocumentRecord
from assistant.stores.writer import Draft

DIMENSION = 8
NAME = "test/eight"


def vector(text: str) -> list[float]:
    values = np.frombuffer(hashlib.sha256(text.encode()).digest()[:DIMENSION], np.uint8).astype(np.float32) - 127
    return (values / np.linalg.norm(values)).tolist()


def draft(text: str, heading: str = "") -> Draft:
    return Draft(text, heading, None, hashlib.sha256(text.encode()).hexdigest(), vector(text))


def document(name: str, corpus: str = "luas", **fields: object) -> DocumentRecord:
    return DocumentRecord(corpus, name, "0", name, **fields)  # type: ignore[arg-type]


def put(store: PassageStore, name: str, *texts: str, corpus: str = "luas") -> None:
    with store.writing() as writer:
        writer.replace(document(name, corpus), [draft(t) for t in texts])


def leave_unfinished(store: PassageStore, name: str, *texts: str) -> None:
    """Begin an index beside the one in use, and stop in the middle."""

    def begin() -> None:
        with store.beside() as new:
            put(new, name, *texts)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()


def texts(store: PassageStore, hits: list) -> list[str]:
    chunks = store.get([h.chunk_id for h in hits])  # leaves out what a writer has removed since the search
    return [chunks[h.chunk_id].text for h in hits if h.chunk_id in chunks]


def on_disk(folder: Path, word: str) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and word.encode() in p.read_bytes()]


def reopen(store: PassageStore, folder: Path) -> PassageStore:
    store.close()
    return PassageStore(folder, NAME, DIMENSION, str.split)


@pytest.fixture
def store(tmp_path):
    store = PassageStore(tmp_path, NAME, DIMENSION, str.split)
    yield store
    store.close()


@pytest.fixture(scope="module")
def chroma_server(tmp_path_factory):
    """A real Chroma server on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [Path(sys.executable).with_name("chroma"), "run", "--path", folder, "--host", "127.0.0.1"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the Chroma server does not answer"
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(timeout=30)


@pytest.fixture(params=["in process", "server"])
def either(request, tmp_path):
    """The store with its vectors in this process, and on a server: both keep the same contract."""
    url = request.getfixturevalue("chroma_server") if request.param == "server" else ""
    store = PassageStore(tmp_path, NAME, DIMENSION, str.split, url)
    yield store
    store.close()


def vanish(store: PassageStore) -> None:
    """Make the ledger useless for a dense search, so that only Chroma can answer."""
    store._scan = lambda *a, **k: pytest.fail("the ledger was scanned instead of Chroma")  # type: ignore[method-assign]


def test_both_searches_find_what_was_written(either):
    vanish(either)
    put(either, "a.md", "saturno tem aneis", "jupiter e grande")
    assert texts(either, either.search_lexical(["aneis"], None, 5)) == ["saturno tem aneis"]
    hits = either.search_dense(vector("jupiter e grande"), None, 1)
    assert texts(either, hits) == ["jupiter e grande"]
    assert hits[0].score == pytest.approx(1.0, abs=1e-5)


def test_the_dense_score_is_the_cosine_of_the_stored_vectors(either):
    vanish(either)
    put(either, "a.md", "um", "dois", "tres")
    query = vector("quatro")
    hits = either.search_dense(query, None, 3)
    exact = either.cosines(query, [h.chunk_id for h in hits])
    assert [h.score for h in hits] == pytest.approx([exact[h.chunk_id] for h in hits], abs=1e-5)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_searches_stay_inside_the_corpora_asked_for(either):
    vanish(either)
    put(either, "a.md", "prazo de dez dias", corpus="direito")
    put(either, "b.md", "prazo de entrega", corpus="loja")
    assert texts(either, either.search_lexical(["prazo"], ["loja"], 5)) == ["prazo de entrega"]
    assert texts(either, either.search_dense(vector("x"), ["direito"], 5)) == ["prazo de dez dias"]
    assert either.search_dense(vector("x"), [], 5) == []
    assert either.search_lexical(["prazo"], [], 5) == []


@pytest.mark.parametrize(
    "term",
    ['"', '""', 'a" OR body:*', "NEAR(a b)", "body:prazo", "*", "^", "-", "AND", "OR", "NOT", "(", "\x00", "'; DROP"],
)
def test_no_term_is_read_as_search_syntax(store, term):
    put(store, "a.md", "prazo de dez dias")
    assert store.search_lexical([term], None, 5) == []
    assert len(store.search_lexical([term, "prazo"], None, 5)) == 1


def test_replacing_a_document_leaves_nothing_of_the_old_one(either):
    vanish(either)
    put(either, "a.md", "velho texto", "fica")
    put(either, "a.md", "novo texto", "fica")
    assert either.search_lexical(["velho"], None, 5) == []
    assert sorted(texts(either, either.search_dense(vector("x"), None, 9))) == ["fica", "novo texto"]


def test_a_transaction_that_fails_leaves_the_old_document(store):
    put(store, "a.md", "velho texto")
    broken = Draft("novo", "", None, "d", object())  # type: ignore[arg-type]
    with pytest.raises(TypeError), store.writing() as writer:
        writer.replace(document("a.md"), [draft("novo texto"), broken])
    assert texts(store, store.search_lexical(["texto"], None, 5)) == ["velho texto"]
    assert store.search_lexical(["novo"], None, 5) == []


def test_a_removed_document_leaves_no_word_in_any_file(store, tmp_path):
    put(store, "fica.md", *[f"texto comum {i}" for i in range(60)])
    put(store, "vai.md", "o segredo zorgblat", "outro zorgblat aqui")
    assert on_disk(tmp_path, "zorgblat")
    with store.writing() as writer:
        assert writer.remove("luas", "vai.md")
    assert on_disk(tmp_path, "zorgblat") == []
    assert store.search_lexical(["zorgblat"], None, 5) == []
    assert len(store.search_dense(vector("o segredo zorgblat"), None, 100)) == 60


def test_a_removed_vector_leaves_the_disk(store, tmp_path):
    put(store, "fica.md", "um", "dois")
    put(store, "vai.md", "segredo")
    with store.writing() as writer:
        writer.remove("luas", "vai.md")
    raw = np.asarray(vector("segredo"), np.float32).tobytes()
    assert [p.name for p in tmp_path.rglob("*") if p.is_file() and raw in p.read_bytes()] == []


def test_another_embedder_is_refused_until_the_index_is_made_again(store, tmp_path):
    put(store, "a.md", "texto")
    other = PassageStore(tmp_path, "test/other", DIMENSION, str.split)
    with pytest.raises(IndexMismatch, match=r"python -m assistant ingest --rebuild"):
        other.search_lexical(["texto"], None, 1)
    with pytest.raises(IndexMismatch), other.writing():
        pass
    with other.beside() as new:
        put(new, "a.md", "texto")
    assert len(other.search_lexical(["texto"], None, 1)) == 1
    other.close()


def test_a_second_writer_is_told_that_the_store_is_busy(store, tmp_path, monkeypatch):
    monkeypatch.setattr("assistant.stores.upkeep._PATIENCE", 0.0)
    put(store, "a.md", "texto")
    with FileLock(tmp_path / "writer.lock"):
        with pytest.raises(StoreBusy), store._keeper.locked(0.0):
            pass
        assert texts(store, store.search_dense(vector("x"), None, 5)) == ["texto"]


def test_two_readers_see_what_a_third_process_writes(store, tmp_path):
    put(store, "a.md", "primeiro")
    second = PassageStore(tmp_path, NAME, DIMENSION, str.split)
    assert texts(second, second.search_dense(vector("x"), None, 5)) == ["primeiro"]
    script = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_passages import *
        put(PassageStore(Path({str(tmp_path)!r}), NAME, DIMENSION, str.split), "b.md", "segundo")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=120)
    for reader in (store, second):
        assert sorted(texts(reader, reader.search_dense(vector("x"), None, 5))) == ["primeiro", "segundo"]
    second.close()


def test_threads_search_while_one_writes(store):
    put(store, "a.md", "primeiro")
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(40):
                assert "primeiro" in texts(store, store.search_dense(vector("primeiro"), None, 50))
        except BaseException as error:  # noqa: BLE001 - a thread's failure reaches the test by this list
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for number in range(6):
        put(store, f"b{number}.md", f"outro {number}")
        with store.writing() as writer:
            writer.remove("luas", f"b{number - 1}.md")
    for thread in readers:
        thread.join()
    assert failures == []


def test_a_killed_writer_leaves_whole_documents_and_the_index_is_mended(store, tmp_path):
    put(store, "a.md", "inteiro um", "inteiro dois")
    store.close()
    script = f"""
        import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_passages import *
        store = PassageStore(Path({str(tmp_path)!r}), NAME, DIMENSION, str.split)
        with store.writing() as writer:
            writer.replace(document("b.md"), [draft("confirmado")])
            with store._ledger.transaction() as connection:
                connection.execute("DELETE FROM chunks")
                os.kill(os.getpid(), signal.SIGKILL)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, timeout=120)
    assert run.returncode == -signal.SIGKILL
    again = PassageStore(tmp_path, NAME, DIMENSION, str.split)
    assert [d.name for d in again.documents()] == ["a.md", "b.md"]
    assert again.repair()
    assert sorted(texts(again, again.search_dense(vector("x"), None, 9))) == [
        "confirmado",
        "inteiro dois",
        "inteiro um",
    ]
    again.close()


@pytest.mark.parametrize("victim", ["data_level0.bin", "header.bin", "link_lists.bin", "chroma.sqlite3", "seal.json"])
def test_a_damaged_vector_index_is_built_anew(store, tmp_path, victim):
    # 1,100 records: Chroma writes its graph files only from 1,000 on
    put(store, "a.md", *[f"texto {i}" for i in range(1100)])
    store.close()
    damaged = list((tmp_path / "chroma").rglob(victim))
    assert damaged
    for path in damaged:
        path.write_bytes(b"garbage" * 100)
    again = PassageStore(tmp_path, NAME, DIMENSION, str.split)
    assert texts(again, again.search_dense(vector("texto 7"), None, 1)) == ["texto 7"]
    assert not again.repair()
    again.close()


def test_a_vanished_vector_index_is_built_anew(store, tmp_path):
    put(store, "a.md", "texto")
    store.close()
    shutil.rmtree(tmp_path / "chroma")
    assert texts(store, store.search_dense(vector("x"), None, 1)) == ["texto"]
    assert (tmp_path / "chroma").is_dir()


def test_without_a_chroma_server_the_ledger_is_searched(tmp_path, caplog):
    store = PassageStore(tmp_path, NAME, DIMENSION, str.split, "http://127.0.0.1:9")
    put(store, "a.md", "um", "dois")
    assert texts(store, store.search_dense(vector("dois"), None, 1)) == ["dois"]
    assert "cannot be made now" in caplog.text
    store.close()


def test_a_damaged_ledger_says_so_and_can_be_set_aside(store, tmp_path):
    put(store, "a.md", *[f"texto {i}" for i in range(200)])
    store.close()
    (tmp_path / "passages.sqlite").write_bytes(b"not a database" * 1000)
    again = PassageStore(tmp_path, NAME, DIMENSION, str.split)
    assert not again.is_sound()
    with pytest.raises(CorpusError, match="--rebuild"):
        again.search_lexical(["texto"], None, 1)
    moved = again.set_aside()
    assert moved.read_bytes().startswith(b"not a database")
    put(again, "a.md", "texto")
    assert len(again.search_dense(vector("x"), None, 9)) == 1
    again.close()


def test_neighbours_are_the_chunks_around_in_reading_order(store):
    put(store, "a.md", "um", "dois", "tres", "quatro")
    middle = store.search_lexical(["dois"], None, 1)[0].chunk_id
    assert [c.text for c in store.neighbours(middle)] == ["um", "dois", "tres"]
    assert store.neighbours("gone") == []


def test_stats_count_documents_chunks_and_dates(store):
    with store.writing() as writer:
        writer.replace(document("a.md", as_of="2023-02"), [draft("um"), draft("dois")])
        writer.replace(document("b.md", as_of="2025"), [draft("tres")])
        writer.replace(document("c.pdf", state="refused", notes=("no text",)), [])
    stats = store.stats()["luas"]
    assert (stats.documents, stats.refused, stats.chunks) == (2, 1, 3)
    assert (stats.oldest, stats.newest) == ("2023-02", "2025")
    assert store.documents("luas")[2].notes == ("no text",)


def test_frequencies_count_the_chunks_that_hold_a_term(store):
    put(store, "a.md", "lua lua sol", "lua", "mar")
    assert store.frequencies(["lua", "sol", "ausente"]) == ({"lua": 2, "sol": 1}, 3)


def test_texts_already_held_need_no_new_vector(store):
    put(store, "a.md", "um", "dois")
    digest = draft("um").digest
    known = store.known_vectors([digest, "unknown"])
    assert list(known) == [digest]
    assert known[digest].tolist() == pytest.approx(vector("um"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    store = PassageStore(tmp_path / "file" / "index", NAME, DIMENSION, str.split)
    with pytest.raises(Exception, match=str(tmp_path)) as caught, store.writing():
        pass
    assert type(caught.value).__module__ == "assistant.errors"


def test_chroma_sends_no_telemetry_and_holds_no_text(store, tmp_path):
    put(store, "a.md", "palavra-so-no-livro")
    assert on_disk(tmp_path / "chroma", "palavra-so-no-livro") == []
    assert os.environ.get("ANONYMIZED_TELEMETRY", "False") == "False"
