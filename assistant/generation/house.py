"""What the house's own documents let be said to a client.

A document marks such a sentence as a quotation, a line that begins with ">": nobody but its owner knows which of its
sentences are for clients. Pure functions; refuses to know retrieval and whether a passage is close enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.generation.citations import verified
from assistant.types import Source

_SAYABLE = re.compile(r"^>[ \t]*(\S.*)$", re.MULTILINE)
_PARTS = re.compile(r"(?<=[.!?;…])\s+|\n+")
_FEWEST_WORDS = 3  # of a part that can be about something
_MOST_PARTS = 4


def sayable(text: str) -> tuple[str, ...]:
    """The sentences of a passage that are marked for clients, in their order."""
    return tuple(match[1].strip() for match in _SAYABLE.finditer(text))


def parts(review: str) -> list[str]:
    """A review and its sentences, each of which may be what a passage is about."""
    sentences = [part.strip() for part in _PARTS.split(review) if len(part.split()) >= _FEWEST_WORDS]
    return list(dict.fromkeys([review, *sentences[:_MOST_PARTS]]))


def quoted(sources: Sequence[Source]) -> Source | None:
    """The first source with a sentence for clients, quoted word for word; None where none has one."""
    for source in sources:
        for sentence in sayable(source.passage.text):
            found = verified(source, sentence)
            if found.quote is not None:
                return found
    return None


def joined(reply: str, source: Source | None) -> str:
    """The reply with the quoted sentence after it; an empty reply is not made of it alone."""
    if source is None or not source.quote or not reply.strip():
        return reply
    end = "" if source.quote.endswith((".", "!", "?")) else "."
    return f"{reply.rstrip()} {source.quote}{end}"
