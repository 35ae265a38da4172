"""One llama.cpp server in this process, with a fixed set of adapters.

Knows xllamacpp's parameters and answers. Refuses to know who uses it and when it may go: that is
`llama_cpp`. The server also opens a port of its own, which cannot be turned off: it is bound to
loopback, on a free port, behind a random key, and is used here to count tokens.
"""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assistant.engines.base import NO_EFFECT, AdapterFiles
from assistant.engines.refusals import too_long
from assistant.errors import GenerationError

_BATCH = 512  # tokens of a prompt read between two chances to cancel
_CHECKPOINTS = 4  # saved states of the sliding window; each takes 10 to 15 MB and 32 is the default
_TOKENIZE_TIMEOUT = 30.0  # seconds
_PROBE_TOKENS = 8  # likeliest next tokens compared with and without an adapter


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """`context_size` in tokens for each of `slots` requests at a time; `threads` of the CPU."""

    gguf: Path
    threads: int
    slots: int
    context_size: int


class LlamaServer:
    """A running server. Raises `RuntimeError` when llama.cpp cannot load base or adapters."""

    def __init__(self, options: ServerOptions, adapters: Sequence[AdapterFiles]) -> None:
        self._keys = tuple(adapter.key for adapter in adapters)
        self._context_size = options.context_size
        self._api_key = secrets.token_urlsafe(32)
        self._native = _start(options, adapters, self._api_key)
        # A server freed before its loop runs never ends (its constructor returns first), and would hang
        # the process: an answered request proves that it runs.
        self._native.handle_completions(
            {"prompt": [0], "max_tokens": 1, "cache_prompt": False, "lora": self.scales(None)}
        )

    def scales(self, chosen: str | None) -> list[dict[str, float]]:
        """Every adapter with its scale: one that is not named keeps its last effect (llama.cpp #28674)."""
        return [{"id": i, "scale": 1.0 if key == chosen else 0.0} for i, key in enumerate(self._keys)]

    def run(self, payload: dict[str, Any], receive: Callable[[dict[str, Any]], bool]) -> None:
        """Stream one completion to `receive`, which ends it by returning True. Blocks until the end."""
        if "messages" in payload:
            self._native.handle_chat_completions(payload, receive)
        else:
            self._native.handle_completions(payload, receive)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids of `text`; `special` adds the begin-of-text token. Markup in it stays text."""
        address = urlsplit(self._native.listening_address)
        connection = http.client.HTTPConnection(
            str(address.hostname), int(address.port or 0), timeout=_TOKENIZE_TIMEOUT
        )
        body = json.dumps({"content": text, "add_special": special, "parse_special": False})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._api_key}"}
        try:
            connection.request("POST", "/tokenize", body.encode("utf-8", "replace"), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GenerationError(
                f"llama.cpp does not answer ({error}). Start the assistant again.",
                pt="O llama.cpp não responde. Inicie o assistente de novo.",
            ) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise GenerationError(
                f"llama.cpp cannot split a text into tokens: {answer}.",
                pt=f"O llama.cpp não conseguiu dividir um texto em tokens: {answer}. Tente com outro texto.",
            )
        return [int(token) for token in answer["tokens"]]

    def has_effect(self, adapter: AdapterFiles) -> bool:
        """Whether the next-token probabilities after the adapter's probe differ from the base's."""
        with_adapter = self._likeliest(adapter.probe, adapter.key)
        without = self._likeliest(adapter.probe, None)
        if with_adapter.keys() != without.keys():
            return True
        return any(abs(with_adapter[token] - without[token]) > NO_EFFECT for token in without)

    def _likeliest(self, prompt: str, adapter: str | None) -> dict[int, float]:
        answer = self._native.handle_completions(
            {
                "prompt": self.tokenize(prompt, special=True)[-_BATCH:],
                "max_tokens": 1,
                "temperature": 0.0,
                "n_probs": _PROBE_TOKENS,
                "cache_prompt": False,  # so that both sides are computed in the same order
                "lora": self.scales(adapter),
            }
        )
        raise_fault(answer, self._context_size)
        token = answer["choices"][0]["logprobs"]["content"][0]
        return {int(top["id"]): float(top["logprob"]) for top in token["top_logprobs"]}


def raise_fault(item: dict[str, Any], context_size: int) -> None:
    """Raise `GenerationError` when an answer of the server is an error."""
    fault = item.get("error")
    if not fault:
        return
    if fault.get("type") == "exceed_context_size_error":
        raise too_long(int(fault.get("n_prompt_tokens", 0)), context_size)
    reason = fault.get("message", fault)
    raise GenerationError(
        f"llama.cpp refused the request: {reason}.",
        pt=f"O llama.cpp recusou o pedido ({reason}). Tente de novo.",
    )


def _start(options: ServerOptions, adapters: Sequence[AdapterFiles], api_key: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(options.gguf)
    params.n_ctx = options.context_size * options.slots
    params.n_parallel = options.slots
    params.n_batch = params.n_ubatch = _BATCH
    params.n_ctx_checkpoints = _CHECKPOINTS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(a.gguf), 0.0) for a in adapters]
    params.cache_ram_mib = 0  # that cache is shared by all adapters (llama.cpp #26207)
    params.cache_idle_slots = False
    params.fit_params = False
    params.warmup = False
    params.verbosity = 0
    params.offline = True
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [api_key]
    params.n_threads_http = 2
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    return xllamacpp.Server(params)
