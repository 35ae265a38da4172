"""How long a training will take and how much memory it needs, before it starts.

Knows the data's token lengths, the loop's batches and what the jobs of this machine measured. Refuses to
know processes; the running job corrects the forecast by itself (`job_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assistant.errors import DataError
from assistant.services.job_files import JobState, job_folders
from assistant.training.config import Recipe
from assistant.training.dataset import Encoded, Example, batches
from assistant.training.loop import SAMPLE_TOKENS

TOKENS_PER_SECOND = 500.0  # the embedded base on two cores, while nothing was measured here
MEMORY_MB = 4000  # the embedded base, measured; 8 GB and more with long examples
_CHARS_PER_TOKEN = 3.5  # Portuguese, where the tokenizer is not on this machine yet
_FORWARD = 1 / 3  # a look at a loss costs a third of learning from it: no gradients
_SAMPLES_PER_SECOND = 8.0  # tokens of sample outputs, both written together
_START_S = 15.0  # libraries, model and data


class TrainingData(Protocol):
    """Examples to learn from and to watch the loss on."""

    @property
    def train(self) -> Sequence[Example]:
        """Learnt from."""
        ...

    @property
    def validation(self) -> Sequence[Example]:
        """Watched."""
        ...


class Source(Protocol):
    """The service that knows recipes and their data."""

    def recipe(self, name: str, overrides: Mapping[str, object] | None = None) -> Recipe:
        """A recipe with single settings changed."""
        ...

    def data(self, name: str, overrides: Mapping[str, object] | None = None, *, fetch: bool = True) -> TrainingData:
        """Its data; without `fetch` nothing is asked of the network."""
        ...

    def tokenizer_file(self) -> Path | None:
        """The base's tokenizer.json, where it is here."""
        ...


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected. `tokens` of all epochs; `left_out` examples are longer than `max_length`.

    `counted`: by the base's own tokenizer, else from the length of the texts; `measured`: speed and memory
    are those of a job of this machine, else stated defaults.
    """

    examples: int
    left_out: int
    tokens: int
    steps: int
    seconds: float
    memory_mb: int
    counted: bool
    measured: bool


def forecast(source: Source, jobs: Path, adapter: str, overrides: Mapping[str, object]) -> Forecast:
    """The forecast of an adapter's training with changed settings; it never asks the network.

    Raises `AdapterNotFound`, `ConfigurationError`, `DataError`.
    """
    settings = source.recipe(adapter, overrides).training
    data = source.data(adapter, overrides, fetch=False)
    tokenizer = source.tokenizer_file()
    train = _encoded(data.train, tokenizer, settings.max_length)
    valid = _encoded(data.validation, tokenizer, settings.max_length)
    if not train:
        raise DataError(
            f"None of the {len(data.train)} examples fits into max_length = {settings.max_length} tokens. Raise it.",
            pt=f"Nenhum dos {len(data.train)} exemplos cabe em max_length = {settings.max_length} tokens. Aumente-o.",
        )
    tokens = sum(len(item.ids) for item in train) * settings.epochs
    steps = sum(len(batches(train, settings.batch_tokens, settings.seed, epoch)) for epoch in range(settings.epochs))
    looks = (steps // settings.evaluate_every + 1) if valid else 0
    rate, memory = _measured(jobs)
    per_second = rate or TOKENS_PER_SECOND
    look = sum(len(item.ids) for item in valid) * _FORWARD / per_second
    look += SAMPLE_TOKENS / _SAMPLES_PER_SECOND if settings.samples else 0.0
    return Forecast(
        examples=len(train),
        left_out=len(data.train) - len(train),
        tokens=tokens,
        steps=steps,
        seconds=_START_S + tokens / per_second + looks * look,
        memory_mb=memory or MEMORY_MB,
        counted=tokenizer is not None,
        measured=rate is not None,
    )


def _encoded(examples: Sequence[Example], tokenizer: Path | None, max_length: int) -> list[Encoded]:
    """Examples of the lengths that training will see; the ids themselves do not matter."""
    lengths = (n for n in _lengths(examples, tokenizer) if n <= max_length)
    return [Encoded((0,) * n, 0) for n in lengths]


def _lengths(examples: Sequence[Example], tokenizer: Path | None) -> Iterable[int]:
    if tokenizer is None:
        return [int((len(e.prompt) + len(e.completion)) / _CHARS_PER_TOKEN) + 2 for e in examples]
    from tokenizers import Tokenizer

    model = Tokenizer.from_file(str(tokenizer))
    model.no_truncation()
    prompts = model.encode_batch([e.prompt for e in examples])
    completions = model.encode_batch([e.completion for e in examples], add_special_tokens=False)
    return [len(p.ids) + len(c.ids) + 1 for p, c in zip(prompts, completions, strict=True)]


def _measured(jobs: Path) -> tuple[float | None, int | None]:
    """Tokens per second and peak memory of the latest job here that got far enough to tell."""
    rate: float | None = None
    memory: int | None = None
    for folder in job_folders(jobs):
        job = folder.job()
        if rate is None and job.step >= 10 and job.tokens_per_second > 0:
            rate = job.tokens_per_second
        if memory is None and job.state is JobState.DONE and job.memory_mb:
            memory = job.memory_mb
        if rate is not None and memory is not None:
            break
    return rate, memory
