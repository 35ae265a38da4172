"""What every engine refuses, in the same words: a closed engine, an unknown adapter, a prompt that is too long.

Refuses to know why it came to that.
"""

from __future__ import annotations

from collections.abc import Collection

from assistant.errors import AdapterNotFound, GenerationError


def closed() -> GenerationError:
    """The error of an engine that was asked after its end."""
    return GenerationError(
        "The engine is closed. Start the assistant again.",
        pt="O motor está fechado. Inicie o assistente de novo.",
    )


def not_resident(adapter: str, resident: Collection[str]) -> AdapterNotFound:
    """The error of an adapter that is none of the `resident` ones."""
    return AdapterNotFound(
        f"No adapter {adapter!r} is loaded. Loaded: {', '.join(resident) or 'none'}.",
        pt=f"O adaptador {adapter!r} não está carregado. Carregados: {', '.join(resident) or 'nenhum'}.",
    )


def too_long(tokens: int, context_size: int) -> GenerationError:
    """The error of a prompt that does not fit."""
    return GenerationError(
        f"The prompt has {tokens} tokens and the context {context_size}. Shorten the text, show fewer "
        "passages (ASSISTANT_PASSAGES) or raise ASSISTANT_CONTEXT_SIZE.",
        pt=f"O pedido tem {tokens} tokens e o contexto, {context_size}. Encurte o texto, mostre menos trechos "
        "(ASSISTANT_PASSAGES) ou aumente ASSISTANT_CONTEXT_SIZE.",
    )
