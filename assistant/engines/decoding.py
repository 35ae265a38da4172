"""Token by token: the decoding loop of transformers models, and tokens to text without broken characters.

Knows logits and tokenizers. Refuses to know adapters, locks and streams: its caller holds the model.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.engines.base import TOP_K, TOP_P

_PREFILL = 512  # tokens of a prompt read between two chances to cancel
_CONTEXT = 4  # tokens before the completion that decide whether it begins with a space
_LONGEST = 8  # tokens after which a character that is still broken will not be whole any more
_BROKEN = "\ufffd"  # what a tokenizer writes for the first bytes of a character


@dataclass(frozen=True, slots=True)
class Sampling:
    """`temperature` 0 is greedy; `seed` makes sampling repeatable; `limit` in new tokens; `logprobs` weighs each."""

    temperature: float
    seed: int
    limit: int
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A token's id and its log-probability under the model, where it was asked for."""

    id: int
    logprob: float | None


def decode(model: Any, prompt: Sequence[int], sampling: Sampling, interrupted: Callable[[], bool]) -> Iterator[Token]:
    """Yield tokens until the limit; the caller stops at those that end a text.

    The prompt is read in pieces of 512 tokens. Ends early, without an error, when `interrupted()`.
    """
    import torch

    device = model.get_input_embeddings().weight.device
    generator = torch.Generator(device=device).manual_seed(sampling.seed)
    last_only = _last_logits_only(model)
    invoked = _invocation(model, prompt)
    cache: Any = None
    pending, read = list(prompt), 0
    for _ in range(sampling.limit):
        while pending:
            if interrupted():
                return
            piece, pending = pending[:_PREFILL], pending[_PREFILL:]
            ids, read = torch.tensor([piece], device=device), read + len(piece)
            acting = {} if invoked is None else {"alora_offsets": [max(0, read - invoked)]}
            with torch.inference_mode():
                output = model(input_ids=ids, past_key_values=cache, use_cache=True, **acting, **last_only)
            cache = output.past_key_values
        logits = output.logits[0, -1]
        token = _choose(logits, sampling.temperature, generator)
        yield Token(token, float(torch.log_softmax(logits.float(), dim=-1)[token]) if sampling.logprobs else None)
        pending = [token]


def next_log_probabilities(model: Any, prompt: Sequence[int]) -> Any:
    """Log-probabilities of the token after `prompt`, float32, shape [vocabulary]."""
    import torch

    ids = torch.tensor([list(prompt)], device=model.get_input_embeddings().weight.device)
    with torch.inference_mode():
        output = model(input_ids=ids, use_cache=False, **_last_logits_only(model))
    return torch.log_softmax(output.logits[0, -1].float(), dim=-1)


class TextOfTokens:
    """Turns a growing list of token ids into pieces of whole characters."""

    def __init__(self, tokenizer: Any, prompt: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._context = list(prompt[-_CONTEXT:])
        self._ids: list[int] = []
        self._before = self._text(self._context)

    def feed(self, token: int) -> str:
        """The characters that are complete with this token; "" in the middle of one."""
        self._ids.append(token)
        text = self._text(self._context + self._ids)
        if text.endswith(_BROKEN) and len(self._ids) < _LONGEST:
            return ""
        piece = text[len(self._before) :].replace(_BROKEN, "")
        # Only the last tokens decide about the next piece: forget the others, or this is quadratic.
        self._context = (self._context + self._ids)[-_CONTEXT:]
        self._ids = []
        self._before = self._text(self._context)
        return piece

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _choose(logits: Any, temperature: float, generator: Any) -> int:
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    values, tokens = torch.topk(logits.float(), min(TOP_K, logits.shape[-1]))
    probabilities = torch.softmax(values, dim=-1)
    # the smallest set of tokens that holds top_p of the probability (nucleus sampling)
    kept = probabilities.cumsum(-1) - probabilities < TOP_P
    weights = torch.softmax(values.masked_fill(~kept, float("-inf")) / temperature, dim=-1)
    return int(tokens[torch.multinomial(weights, 1, generator=generator)])


def _invocation(model: Any, prompt: Sequence[int]) -> int | None:
    """Where in a prompt an activated LoRA begins to act: where its invocation tokens stand last; without them never.

    None for every other adapter. PEFT looks for them in each piece that it is given, and pieces do not hold them all.
    """
    config = getattr(model, "active_peft_config", None)
    words = list(getattr(config, "alora_invocation_tokens", None) or ())
    if not words:
        return None
    starts = range(len(prompt) - len(words), -1, -1)
    return next((at for at in starts if list(prompt[at : at + len(words)]) == words), sys.maxsize)


def _last_logits_only(model: Any) -> dict[str, int]:
    """`logits_to_keep=1` where the architecture has it: no logits for the whole prompt."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(inner.forward).parameters else {}
