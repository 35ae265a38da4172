"""LoRA on a base model through PEFT: attach, save, check.

For a frozen weight W (out, in) LoRA learns B (out, r) and A (r, in) and computes
W x + (lora_alpha / r) B A x (Hu et al. 2021). Refuses to know the training loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from assistant.errors import AdapterBroken, StorageError
from assistant.training.config import LoraSettings
from assistant.training.dataset import Encoded


def attach(model: Any, settings: LoraSettings, target_modules: Sequence[str], invocation: Sequence[int] = ()) -> Any:
    """The model with a fresh trainable adapter; LoRA parameters in fp32, the base frozen.

    `invocation` are the token ids from which on an activated LoRA acts (Greenewald et al. 2025): before them the base
    reads alone, so that what it read can be kept for every adapter.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        alora_invocation_tokens=list(invocation) if settings.use_alora else None,
        target_modules=list(target_modules),
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    if not (settings.use_dora or settings.use_alora):
        _fuse(adapted)
    return adapted


def invoked(model: Any, batch: Sequence[Encoded]) -> AbstractContextManager[None]:
    """Have the layers of an activated LoRA act from the last words of each prompt on; nothing for other adapters.

    PEFT's own forward would do so by looking for these words; the loop calls the decoder inside it.
    """
    words = model.peft_config["default"].alora_invocation_tokens
    if not words:
        return nullcontext()
    longest = max(len(item.ids) for item in batch)
    offsets = [longest - item.start + len(words) for item in batch]  # as PEFT counts: from the end, padding included
    hooks: AbstractContextManager[None] = model.base_model._enable_peft_forward_hooks(alora_offsets=offsets)
    return hooks


def _fuse(model: Any) -> None:
    """Have every plain LoRA layer add its product in one call, in the type of its input.

    PEFT's own forward converts the input to the adapter's fp32 and back under autocast, then scales
    and adds in passes of their own: on two cores these took a fifth of a step.
    """
    from peft.tuners.lora.layer import Linear

    for module in model.modules():
        if isinstance(module, Linear):
            module.cast_input_dtype_enabled = False
            module.lora_variant.update(dict.fromkeys(module.lora_A, _FusedLora))


class _FusedLora:
    """The forward of a PEFT LoRA variant; everything else stays PEFT's."""

    @staticmethod
    def forward(module: Any, active_adapter: str, x: Any, result: Any, **_: Any) -> Any:
        """W x + scaling B A x for `x` (..., in) and `result` = W x (..., out)."""
        import torch

        down = module.lora_A[active_adapter].weight.to(x.dtype)
        up = module.lora_B[active_adapter].weight.to(x.dtype)
        low_rank = torch.nn.functional.linear(module.lora_dropout[active_adapter](x), down)
        added = torch.addmm(
            result.flatten(0, -2), low_rank.flatten(0, -2), up.t(), alpha=module.scaling[active_adapter]
        )
        return added.view_as(result)


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
