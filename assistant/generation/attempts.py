"""Which passages the model is shown, and when an answer is tried again with others.

A small base answers better from few passages, and takes an older fact when it stands there in fuller
words. So the closest passages are shown first, all of them when those do not answer, and a quote
from an older document gives way to newer ones about the same thing. Decided while nothing is shown
yet. Refuses to know engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from assistant.generation.citations import quoted_source
from assistant.models.prompt_format import ABSTENTION
from assistant.types import Source

CLOSE = 0.03
"""Chance of being the right passage, as a share of the best one's, from which one is shown at the first attempt. Of 102
questions on the shipped corpora 99 have the right one among three, 97 of them above it; 1.4 are shown on average."""

SAME_MATTER = 0.01
"""The same share of the quoted passage's chance from which a newer passage counts as about the same thing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Passages to show; `settled` says that no newer ones are to be tried instead."""

    sources: tuple[Source, ...]
    settled: bool = False


class Verdict(Enum):
    """What the beginning of an output means."""

    OPEN = "open"  # too early to say; nothing may be shown
    GOOD = "good"  # show it
    SILENT = "silent"  # the passages shown do not answer, or the quote is in none of them
    SUPERSEDED = "superseded"  # newer passages speak of the same thing


def attempts(sources: Sequence[Source]) -> list[Attempt]:
    """The closest passages, then all of them; one attempt where that is the same."""
    best = max((source.passage.fused for source in sources), default=0.0)
    close = tuple(source for source in sources if source.passage.fused >= CLOSE * best)
    both = [Attempt(close), Attempt(tuple(sources))]
    return both if len(close) < len(sources) else both[1:]


def newest(source: Source, sources: Sequence[Source]) -> tuple[Source, ...]:
    """Of the passages of the same corpus with a later date that are about as close, those of the last date."""
    cited = source.passage
    later = tuple(
        other
        for other in sources
        if other.passage.corpus == cited.corpus
        and (other.passage.as_of or "") > (cited.as_of or "")
        and other.passage.fused >= SAME_MATTER * cited.fused
    )
    last = max((other.passage.as_of or "" for other in later), default="")
    return tuple(other for other in later if other.passage.as_of == last)


def judge(output: str, attempt: Attempt, sources: Sequence[Source]) -> Verdict:
    """The verdict on what was generated so far. `sources` are all that were found."""
    text = output.lstrip()
    if not text or ABSTENTION.startswith(text.rstrip()):
        return Verdict.SILENT if text.rstrip() == ABSTENTION else Verdict.OPEN
    if text.startswith(ABSTENTION):
        return Verdict.SILENT
    if not text.startswith("«"):
        return Verdict.GOOD
    quote, closed, _ = text[1:].partition("»")
    if not closed:
        return Verdict.OPEN
    source = quoted_source(quote, attempt.sources)
    if source is None:
        return Verdict.SILENT
    if not attempt.settled and newest(source, sources):
        return Verdict.SUPERSEDED
    return Verdict.GOOD


def after(
    verdict: Verdict, output: str, attempt: Attempt, sources: Sequence[Source], rest: Sequence[Attempt]
) -> list[Attempt]:
    """The attempts that are left after one that was given up.

    Superseded: the newer passages, and this attempt again, for good, in case they do not answer.
    """
    if verdict is not Verdict.SUPERSEDED:
        return list(rest)
    quote = output.partition("«")[2].partition("»")[0]
    source = quoted_source(quote, attempt.sources)
    assert source is not None
    return [Attempt(newest(source, sources), settled=True), Attempt(attempt.sources, settled=True)]
