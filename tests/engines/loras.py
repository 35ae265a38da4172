"""Small random LoRA adapters in PEFT's format and as GGUF, written without torch and the converter.

tests/models/test_gguf_export.py proves that the converter writes the same GGUF.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

MODULES = {  # module -> (input, output) as names of the dimensions below
    "self_attn.q_proj": ("hidden", "q"),
    "self_attn.v_proj": ("hidden", "kv"),
    "mlp.up_proj": ("hidden", "ffn"),
    "mlp.down_proj": ("ffn", "hidden"),
}

GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.v_proj": "attn_v",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def dimensions(config: dict) -> dict[str, int]:
    head = config["head_dim"]
    return {
        "hidden": config["hidden_size"],
        "q": config["num_attention_heads"] * head,
        "kv": config["num_key_value_heads"] * head,
        "ffn": config["intermediate_size"],
    }


def write_lora(folder: Path, checkpoint: Path, seed: int, strength: float = 0.02, r: int = 4) -> Path:
    """An adapter whose effect grows with `strength`; 0.0 makes one without any effect (B = 0)."""
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    sizes = dimensions(config)
    random = np.random.default_rng(seed)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for module, (inside, outside) in MODULES.items():
            stem = f"base_model.model.model.layers.{layer}.{module}"
            a = random.standard_normal((r, sizes[inside])) / np.sqrt(sizes[inside])
            b = random.standard_normal((sizes[outside], r)) * strength
            tensors[f"{stem}.lora_A.weight"] = a.astype(np.float32)
            tensors[f"{stem}.lora_B.weight"] = b.astype(np.float32)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    fields = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(checkpoint),
        "r": r,
        "lora_alpha": 2 * r,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({name.rsplit(".", 1)[1] for name in MODULES}),
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(fields), "utf-8")
    return folder


def write_gguf(folder: Path) -> Path:
    """The adapter in `folder` as llama.cpp reads it, 16-bit floats."""
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    path = folder / "adapter.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", config["lora_alpha"])
    if invocation := config.get("alora_invocation_tokens"):
        kinds = gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT32
        writer.add_key_value("adapter.alora.invocation_tokens", invocation[1:], *kinds)  # see models/gguf_export.py
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        layer, module, side = _parts(name)
        writer.add_tensor(f"blk.{layer}.{GGUF_NAMES[module]}.weight.lora_{side}", tensor.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _parts(name: str) -> tuple[str, str, str]:
    """Layer, module and side ("a" or "b") of a tensor of PEFT."""
    pieces = name.removeprefix("base_model.model.model.layers.").split(".")
    return pieces[0], ".".join(pieces[1:3]), pieces[3].removeprefix("lora_").lower()
