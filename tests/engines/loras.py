"""Small random LoRA adapters in PEFT's format, written without loading a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

MODULES = {  # module -> (input, output) as names of the dimensions below
    "self_attn.q_proj": ("hidden", "q"),
    "self_attn.v_proj": ("hidden", "kv"),
    "mlp.up_proj": ("hidden", "ffn"),
    "mlp.down_proj": ("ffn", "hidden"),
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
