"""The processes of one training under `accelerate launch`: which one this is, and what they tell each other.

Every process has the whole data and makes every step, on its share of the batch; the sum of their gradients is the
gradient of the batch, so the steps are those of one process. The first one alone writes files, is asked to
stop and reports. A training that was started by itself is one process and talks to nobody. Refuses to know models.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from assistant.errors import TrainingStopped

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_PATIENCE = timedelta(days=7)  # the first process may wait for the training before it, and judges for an hour


@dataclass(frozen=True, slots=True)
class Processes:
    """This process is number `index` of `count`. What is exchanged raises `TrainingStopped` when another has ended."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and reports."""
        return self.index == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of what all have; may be empty."""
        return items[self.index :: self.count]

    def add(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor, in place, by its sum over the processes; the very same bits in all of them."""
        if self.count == 1:
            return
        import torch

        flat = torch.cat([tensor.flatten().cpu() for tensor in tensors])  # gloo, whatever the model runs on
        with _talking():
            torch.distributed.all_reduce(flat)
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def told(self, value: T) -> T:
        """The first process's value, in every process."""
        if self.count == 1:
            return value
        import torch

        box = [value]
        with _talking():
            torch.distributed.broadcast_object_list(box)
        return box[0]


@cache
def here() -> Processes:
    """What the launcher's environment says; joins the others on the first call."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    from accelerate import PartialState

    state = PartialState(cpu=True, timeout=_PATIENCE)
    return Processes(state.process_index, state.num_processes)


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo has no error of its own
        raise TrainingStopped(
            f"Another process of this training has ended ({error}); what it said stands above. Go on with the same "
            "--job.",
            pt="Outro processo deste treino terminou; o que ele disse está acima. Continue com o mesmo --job.",
        ) from error
