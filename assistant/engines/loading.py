"""A checkpoint folder in memory: model and tokenizer, and what they say of themselves.

Knows transformers' loading and its errors. Refuses to choose precision and device (that is `weights`)
and to know adapters.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import ModelUnavailable


def load_checkpoint(checkpoint: Path, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """Model, not for training, and tokenizer of a folder; raises `ModelUnavailable`.

    `options` are keyword arguments of `from_pretrained` for the model: see `weights`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(checkpoint, **options)
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelUnavailable(
            f"transformers cannot load {checkpoint} ({error}). Check the memory that is free and the "
            "folder (`python -m assistant doctor`).",
            pt=f"O transformers não carrega {checkpoint}. Confira a memória livre e a pasta "
            "(`python -m assistant doctor`).",
        ) from error
    return model.eval(), tokenizer


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a text, by the model's configuration and by the tokenizer's."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    several = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in (*several, tokenizer.eos_token_id) if token is not None)


def linear_layers(model: Any) -> dict[str, tuple[int, int]]:
    """Every linear layer (quantized ones too) with its inputs and outputs."""
    return {
        name: (int(module.in_features), int(module.out_features))
        for name, module in model.named_modules()
        if hasattr(module, "in_features") and hasattr(module, "out_features")
    }
