"""What the markup of a turn depends on besides a finished turn: language, day and titles, or what has arrived.

Refuses to know markup and Gradio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from assistant.types import Redrafting, Route, Source
from assistant.ui.texts import Texts


@dataclass(frozen=True, slots=True)
class View:
    """What the words of a turn depend on besides the turn: language, day, titles by adapter name.

    `adapters` holds those that can be chosen, in order.
    """

    t: Texts
    today: date
    adapters: Mapping[str, str]

    def title(self, adapter: str | None) -> str:
        """An adapter's title; the base model's where there is none."""
        return self.t("badge_base") if adapter is None else self.adapters.get(adapter, adapter)


@dataclass(frozen=True, slots=True)
class Progress:
    """An answer under way: what has arrived so far."""

    question: str
    route: Route | None = None
    sources: tuple[Source, ...] | None = None
    text: str = ""
    redrafting: Redrafting | None = None  # what is wrong with the draft in `text`, while others are written
