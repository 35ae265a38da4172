"""ZIPs from somebody else: what attacks is refused entry by entry, the rest goes in."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from assistant.errors import DocumentRefused
from assistant.services import corpus_zip
from assistant.services.corpus_report import FileState
from assistant.services.corpus_zip import unpack

from .library import Library


def archive(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content, zipfile.ZIP_DEFLATED)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def taken(path: Path, folder: Path, **limits: int) -> tuple[dict[str, str], dict[str, str]]:
    entries = list(unpack(path, folder, **limits))
    good = {entry.name: entry.path.read_text("utf-8") for entry in entries if entry.path}
    return good, {entry.origin: entry.reason.pt for entry in entries if not entry.path}


def test_the_good_entries_of_a_hostile_archive_go_in_and_each_other_has_its_reason(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip",
        ("bom.md", b"texto"),
        ("pasta/bom.md", b"outro texto"),
        ("../fora.md", b"x"),
        ("a/../../fora.md", b"x"),
        ("/etc/fora.md", b"x"),
        ("..\\fora.md", b"x"),
        ("C:\\fora.md", b"x"),
        (link("atalho.md"), b"/etc/passwd"),
        ("dentro.zip", b"PK"),
        ("programa.exe", b"MZ"),
        ("__MACOSX/._bom.md", b"x"),
        (".oculto.md", b"x"),
        ("bomba.txt", b"\0" * 30_000_000),
    )
    out = tmp_path / "out"
    good, bad = taken(path, out)
    assert good == {"bom.md": "texto", "pasta - bom.md": "outro texto"}
    words = {
        "../fora.md": "fora do ZIP", "a/../../fora.md": "fora do ZIP", "/etc/fora.md": "fora do ZIP",
        "atalho.md": "atalho", "dentro.zip": "compactado dentro", "programa.exe": "não são lidos",
        "__MACOSX/._bom.md": "oculto", ".oculto.md": "oculto", "bomba.txt": "200 vezes",
    }  # fmt: skip
    for origin, word in words.items():
        assert word in bad[origin], origin
    assert sum("fora do ZIP" in reason for reason in bad.values()) == 5
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.zip", "bom.md", "pasta - bom.md"]


def test_an_encrypted_entry_and_a_strange_packing_are_refused_by_entry(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("bom.md", b"texto"), ("segredo.md", b"segredo"), ("raro.md", b"raro"))
    raw = bytearray(path.read_bytes())
    for name, offset, value in ((b"segredo.md", 8, 1), (b"raro.md", 10, 14)):
        at = raw.rindex(name) - 46  # its line in the directory
        raw[at + offset : at + offset + 2] = struct.pack("<H", value)
    path.write_bytes(raw)
    good, bad = taken(path, tmp_path / "out")
    assert good == {"bom.md": "texto"}
    assert "protegido por senha" in bad["segredo.md"] and "compactação" in bad["raro.md"]


def test_damage_of_one_entry_harms_no_other(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("a.md", b"primeiro texto " * 50), ("b.md", b"segundo"))
    raw = bytearray(path.read_bytes())
    raw[40] ^= 0xFF
    path.write_bytes(raw)
    good, bad = taken(path, tmp_path / "out")
    assert good == {"b.md": "segundo"} and "danificado" in bad["a.md"]


def test_what_an_archive_unpacks_to_is_counted_and_not_believed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", *((f"{i}.txt", b"x" * 4_000) for i in range(5)))
    good, bad = taken(path, tmp_path / "out", max_total=10_000)
    assert len(good) == 2 and len(bad) == 3
    good, bad = taken(path, tmp_path / "out2", max_bytes=3_000)
    assert not good and "limite" in bad["0.txt"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zip at all",
        b"PK\x05\x06" + b"\0" * 10,
        b"PK\x06\x07" + b"\0" * 16 + b"PK\x05\x06" + b"\0" * 18,
        b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 60_000, 60_000, 3_000_000, 0, 0),
        b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 4_000_000_000, 0, 0),
    ],
)
def test_what_is_no_zip_or_lists_too_much_is_refused_before_it_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DocumentRefused):
        list(unpack(path, tmp_path / "out"))


def test_more_files_than_documents_ever_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_zip, "MAX_ENTRIES", 3)
    path = archive(tmp_path / "a.zip", *((f"{i}.md", b"x") for i in range(4)))
    with pytest.raises(DocumentRefused, match="3 files"):
        list(unpack(path, tmp_path / "out"))


def test_names_of_a_brazilian_windows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("XXXXX.md", b"texto"))
    path.write_bytes(path.read_bytes().replace(b"XXXXX.md", "ações.md".encode("cp850")))
    assert list(taken(path, tmp_path / "out")[0]) == ["ações.md"]


def test_a_folder_as_a_zip_goes_into_a_corpus(library: Library) -> None:
    path = library.zipped(
        "pasta.zip", {"a/um.md": "O farol.", "b/um.md": "A praia.", "c/../../x.md": "x", "d.exe": "x"}
    )
    work = library.finished(library.tools.ingestions.add_files("notas", [path]))
    assert {f.name: f.state for f in work.files if f.state is FileState.DONE} == {
        "um.md": FileState.DONE,
        "b - um.md": FileState.DONE,
    }
    assert library.names() == ["b - um.md", "um.md"]
    assert {f.origin for f in work.files if f.state is FileState.REFUSED} == {
        "pasta.zip/c/../../x.md",
        "pasta.zip/d.exe",
    }
