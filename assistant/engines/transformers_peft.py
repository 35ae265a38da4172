"""transformers with PEFT: every adapter on one base, one chosen for each request behind one lock.

Knows torch, transformers and peft, and is imported only where this engine is chosen. Refuses to know
prompts. PEFT's choice of an adapter changes the shared model (peft #804, #973), so a generation
holds the lock from its first to its last token; it runs in a thread of its own, so that a reader who
dawdles holds up nobody.
"""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from assistant.engines.base import (
    NO_EFFECT,
    AdapterFiles,
    Delta,
    Finished,
    FinishReason,
    GenerationRequest,
    LoadFailure,
    together,
)
from assistant.engines.decoding import Sampling, TextOfTokens, decode, next_log_probabilities
from assistant.engines.loading import end_tokens, linear_layers, load_checkpoint
from assistant.engines.partings import Parting, Reader, parting
from assistant.engines.peft_files import peft_fault
from assistant.engines.refusals import closed, not_resident, too_long
from assistant.engines.stopping import StopStrings
from assistant.engines.streams import Streams
from assistant.engines.weights import Device, Quantization, load_options
from assistant.errors import AssistantError, GenerationError
from assistant.types import Usage

_PROBE_LENGTH = 512  # tokens

_Item = Delta | Finished | AssistantError
_Items = queue.SimpleQueue[_Item]


class TransformersPeftEngine:
    """A checkpoint folder in memory; see `Engine`.

    `quantization` is the precision of the weights and `device` where they lie ("auto": the GPU where
    there is one). `threads` 0 leaves torch's own choice. Raises `ModelUnavailable` when the checkpoint
    cannot be loaded.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        quantization: Quantization,
        device: Device = "auto",
        threads: int,
        context_size: int,
    ) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        self._base, self._tokenizer = load_checkpoint(checkpoint, load_options(quantization, device))
        self._model: Any = self._base  # a PeftModel once the first adapter is there
        trained = getattr(self._base.config, "max_position_embeddings", None) or context_size
        self._context_size = min(context_size, int(trained))
        self._ends = end_tokens(self._base, self._tokenizer)
        self._modules = linear_layers(self._base)
        self._names: dict[str, str] = {}  # key -> name inside PEFT, new for each load
        self._serial = count()
        self._closed = False
        self._state = threading.Lock()  # guards the three above
        self._streams: Streams[_Item] = Streams("transformers")
        self._lock = threading.Lock()  # one generation, or one change of adapters, at a time

    @property
    def name(self) -> str:
        """See `Engine`."""
        return "transformers_peft"

    @property
    def context_size(self) -> int:
        """See `Engine`; never more than the base was trained for."""
        return self._context_size

    def resident(self) -> tuple[str, ...]:
        """See `Engine`."""
        with self._state:
            return tuple(self._names)

    def set_adapters(self, adapters: Sequence[AdapterFiles]) -> tuple[LoadFailure, ...]:
        """See `Engine`. Waits for the generation that runs."""
        failures: list[LoadFailure] = []
        loaded: dict[str, str] = {}
        with self._lock, _quiet():
            self._require_open()
            for adapter in adapters:
                name = f"a{next(self._serial)}"
                fault = self._load_adapter(adapter, name)
                if fault is None:
                    loaded[adapter.key] = name
                else:
                    failures.append(LoadFailure(adapter.key, fault))
            with self._state:
                old, self._names = self._names, loaded
            self._drop(old.values())
        return tuple(failures)

    def stream(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Delta | Finished]:
        """See `Engine`."""
        self._require_known(request.adapter)
        if request.max_tokens <= 0:
            yield Finished(FinishReason.LENGTH, Usage())
            return
        prompt = self._prompt_ids(request)
        with self._streams.running(partial(self._work, request, prompt), cancel) as items:
            yield from _received(items, len(prompt))

    def parting(self, request: GenerationRequest, texts: tuple[str, str]) -> Parting | None:
        """Where two completions of a plain prompt part, and how wide the gap is for this model."""
        with self._lock, _quiet():
            with self._state:
                name = self._names[self._require_known(request.adapter)] if request.adapter else None
            reader = Reader(self._model, lambda text: self._encode(text, special=True), self._ends)
            with self._chosen(name):
                return parting(reader, str(request.prompt), texts, request.stop)

    def count_tokens(self, text: str) -> int:
        """See `Engine`."""
        self._require_open()
        return len(self._encode(text, special=False))

    def close(self) -> None:
        """See `Engine`; waits for the generation that runs, which ends as cancelled."""
        with self._state:
            self._closed = True
            self._names = {}
        self._streams.abandon()
        with self._lock:
            self._model = self._base = None

    # -- adapters ----------------------------------------------------------------------------------

    def _load_adapter(self, adapter: AdapterFiles, name: str) -> str | None:
        """Load one adapter as `name`; why it was left out, or None."""
        from peft import PeftModel

        fault = peft_fault(adapter.folder, self._modules)
        if fault is not None:
            return fault
        try:
            if self._model is self._base:
                self._model = PeftModel.from_pretrained(self._base, str(adapter.folder), adapter_name=name)
                self._model.eval()
            else:
                self._model.load_adapter(str(adapter.folder), adapter_name=name)
        except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
            self._drop([name])
            return f"PEFT cannot load it ({error})"
        if self._has_effect(adapter.probe, name):
            return None
        self._drop([name])
        return "it changes nothing in the base's output"

    def _drop(self, names: Iterable[str]) -> None:
        """Forget adapters; without any, the base stands alone again (PEFT needs an active one)."""
        if self._model is self._base:
            return
        gone = set(names) & set(self._model.peft_config)
        rest = [name for name in self._model.peft_config if name not in gone]
        if not rest:
            self._base = self._model = self._model.unload()
            return
        self._model.set_adapter(rest[0])
        for name in gone:
            self._model.delete_adapter(name)

    def _has_effect(self, probe: str, name: str) -> bool:
        prompt = self._encode(probe, special=True)[-_PROBE_LENGTH:]
        with self._chosen(name):
            with_adapter = next_log_probabilities(self._model, prompt)
        with self._chosen(None):
            without = next_log_probabilities(self._model, prompt)
        return bool((with_adapter - without).abs().max() > NO_EFFECT)

    @contextmanager
    def _chosen(self, name: str | None) -> Iterator[None]:
        """Let one adapter act, or none. Only under the lock."""
        if self._model is self._base:
            yield
        elif name is None:
            with self._model.disable_adapter():
                yield
        else:
            self._model.set_adapter(name)
            yield

    # -- one request -------------------------------------------------------------------------------

    def _work(self, request: GenerationRequest, prompt: list[int], items: _Items, abandoned: threading.Event) -> None:
        """Generate in a thread of its own and put what comes into `items`."""
        with self._lock, _quiet():
            try:
                if abandoned.is_set():
                    return
                with self._state:
                    self._require_open()
                    name = self._names[self._require_known(request.adapter)] if request.adapter else None
                with self._chosen(name):
                    self._generate(request, prompt, items, abandoned)
            except AssistantError as error:
                items.put(error)
            except Exception as error:  # noqa: BLE001 - a thread has no caller: its reader hears of anything
                message = f"The model failed in the middle of an answer: {error}. Ask again."
                items.put(GenerationError(message, pt="O modelo falhou no meio da resposta. Pergunte de novo."))

    def _generate(
        self, request: GenerationRequest, prompt: list[int], items: _Items, abandoned: threading.Event
    ) -> None:
        limit = min(request.max_tokens, self._context_size - len(prompt))
        sampling = Sampling(request.temperature, request.seed, limit, request.logprobs)
        text, stops = TextOfTokens(self._tokenizer, prompt), StopStrings(request.stop)
        written, reason = 0, FinishReason.LENGTH
        weight: float | None = None  # of tokens whose text is still held back
        for token in decode(self._model, prompt, sampling, abandoned.is_set):
            written += 1
            if token.id in self._ends:
                reason = FinishReason.STOP
                break
            weight = together(weight, token.logprob)
            if piece := stops.feed(text.feed(token.id)):
                items.put(Delta(piece, weight))
                weight = None
            if stops.reached:
                reason = FinishReason.STOP
                break
        if held := stops.rest():
            items.put(Delta(held, weight))
        if abandoned.is_set():
            reason = FinishReason.CANCELLED
        items.put(Finished(reason, Usage(len(prompt), written)))

    def _prompt_ids(self, request: GenerationRequest) -> list[int]:
        self._require_open()
        if isinstance(request.prompt, str):
            ids = self._encode(request.prompt, special=True)
        elif getattr(self._tokenizer, "chat_template", None):
            messages = [{"role": message.role, "content": message.content} for message in request.prompt]
            ids = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=False, enable_thinking=False
            )
        else:
            raise GenerationError(
                "The base has no chat template, so it cannot answer messages. Send one prompt as text, or "
                "choose an instruct base.",
                pt="O modelo base não tem modelo de conversa e não responde mensagens. Escolha um adaptador, ou um "
                "modelo base ajustado para instruções.",
            )
        if len(ids) >= self._context_size:
            raise too_long(len(ids), self._context_size)
        return list(ids)

    def _encode(self, text: str, *, special: bool) -> list[int]:
        """Token ids; "<eos>" or "<start_of_turn>" in a document stays plain text."""
        encoded = self._tokenizer(text, add_special_tokens=special, split_special_tokens=True)
        return list(encoded["input_ids"])

    def _require_open(self) -> None:
        if self._closed:
            raise closed()

    def _require_known(self, adapter: str | None) -> str:
        self._require_open()
        if adapter is not None and adapter not in self._names:
            raise not_resident(adapter, self._names)
        return adapter or ""


def _received(items: Iterable[_Item], prompt_tokens: int) -> Iterator[Delta | Finished]:
    """What the worker puts in, until it ends or the reader does not want more."""
    seen = 0
    for item in items:
        if isinstance(item, AssistantError):
            raise item
        yield item
        if isinstance(item, Finished):
            return
        seen += 1
    yield Finished(FinishReason.CANCELLED, Usage(prompt_tokens, seen))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what libraries say at every step. Only under the lock: filters belong to the process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")
        warnings.filterwarnings("ignore", message="Adapter .* was active which is now deleted")
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        yield
