"""What an answer says of dates, added by code: what was before, of which time it speaks, that a source is old.

Knows the sentences. Refuses to know how versions are found and how wordings are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.generation.changes import changed
from assistant.models.prompt_format import brazilian_date
from assistant.retrieval.question_dates import Moment
from assistant.services.house import Retrieval
from assistant.types import Passage, Source


@dataclass(frozen=True, slots=True)
class Dated:
    """Words for behind an answer ("" where nothing is to be said) and its sources, an older one among them."""

    words: str
    sources: tuple[Source, ...]


def dated(
    retrieval: Retrieval, sources: tuple[Source, ...], moment: Moment | None, language: str, said: str = ""
) -> Dated:
    """What is to be said of the dates of an answer's sources; those with a quote are its cited ones.

    `said` is the answer: what it has already is not said again.
    """
    cited = [source for source in sources if source.quote]
    if not cited:
        return Dated("", sources)
    if moment is not None:
        return Dated(" ".join(_then(source, moment, language) for source in cited), sources)
    sentence, sources = _changes(retrieval, cited, sources, (language, said))
    aged = [source for source in cited if source.passage.outdated]
    return Dated(" ".join(filter(None, [sentence, *(_old(source, language) for source in aged)])), sources)


def _changes(
    retrieval: Retrieval, cited: Sequence[Source], sources: tuple[Source, ...], how: tuple[str, str]
) -> tuple[str, tuple[Source, ...]]:
    """The change of the first cited source that has one; its older source is added, or marked where it is there.

    `how`: the language, and the answer that it is said behind.
    """
    others = [source.passage for source in sources]
    for source in cited:
        change = changed(source, retrieval.earlier(source.passage, others), len(sources) + 1)
        if change is None:
            continue
        there = next((s for s in sources if _same(s.passage, change.older.passage)), None)
        if there is None:
            return change.told(*how), (*sources, change.older)
        change = change.cited_as(there)
        return change.told(*how), tuple(change.older if s is there else s for s in sources)
    return "", sources


def _same(one: Passage, other: Passage) -> bool:
    return one.chunk_id == other.chunk_id


def _then(source: Source, moment: Moment, language: str) -> str:
    """Of which date the text is that answers for a past time."""
    marker, as_of = source.marker, source.passage.as_of
    english = language != "pt"
    date = as_of if english else brazilian_date(as_of)
    if not as_of:
        return f"Document [{marker}] has no date." if english else f"O documento [{marker}] não tem data."
    if moment.until and not moment.covers(as_of):
        if english:
            return f"Document [{marker}] is of {date}, later than the time asked about."
        return f"O documento [{marker}] é de {date}, posterior à época perguntada."
    return f"So said the text of {date} [{marker}]." if english else f"É o que dizia o texto de {date} [{marker}]."


def _old(source: Source, language: str) -> str:
    """That a source is older than its corpus allows."""
    as_of = source.passage.as_of
    if language != "pt":
        return f"Source [{source.marker}] is of {as_of} and may be out of date."
    return f"A fonte [{source.marker}] é de {brazilian_date(as_of)} e pode estar desatualizada."
