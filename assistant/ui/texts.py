"""The words of the pages, in Portuguese and in English, side by side in texts.toml.

Knows how to look one up. Refuses a key that is missing in either language: it fails when loaded,
not when shown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from assistant.errors import ConfigurationError

LANGUAGES = ("pt", "en")


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language; call it with a key and the values of its fields."""

    language: str
    words: Mapping[str, str]

    def __call__(self, key: str, **fields: object) -> str:
        """The text of `key`, its `{fields}` filled in."""
        return self.words[key].format(**fields) if fields else self.words[key]


def texts(language: str) -> Texts:
    """The words of `language`; anything unknown gives Portuguese."""
    return _load()[language if language in LANGUAGES else "pt"]


@cache
def _load() -> dict[str, Texts]:
    raw = tomllib.loads(files("assistant.ui").joinpath("texts.toml").read_text("utf-8"))
    faults = [key for key, entry in raw.items() if set(entry) != set(LANGUAGES) or not all(entry.values())]
    if faults:
        raise ConfigurationError(
            f"texts.toml lacks pt or en for: {', '.join(sorted(faults))}. Give each key both languages."
        )
    return {lang: Texts(lang, {key: entry[lang] for key, entry in raw.items()}) for lang in LANGUAGES}
