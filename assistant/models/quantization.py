"""How much memory the weights of a checkpoint take in each precision.

Knows which weights bitsandbytes quantizes and what a weight then costs. Refuses to load a model: names and
shapes come from the headers of its files, those of a GGUF from whoever reads that.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path

from assistant.errors import ModelUnavailable

_MEGABYTE = 1e6
# 4 bits, and one 8-bit constant for 64 weights whose own constants are one float for 256 of them:
# 4 + 8/64 + 32/(64*256) bits. QLoRA (Dettmers et al. 2023), section 3, "Double Quantization".
NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
_KEPT = ("embed", "lm_head", "token_embd")  # in 16 bit, under transformers' names and GGUF's
_GGUF_OUTPUT = "output.weight"  # the whole name: "attn_output.weight" is a linear layer


def memory_megabytes(checkpoint: Path) -> dict[str, float]:
    """Megabytes (10^6) of the weights of `checkpoint` in each precision, without loading them.

    Measured on the embedded base: fp32 1072, bf16 536, int8 436, nf4 386. Raises `ModelUnavailable` for a folder
    without weights, or with damaged ones.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(checkpoint.glob("*.safetensors")):
        shapes |= _shapes(path)
    if not shapes:
        raise ModelUnavailable(
            f"The folder {checkpoint} holds no .safetensors file. Provision the base again.",
            pt=f"A pasta {checkpoint} não tem nenhum arquivo .safetensors. Providencie a base de novo.",
        )
    return megabytes_of(shapes)


def megabytes_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, float]:
    """Megabytes (10^6) of weights with these names and shapes (outputs, inputs), in each precision.

    bitsandbytes quantizes the linear layers only; embeddings, norms and the output layer stay in 16 bit.
    """
    linear, rest, rows = 0, 0, 0
    for name, shape in shapes.items():
        if len(shape) == 2 and name != _GGUF_OUTPUT and not any(part in name for part in _KEPT):
            linear, rows = linear + prod(shape), rows + shape[0]
        else:
            rest += prod(shape)
    return {
        "fp32": (linear + rest) * 4 / _MEGABYTE,
        "bf16": (linear + rest) * 2 / _MEGABYTE,
        "int8": (linear + rest * 2 + rows * 4) / _MEGABYTE,
        "nf4": (linear * NF4_BYTES + rest * 2) / _MEGABYTE,
    }


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Tensor shapes from a safetensors header: 8 bytes length, then JSON."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise ModelUnavailable(
            f"The weights in {path} cannot be read: {error}. Provision the base again.",
            pt=f"Não foi possível ler os pesos em {path}. Providencie a base de novo.",
        ) from error
