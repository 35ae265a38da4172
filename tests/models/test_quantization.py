from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant.errors import ModelUnavailable
from assistant.models.quantization import memory_megabytes


def test_only_linear_layers_shrink(tmp_path: Path) -> None:
    tensors = {
        "model.embed_tokens.weight": np.zeros((1000, 100), dtype=np.float16),
        "model.layers.0.mlp.up_proj.weight": np.zeros((400, 1000), dtype=np.float16),
        "model.norm.weight": np.zeros((1000,), dtype=np.float16),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    megabytes = memory_megabytes(tmp_path)
    assert megabytes["fp32"] == pytest.approx(0.501 * 4)
    assert megabytes["bf16"] == pytest.approx(0.501 * 2)
    assert megabytes["int8"] == pytest.approx(0.4 + 0.202 + 0.0016)
    assert megabytes["nf4"] == pytest.approx(0.4 * 4.127 / 8 + 0.202, rel=1e-3)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"\.safetensors"):
        memory_megabytes(tmp_path)
