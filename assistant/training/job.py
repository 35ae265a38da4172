"""A training job: a folder with its configuration, its event log and its checkpoints.

    var/jobs/<id>/job.json        what is trained, from which data (written first)
                  events.jsonl    one object a line: step, validation, sample
                  checkpoint/     LoRA parameters, best ones, optimizer state and position; replaced by rename
                  adapter/        PEFT's files of the best weights, written at the end

A job that was killed goes on from its last checkpoint when it is started again: the order of the
batches follows from (seed, epoch), so position and state are all that is needed. Under `accelerate
launch` every process runs this, and the first one alone touches the folder. Refuses to know cards and registration.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.errors import ConfigurationError, DataError, TrainingStopped
from assistant.training import checkpoint as checkpoints
from assistant.training.checkpoint import Checkpoint
from assistant.training.config import Recipe, TrainingSettings
from assistant.training.curve import Curve
from assistant.training.dataset import Encoded, Example, batches, candidate_vocabulary, encode, invocation
from assistant.training.loop import Loop, load, load_tokenizer
from assistant.training.processes import here


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
    """Event: loss on the validation part, nats per labelled token; `best` where it is the lowest so far."""

    step: int
    loss: float
    best: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """Event: what the model of this moment writes after a prompt of the validation part, greedily."""

    step: int
    prompt: str
    expected: str
    output: str


Report = Callable[[Step | Validation | Sample], None]
ShouldStop = Callable[[], bool]


def never() -> bool:
    """A `ShouldStop` of a run that nobody stops."""
    return False


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then a cosine from the peak to a tenth of it (Loshchilov & Hutter 2017)."""
    warmup = max(1, round(steps * settings.warmup))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * (0.55 + 0.45 * math.cos(math.pi * progress))


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an adapter acts: the linear layers by name, and the words that every prompt ends with.

    Only an activated LoRA needs the words: from them on it acts.
    """

    target_modules: Sequence[str]
    ending: str = ""


class TrainingRun:
    """One run of the loop over a job folder; all processes of a training make it together."""

    def __init__(
        self,
        folder: Path,
        checkpoint: Path,
        recipe: Recipe,
        reach: Reach,
        report: Report,
    ) -> None:
        """`checkpoint` is the base model's folder; only the first process reports."""
        self._folder = folder
        self._base = checkpoint
        self._recipe = recipe
        self._reach = reach
        self._processes = here()
        self._report = report if self._processes.first else _unheard

    def run(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        base_name: str,
        should_stop: ShouldStop = never,
    ) -> Path:
        """Train, or go on; returns the folder with PEFT's files of the lowest validation loss.

        `should_stop` is asked between steps. Raises `TrainingStopped` after writing a checkpoint, `DataError`
        on divergence or a foreign checkpoint, `StorageError`.
        """
        start = self._prepare(train, validation, base_name)
        plan = self._plan(start.train)
        pace = _Pace()
        while start.done < len(plan) and not start.curve.ended:
            if self._processes.told(should_stop()):
                if start.done:
                    self._save(start)
                raise _stopped(self._folder.name, start.done, len(plan))
            self._step(start, plan, pace)
            last = start.done == len(plan)
            if start.valid and (last or start.done % self._recipe.training.evaluate_every == 0):
                self._look(start)
            if last or start.curve.ended or start.done % self._recipe.training.checkpoint_every == 0:
                self._save(start)
        adapter = self._folder / "adapter"
        return start.loop.save_best(adapter, base_name) if self._processes.first else adapter

    def _prepare(self, train: Sequence[Example], validation: Sequence[Example], base_name: str) -> _Start:
        settings = self._recipe.training
        tokenizer = load_tokenizer(self._base)
        train_set, _ = encode(train, tokenizer, settings.max_length)
        valid_set = encode(validation, tokenizer, settings.max_length)[0] if validation else []
        candidates = candidate_vocabulary([*train_set, *valid_set], tokenizer.eos_token_id)
        model = load(
            self._base, self._recipe, self._reach.target_modules, self._invocation(tokenizer, [*train_set, *valid_set])
        )
        start = _Start(
            loop=Loop(model, candidates, self._recipe, tokenizer.pad_token_id or 0),
            tokenizer=tokenizer,
            train=train_set,
            valid=valid_set,
            key=checkpoints.run_key(self._recipe, base_name, train_set, valid_set),
        )
        if self._processes.told(start.key) != start.key:
            raise _other_data()
        first = self._processes.first
        saved = self._processes.told(checkpoints.read(self._folder / "checkpoint", start.key) if first else None)
        if saved is not None:
            start.loop.restore(saved.tensors)
            start.done, start.curve = saved.step, saved.curve
        return start

    def _invocation(self, tokenizer: Any, encoded: Sequence[Encoded]) -> tuple[int, ...]:
        if not self._recipe.lora.use_alora:
            return ()
        ending = self._reach.ending
        found = invocation(encoded, tokenizer(ending, add_special_tokens=False)["input_ids"])
        if not found:
            raise ConfigurationError(
                f"use_alora needs a prompt that ends with words of its own; this one ends with {ending!r}. Put "
                "some, such as a line 'Resposta:', at the end of prompt.template, or turn use_alora off.",
                pt=f"use_alora precisa de um prompt que termine com palavras próprias; este termina com "
                f"{ending!r}. Ponha, por exemplo, uma linha 'Resposta:' no fim de prompt.template ou desligue "
                "use_alora.",
            )
        return found

    def _plan(self, train: Sequence[Encoded]) -> list[list[Encoded]]:
        settings = self._recipe.training
        return [
            batch
            for epoch in range(settings.epochs)
            for batch in batches(train, settings.batch_tokens, settings.seed, epoch)
        ]

    def _step(self, start: _Start, plan: Sequence[Sequence[Encoded]], pace: _Pace) -> None:
        settings, batch = self._recipe.training, plan[start.done]
        rate = learning_rate(start.done, len(plan), settings)
        loss = start.loop.step(batch, rate)
        start.done += 1
        start.curve.step(start.done, loss, settings)
        pace.tokens += sum(len(item.ids) for item in batch)
        seconds = time.monotonic() - pace.started
        self._report(Step(start.done, len(plan), loss, rate, pace.tokens / seconds, seconds))

    def _look(self, start: _Start) -> None:
        """Validation loss, best weights and sample outputs; before the checkpoint, so that it holds them."""
        loss = start.loop.evaluate(start.valid)
        best = start.curve.validation(start.done, loss, self._recipe.training)
        if best:
            start.loop.keep_best()
        self._report(Validation(start.done, loss, best))
        shown = start.valid[: self._recipe.training.samples]
        if not shown or not self._processes.first:
            return
        end = start.tokenizer.eos_token_id
        outputs = start.loop.outputs([item.ids[: item.start] for item in shown], end)
        for item, output in zip(shown, outputs, strict=True):
            texts = (item.ids[: item.start], item.ids[item.start :], output)
            prompt, expected, text = (start.tokenizer.decode(ids, skip_special_tokens=True) for ids in texts)
            self._report(Sample(start.done, prompt, expected, text))

    def _save(self, start: _Start) -> None:
        if not self._processes.first:
            return
        state = Checkpoint(start.done, start.curve, start.loop.state())
        checkpoints.write(self._folder / "checkpoint", start.key, state)


@dataclass(slots=True)
class _Start:
    """What one start of a run works with; `done` counts the finished steps, of earlier starts too."""

    loop: Loop
    tokenizer: Any
    train: Sequence[Encoded]
    valid: Sequence[Encoded]
    key: str
    done: int = 0
    curve: Curve = field(default_factory=Curve)


@dataclass(slots=True)
class _Pace:
    """Tokens since this start, and when it was (monotonic seconds)."""

    tokens: int = 0
    started: float = field(default_factory=time.monotonic)


def _unheard(event: Step | Validation | Sample) -> None:
    """The report of every process but the first."""


def _other_data() -> DataError:
    return DataError(
        "This process reads other data, another recipe or another base than the first process of the training. Give "
        "all machines the same adapters/ and data.",
        pt="Este processo lê outros dados, outra receita ou outro modelo base que o primeiro processo do treino. "
        "Ponha em todas as máquinas as mesmas pastas adapters/ e de dados.",
    )


def _stopped(job: str, done: int, steps: int) -> TrainingStopped:
    return TrainingStopped(
        f"The job {job} was stopped at step {done} of {steps}; its checkpoint is written. Go on with the same --job.",
        pt=f"O treino {job} foi parado no passo {done} de {steps}; o ponto de retomada está gravado.",
    )
