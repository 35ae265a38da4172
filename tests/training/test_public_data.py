"""Public sets are found where they are, fetched once otherwise, and never trusted unchecked."""

import hashlib
from dataclasses import replace

import pytest

from assistant.errors import DataError
from assistant.training import public_data

NAME = "lener-br/train.conll"
CONTENT = b"Ana B-PESSOA\n"


@pytest.fixture
def listed(monkeypatch):
    entry = replace(public_data.FILES[NAME], sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(public_data.FILES, NAME, entry)


def unreachable(url):
    raise OSError("no route to host")


def test_a_file_that_is_there_is_used_without_a_network(tmp_path):
    (tmp_path / "public" / "lener-br").mkdir(parents=True)
    (tmp_path / "public" / NAME).write_bytes(b"x O\n")
    found = public_data.locate(NAME, tmp_path / "public", tmp_path / "cache", unreachable)
    assert found == tmp_path / "public" / NAME


def test_a_fetched_file_is_kept(tmp_path, listed):
    first = public_data.locate(NAME, tmp_path / "public", tmp_path / "cache", lambda url: CONTENT)
    assert first.read_bytes() == CONTENT
    assert public_data.locate(NAME, tmp_path / "public", tmp_path / "cache", unreachable) == first


def test_another_checksum_is_refused_and_leaves_nothing(tmp_path, listed):
    with pytest.raises(DataError, match="checksum differs"):
        public_data.locate(NAME, tmp_path / "public", tmp_path / "cache", lambda url: b"other")
    assert not (tmp_path / "cache" / NAME).exists()


def test_without_network_the_error_names_the_way_out(tmp_path):
    with pytest.raises(DataError, match="ASSISTANT_DATA_FOLDER"):
        public_data.locate(NAME, tmp_path, tmp_path / "cache", unreachable)


def test_every_home_is_pinned_to_a_commit():
    for entry in public_data.FILES.values():
        assert len(entry.commit) == 40
        assert entry.commit in entry.url
        assert entry.url.startswith("https://")
