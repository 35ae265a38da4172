"""llama.cpp in this process: a GGUF base with every adapter resident, one chosen for each request.

Knows when a server starts, serves and may go. Refuses to know prompts and adapters' tasks. A set of
adapters belongs to a server for good, so a new set means a new server beside the old one; the old
one is freed when its last stream has ended.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from assistant.engines.base import (
    TOP_K,
    TOP_P,
    AdapterFiles,
    Delta,
    Finished,
    FinishReason,
    GenerationRequest,
    LoadFailure,
    without_effect,
)
from assistant.engines.gguf_header import HeaderError, adapter_fault, read_header
from assistant.engines.llama_events import Event, deltas
from assistant.engines.llama_server import LlamaServer, ServerOptions
from assistant.engines.refusals import closed, not_resident, too_long
from assistant.engines.streams import Streams
from assistant.engines.turns import Turns
from assistant.errors import GenerationError, ModelUnavailable
from assistant.types import Usage


class _Resident:
    """A server, the adapters that may be named, and how many streams still use it."""

    def __init__(self, server: LlamaServer, adapters: Sequence[AdapterFiles]) -> None:
        self.server: LlamaServer | None = server
        self.usable = tuple(adapter.key for adapter in adapters)
        self.users = 0
        self.retired = False
        self.turns = Turns()

    def live(self) -> LlamaServer:
        """The server; it is there as long as somebody uses it."""
        assert self.server is not None
        return self.server


class LlamaCppEngine:
    """A GGUF base in `slots` parallel slots of `context_size` tokens each; see `Engine`.

    Simultaneous requests for the same adapter are computed in one batch, which rounds differently (0.05
    to 0.2 in log-probability on the embedded base): a near tie between two tokens may then fall the
    other way. Requests for different adapters are never batched together.
    """

    def __init__(self, gguf: Path, *, threads: int, slots: int, context_size: int) -> None:
        try:
            self._header = read_header(gguf)
        except HeaderError as error:
            raise ModelUnavailable(
                f"The base model cannot be loaded: {error}. Provision it again.",
                pt=f"O modelo base {gguf} não pode ser carregado. Confira o arquivo ou obtenha-o de novo.",
            ) from error
        fitting = min(context_size, self._header.number("context_length", context_size))
        self._options = ServerOptions(gguf, threads, slots, fitting)
        self._current: _Resident | None = None
        self._closed = False
        self._lock = threading.Lock()  # guards the two above
        self._streams: Streams[Event | None] = Streams("llama.cpp")
        self._swap = threading.Lock()  # one change of adapters at a time

    @property
    def name(self) -> str:
        """See `Engine`."""
        return "llama_cpp"

    @property
    def context_size(self) -> int:
        """See `Engine`; never more than the base was trained for."""
        return self._options.context_size

    def resident(self) -> tuple[str, ...]:
        """See `Engine`."""
        with self._lock:
            return self._current.usable if self._current else ()

    def set_adapters(self, adapters: Sequence[AdapterFiles]) -> tuple[LoadFailure, ...]:
        """See `Engine`. Takes about 2 s and, until old streams end, the memory of a second server."""
        with self._swap:
            self._require_open()
            failures: list[LoadFailure] = []
            fitting: list[AdapterFiles] = []
            for adapter in adapters:
                fault = adapter_fault(adapter.gguf, self._header)
                if fault is None:
                    fitting.append(adapter)
                else:
                    failures.append(LoadFailure(adapter.key, fault))
            fresh = self._start(fitting, failures)
            for adapter in fitting:
                if adapter.key in fresh.usable and not fresh.live().has_effect(adapter):
                    fresh.usable = tuple(key for key in fresh.usable if key != adapter.key)
                    failures.append(without_effect(adapter.key))
            with self._lock:
                old, self._current = self._current, fresh
                if self._closed:  # in the meantime
                    self._current = None
            for gone in (old, None if self._current else fresh):
                if gone is not None:
                    self._retire(gone)
            return tuple(failures)

    def stream(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Delta | Finished]:
        """See `Engine`."""
        if request.max_tokens <= 0:
            yield Finished(FinishReason.LENGTH, Usage())
            return
        resident = self._acquire(request.adapter)
        try:
            payload = self._payload(resident.live(), request)
        except BaseException:
            self._release(resident)
            raise
        with self._streams.running(partial(self._work, resident, request.adapter, payload), cancel) as events:
            yield from deltas(events, self.context_size)

    def count_tokens(self, text: str) -> int:
        """See `Engine`; 0.5 ms, without torch."""
        if not text:
            return 0
        with self._using(None) as resident:
            return len(resident.live().tokenize(text, special=False))

    def close(self) -> None:
        """See `Engine`; streams that still run end as cancelled."""
        with self._lock:
            self._closed = True
            current, self._current = self._current, None
        self._streams.abandon()
        if current is not None:
            self._retire(current)

    # -- servers -----------------------------------------------------------------------------------

    def _start(self, adapters: Sequence[AdapterFiles], failures: list[LoadFailure]) -> _Resident:
        """A server with `adapters`; those that llama.cpp refuses are appended to `failures`."""
        try:
            return _Resident(LlamaServer(self._options, adapters), adapters)
        except RuntimeError as error:
            if not adapters:
                raise ModelUnavailable(
                    f"llama.cpp cannot load {self._options.gguf}. Check the memory that is free and the file "
                    "(`python -m assistant doctor`).",
                    pt=f"O llama.cpp não carrega {self._options.gguf}. Confira a memória livre e o arquivo "
                    "(`python -m assistant doctor`).",
                ) from error
        good = []
        for adapter in adapters:
            try:
                LlamaServer(self._options, [adapter])
                good.append(adapter)
            except RuntimeError:
                reason = "llama.cpp cannot load it beside this base"
                failures.append(LoadFailure(adapter.key, reason, "o llama.cpp não o carrega com este modelo base"))
        if len(good) == len(adapters):
            raise ModelUnavailable(
                f"llama.cpp loads each of {len(good)} adapters alone but not all together: "
                "there is not enough memory. Remove some or use a smaller base.",
                pt=f"O llama.cpp carrega cada um dos {len(good)} adaptadores sozinho, mas não todos juntos: falta "
                "memória. Remova alguns ou use um modelo base menor.",
            )
        return self._start(good, failures)

    def _require_open(self) -> None:
        if self._closed:
            raise closed()

    def _acquire(self, adapter: str | None) -> _Resident:
        with self._lock:
            started = self._current is not None or self._closed
        if not started:
            with self._swap:
                if self._current is None:
                    first = self._start([], [])
                    with self._lock:
                        self._current = first
        with self._lock:
            self._require_open()
            resident = self._current
            assert resident is not None
            if adapter is not None and adapter not in resident.usable:
                raise not_resident(adapter, resident.usable)
            resident.users += 1
            return resident

    def _release(self, resident: _Resident) -> None:
        with self._lock:
            resident.users -= 1
            dead = resident.server if resident.retired and resident.users == 0 else None
            if dead is not None:
                resident.server = None
        del dead  # outside the lock: it waits for llama.cpp's own threads

    def _retire(self, resident: _Resident) -> None:
        with self._lock:
            resident.retired = True
            resident.users += 1
        self._release(resident)

    @contextmanager
    def _using(self, adapter: str | None) -> Iterator[_Resident]:
        resident = self._acquire(adapter)
        try:
            yield resident
        finally:
            self._release(resident)

    # -- one request -------------------------------------------------------------------------------

    def _payload(self, server: LlamaServer, request: GenerationRequest) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_k": TOP_K,
            "top_p": TOP_P,
            "min_p": 0.0,
            "seed": request.seed,
            "stop": list(request.stop),
            "lora": server.scales(request.adapter),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # a callback, and so a chance to cancel, for each batch of the prompt
        }
        if isinstance(request.prompt, str):
            # Tokens, not text: "<eos>" or "<start_of_turn>" in a document stays plain text.
            prompt = server.tokenize(request.prompt, special=True)
            if len(prompt) >= self.context_size:
                raise too_long(len(prompt), self.context_size)
            return fields | {"prompt": prompt} | ({"logprobs": 1} if request.logprobs else {})
        if "tokenizer.chat_template" not in self._header.metadata:
            raise GenerationError(
                f"The base {self._options.gguf.name} has no chat template, so it cannot answer messages. "
                "Send one prompt as text, or choose an instruct base.",
                pt=f"O modelo base {self._options.gguf.name} não tem modelo de conversa e não responde mensagens. "
                "Escolha um adaptador, ou um modelo base ajustado para instruções.",
            )
        messages = [{"role": message.role, "content": message.content} for message in request.prompt]
        fields |= {"messages": messages, "chat_template_kwargs": {"enable_thinking": False}}
        return fields | ({"logprobs": True, "top_logprobs": 1} if request.logprobs else {})

    def _work(
        self,
        resident: _Resident,
        adapter: str | None,
        payload: dict[str, Any],
        items: queue.SimpleQueue[Event | None],
        abandoned: threading.Event,
    ) -> None:
        """Run one request in a thread of its own; llama.cpp stops when the callback returns True."""

        def receive(item: dict[str, Any]) -> bool:
            items.put(item)
            return abandoned.is_set()

        try:
            with resident.turns.turn(adapter, abandoned) as admitted:
                if admitted:
                    resident.live().run(payload, receive)
        except Exception as error:  # noqa: BLE001 - a thread has no caller: its reader hears of anything
            items.put({"error": {"message": str(error)}})
        finally:
            self._release(resident)
            items.put(None)
