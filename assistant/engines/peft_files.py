"""Says whether a PEFT adapter on disk may be loaded onto a base, before PEFT does.

Knows adapter_config.json and adapter_model.safetensors. Refuses pickle, adapters that are no LoRA,
shapes that do not fit and values that are not finite.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PREFIX = "base_model.model."
_SIDES = (".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector")


def peft_fault(folder: Path, modules: Mapping[str, tuple[int, int]]) -> str | None:
    """Why the adapter in `folder` cannot be loaded; None when it can.

    `modules` maps the name of each linear layer of the base to (inputs, outputs). A has shape
    [r, inputs], B [outputs, r].
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        return f"adapter_config.json cannot be read ({error})"
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        return "it is no LoRA adapter"
    if config.get("auto_mapping") or config.get("layer_replication") or config.get("modules_to_save"):
        return "it changes the model beyond LoRA (auto_mapping, layer_replication or modules_to_save)"
    return _weights_fault(folder / "adapter_model.safetensors", modules)


def _weights_fault(path: Path, modules: Mapping[str, tuple[int, int]]) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            if not names:
                return "it holds no tensors"
            faults = (_tensor_fault(name, file.get_tensor(name), modules) for name in names)
            return next((fault for fault in faults if fault), None)
    except (OSError, SafetensorError) as error:
        return f"{path.name} cannot be read ({error})"


def _tensor_fault(name: str, tensor: Any, modules: Mapping[str, tuple[int, int]]) -> str | None:
    side = next((side for side in _SIDES if name.endswith(side)), None)
    module = name.removeprefix(_PREFIX)[: -len(side)] if side else ""
    if side is None or module not in modules:
        return f"the base has no linear layer for {name}"
    inputs, outputs = modules[module]
    expected = {0: inputs, 1: outputs}[0 if side == _SIDES[0] else 1]
    found = tensor.shape[-1] if side == _SIDES[0] else tensor.shape[0]
    if found != expected:
        return f"{name} has shape {tuple(tensor.shape)}, the base needs {expected}"
    return None if tensor.isfinite().all() else f"{name} holds values that are not finite"
