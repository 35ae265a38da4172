"""An engine without a model: a function writes the answer, and it is streamed word by word.

For tests, the demonstration and the pictures of the documentation. Knows the outline of the
project's own prompts, so that its answers look like the real ones; refuses to be random.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from assistant.engines.base import (
    AdapterFiles,
    Delta,
    Finished,
    FinishReason,
    GenerationRequest,
    LoadFailure,
    without_effect,
)
from assistant.engines.refusals import closed, not_resident
from assistant.engines.stopping import StopStrings
from assistant.errors import GenerationError
from assistant.types import Usage

Script = Callable[[GenerationRequest], str] | Mapping[str, str]

_TOKEN = re.compile(r"\s*\S+|\s+$")
_PASSAGE = re.compile(r"^\[(?P<marker>\d+)\] .+?: (?P<text>.+)$", re.MULTILINE)
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|$)")


class ScriptedEngine:
    """Answers by `script`: a function of the request, or a mapping from a part of the prompt to the answer.

    Any adapter whose PEFT folder exists is resident; a mapping is tried in its order and answers ""
    where nothing fits. `delay_s` seconds pass before each word. A token is a word, and its probability 1.
    """

    def __init__(self, script: Script | None = None, *, delay_s: float = 0.0, context_size: int = 4096) -> None:
        self._script = demonstration if script is None else script
        self._delay_s = delay_s
        self._context_size = context_size
        self._resident: tuple[str, ...] = ()
        self._closed = threading.Event()

    @property
    def name(self) -> str:
        """See `Engine`."""
        return "scripted"

    @property
    def context_size(self) -> int:
        """See `Engine`; in words."""
        return self._context_size

    def resident(self) -> tuple[str, ...]:
        """See `Engine`."""
        return self._resident

    def set_adapters(self, adapters: Sequence[AdapterFiles]) -> tuple[LoadFailure, ...]:
        """See `Engine`; an adapter changes nothing here when the script says the same without it."""
        self._require_open()
        failures, good = [], []
        for adapter in adapters:
            if not adapter.folder.is_dir():
                failures.append(
                    LoadFailure(
                        adapter.key, f"the folder {adapter.folder} is missing", f"falta a pasta {adapter.folder}"
                    )
                )
            elif self._unchanged(adapter):
                failures.append(without_effect(adapter.key))
            else:
                good.append(adapter.key)
        self._resident = tuple(good)
        return tuple(failures)

    def stream(self, request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Delta | Finished]:
        """See `Engine`."""
        self._require_open()
        if request.adapter is not None and request.adapter not in self._resident:
            raise not_resident(request.adapter, self._resident)
        prompt_tokens = self.count_tokens(_text(request))
        if prompt_tokens >= self._context_size:
            raise GenerationError(
                f"The prompt has {prompt_tokens} tokens and the context {self._context_size}. Shorten it.",
                pt=f"O pedido tem {prompt_tokens} tokens e o contexto, {self._context_size}. Encurte o texto.",
            )
        words = _TOKEN.findall(self._answer(request))
        limit = min(request.max_tokens, self._context_size - prompt_tokens)
        stops = StopStrings(request.stop)
        sure = 0.0 if request.logprobs else None
        count = 0
        for word in words[: max(limit, 0)]:
            if self._interrupted(cancel):
                yield Finished(FinishReason.CANCELLED, Usage(prompt_tokens, count))
                return
            count += 1
            if text := stops.feed(word):
                yield Delta(text, sure)
            if stops.reached:
                break
        if held := stops.rest():
            yield Delta(held, sure)
        cut = not stops.reached and count < len(words)
        yield Finished(FinishReason.LENGTH if cut else FinishReason.STOP, Usage(prompt_tokens, count))

    def count_tokens(self, text: str) -> int:
        """See `Engine`; words."""
        self._require_open()
        return len(text.split())

    def close(self) -> None:
        """See `Engine`."""
        self._closed.set()

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise closed()

    def _interrupted(self, cancel: threading.Event | None) -> bool:
        if self._delay_s:
            (cancel or self._closed).wait(self._delay_s)
        return self._closed.is_set() or (cancel is not None and cancel.is_set())

    def _unchanged(self, adapter: AdapterFiles) -> bool:
        """A mapping cannot tell adapters apart; only a function is asked."""
        if not callable(self._script) or self._script is demonstration:
            return False
        with_adapter = self._answer(GenerationRequest(adapter.probe, adapter.key))
        return with_adapter == self._answer(GenerationRequest(adapter.probe, None))

    def _answer(self, request: GenerationRequest) -> str:
        if callable(self._script):
            return self._script(request)
        prompt = _text(request)
        return next((answer for part, answer in self._script.items() if part in prompt), "")


def demonstration(request: GenerationRequest) -> str:
    """Plausible Portuguese answers to the project's own prompts; of messages the last one is answered."""
    prompt = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
    if prompt.endswith("Entidades:"):
        return " nenhuma"
    if "Avaliação:" in prompt:
        return (
            " Olá! Lamentamos que a sua experiência não tenha sido boa e agradecemos por nos contar. "
            "Vamos conversar com a equipe e gostaríamos de recebê-lo de novo para fazer melhor."
        )
    passage = next((p for p in _PASSAGE.finditer(prompt) if p["marker"] == "1"), None)
    if passage is not None:
        sentence = _SENTENCE.match(passage["text"])
        assert sentence is not None  # the text of a passage has a character
        return f" «{sentence[0]}» [1]\n{sentence[0]} [1]"
    if "Documentos:" in prompt:
        return " Os documentos não respondem a isso."
    return " Esta é uma demonstração: nenhum modelo está carregado."


def _text(request: GenerationRequest) -> str:
    if isinstance(request.prompt, str):
        return request.prompt
    return "\n".join(message.content for message in request.prompt)
