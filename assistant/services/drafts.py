"""Several drafts of one reply, and which of them is kept.

Greedily, a small base leaves out what a sampled draft takes up. So where a draft misses words that replies to
such a text take up, others are written and the one that fits best is kept. What fits is counted on the training
pairs and lies in the version's folder; a version without these counts has one draft. Refuses to know engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.generation.verification import keep_honest
from assistant.models.care import careful_reply
from assistant.models.prompt_format import NO_TOPICS
from assistant.models.style import OPEN, Style, Styles
from assistant.models.tone import Tones
from assistant.models.topics import Topics
from assistant.services.learned import LearnedFile
from assistant.types import Redrafting

FURTHER = 5  # drafts after the first at most; docs/results.md has what they add
TOLERATED = 0.8  # what a draft may leave out, as a sum of shares: one word that is not always taken up
TEMPERATURE = 0.5  # of the further drafts, where the visitor's own is lower; at 0.7 they said odd things


def _topics(raw: Mapping[str, Any]) -> Topics:
    return Topics(**{**raw, "tones": Tones(**raw["tones"])})


_LEARNED = LearnedFile("topics.json", _topics)
TOPICS_FILE = _LEARNED.name
keep_topics = _LEARNED.keep
topics_of = _LEARNED.of  # what replies of a version are to take up; None where nothing was counted


def outline(topics: Topics | None, text: str) -> str:
    """What a prompt lists as the topics of a text."""
    return topics.outline(text) if topics else NO_TOPICS


@dataclass(frozen=True, slots=True)
class Held:
    """What drafts are held against besides text and topics.

    `supported` is what the house lets be said to a client; `style` what the visitor asked for, of what was learned.
    """

    supported: str = ""
    styles: Styles | None = None
    style: Style = OPEN

    def misses(self, reply: str) -> int:
        """How many marks of the style a reply shows the opposite of."""
        return self.styles.misses(self.style, reply) if self.styles else 0


NOTHING_ELSE = Held()


def best(first: str, text: str, topics: Topics, further: Iterable[str], held: Held = NOTHING_ELSE) -> str:
    """The first draft, or a later one that fits the text better; takes no more drafts than needed."""
    chosen = first
    drafts = iter(further)
    while faults(chosen, text, topics, held):
        draft = next(drafts, None)
        if draft is None:
            break
        if _worth(draft, text, topics, held) > _worth(chosen, text, topics, held):
            chosen = draft
    return chosen


def faults(draft: str, text: str, topics: Topics, held: Held = NOTHING_ELSE) -> Redrafting | None:
    """Why another draft is worth its time; None where this one, as a visitor would see it, will do."""
    kept, _ = keep_honest(draft, text, held.supported, names=True)
    off_tone, off_style = topics.tones.misplaced(kept, text) > 0, held.misses(kept) > 0
    if off_tone or off_style or topics.gap(kept, text) > TOLERATED:
        return Redrafting(topics.missing(kept, text), off_tone, off_style)
    return None


def careful(text: str, topics: Topics | None) -> str | None:
    """The reply to a text that must be answered with care; None where drafts are to be written."""
    if topics is None or not topics.tones.needs_care(text):
        return None
    return careful_reply(text, topics.phrases(text))


def _worth(draft: str, text: str, topics: Topics, held: Held) -> tuple[int, float]:
    """No promises, inventions and tones or styles out of place first, then the fit."""
    kept, removed = keep_honest(draft, text, held.supported, names=True)
    return -removed - topics.tones.misplaced(kept, text) - held.misses(kept), topics.fit(kept, text)
