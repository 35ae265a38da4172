"""corpus.toml: what a corpus is called, when its sources are old and when it does not answer, which dates people gave.

Refuses to know what documents say.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.retrieval import freshness
from assistant.stores.manifests import Localized, card_faulty, card_unreadable, localized


@dataclass(frozen=True, slots=True)
class Abstention:
    """`[abstention]` of corpus.toml: the relevance (0 to 1) below which the corpus does not answer.

    `questions` is how many it was calibrated on, `date` when (ISO), `embedder` the one that its scores are of.
    """

    threshold: float
    questions: int
    date: str
    embedder: str


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """corpus.toml: `max_age_days` after which a source is marked as old (0: never)."""

    name: str
    title: Localized
    description: Localized
    max_age_days: int = 0
    language: str = "pt"
    abstention: Abstention | None = None


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
    abstention = _abstention(raw["abstention"], faults) if "abstention" in raw else None
    if faults:
        raise card_faulty(path, faults)
    return CorpusCard(path.parent.name, texts["title"], texts["description"], age, language, abstention)


def _abstention(raw: Any, faults: list[Localized]) -> Abstention | None:
    """The table, every value checked: it may come from another machine."""
    table: dict[str, Any] = raw if isinstance(raw, dict) else {}
    threshold, questions = (_number(table.get(key)) for key in ("threshold", "questions"))
    date, embedder = (str(table.get(key, "")) for key in ("date", "embedder"))
    known = 0 <= threshold <= 1 and questions >= 0 and questions.is_integer()
    if not known or not embedder or freshness.parse(date) != date:
        faults.append(
            Localized(
                f"[abstention] é {raw!r}; precisa de threshold (0 a 1), questions (quantas), date e embedder. Calibre "
                "de novo ou apague a tabela",
                f"[abstention] is {raw!r}; it needs threshold (0 to 1), questions (how many), date and embedder. "
                "Calibrate again or remove the table",
            )
        )
        return None
    return Abstention(threshold, int(questions), date, embedder)


def _number(value: object) -> float:
    """A number of a file; -1 for what is none, or none that anybody would mean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return -1.0
    return float(value) if 0 <= value <= 1e9 else -1.0


def dates_in(path: Path) -> dict[str, str]:
    """The table `[dates]` of a corpus.toml; what is no date there, or cannot be read, counts as nothing."""
    try:
        raw = tomllib.loads(path.read_text("utf-8")).get("dates")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}  # the list of corpora tells of the fault
    found = raw.items() if isinstance(raw, dict) else ()
    return {str(name): str(date) for name, date in found if freshness.parse(str(date))}
