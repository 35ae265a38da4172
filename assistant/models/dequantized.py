"""A GGUF as a checkpoint that transformers loads: its weights in bf16, with its tokenizer.

Knows how transformers reads a GGUF, and that a copy without `source.sha256` (written last) is none.
Refuses to know which base it is and where copies are kept.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from assistant.errors import ModelUnavailable
from assistant.models import hub
from assistant.models.disk import require_space, writing


def source_of(checkpoint: Path) -> str | None:
    """Fingerprint of the GGUF a bf16 copy was made from; None where there is no finished copy."""
    try:
        return (checkpoint / "source.sha256").read_text("utf-8").strip()
    except OSError:
        return None


def dequantize(gguf: Path, target: Path, identity: str) -> None:
    """Write the copy of `gguf`, whose fingerprint is `identity`, as the folder `target`.

    Raises `ModelUnavailable` for a GGUF that transformers cannot read, `StorageError` when the disk is full.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".dequantizing-"))
        try:
            _write_checkpoint(gguf, temporary)
            (temporary / "source.sha256").write_text(identity + "\n", "utf-8")
            temporary.chmod(0o755)
            if target.exists() and source_of(target) != identity:
                shutil.rmtree(target)  # a copy of other weights, or one without its last file
            if not target.exists():
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _write_checkpoint(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(**source)
    except (ValueError, KeyError, NotImplementedError, RuntimeError, ImportError) as error:
        raise ModelUnavailable(
            f"transformers cannot read {gguf} ({error}). Give the model's own folder of safetensors "
            f"instead. {hub.WAY_OUT}",
            pt=f"O transformers não lê {gguf}. Indique a pasta de safetensors do próprio modelo. {hub.WAY_OUT_PT}",
        ) from error
    require_space(folder, model.num_parameters() * 2 + 64 * 1024 * 1024)
    # Without these two, save_pretrained refuses, or writes a config that asks for the GGUF again.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
