"""What Chroma's files hold behind their last record is wiped before a generation is sealed."""

import logging
import struct

import pytest

from assistant.stores.graph_files import wipe_unused
from assistant.stores.passages import PassageStore

from .test_passages import DIMENSION, NAME, put, texts, vector

SIZE, SECRET = 12, b"o segredo zorgblat "


def graph(folder, records, room, version=1):
    """Files as hnswlib writes them, with a secret where no record is."""
    place = folder / "segment"
    place.mkdir(parents=True)
    (place / "header.bin").write_bytes(struct.pack("<iQQQQQQ", version, 0, room, records, SIZE, SIZE - 8, 4))
    for name, size in (("data_level0.bin", SIZE), ("length.bin", 4)):
        tail = (SECRET * room)[: (room - records) * size]
        (place / name).write_bytes(b"\x07" * records * size + tail)
    return place


@pytest.mark.parametrize(("records", "room"), [(0, 5), (3, 100), (4, 4)])
def test_records_stay_and_what_is_behind_them_goes(tmp_path, records, room):
    place = graph(tmp_path, records, room)
    wipe_unused(tmp_path)
    assert (place / "data_level0.bin").read_bytes() == b"\x07" * records * SIZE + bytes((room - records) * SIZE)
    assert (place / "length.bin").read_bytes() == b"\x07" * records * 4 + bytes((room - records) * 4)


def test_a_layout_that_is_not_known_is_left_and_told(tmp_path, caplog):
    place = graph(tmp_path, 1, 50, version=2)
    with caplog.at_level(logging.WARNING):
        wipe_unused(tmp_path)
    assert SECRET in (place / "data_level0.bin").read_bytes()
    assert "layout" in caplog.text


def test_the_files_of_chroma_have_that_layout_and_nothing_behind_their_records(tmp_path):
    store = PassageStore(tmp_path, NAME, DIMENSION, lambda text: text.lower().split())
    put(store, "notas.md", "texto comum", "outro texto")
    headers = list(tmp_path.glob("chroma/*/*/header.bin"))
    assert headers
    for header in headers:
        version, first, room, records, size = struct.unpack_from("<iQQQQ", header.read_bytes())
        assert (version, first, records) == (1, 0, 2)
        assert size >= 4 * DIMENSION
        data = header.with_name("data_level0.bin").read_bytes()
        assert len(data) in (room * size, records * size)
        assert not any(data[records * size :])
    assert texts(store, store.search_dense(vector("texto comum"), None, 1)) == ["texto comum"]
    store.close()
