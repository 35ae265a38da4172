"""How much memory the base's weights take in each precision, beside what this process takes.

Knows where the shapes of the weights are written down, and what is left to say where they are not here yet.
Refuses to load or to fetch a model, and to guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from assistant.engines.gguf_header import HeaderError, read_header
from assistant.errors import ModelUnavailable
from assistant.models.catalog import BaseModel, Source
from assistant.models.provision import ready_checkpoint
from assistant.models.quantization import NF4_BYTES, megabytes_of, memory_megabytes
from assistant.stores.manifests import NO_TEXT, Localized

_ABSENT = Localized(
    "Os pesos ainda não estão nesta máquina. FP32 e FP16 saem do número de parâmetros do catálogo; INT8 e NF4 são o "
    "mínimo, porque só os pesos dizem quanto fica em 16 bits.",
    "The weights are not on this machine yet. FP32 and FP16 follow from the catalog's number of parameters; INT8 and "
    "NF4 are the least, because only the weights tell how much stays in 16 bit.",
)
_UNKNOWN = Localized(
    "Os pesos ainda não estão nesta máquina e o catálogo não diz quantos parâmetros são.",
    "The weights are not on this machine yet, and the catalog does not say how many parameters there are.",
)


class Precision(StrEnum):
    """What a weight is kept in."""

    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"
    NF4 = "nf4"
    GGUF = "gguf"  # the base's own file, in whatever mixture it was written


@dataclass(frozen=True, slots=True)
class Weights:
    """Megabytes (10^6) of the weights by precision; what is not known is absent.

    `least` are lower bounds; `note` says why something is a bound or absent.
    """

    megabytes: Mapping[Precision, float]
    least: frozenset[Precision] = frozenset()
    note: Localized = NO_TEXT


@dataclass(frozen=True, slots=True)
class Memory:
    """The prediction beside the measurement.

    `loaded` is the precision in which this process holds the base, None where it holds none; `on_gpu`: then its
    weights are no part of `process_mb`, which is None where it cannot be measured.
    """

    base: str
    title: str
    weights: Weights
    loaded: Precision | None = None
    on_gpu: bool = False
    process_mb: float | None = None


def weights_of(base: BaseModel, models: Path) -> Weights:
    """What the weights of `base` take; `models` is the folder of those that were assembled here."""
    gguf = _gguf(base, models)
    try:
        if gguf is not None:
            return Weights(_of_gguf(gguf, gguf.stat().st_mtime_ns))
        checkpoint = ready_checkpoint(base, models)
        if checkpoint is not None:
            return Weights(_by_precision(memory_megabytes(checkpoint)))
    except HeaderError as error:
        return Weights({}, note=Localized(f"{gguf} não pode ser lido como GGUF.", f"{error}."))
    except ModelUnavailable as error:
        return Weights({}, note=Localized.of(error))
    if not base.parameters_millions:
        return Weights({}, note=_UNKNOWN)
    millions = float(base.parameters_millions)
    megabytes = {
        Precision.FP32: 4 * millions,
        Precision.BF16: 2 * millions,
        Precision.INT8: millions,
        Precision.NF4: NF4_BYTES * millions,
    }
    return Weights(megabytes, frozenset({Precision.INT8, Precision.NF4}), _ABSENT)


def process_megabytes() -> float | None:
    """Resident memory of this process in megabytes; None where the system does not tell."""
    import psutil

    try:
        return float(psutil.Process().memory_info().rss) / 1e6
    except psutil.Error:
        return None


@lru_cache(maxsize=4)  # 0.1 s, and the page asks each time it is looked at
def _of_gguf(path: Path, changed: int) -> Mapping[Precision, float]:
    """From the header of a GGUF; `changed` is its time of modification."""
    header = read_header(path)
    # GGUF writes the inner dimension first, PyTorch last.
    found = megabytes_of({name: tuple(reversed(tensor.shape)) for name, tensor in header.tensors.items()})
    return {**_by_precision(found), Precision.GGUF: header.file_size / 1e6}


def _by_precision(found: Mapping[str, float]) -> dict[Precision, float]:
    return {Precision(name): value for name, value in found.items()}


def _gguf(base: BaseModel, models: Path) -> Path | None:
    """The base's GGUF, if it is here without any work."""
    path = {Source.PACKAGE: models / base.file, Source.GGUF: Path(base.location)}.get(base.source)
    return path if path is not None and path.is_file() else None
