"""A disk that is really full: a message with the way out, nothing lost, and it goes on once there is room."""

import shutil
import subprocess
from contextlib import contextmanager

import pytest

from assistant.bootstrap import build
from assistant.errors import StorageError
from assistant.models.gguf_merge import merge_adapter_gguf
from assistant.retrieval import lexical
from assistant.services.corpora import CorporaService
from assistant.services.request import AskRequest
from assistant.settings import Settings
from assistant.stores.conversations import ConversationStore, Exchange
from assistant.stores.passages import PassageStore
from assistant.stores.registry import AdapterRegistry
from assistant.training.merging import merge_checkpoint
from assistant.types import Answered

from .engines.loras import write_gguf, write_lora
from .tiny import write_tiny_gguf

CARD = """title = { pt = "Notas", en = "Notes" }
description = { pt = "Notas.", en = "Notes." }
"""


class SmallDisk:
    """A file system of its own with a little room, and a file that takes what is left of it."""

    def __init__(self, path):
        self.path = path

    def fill(self):
        with (self.path / "filler").open("wb", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self):
        (self.path / "filler").unlink()

    @contextmanager
    def read_only(self):
        """The same files where nothing can be written."""
        mount, path = shutil.which("mount") or "mount", self.path.with_name("fixed")
        path.mkdir()
        subprocess.run([mount, "--bind", self.path, path], check=True)
        try:
            subprocess.run([mount, "-o", "remount,bind,ro", path], check=True)
            yield path
        finally:
            subprocess.run([shutil.which("umount") or "umount", "-l", path], check=True)


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", path]).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield SmallDisk(path)
    subprocess.run([shutil.which("umount") or "umount", "-l", path], check=True)


def test_a_conversation_that_cannot_be_saved_leaves_the_older_ones(disk):
    store = ConversationStore(disk.path / "conversations.sqlite")
    kept = store.save("visitor-key-0123456789", None, (Exchange("a primeira pergunta"),))
    disk.fill()
    with pytest.raises(StorageError) as caught:
        store.save("visitor-key-0123456789", None, (Exchange("x" * 300_000),))
    assert "espaço" in caught.value.text("pt")
    assert [c.id for c in store.list("visitor-key-0123456789")] == [kept]
    disk.free()
    assert store.save("visitor-key-0123456789", None, (Exchange("x" * 300_000),))


def test_an_ingestion_that_meets_a_full_disk_goes_on_later_without_embedding_again(disk, embedder):
    folder = disk.path / "corpora" / "notas"
    (folder / "documents").mkdir(parents=True)
    (folder / "corpus.toml").write_text(CARD, "utf-8")
    (folder / "documents" / "um.md").write_text("O mel cura por noventa dias.", "utf-8")
    store = PassageStore(disk.path / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(disk.path / "corpora", store, embedder)
    list(service.ingest())
    (folder / "documents" / "dois.md").write_text("\n\n".join(f"# Parte {i}\nO farol {i}." for i in range(8)), "utf-8")
    disk.fill()
    with pytest.raises(StorageError) as caught:
        list(service.ingest())
    assert "espaço" in caught.value.text("pt")
    assert [d.name for d in store.documents("notas")] == ["um.md"], "what was acknowledged is still there"
    assert store.search_lexical(lexical.question_terms("mel"), None, 3)
    disk.free()
    before = embedder.passages
    list(service.ingest())
    assert {d.name for d in store.documents("notas")} == {"um.md", "dois.md"}
    assert embedder.passages - before == len(store.chunks_of("notas", "dois.md"))
    store.close()


def opened(home, embedder):
    store = PassageStore(home / "index", embedder.name, embedder.dimension, lexical.terms)
    return CorporaService(home / "corpora", store, embedder), store


def notes(disk, embedder):
    """A corpus with one indexed document on the small disk: (folder of documents, service, store)."""
    folder = disk.path / "corpora" / "notas"
    (folder / "documents").mkdir(parents=True)
    (folder / "corpus.toml").write_text(CARD, "utf-8")
    (folder / "documents" / "um.md").write_text("O mel cura por noventa dias.", "utf-8")
    service, store = opened(disk.path, embedder)
    list(service.ingest())
    return folder / "documents", service, store


def test_a_rebuild_that_meets_a_full_disk_leaves_the_index_that_answers(disk, embedder):
    _, service, store = notes(disk, embedder)
    disk.fill()
    with pytest.raises(StorageError) as caught:
        list(service.ingest(rebuild=True))
    assert "espaço" in caught.value.text("pt")
    assert store.search_lexical(lexical.question_terms("mel"), None, 3)
    assert store.search_dense(embedder.embed_query("mel"), None, 3)
    disk.free()
    list(service.ingest(rebuild=True))
    assert [d.name for d in store.documents("notas")] == ["um.md"]
    store.close()


def test_a_read_only_folder_is_named_and_loses_nothing(disk, embedder):
    documents, _, store = notes(disk, embedder)
    store.close()
    with disk.read_only() as fixed:
        service, store = opened(fixed, embedder)
        for change in (
            lambda: service.add_document("notas", "dois.md", b"Outra nota."),
            lambda: list(service.ingest()),
            lambda: list(service.ingest(rebuild=True)),
            lambda: service.remove_document("notas", "um.md"),
        ):
            with pytest.raises(StorageError, match=str(fixed)) as caught:
                change()
            assert "permissões" in caught.value.text("pt")
        store.close()
    service, store = opened(disk.path, embedder)
    before = embedder.passages
    (documents / "dois.md").write_text("O farol acende às seis.", "utf-8")
    list(service.ingest())
    assert {d.name for d in store.documents("notas")} == {"um.md", "dois.md"}
    assert embedder.passages - before == 1
    store.close()


def test_an_upload_to_a_full_disk_leaves_no_half_of_a_file(disk, embedder):
    folder = disk.path / "corpora" / "notas"
    folder.mkdir(parents=True)
    (folder / "corpus.toml").write_text(CARD, "utf-8")
    store = PassageStore(disk.path / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(disk.path / "corpora", store, embedder)
    disk.fill()
    with pytest.raises(StorageError):
        service.add_document("notas", "novo.txt", b"texto " * 50_000)
    assert [p for p in folder.rglob("*") if p.is_file()] == [folder / "corpus.toml"]
    store.close()


def test_an_activation_on_a_full_disk_keeps_the_card(disk, registry):
    shutil.copytree(registry.folder / "restaurant-replies", disk.path / "restaurant-replies", ignore=_weights)
    own = AdapterRegistry(disk.path)
    before = (disk.path / "restaurant-replies" / "card.toml").read_bytes()
    disk.fill()
    with pytest.raises(StorageError, match="the old file is kept"):
        own.activate("restaurant-replies", 0)
    assert (disk.path / "restaurant-replies" / "card.toml").read_bytes() == before
    assert not list((disk.path / "restaurant-replies").glob(".*"))


def test_questions_are_answered_on_a_full_disk(disk, indexed_home):
    for name in ("adapters", "corpora"):
        (disk.path / name).symlink_to(indexed_home / name)
    (disk.path / "var").mkdir()
    (disk.path / "var" / "models").symlink_to(indexed_home / "var" / "models")
    disk.fill()
    said = []
    assistant = build(Settings.load(home=disk.path, engine="scripted"), said.append)
    assistant.warm_up()
    events = list(assistant.chat.ask(AskRequest("Bom dia!", corpora=())))
    assistant.close()
    assert isinstance(events[-1], Answered)
    assert any("could not be brought up to date" in line for line in said)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_model_that_does_not_fit_on_the_disk_is_told_and_leaves_no_gguf(disk, tiny_checkpoint, tmp_path):
    adapter = write_lora(tmp_path / "adapter", tiny_checkpoint, 1)
    base = write_tiny_gguf(tiny_checkpoint, tmp_path / "tiny.gguf")
    disk.fill()
    with pytest.raises(StorageError) as caught:
        merge_adapter_gguf(base, write_gguf(adapter), disk.path / "merged.gguf")
    assert "espaço" in caught.value.text("pt")
    with pytest.raises(StorageError) as caught:
        merge_checkpoint(tiny_checkpoint, adapter, disk.path / "merged")
    assert "espaço" in caught.value.text("pt")
    assert [path.name for path in disk.path.iterdir() if path.is_file()] == ["filler"]


def _weights(folder, names):
    return [name for name in names if name.endswith((".gguf", ".safetensors"))]
