"""Which passages speak of the same thing at different dates, and which of them was in force when.

The same provision of the same norm; the same heading, dates aside; or nearly the same wording with other numbers
or names. Refuses to know questions and prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from assistant.retrieval import lexical
from assistant.retrieval.freshness import MONTHS
from assistant.retrieval.law import cited_article
from assistant.retrieval.lexical import fold
from assistant.retrieval.question_dates import Moment
from assistant.stores.passages import PassageStore
from assistant.stores.rows import StoredChunk

SAME_WORDING = 0.7
"""Jaccard of the words of two passages, numbers and months aside, from which they say the same of something; the newer
one then stands for the older one in a list. Between different documents of the shipped corpora it is never above 0.29;
half of 210 reworded provisions of the Constitution are above 0.7."""

SAME_HEADING = 0.15  # the same where the headings are equal, dates aside: the newer one then comes first
MOST = 2_000  # chunks of one article that are looked at: 90 versions of a long one
_DOCUMENTS = 20  # documents of one title that are looked at
_WORD = re.compile(r"[a-z]{3,}")
_NAME = re.compile(r"(?<![.!?:] )(?<!^)(?<!\n)\b[A-ZÀ-ÖØ-Þ][\wà-ÿ]+")
_DATE = re.compile(
    rf"(?:\b\d{{1,2}}(?:o|/)?\s*(?:de\s+)?)?(?:\b(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\s*(?:de\s+)?"
    r"|\b\d{1,2}/)?\b(?:1[5-9]|20)\d\d\b(?:[-/ ]\d\d){0,2}"
)


def matter_of(title: str, heading: str) -> str:
    """What chunks of one matter have in common: the article of a norm, or title and headings without their dates."""
    article = cited_article(heading)
    if article:
        return fold(article)
    path = dict.fromkeys(_undated(part) for part in (title, *heading.split(" > ")))
    return " > ".join(part for part in path if part)


class Shelf:
    """Which documents of a store may hold versions of one another; lives as long as its retriever."""

    def __init__(self, store: PassageStore) -> None:
        self._store = store
        self._titles: tuple[str, dict[tuple[str, str], list[str]]] = ("", {})

    def article(self, article: str, corpora: Sequence[str] | None) -> list[StoredChunk]:
        """The chunks of an article ("CDC, art. 49"), of the newest documents first."""
        rows = self._store.under(lexical.terms(article), corpora, MOST)
        return [c for c in rows if cited_article(c.heading).casefold() == article.casefold()]

    def same_matter(self, chunk: StoredChunk) -> list[StoredChunk]:
        """Chunks of the same article, or under the same title and headings, dates aside; itself among them."""
        article = cited_article(chunk.heading)
        if article:
            return self.article(article, [chunk.corpus])
        names = self._named_alike(chunk)
        if not names:
            return []
        matter = matter_of(chunk.title, chunk.heading)
        rows = (c for name in names for c in self._store.chunks_of(chunk.corpus, name))
        return [c for c in rows if matter_of(c.title, c.heading) == matter]

    def _named_alike(self, chunk: StoredChunk) -> list[str]:
        """Other dated documents with the same title, dates aside, newest first."""
        revision = self._store.revision()
        if self._titles[0] != revision:
            titles: dict[tuple[str, str], list[str]] = {}
            for document in sorted(self._store.documents(), key=lambda d: d.as_of or "", reverse=True):
                if document.as_of:
                    titles.setdefault((document.corpus, _undated(document.title)), []).append(document.name)
            self._titles = (revision, titles)
        alike = self._titles[1].get((chunk.corpus, _undated(chunk.title)), [])
        return [name for name in alike if name != chunk.document][:_DOCUMENTS]


class Versions:
    """The versions of passages, looked up for one search; it remembers what it has looked up."""

    def __init__(self, shelf: Shelf, found: Sequence[StoredChunk] = ()) -> None:
        self._shelf = shelf
        self._found = found
        self._matters: dict[tuple[str, str], list[StoredChunk]] = {}

    def of(self, chunk: StoredChunk, question: str = "") -> list[StoredChunk]:
        """Dated chunks of other documents that may be versions of this one, newest first.

        Under one heading, a text that lacks what the question and this one speak of is about something else.
        """
        if not chunk.as_of:
            return []
        same = self._same_matter(chunk)
        others = [c for c in same if c.as_of and c.document != chunk.document]
        if not cited_article(chunk.heading):
            seen, asked = {c.chunk_id for c in same}, _stems(question) & _stems(chunk.text)
            others = [c for c in others if likeness(chunk.text, c.text) >= SAME_HEADING and asked <= _stems(c.text)]
            others += [c for c in self._found if c.chunk_id not in seen and c.as_of and is_reworded(chunk, c, question)]
        return sorted(others, key=lambda c: c.as_of or "", reverse=True)

    def in_force(self, chunk: StoredChunk, moment: Moment | None, question: str) -> StoredChunk:
        """The version of a chunk that was in force then, now for None; itself where no other one was.

        Of several pieces of that version the one most like the chunk that holds most of the question's words.
        """
        pool = [chunk, *self.of(chunk, question)]
        if moment is None:
            date = max(c.as_of or "" for c in pool)
        elif not moment.until:
            date = min(c.as_of or "" for c in pool)
        else:
            date = max((c.as_of or "" for c in pool if moment.covers(c.as_of)), default=chunk.as_of or "")
        if date == (chunk.as_of or ""):
            return chunk
        there = (c for c in pool if c.as_of == date)
        return max(there, key=lambda c: likeness(chunk.text, c.text) + held(question, c.text))

    def earlier(self, chunk: StoredChunk) -> list[StoredChunk]:
        """What older documents say of the same matter, newest first; a norm's article in all of its pieces."""
        return [other for other in self.of(chunk) if (other.as_of or "") < (chunk.as_of or "")]

    def _same_matter(self, chunk: StoredChunk) -> list[StoredChunk]:
        matter = matter_of(chunk.title, chunk.heading)
        key = (chunk.corpus, matter if cited_article(chunk.heading) else f"{chunk.document}\0{matter}")
        if key not in self._matters:
            self._matters[key] = self._shelf.same_matter(chunk)
        return self._matters[key]


def of_the_time(chunks: Sequence[StoredChunk], moment: Moment | None) -> list[StoredChunk]:
    """Of versions of one matter those in force then, in each corpus; all of it where no date is known."""
    kept: list[StoredChunk] = []
    for corpus in dict.fromkeys(c.corpus for c in chunks):
        there = [c for c in chunks if c.corpus == corpus]
        dates = sorted({c.as_of or "" for c in there})
        if moment and moment.until:
            dates = [d for d in dates if moment.covers(d)] or dates[:1]
        date = dates[0] if moment and not moment.until else dates[-1]
        kept += [c for c in there if (c.as_of or "") == date]
    return kept


def is_later(chunk: StoredChunk, moment: Moment) -> bool:
    """Whether a provision comes from a text of after the time asked about."""
    return bool(moment.until and chunk.as_of and cited_article(chunk.heading)) and not moment.covers(chunk.as_of)


def stands_for(newer: StoredChunk, older: StoredChunk, question: str) -> bool:
    """Whether a list needs only the one of two versions: a provision, or wording that differs in little."""
    return bool(cited_article(newer.heading)) or is_reworded(newer, older, question)


def is_reworded(one: StoredChunk, other: StoredChunk, question: str) -> bool:
    """Whether chunks of two documents of a corpus say nearly the same, with other numbers or names.

    Where a question holds one of the names that differ, they speak of different things; without a question
    any other name says so.
    """
    if one.corpus != other.corpus or one.document == other.document:
        return False
    if likeness(one.text, other.text) < SAME_WORDING:
        return False
    differing = _names(one.text) ^ _names(other.text)
    return not (differing & _stems(question) if question else differing)


@lru_cache(maxsize=4096)
def _names(text: str) -> frozenset[str]:
    """Stems of the words with a capital inside a sentence."""
    return frozenset(lexical.terms(" ".join(_NAME.findall(text))))


@lru_cache(maxsize=4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stem for stem in lexical.terms(_undated(text)) if not stem.isdigit())


def held(question: str, text: str) -> float:
    """The share (0 to 1) of a question's words that a text holds."""
    asked = words_of(question)
    return len(asked & words_of(text)) / len(asked) if asked else 0.0


def likeness(one: str, other: str) -> float:
    """Jaccard (0 to 1) of the words of two texts without numbers and months."""
    if one == other:
        return 1.0
    a, b = words_of(one), words_of(other)
    return len(a & b) / len(a | b) if a or b else 1.0


@lru_cache(maxsize=8192)
def words_of(text: str) -> frozenset[str]:
    """The folded words of three letters and more, without months."""
    return frozenset(_WORD.findall(fold(text))) - MONTHS.keys()


def _undated(part: str) -> str:
    return " ".join(re.findall(r"\d+|\w{3,}", _DATE.sub(" ", fold(part))))
