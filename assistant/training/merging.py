"""An adapter merged into a checkpoint: the folder of a model of its own, which transformers loads without PEFT.

For each adapted W: W + (lora_alpha / r) B A in bf16, the precision that is written; what an adapter changes by
less than bf16 can hold beside W is lost. Refuses to know who asks and what it is compared with.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from assistant.engines.loading import linear_layers, load_checkpoint
from assistant.engines.peft_files import peft_fault
from assistant.engines.weights import load_options
from assistant.errors import AdapterBroken, StorageError

PRECISION = "bf16"
# What belongs to a checkpoint besides weights and config.json, copied as it is.
_BESIDE = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "chat_template*")


def merge_checkpoint(checkpoint: Path, adapter: Path, out: Path) -> None:
    """Write `checkpoint` with the PEFT adapter in the folder `adapter` merged in to the new folder `out`.

    Takes the memory of the checkpoint in bf16. Raises `AdapterBroken` for an adapter that PEFT cannot load or
    that makes weights which are not finite, `ModelUnavailable` for the checkpoint, `StorageError`.
    """
    from safetensors import SafetensorError

    merged = _merged(checkpoint, adapter)
    try:
        out.mkdir(parents=True)
        merged.save_pretrained(out)
        for pattern in _BESIDE:
            for path in checkpoint.glob(pattern):
                shutil.copyfile(path, out / path.name)
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"The merged model could not be written to {out}: {error}. Free some space or choose another place.",
            pt=f"Não foi possível gravar o modelo fundido em {out}. Libere espaço ou escolha outro lugar.",
        ) from error


def _merged(checkpoint: Path, adapter: Path) -> Any:
    from peft import PeftModel

    model, _ = load_checkpoint(checkpoint, load_options(PRECISION, "cpu"))
    fault = peft_fault(adapter, linear_layers(model))
    if fault is not None:
        raise _unmergeable(adapter, fault)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="peft")
            warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
            # safe_merge refuses weights that are not finite
            return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:  # NotImplementedError: activated LoRA
        raise _unmergeable(adapter, str(error)) from error


def _unmergeable(adapter: Path, reason: str) -> AdapterBroken:
    return AdapterBroken(
        f"The adapter in {adapter} cannot be merged: {reason}. Train it again.",
        pt=f"O adaptador em {adapter} não pode ser fundido ao modelo base. Treine-o de novo.",
    )
