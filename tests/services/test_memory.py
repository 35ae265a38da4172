"""Predicted memory: from the weights where they are here, from the catalog where not, never guessed."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from assistant.models.catalog import BaseModel, Source, catalog, find
from assistant.services.memory import Precision, process_megabytes, weights_of

FALCON = catalog()["falcon-7b"]
ALL = set(Precision)


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A hub without anything in its cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def write_gguf(path: Path) -> Path:
    """Embedding 1000 x 100, one attention output 400 x 1000, a norm and an output layer, in 16 bit."""
    writer = GGUFWriter(path, "gemma3")
    for name, shape in {
        "token_embd.weight": (1000, 100),
        "blk.0.attn_output.weight": (400, 1000),
        "output_norm.weight": (1000,),
        "output.weight": (1000, 100),
    }.items():
        writer.add_tensor(name, np.zeros(shape, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_embedded_base_as_measured(base: BaseModel, base_gguf: Path) -> None:
    weights = weights_of(base, base_gguf.parent)
    assert {p.value: round(value) for p, value in weights.megabytes.items()} == {
        "fp32": 1072, "bf16": 536, "int8": 436, "nf4": 387, "gguf": 253,
    }  # fmt: skip
    assert not weights.least and not weights.note


def test_a_gguf_is_read_by_its_own_names_and_sides(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "meu.gguf")
    known = weights_of(find(str(path)), tmp_path).megabytes
    assert known[Precision.FP32] == pytest.approx(0.601 * 4)
    assert known[Precision.INT8] == pytest.approx(0.4 + 0.201 * 2 + 400 * 4e-6), "a scale for each output"
    assert known[Precision.GGUF] == pytest.approx(path.stat().st_size / 1e6)


def test_a_gguf_that_is_exchanged_is_read_again(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "meu.gguf")
    base = find(str(path))
    assert weights_of(base, tmp_path).megabytes
    path.write_bytes(b"GGUF" + struct.pack("<I", 99))
    os.utime(path, ns=(1, 1))
    broken = weights_of(base, tmp_path)
    assert not broken.megabytes and "meu.gguf" in broken.note.pt and "meu.gguf" in broken.note.en


def test_a_folder_of_safetensors_has_no_gguf(tiny_checkpoint: Path, tmp_path: Path) -> None:
    known = weights_of(find(str(tiny_checkpoint)), tmp_path).megabytes
    assert set(known) == ALL - {Precision.GGUF}
    assert known[Precision.FP32] == 2 * known[Precision.BF16] > known[Precision.INT8] > known[Precision.NF4]


@pytest.mark.parametrize("content", [b"", b"abc", struct.pack("<Q", 1 << 60), struct.pack("<Q", 2) + b"[]"])
def test_damaged_weights_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(content)
    found = weights_of(find(str(tmp_path)), tmp_path)
    assert not found.megabytes
    assert "model.safetensors" in found.note.pt and "model.safetensors" in found.note.en


def test_without_weights_the_catalog_gives_what_follows_and_bounds_for_the_rest(tmp_path: Path) -> None:
    found = weights_of(FALCON, tmp_path)
    assert found.megabytes[Precision.FP32] == 4 * 7217 and found.megabytes[Precision.BF16] == 2 * 7217
    assert found.least == {Precision.INT8, Precision.NF4} and Precision.GGUF not in found.megabytes
    assert "mínimo" in found.note.pt and "least" in found.note.en


def test_a_base_of_unknown_size_is_not_guessed(tmp_path: Path) -> None:
    found = weights_of(find("fulano/modelo"), tmp_path)
    assert found.megabytes == {} and "não diz quantos parâmetros" in found.note.pt


def test_a_folder_that_is_gone_says_so(tmp_path: Path) -> None:
    gone = replace(FALCON, source=Source.FOLDER, location=str(tmp_path / "foi-se"))
    assert "foi-se" in weights_of(gone, tmp_path).note.pt


def test_this_process_is_measured() -> None:
    assert (process_megabytes() or 0) > 10
