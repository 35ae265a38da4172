"""Several drafts of one reply, and which of them is kept.

Greedily, a small base leaves out what a sampled draft takes up. So where a draft misses words that replies to
such a text take up, others are written and the one that fits best is kept. What fits is counted on the training
pairs and lies in the version's folder; a version without these counts has one draft. Refuses to know engines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from assistant.errors import AdapterBroken
from assistant.generation.verification import keep_honest
from assistant.models.prompt_format import NO_TOPICS
from assistant.models.tone import Tones
from assistant.models.topics import Topics
from assistant.services.residence import stamp
from assistant.stores.manifests import Version, write_atomically
from assistant.types import Redrafting

FURTHER = 5  # drafts after the first at most; docs/results.md has what they add
TOLERATED = 0.8  # what a draft may leave out, as a sum of shares: one word that is not always taken up
TEMPERATURE = 0.5  # of the further drafts, where the visitor's own is lower; at 0.7 they said odd things

TOPICS_FILE = "topics.json"


def keep_topics(topics: Topics, folder: Path) -> None:
    """Write the counts into a version's folder; raises `OSError`."""
    write_atomically(folder / TOPICS_FILE, json.dumps(asdict(topics), ensure_ascii=False) + "\n")


def topics_of(version: Version) -> Topics | None:
    """What replies of this version are to take up; None where nothing was counted. Raises `AdapterBroken`."""
    file = version.path / TOPICS_FILE
    written = stamp(file)
    return _read(file, written) if any(written) else None


def outline(topics: Topics | None, text: str) -> str:
    """What a prompt lists as the topics of a text."""
    return topics.outline(text) if topics else NO_TOPICS


def best(first: str, text: str, topics: Topics, further: Iterable[str]) -> str:
    """The first draft, or a later one that fits the text better; takes no more drafts than needed."""
    chosen = first
    drafts = iter(further)
    while faults(chosen, text, topics):
        draft = next(drafts, None)
        if draft is None:
            break
        if _worth(draft, text, topics) > _worth(chosen, text, topics):
            chosen = draft
    return chosen


def faults(draft: str, text: str, topics: Topics) -> Redrafting | None:
    """Why another draft is worth its time; None where this one, as a visitor would see it, will do."""
    kept, _ = keep_honest(draft, text)
    off_tone = topics.tones.misplaced(kept, text) > 0
    return Redrafting(topics.missing(kept, text), off_tone) if off_tone or topics.gap(kept, text) > TOLERATED else None


def _worth(draft: str, text: str, topics: Topics) -> tuple[int, float]:
    """No promises, inventions and tones out of place first, then the fit."""
    kept, removed = keep_honest(draft, text)
    return -removed - topics.tones.misplaced(kept, text), topics.fit(kept, text)


@lru_cache(maxsize=16)
def _read(file: Path, written: tuple[int, int]) -> Topics:
    try:
        raw = json.loads(file.read_text("utf-8"))
        return Topics(**raw | {"tones": Tones(**raw["tones"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AdapterBroken(
            f"{file} cannot be read ({error}). Restore it or train the adapter again.",
            pt=f"{file} não pode ser lido. Restaure o arquivo ou treine o adaptador de novo.",
        ) from error
