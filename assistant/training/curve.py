"""What the losses of a run say: which weights were the best, and whether it is worth going on.

Pure bookkeeping that travels with the checkpoint, so that a resumed run decides as an unbroken one.
Refuses to know models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from assistant.errors import DataError
from assistant.training.config import TrainingSettings

_WINDOW = 10  # steps over which a loss is averaged; single batches differ by their texts
_FACTOR, _NATS = 2.0, 1.0  # diverged: the average is twice that of the first steps, and a nat above it


@dataclass(slots=True)
class Curve:
    """The state of one run. Losses in nats per labelled token; `best_step` 0 where nothing was measured.

    `waited` counts the looks since the lowest validation loss; `ended` says that no step is to follow.
    """

    first: list[float] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    ended: bool = False

    def step(self, number: int, loss: float, settings: TrainingSettings) -> None:
        """Take the loss of a step; raises `DataError` with advice when training diverges."""
        if not math.isfinite(loss):
            raise _diverged(number, f"{loss}", settings)
        if len(self.first) < _WINDOW:
            self.first.append(loss)
        self.recent = [*self.recent, loss][-_WINDOW:]
        start, now = sum(self.first) / len(self.first), sum(self.recent) / len(self.recent)
        if number >= 2 * _WINDOW and now > _FACTOR * start and now > start + _NATS:
            raise _diverged(number, f"{now:.2f}, against {start:.2f} in the first steps,", settings)

    def validation(self, number: int, loss: float, settings: TrainingSettings) -> bool:
        """Take a validation loss; returns whether it is the lowest. Raises `DataError` when it is no number."""
        if not math.isfinite(loss):
            raise _diverged(number, f"{loss} on the validation part", settings)
        if self.best is None or loss < self.best:
            self.best, self.best_step, self.waited = loss, number, 0
            return True
        self.waited += 1
        self.ended = bool(settings.patience) and self.waited >= settings.patience
        return False


def _diverged(number: int, what: str, settings: TrainingSettings) -> DataError:
    return DataError(
        f"The loss is {what} at step {number}: training diverged. Lower learning_rate "
        f"(now {settings.learning_rate:g}) or look for broken records in the data.",
        pt=f"A perda disparou no passo {number}: o treino divergiu. Diminua learning_rate "
        f"(agora {settings.learning_rate:g}) ou procure registros com erro nos dados.",
    )
