"""Reads the header of a GGUF file and says whether an adapter fits a base, before native code sees it.

llama.cpp may abort the whole process on a damaged file; this module refuses such a file with words.
It knows names, shapes and sizes; it refuses to know what the tensors mean. The `gguf` package reads
the same header in 8 to 15 s for a vocabulary of 262,144 tokens; skipping the vocabulary takes 0.1 s.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

Value = str | int | float | bool

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST = 1 << 20  # more tensors, keys or characters than any header has: the file is damaged
_FLOATS = {  # F32, F16, BF16, what adapters are written in: bytes, and the bits that infinity and NaN set
    0: (4, 0x7F800000),
    1: (2, 0x7C00),
    30: (2, 0x7F80),
}
_ALIGNMENT = 32


class HeaderError(ValueError):
    """The file is no GGUF, or it is cut off; the message says which."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` in ggml's order (innermost first); `offset` counts from the start of the file."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    """Scalar metadata (arrays are skipped) and the table of tensors."""

    metadata: dict[str, Value]
    tensors: dict[str, Tensor]
    file_size: int

    @property
    def architecture(self) -> str:
        """The model family, e.g. "gemma3"."""
        return str(self.metadata.get("general.architecture", ""))

    def number(self, key: str, default: int) -> int:
        """An integer of the metadata; `key` without the architecture's prefix."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        return int(value)


def read_header(path: Path) -> Header:
    """Read metadata and tensor table; raises `HeaderError` for anything else than a whole header."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header()
    except (struct.error, UnicodeDecodeError, IndexError, KeyError) as error:
        raise HeaderError(f"{path} is cut off or damaged in its header") from error
    except (OSError, ValueError) as error:
        raise HeaderError(f"{path} cannot be read as GGUF ({error})") from error


def adapter_fault(path: Path, base: Header) -> str | None:
    """Why the LoRA adapter at `path` must not be given to llama.cpp; None when it fits `base`.

    Every A (shape [in, r]) needs its B ([r, out]) on a base tensor [in, out], all values finite.
    """
    try:
        adapter = read_header(path)
    except HeaderError as error:
        return str(error)
    if adapter.metadata.get("general.type") != "adapter" or adapter.metadata.get("adapter.type") != "lora":
        return f"{path.name} is a GGUF but no LoRA adapter"
    if adapter.architecture != base.architecture:
        return f"made for a {adapter.architecture!r} model, the base is {base.architecture!r}"
    if not adapter.tensors:
        return "it holds no tensors"
    for name, tensor in adapter.tensors.items():
        fault = _tensor_fault(name, adapter, base) or _data_fault(path, tensor, adapter.file_size)
        if fault:
            return fault
    return None


def _tensor_fault(name: str, adapter: Header, base: Header) -> str | None:
    stem, _, side = name.rpartition(".lora_")
    if side not in {"a", "b"} or stem not in base.tensors:
        return f"the base has no tensor for {name}"
    a, b = adapter.tensors.get(f"{stem}.lora_a"), adapter.tensors.get(f"{stem}.lora_b")
    if a is None or b is None:
        return f"{stem} has only one half of its LoRA pair"
    shapes = (a.shape, b.shape, base.tensors[stem].shape)
    if any(len(shape) != 2 for shape in shapes):
        return f"{stem} is not a pair of matrices"
    (a0, a1), (b0, b1), (inner, outer) = shapes
    # llama.cpp keeps A and B of the embedding flipped (llama-adapter.cpp)
    fits = (inner, outer) == (b1, a1) if stem.startswith("token_embd") else (inner, outer, a1) == (a0, b1, b0)
    return None if fits else f"{stem} has shapes {a.shape} and {b.shape}, the base {(inner, outer)}"


def _data_fault(path: Path, tensor: Tensor, file_size: int) -> str | None:
    if tensor.kind not in _FLOATS:
        return None  # a quantized adapter: its sizes are llama.cpp's to know
    width, exponent = _FLOATS[tensor.kind]
    count = prod(tensor.shape)
    if tensor.offset + count * width > file_size:
        return f"{path.name} is cut off: {tensor.name} ends after the end of the file"
    import numpy as np

    bits = np.fromfile(path, dtype=f"<u{width}", count=count, offset=tensor.offset)
    if (np.bitwise_and(bits, exponent) == exponent).any():
        return f"{tensor.name} holds values that are not finite"
    return None


class _Reader:
    """A cursor over the mapped file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def header(self) -> Header:
        if self._data[:4] != b"GGUF":
            raise ValueError("its first bytes are not GGUF")
        self._at = 4
        version = self._scalar(4)
        if version not in (2, 3):
            raise ValueError(f"GGUF version {version} is unknown")
        tensor_count, key_count = int(self._scalar(10)), int(self._scalar(10))
        if max(tensor_count, key_count) > _MOST:
            raise ValueError("it names an impossible number of tensors")
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            key = self._string()
            value = self._value(int(self._scalar(4)))
            if value is not None:
                metadata[key] = value
        rows = [self._tensor() for _ in range(tensor_count)]
        alignment = int(metadata.get("general.alignment", _ALIGNMENT))
        start = (self._at + alignment - 1) // alignment * alignment
        tensors = {row.name: Tensor(row.name, row.shape, row.kind, start + row.offset) for row in rows}
        size = len(self._data)
        late = [row.name for row in tensors.values() if row.offset >= size]
        if late:
            raise ValueError(f"it is cut off: {late[0]} begins after the end of the file")
        return Header(metadata, tensors, size)

    def _tensor(self) -> Tensor:
        name = self._string()
        dimensions = int(self._scalar(4))
        if dimensions > 4:
            raise ValueError(f"{name} has {dimensions} dimensions")
        shape = tuple(int(self._scalar(10)) for _ in range(dimensions))
        return Tensor(name, shape, int(self._scalar(4)), int(self._scalar(10)))

    def _scalar(self, kind: int) -> int | float | bool:
        code = "<" + _SCALARS[kind]
        (value,) = struct.unpack_from(code, self._data, self._at)
        self._at += struct.calcsize(code)
        assert isinstance(value, int | float)
        return value

    def _string(self) -> str:
        length = int(self._scalar(10))
        if length > _MOST * 16:
            raise ValueError("it holds an impossible text")
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise IndexError
        return self._data[start : self._at].decode("utf-8")

    def _value(self, kind: int) -> Value | None:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(kind)
        inner, count = int(self._scalar(4)), int(self._scalar(10))
        if inner == _STRING:
            self._skip_strings(count)
        elif inner == _ARRAY:
            for _ in range(count):
                self._value(_ARRAY)
        else:
            self._at += count * struct.calcsize("<" + _SCALARS[inner])
        return None

    def _skip_strings(self, count: int) -> None:
        at, data, unpack = self._at, self._data, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + unpack(data, at)[0]
        self._at = at
