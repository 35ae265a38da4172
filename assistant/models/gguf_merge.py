"""Merges a GGUF adapter into the GGUF of its base: W + (alpha / r) B A for each adapted tensor.

Knows tensors by the names that base and adapter share, so it works for every architecture that llama.cpp
has; metadata, vocabulary and the tensors without an adapter stay as they are, bit by bit. Refuses to know
checkpoints: `gguf_export` converts those.

A quantized tensor that the adapter changes is written as Q8_0: at the 4 bits of a Q4_K_M base most of an
adapter would be rounded away. One of floats keeps its type.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import AdapterBroken, AdapterIncompatible, ModelUnavailable, StorageError

PRECISION = "Q8_0"  # of what was quantized before


@dataclass(frozen=True, slots=True)
class _Pair:
    """A (r, in) and B (out, r) of one tensor, and what their product is multiplied with."""

    a: Any
    b: Any
    scale: float


def merge_adapter_gguf(base: Path, adapter: Path, out: Path) -> None:
    """Write the model that `base` is with `adapter` on; `out` appears under its name when it is complete.

    Takes the memory of one tensor in fp32. Raises `AdapterIncompatible` for an adapter that does not fit,
    `AdapterBroken` for one with values that are not finite, `ModelUnavailable` for a base that cannot be
    read, `StorageError` for a disk that cannot be written.
    """
    import gguf

    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        source = gguf.GGUFReader(base)
        pairs = _pairs(gguf.GGUFReader(adapter))
        _require_fit(source, pairs, adapter)
        _write(source, pairs, temporary)
        os.replace(temporary, out)
    except OSError as error:
        raise StorageError(
            f"{out} cannot be written: {error.strerror or error}. Free some space or choose another place.",
            pt=f"Não foi possível gravar {out}. Libere espaço ou escolha outro lugar.",
        ) from error
    except (ValueError, KeyError, IndexError, NotImplementedError, gguf.quants.QuantError) as error:
        raise ModelUnavailable(
            f"{base.name} cannot be merged with {adapter.name}: {error}. Export the adapter alone (--form gguf).",
            pt=f"Não dá para fundir {base.name} com {adapter.name}. Exporte só o adaptador (--form gguf).",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _pairs(adapter: Any) -> dict[str, _Pair]:
    from gguf.quants import dequantize

    field = adapter.get_field("adapter.lora.alpha")
    alpha = float(field.contents()) if field else 0.0
    halves = {tensor.name: tensor for tensor in adapter.tensors}
    pairs = {}
    for name in sorted({name.rpartition(".lora_")[0] for name in halves}):
        a, b = (
            dequantize(half.data, half.tensor_type).astype("float32")
            for half in (halves[f"{name}.lora_a"], halves[f"{name}.lora_b"])
        )
        pairs[name] = _Pair(a, b, alpha / a.shape[0] if alpha else 1.0)  # as llama-adapter.h has it
    return pairs


def _require_fit(source: Any, pairs: Mapping[str, _Pair], adapter: Path) -> None:
    shapes = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in source.tensors}
    for name, pair in pairs.items():
        matrices = pair.a.ndim == pair.b.ndim == 2
        product = (pair.b.shape[0], pair.a.shape[1]) if matrices else ()
        if not matrices or pair.a.shape[0] != pair.b.shape[1] or shapes.get(name) != product:
            raise AdapterIncompatible(
                f"{adapter.name} does not fit this base: {name} is {shapes.get(name, 'missing')} there and the "
                f"adapter's is {product}. Train it again on this base.",
                pt=f"{adapter.name} não serve para este modelo base ({name}). Treine-o de novo para ele.",
            )


def _write(source: Any, pairs: Mapping[str, _Pair], out: Path) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(out, str(source.get_field("general.architecture").contents()))
    writer.data_alignment = source.alignment
    try:
        copy_metadata(source, writer, _file_type(int(source.get_field("general.file_type").contents())))
        for tensor in source.tensors:
            data = tensor.data
            if tensor.name in pairs:
                kind = _kind(tensor)
                block, size = gguf.GGML_QUANT_SIZES[kind]
                rows_first = tuple(int(n) for n in reversed(tensor.shape))
                writer.add_tensor_info(
                    tensor.name,
                    rows_first,
                    np.dtype(np.float32),
                    int(tensor.n_elements) // block * size,
                    raw_dtype=kind,
                )
            else:
                writer.add_tensor_info(tensor.name, data.shape, data.dtype, data.nbytes, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in source.tensors:
            pair = pairs.get(tensor.name)
            writer.write_tensor_data(_merged(tensor, pair) if pair else tensor.data)
    finally:
        writer.close()


def copy_metadata(source: Any, writer: Any, file_type: int) -> None:
    """Every key but those that the writer sets itself; the file type is the new file's."""
    import gguf

    array = gguf.GGUFValueType.ARRAY
    for field in source.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        value = field.contents()
        if field.name == "general.file_type":
            value = file_type
        writer.add_key_value(field.name, value, kind, sub_type=field.types[-1] if kind == array else None)


def _file_type(before: int) -> int:
    from gguf import LlamaFileType

    floats = {LlamaFileType.ALL_F32, LlamaFileType.MOSTLY_F16, LlamaFileType.MOSTLY_BF16}
    return before if before in floats else int(LlamaFileType.MOSTLY_Q8_0)


def _kind(tensor: Any) -> Any:
    """The type that an adapted tensor is written in."""
    from gguf import GGMLQuantizationType as Type

    return tensor.tensor_type if tensor.tensor_type in {Type.F32, Type.F16, Type.BF16} else Type.Q8_0


def _merged(tensor: Any, pair: _Pair) -> Any:
    import numpy as np
    from gguf.quants import dequantize, quantize

    with np.errstate(invalid="ignore", over="ignore"):  # seen to below, in words
        weights = dequantize(tensor.data, tensor.tensor_type).astype(np.float32) + pair.scale * (pair.b @ pair.a)
    if not np.isfinite(weights).all():
        raise AdapterBroken(
            f"Merged with the adapter, {tensor.name} holds values that are not finite. Train the adapter again.",
            pt=f"Com o adaptador, {tensor.name} fica com valores que não são finitos. Treine o adaptador de novo.",
        )
    return quantize(weights, _kind(tensor))
