"""How much memory the weights of a checkpoint take in each precision.

Knows which weights bitsandbytes quantizes and what a weight then costs. Refuses to load a model:
names and shapes come from the headers of the files.
"""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path

from assistant.errors import ModelUnavailable

_MEGABYTE = 1e6
# 4 bits, and one 8-bit constant for 64 weights whose own constants are one float for 256 of them:
# 4 + 8/64 + 32/(64*256) bits. QLoRA (Dettmers et al. 2023), section 3, "Double Quantization".
_NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8


def memory_megabytes(checkpoint: Path) -> dict[str, float]:
    """Megabytes (10^6) of the weights of `checkpoint` in each precision, without loading them.

    bitsandbytes quantizes the linear layers only; embeddings, norms and the output layer stay in 16
    bit. Measured on the embedded base: fp32 1072, bf16 536, int8 436, nf4 386.
    """
    linear, rest, rows = 0, 0, 0
    for path in sorted(checkpoint.glob("*.safetensors")):
        for name, shape in _shapes(path).items():
            size = prod(shape)
            if len(shape) == 2 and "embed" not in name and "lm_head" not in name:
                linear, rows = linear + size, rows + shape[0]
            else:
                rest += size
    if not linear + rest:
        raise ModelUnavailable(f"The folder {checkpoint} holds no .safetensors file. Provision the base again.")
    return {
        "fp32": (linear + rest) * 4 / _MEGABYTE,
        "bf16": (linear + rest) * 2 / _MEGABYTE,
        "int8": (linear + rest * 2 + rows * 4) / _MEGABYTE,
        "nf4": (linear * _NF4_BYTES + rest * 2) / _MEGABYTE,
    }


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Tensor shapes from a safetensors header: 8 bytes length, then JSON."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
