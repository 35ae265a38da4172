"""A training job: a folder with its configuration, its event log and its checkpoints.

    var/jobs/<id>/job.json        what is trained, from which data (written first)
                  events.jsonl    one object a line: step, loss, learning rate, tokens per second ...
                  checkpoint/     LoRA parameters, optimizer state and position; replaced by rename
                  adapter/        PEFT's files, written at the end

A job that was killed goes on from its last checkpoint when it is started again: the order of the
batches follows from (seed, epoch), so position and state are all that is needed. Only this
project's own checkpoints are read, as safetensors and JSON. Refuses to know cards and registration.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DataError, StorageError
from assistant.training import lora
from assistant.training.config import Recipe, TrainingSettings
from assistant.training.dataset import Encoded, batches, candidate_vocabulary, encode
from assistant.training.objective import CandidateHead, batch_loss

if TYPE_CHECKING:
    import torch

    from assistant.training.dataset import Example


@dataclass(frozen=True, slots=True)
class Step:
    """Event: one optimizer step. `loss` is nats per labelled token; `seconds` since this start."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Validation:
    """Event: loss on the validation part, nats per labelled token."""

    step: int
    loss: float


Report = Callable[[Step | Validation], None]


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine from the peak to a tenth of it (Loshchilov & Hutter 2017)."""
    warmup = max(1, round(steps * settings.warmup))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * (0.55 + 0.45 * math.cos(math.pi * progress))


class TrainingRun:
    """One run of the loop over a job folder."""

    def __init__(
        self,
        folder: Path,
        checkpoint: Path,
        recipe: Recipe,
        target_modules: Sequence[str],
        report: Report,
    ) -> None:
        self._folder = folder
        self._checkpoint = checkpoint
        self._recipe = recipe
        self._targets = target_modules
        self._report = report

    def run(self, train: Sequence[Example], validation: Sequence[Example], base_name: str) -> Path:
        """Train, or go on; returns the folder with PEFT's files. Raises `DataError` on divergence."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        settings = self._recipe.training
        torch.manual_seed(settings.seed)
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # the command line gives OpenMP one
        tokenizer = AutoTokenizer.from_pretrained(str(self._checkpoint))
        base = AutoModelForCausalLM.from_pretrained(
            str(self._checkpoint), dtype=torch.bfloat16, use_safetensors=True, attn_implementation="sdpa"
        )
        model = lora.attach(base, self._recipe.lora, self._targets)
        train_set, _ = encode(train, tokenizer, settings.max_length)
        valid_set = encode(validation, tokenizer, settings.max_length)[0] if validation else []
        head = CandidateHead(base, candidate_vocabulary([*train_set, *valid_set], tokenizer.eos_token_id))
        loop = _Loop(model, base, head, settings, tokenizer.pad_token_id or 0)
        self._steps(loop, train_set, valid_set)
        lora.save(model, self._folder / "adapter", base_name)
        return self._folder / "adapter"

    def _steps(self, loop: _Loop, train: Sequence[Encoded], valid: Sequence[Encoded]) -> None:
        settings = self._recipe.training
        plan = [
            batch
            for epoch in range(settings.epochs)
            for batch in batches(train, settings.batch_tokens, settings.seed, epoch)
        ]
        done = loop.load(self._folder / "checkpoint")
        started, tokens = time.monotonic(), 0
        for step in range(done, len(plan)):
            rate = learning_rate(step, len(plan), settings)
            loss = loop.step(plan[step], rate)
            if not math.isfinite(loss):
                raise DataError(
                    f"The loss is {loss} at step {step + 1}: training diverged. Lower learning_rate "
                    f"(now {settings.learning_rate:g}) or look for broken records in the data."
                )
            tokens += sum(len(item.ids) for item in plan[step])
            seconds = time.monotonic() - started
            self._report(Step(step + 1, len(plan), loss, rate, tokens / seconds, seconds))
            last = step + 1 == len(plan)
            if last or (step + 1) % settings.checkpoint_every == 0:
                loop.save(self._folder / "checkpoint", step + 1)
            if valid and (last or (step + 1) % settings.evaluate_every == 0):
                self._report(Validation(step + 1, loop.evaluate(valid)))


class _Loop:
    """Model, optimizer and their checkpoint."""

    def __init__(self, model: Any, base: Any, head: CandidateHead, settings: TrainingSettings, pad: int) -> None:
        import torch

        self._model, self._base, self._head, self._settings, self._pad = model, base, head, settings, pad
        self._named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self._parameters = [p for _, p in self._named]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )

    def step(self, batch: Sequence[Encoded], rate: float) -> float:
        """One optimizer step; returns the mean loss in nats per labelled token."""
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._model.train()
        with torch.autocast(self._base.device.type, dtype=torch.bfloat16):
            total, count = batch_loss(self._base, self._head, batch, self._pad)
        loss = total / count
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def evaluate(self, encoded: Sequence[Encoded]) -> float:
        """Mean loss over a set, nats per labelled token."""
        import torch

        self._model.eval()
        total, count = 0.0, 0
        with torch.no_grad(), torch.autocast(self._base.device.type, dtype=torch.bfloat16):
            for batch in batches(encoded, self._settings.batch_tokens, 0, 0):
                loss, labels = batch_loss(self._base, self._head, batch, self._pad)
                total, count = total + float(loss), count + labels
        return total / count

    def save(self, folder: Path, step: int) -> None:
        """Write the checkpoint beside the old one, then rename."""
        import torch
        from safetensors.torch import save_file

        tensors: dict[str, torch.Tensor] = {"rng": torch.get_rng_state()}
        for name, parameter in self._named:
            tensors[f"p/{name}"] = parameter.detach()
            for key, value in self._optimizer.state[parameter].items():
                tensors[f"{key}/{name}"] = value
        staged = folder.with_name("checkpoint.tmp")
        try:
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
            save_file({k: t.contiguous() for k, t in tensors.items()}, staged / "state.safetensors")
            (staged / "position.json").write_text(json.dumps({"step": step, **asdict(self._settings)}))
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(staged, folder)
        except OSError as error:
            raise StorageError(f"The checkpoint {folder} could not be written: {error}.") from error

    def load(self, folder: Path) -> int:
        """Restore a checkpoint if there is one; returns the number of steps that are done."""
        import torch
        from safetensors.torch import load_file

        if not (folder / "position.json").is_file():
            return 0
        position = json.loads((folder / "position.json").read_text())
        step = int(position.pop("step"))
        if position != asdict(self._settings):
            raise DataError(f"The checkpoint {folder} belongs to other settings; remove it to start anew.")
        tensors = load_file(folder / "state.safetensors")
        with torch.no_grad():
            for name, parameter in self._named:
                parameter.copy_(tensors[f"p/{name}"])
                self._optimizer.state[parameter] = {
                    key: tensors[f"{key}/{name}"].clone() for key in ("step", "exp_avg", "exp_avg_sq")
                }
        torch.set_rng_state(tensors["rng"])
        return step
