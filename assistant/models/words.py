"""Words for comparison: without case, accents and inflection. Refuses to know what is compared."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W\d_]{3,}")
_STEM = 5  # letters: enough for Portuguese inflection


def folded(text: str) -> str:
    """Lower case, no accents."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(character for character in plain if not unicodedata.combining(character))


def stem(word: str) -> str:
    """The first letters of a word."""
    return folded(word)[:_STEM]


def stems(text: str) -> dict[str, str]:
    """Each stem of a text to the first word that has it, in their order."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        found.setdefault(stem(word), word)
    return found
