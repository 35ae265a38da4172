"""What was removed is in no file any more: words and vectors, whoever was killed or reading meanwhile."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from assistant.stores.passages import PassageStore

from .test_passages import DIMENSION, NAME, document, draft, leave_unfinished, put, reopen, texts, vector
from .traces import traces

SECRETS = ("o segredo zorgblat", "outro Zorgblat ÓRFÃO aqui")
WORDS = ("zorgblat", "órfão")
VECTORS = [vector(text) for text in SECRETS]


@pytest.fixture
def store(tmp_path):
    store = PassageStore(tmp_path, NAME, DIMENSION, lambda text: text.lower().split())
    put(store, "fica.md", *[f"texto comum {i}" for i in range(60)])
    put(store, "vai.md", *SECRETS)
    yield store
    store.close()


def in_child(tmp_path: Path, body: str) -> int:
    """Run a script that has this folder's `store`; gives its exit status."""
    script = f"""
        import os, signal
        from pathlib import Path
        from tests.stores.test_passages import *
        from assistant.stores.vectors import VectorIndex
        from assistant.stores.upkeep import IndexKeeper
        from assistant.stores.ledger import Ledger
        def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)
        store = PassageStore(Path({str(tmp_path)!r}), NAME, DIMENSION, lambda text: text.lower().split())
    """
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script) + textwrap.dedent(body)],
        check=False,
        timeout=120,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ).returncode


def test_the_search_for_traces_finds_what_is_there(store, tmp_path):
    found = traces(tmp_path, WORDS, VECTORS)
    assert any("passages.sqlite" in line and "zorgblat" in line for line in found)
    assert any("passages.sqlite" in line and "órfão" in line for line in found)
    assert any("chroma" in line and "vector 0" in line for line in found)
    assert any("data_level0.bin" in line and "vector 1" in line for line in found)


@pytest.mark.parametrize("how", ["remove", "replace"])
def test_nothing_is_left_of_a_document(store, tmp_path, how):
    with store.writing() as writer:
        if how == "remove":
            assert writer.remove("luas", "vai.md")
        else:
            writer.replace(document("vai.md"), [draft("outra coisa")])
    assert traces(tmp_path, WORDS, VECTORS) == []
    assert "erase" not in {k for k, v in store._ledger.meta().items() if v}
    assert len(store.search_dense(vector("x"), None, 100)) == (60 if how == "remove" else 61)


def test_nothing_is_left_in_an_index_with_graph_files_of_thousands(store, tmp_path):
    put(store, "muitos.md", *[f"outro texto {i}" for i in range(2_500)])
    with store.writing() as writer:
        writer.remove("luas", "vai.md")
    assert traces(tmp_path, WORDS, VECTORS) == []
    assert texts(store, store.search_dense(vector("outro texto 7"), None, 1)) == ["outro texto 7"]


def test_nothing_is_left_when_other_processes_read(store, tmp_path):
    readers = [PassageStore(tmp_path, NAME, DIMENSION, str.split) for _ in range(2)]
    for reader in readers:
        assert len(reader.search_dense(vector("x"), None, 100)) == 62
    with store.writing() as writer:
        writer.remove("luas", "vai.md")
    assert traces(tmp_path, WORDS, VECTORS) == []
    for reader in readers:
        assert len(reader.search_dense(vector("x"), None, 100)) == 60
        reader.close()


@pytest.mark.parametrize(
    "moment",
    ["IndexKeeper.follow", "VectorIndex.seal", "VectorIndex.drop", "Ledger.scrub", "VectorIndex._upsert"],
)
def test_a_removal_that_is_killed_is_finished_at_the_next_start(store, tmp_path, moment):
    store.close()
    body = f"""
        with store.writing() as writer:
            writer.remove("luas", "vai.md")
            {moment} = die
    """
    assert in_child(tmp_path, body) == -signal.SIGKILL
    assert store.search_lexical(["zorgblat"], None, 5) == []  # acknowledged: it was committed
    assert len(store.search_dense(vector("x"), None, 100)) == 60
    assert traces(tmp_path, WORDS, VECTORS) == []


def test_an_index_of_another_embedder_lets_documents_be_removed(store, tmp_path):
    store.close()
    other = PassageStore(tmp_path, "test/other", DIMENSION, str.split)
    with other.removing() as writer:
        assert writer.remove("luas", "vai.md")
    assert traces(tmp_path, WORDS, VECTORS) == []
    other.close()


def test_a_removal_also_removes_what_a_rebuild_had_copied(store, tmp_path):
    leave_unfinished(store, "vai.md", *SECRETS)
    assert any(line.startswith("next/") for line in traces(tmp_path, WORDS, VECTORS))
    with store.writing() as writer:
        writer.remove("luas", "vai.md")
    assert traces(tmp_path, WORDS, VECTORS) == []


def test_a_removal_also_removes_a_damaged_index_set_aside(store, tmp_path):
    moved = store.set_aside()
    assert moved.exists()
    put(store, "vai.md", *SECRETS)
    assert moved.exists(), "nothing was removed yet"
    with store.writing() as writer:
        writer.remove("luas", "vai.md")
    assert traces(tmp_path, WORDS, VECTORS) == []


def test_a_rebuild_leaves_nothing_of_the_old_index(store, tmp_path):
    with store.beside() as new:
        put(new, "fica.md", "texto comum")
    assert traces(tmp_path, WORDS, VECTORS) == []
    again = reopen(store, tmp_path)
    assert texts(again, again.search_dense(vector("x"), None, 9)) == ["texto comum"]
    again.close()
