"""How much of the base's general Portuguese an adapter forgets.

Knows the mean log-loss of a fixed set of own sentences (general_portuguese.txt: chat, news, recipes,
letters, school, tales) with and without an adapter. llama.cpp's server tells probabilities of
generated tokens only, so the same weights are read through their transformers checkpoint: one
forward pass, seconds. Refuses to know which engine serves and what an adapter is for.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from assistant.engines.loading import load_checkpoint
from assistant.errors import AdapterBroken

_BATCH = 12  # sentences of one pass: 12 x 40 tokens over 262,144 words take 500 MB in fp32


def general_sentences() -> tuple[str, ...]:
    """The sentences, one a line of general_portuguese.txt."""
    text = files("assistant.training").joinpath("general_portuguese.txt").read_text("utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def general_losses(
    checkpoint: Path, adapters: Mapping[str, Path], sentences: Sequence[str] = ()
) -> dict[str | None, float]:
    """Mean log-loss in nats per token: of the base under None, of each PEFT folder under its name.

    `sentences` are `general_sentences()` if empty. Raises `ModelUnavailable` for a checkpoint and
    `AdapterBroken` for an adapter that cannot be loaded.
    """
    import torch

    torch.set_num_threads(1)  # beside a chat or a training, several would wait for each other by spinning
    model, tokenizer = load_checkpoint(checkpoint, {"dtype": torch.bfloat16, "use_safetensors": True})
    batches = list(_batches(tokenizer, sentences or general_sentences()))
    losses: dict[str | None, float] = {None: _mean_loss(model, batches)}
    for name, folder in adapters.items():
        with_adapter = _with_adapter(model, folder)
        losses[name] = _mean_loss(with_adapter, batches)
        model = with_adapter.unload()
    return losses


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel

    try:
        with warnings.catch_warnings():  # peft 0.21 asks transformers 5.23 under an old name
            warnings.filterwarnings("ignore", category=FutureWarning)
            return PeftModel.from_pretrained(model, str(folder)).eval()
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise AdapterBroken(
            f"PEFT cannot load {folder} ({error}). Train the adapter again.",
            pt=f"O PEFT não carrega {folder}. Treine o adaptador de novo.",
        ) from error


def _batches(tokenizer: Any, sentences: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """(ids, mask) of right-padded sentences, both of shape (sentences, tokens)."""
    import torch

    encoded = [tokenizer(text, add_special_tokens=True)["input_ids"] for text in sentences]
    encoded.sort(key=len)
    for start in range(0, len(encoded), _BATCH):
        part = encoded[start : start + _BATCH]
        longest = max(len(ids) for ids in part)
        ids = torch.zeros((len(part), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(part):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        yield ids, mask


def _mean_loss(model: Any, batches: Sequence[tuple[Any, Any]]) -> float:
    """Cross entropy of each token given those before it, over all tokens but the first of a sentence."""
    import torch

    total, count = 0.0, 0
    with torch.no_grad():
        for ids, mask in batches:
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            targets = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
            total, count = total + float(loss), count + int(mask[:, 1:].sum())
    return total / count if count else math.nan
