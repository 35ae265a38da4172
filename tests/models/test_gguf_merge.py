"""A merged GGUF, number by number."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from assistant.errors import AdapterBroken, AdapterIncompatible, ModelUnavailable, StorageError
from assistant.models.gguf_merge import merge_adapter_gguf
from tests.engines.loras import write_gguf, write_lora
from tests.tiny import write_tiny_gguf


def weights(path: Path) -> dict[str, np.ndarray]:
    return {t.name: dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors}


@pytest.fixture
def base(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return write_tiny_gguf(tiny_checkpoint, tmp_path / "tiny.gguf")


def adapter(tiny_checkpoint: Path, tmp_path: Path, strength: float = 0.5) -> Path:
    return write_gguf(write_lora(tmp_path / "adapter", tiny_checkpoint, 1, strength))


def test_only_what_the_adapter_changes_changes(base: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    lora = adapter(tiny_checkpoint, tmp_path)
    out = tmp_path / "merged.gguf"
    merge_adapter_gguf(base, lora, out)
    before, after, halves = weights(base), weights(out), weights(lora)
    assert before.keys() == after.keys()
    kinds = {t.name: t.tensor_type for t in gguf.GGUFReader(base).tensors}
    for name, tensor in after.items():
        if f"{name}.lora_a" not in halves:
            assert np.array_equal(tensor, before[name]), name
            continue
        delta = 2.0 * halves[f"{name}.lora_b"].astype(np.float32) @ halves[f"{name}.lora_a"].astype(np.float32)
        coarse = kinds[name] is gguf.GGMLQuantizationType.Q8_0
        step = np.abs(before[name] + delta).max() / 127 if coarse else 1e-6
        assert np.abs(tensor - (before[name] + delta)).max() <= step, name
        assert np.abs(delta).max() > 10 * step, name
    old, new = gguf.GGUFReader(base), gguf.GGUFReader(out)
    assert {t.name: t.tensor_type for t in new.tensors} == kinds
    assert {f.name: f.contents() for f in new.fields.values() if "GGUF" not in f.name} == {
        f.name: f.contents() for f in old.fields.values() if "GGUF" not in f.name
    }
    assert [path.name for path in tmp_path.glob("*merged*")] == ["merged.gguf"]


def test_an_adapter_that_does_not_fit_or_is_not_finite_is_refused(
    base: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    broken = adapter(tiny_checkpoint, tmp_path, float("inf"))
    with pytest.raises(AdapterBroken, match="not finite"):
        merge_adapter_gguf(base, broken, tmp_path / "merged.gguf")
    config = json.loads((tiny_checkpoint / "config.json").read_text("utf-8")) | {"hidden_size": 96}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(json.dumps(config), "utf-8")
    other = write_gguf(write_lora(tmp_path / "wide", tmp_path / "other", 1))
    with pytest.raises(AdapterIncompatible, match="does not fit this base"):
        merge_adapter_gguf(base, other, tmp_path / "merged.gguf")
    assert not list(tmp_path.glob("*merged*"))


def test_a_base_that_is_no_gguf_and_a_folder_that_is_not_there(
    base: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    lora = adapter(tiny_checkpoint, tmp_path)
    (tmp_path / "no.gguf").write_bytes(b"no GGUF at all, but long enough to be read as one")
    with pytest.raises(ModelUnavailable, match=r"no\.gguf cannot be merged"):
        merge_adapter_gguf(tmp_path / "no.gguf", lora, tmp_path / "merged.gguf")
    with pytest.raises(StorageError, match="cannot be written"):
        merge_adapter_gguf(base, lora, tmp_path / "nowhere" / "merged.gguf")
