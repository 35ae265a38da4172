"""Counts tokens without loading a model: by the checkpoint's tokenizer, else by an estimate.

Knows tokenizer.json. Refuses to load weights and to write anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import ModelUnavailable

_CHARACTERS = 4  # of Portuguese a token, roughly, in vocabularies of a hundred thousand and more


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """`count` gives the tokens of a text without special ones; `estimated` says that it is only about right."""

    count: Callable[[str], int]
    estimated: bool


def token_counter(checkpoint: Path | None) -> TokenCounter:
    """The counter of a checkpoint's tokenizer (a second to load); an estimate where there is none yet.

    Raises `ModelUnavailable` when the tokenizer is there but damaged.
    """
    file = checkpoint / "tokenizer.json" if checkpoint else None
    if file is None or not file.is_file():
        return TokenCounter(lambda text: -(-len(text) // _CHARACTERS), True)
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelUnavailable(
            f"The tokenizer {file} cannot be read ({error}). Remove the folder {file.parent}; training makes it again.",
            pt=f"O tokenizador {file} não pode ser lido. Apague a pasta {file.parent}; o treino a recria.",
        ) from error
    tokenizer.no_truncation()
    return TokenCounter(lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), False)
