"""LoRA on a base model through PEFT: attach, save, check.

For a frozen weight W (out, in) LoRA learns B (out, r) and A (r, in) and computes
W x + (lora_alpha / r) B A x (Hu et al. 2021). Refuses to know the training loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.errors import AdapterBroken, StorageError
from assistant.training.config import LoraSettings


def attach(model: Any, settings: LoraSettings, target_modules: Sequence[str]) -> Any:
    """The model with a fresh trainable adapter; LoRA parameters in fp32, the base frozen."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        target_modules=list(target_modules),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def save(model: Any, folder: Path, base_name: str) -> None:
    """Write PEFT's two files in half precision; raises `AdapterBroken` on NaN, `StorageError` on disk."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in get_peft_model_state_dict(model).items()
    }
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise AdapterBroken(f"The trained tensor {name} is not finite; lower the learning rate.")
    config = model.peft_config["default"]
    config.base_model_name_or_path = base_name
    config.inference_mode = True
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.save_pretrained(str(folder))
        save_file(state, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    except OSError as error:
        raise StorageError(f"The adapter could not be written to {folder}: {error}.") from error
