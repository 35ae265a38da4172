"""AdamW over an adapter's weights, and its state as tensors with names.

Knows torch's AdamW and, for QLoRA, the paged 8-bit one of bitsandbytes (Dettmers et al. 2023), whose state takes a
quarter of the memory and moves out of a full GPU. Refuses to know the loop and files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.training.config import TrainingSettings

if TYPE_CHECKING:
    import torch

    Named = Sequence[tuple[str, torch.nn.Parameter]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an optimizer keeps of each parameter: scalars, tensors of its shape, and what only large ones have."""

    scalar: tuple[str, ...]
    shaped: tuple[str, ...]
    further: tuple[str, ...] = ()


_TORCH = _Kept(("step",), ("exp_avg", "exp_avg_sq"))
_EIGHT_BIT = _Kept(("step",), ("state1", "state2"), ("qmap1", "qmap2", "absmax1", "absmax2"))


class Optimizer:
    """One optimizer over named parameters."""

    def __init__(self, named: Named, settings: TrainingSettings, eight_bit: bool) -> None:
        """`eight_bit`: the paged 8-bit AdamW; on the CPU bitsandbytes keeps its state in plain memory."""
        import torch

        self._named = named
        parameters = [parameter for _, parameter in named]
        self._kept = _EIGHT_BIT if eight_bit else _TORCH
        self._adamw: Any
        if eight_bit:
            import warnings

            from bitsandbytes.optim import PagedAdamW8bit

            warnings.filterwarnings("ignore", message="Paged optimizers are not supported on CPU")
            self._adamw = PagedAdamW8bit(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        else:
            self._adamw = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)

    def step(self, rate: float) -> None:
        """One step at a learning rate; the gradients are gone after it."""
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)

    def state(self) -> dict[str, torch.Tensor]:
        """Its tensors as `field/parameter`; empty before the first step."""
        import torch

        return {
            f"{field}/{name}": torch.as_tensor(value)
            for name, parameter in self._named
            for field, value in self._adamw.state[parameter].items()
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The names that a state must have, each with its shape."""
        kept = {f"{field}/{name}": tuple(p.shape) for name, p in self._named for field in self._kept.shaped}
        return kept | {f"{field}/{name}": () for name, _ in self._named for field in self._kept.scalar}

    def further(self) -> set[str]:
        """The names that a state may have."""
        return {f"{field}/{name}" for name, _ in self._named for field in self._kept.further}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from a state whose names and shapes were checked."""
        fields = (*self._kept.scalar, *self._kept.shaped, *self._kept.further)
        whole = self._kept is _EIGHT_BIT  # bitsandbytes counts steps in a plain integer
        for name, parameter in self._named:
            self._adamw.state[parameter] = {
                field: int(value)
                if whole and field in self._kept.scalar
                else value.clone().to(_device(field, parameter))
                for field in fields
                if (value := tensors.get(f"{field}/{name}")) is not None
            }


def _device(field: str, parameter: torch.nn.Parameter) -> Any:
    """Where a part of the state lies: torch counts steps on the CPU."""
    return "cpu" if field == "step" else parameter.device
