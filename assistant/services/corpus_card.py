"""corpus.toml: what a corpus is called, when its sources are old, which dates people gave to its documents.

Refuses to know what documents say.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from assistant.retrieval import freshness
from assistant.stores.manifests import Localized, card_faulty, card_unreadable, localized


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """corpus.toml: `max_age_days` after which a source is marked as old (0: never)."""

    name: str
    title: Localized
    description: Localized
    max_age_days: int = 0
    language: str = "pt"


def read_card(path: Path) -> CorpusCard:
    """Parse a corpus.toml; all its faults are reported at once as `ConfigurationError`."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise card_unreadable(path, error) from error
    faults: list[Localized] = []
    texts = {key: localized(raw, key, faults) for key in ("title", "description")}
    age = raw.get("max_age_days", 0)
    if not isinstance(age, int) or isinstance(age, bool) or age < 0:
        faults.append(
            Localized(
                f"max_age_days é {age!r}; use um número de dias, ou 0 para nunca",
                f"max_age_days is {age!r}; use a number of days, 0 for never",
            )
        )
    language = raw.get("language", "pt")
    if language not in ("pt", "en"):
        faults.append(Localized(f"language é {language!r}; use pt ou en", f"language is {language!r}; use pt or en"))
    if faults:
        raise card_faulty(path, faults)
    return CorpusCard(path.parent.name, texts["title"], texts["description"], age, language)


def dates_in(path: Path) -> dict[str, str]:
    """The table `[dates]` of a corpus.toml; what is no date there, or cannot be read, counts as nothing."""
    try:
        raw = tomllib.loads(path.read_text("utf-8")).get("dates")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}  # the list of corpora tells of the fault
    found = raw.items() if isinstance(raw, dict) else ()
    return {str(name): str(date) for name, date in found if freshness.parse(str(date))}
