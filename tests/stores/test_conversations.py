from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assistant.errors import InputRejected, StorageError
from assistant.stores.conversations import ConversationStore, Exchange, title_of
from assistant.types import Answer, Entity, Outcome, Passage, Route, RouteOrigin, Source, Timings, Usage

ROUTE = Route("a", "0001", 0.9, 0.5, False, {"a": 0.9}, "porque sim", RouteOrigin.LEARNED)
PASSAGE = Passage("c#0", "c", "d.md", "Esta é.", 0.8, 2, "2024-05", reranked=0.25, joined=("c#0", "c#1"))
FULL = Exchange(
    "Qual?",
    Answer(
        "Qual?", "Esta [1].", Outcome.GROUNDED, ROUTE,
        (Source(1, PASSAGE, "Esta", 0, 4),),
        (Entity("LOCAL", "Qual", 0, 4),), Usage(10, 3), Timings(1.0, 2.0, 3.0, 4.0), 1, True,
    ),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> ConversationStore:
    return ConversationStore(tmp_path / "deep" / "conversations.sqlite")


def test_an_exchange_comes_back_as_it_was(store: ConversationStore) -> None:
    saved = store.save("ana", None, (FULL, Exchange("E?", error="Falhou.")))
    assert store.load("ana", saved) == (FULL, Exchange("E?", error="Falhou."))


def test_one_visitor_never_sees_anothers(store: ConversationStore) -> None:
    saved = store.save("ana", None, (FULL,))
    assert store.list("rui") == ()
    for attempt in (
        lambda: store.load("rui", saved),
        lambda: store.save("rui", saved, (Exchange("meu"),)),
        lambda: store.delete("rui", saved),
        lambda: store.rate("rui", saved, 0, 1),
    ):
        with pytest.raises(InputRejected, match="Open one from the list"):
            attempt()
    assert store.load("ana", saved) == (FULL,)


def test_saving_again_replaces_and_moves_to_the_top(store: ConversationStore) -> None:
    first = store.save("ana", None, (Exchange("um"),))
    second = store.save("ana", None, (Exchange("dois"),))
    assert [c.id for c in store.list("ana")] == [second, first]
    assert store.save("ana", first, (Exchange("três"),)) == first
    assert [(c.id, c.title) for c in store.list("ana")] == [(first, "três"), (second, "dois")]


def test_feedback_is_kept_within_its_range(store: ConversationStore) -> None:
    saved = store.save("ana", None, (FULL, FULL))
    store.rate("ana", saved, 1, 7)
    assert [e.feedback for e in store.load("ana", saved)] == [0, 1]


def test_what_is_deleted_is_gone_from_the_file(store: ConversationStore, tmp_path: Path) -> None:
    saved = store.save("ana", None, (Exchange("segredo muito particular"),))
    store.delete("ana", saved)
    assert store.list("ana") == ()
    with sqlite3.connect(tmp_path / "deep" / "conversations.sqlite") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    files = list((tmp_path / "deep").iterdir())
    assert all(b"segredo" not in path.read_bytes() for path in files)


def test_the_file_does_not_hold_the_visitors_key(store: ConversationStore, tmp_path: Path) -> None:
    store.save("chave-da-ana", None, (FULL,))
    assert all(b"chave-da-ana" not in path.read_bytes() for path in (tmp_path / "deep").iterdir())


def test_many_threads_may_save(store: ConversationStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.save(f"v{n % 3}", None, (Exchange(str(n)),)), range(24)))
    assert sum(len(store.list(f"v{n}")) for n in range(3)) == 24


def test_any_text_can_be_saved(store: ConversationStore) -> None:
    odd = Exchange("\x00 \ud800 😀 '; DROP TABLE conversations; --")
    assert store.load("ana", store.save("ana", None, (odd,))) == (odd,)


def test_a_damaged_file_is_told_with_its_remedy(tmp_path: Path) -> None:
    file = tmp_path / "conversations.sqlite"
    file.write_bytes(b"no database at all, certainly" * 100)
    with pytest.raises(StorageError, match="move the file away"):
        ConversationStore(file)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Qual?", "Qual?"),
        ("duas\nlinhas  e espaços", "duas linhas e espaços"),
        ("palavra " * 20, "palavra palavra palavra palavra palavra palavra palavra…"),
    ],
)
def test_the_title_is_the_first_question_on_one_line(question: str, title: str) -> None:
    assert title_of((Exchange(question), Exchange("outra"))) == title


def test_an_exchange_of_before_there_were_joined_passages_is_read(store: ConversationStore, tmp_path: Path) -> None:
    saved = store.save("ana", None, (FULL,))
    with sqlite3.connect(tmp_path / "deep" / "conversations.sqlite") as db:
        db.execute(
            "UPDATE exchanges SET payload = json_remove(payload, '$.answer.sources[0].passage.joined',"
            " '$.answer.sources[0].passage.reranked')"
        )
    db.close()
    (read,) = store.load("ana", saved)
    assert read.answer is not None
    assert (read.answer.sources[0].passage.joined, read.answer.sources[0].passage.reranked) == ((), None)
