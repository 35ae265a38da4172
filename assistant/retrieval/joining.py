"""Found chunks and their neighbours as the passages that are shown: what belongs together is read together.

Knows when it does: where a sentence or a list goes on over the border of two chunks, and where two found ones are
pieces of one article. Never over a page, a heading or an article, so that a passage has one page and one path; never
longer than two chunks. Refuses to know scores and the index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.retrieval.law import cited_article
from assistant.retrieval.splitting import CHUNK_CHARS
from assistant.stores.rows import StoredChunk
from assistant.types import Passage

LONGEST = 2 * CHUNK_CHARS  # characters of a passage; three of them are a third of the smallest prompt's budget
REACH = 2  # chunks that are looked at on each side
# Other neighbours are not: at equal length, found ones under one heading or the rest of an article's list push out
# more answers than they complete (docs/results.md, measured by docs/measure_joining.py).

_ENDS = (".", "!", "?", "…")
_GOES_ON = (",", ";", ":")
_CLOSING = "\"'”’»)]*_ \t\n"
_OPENING = "\"'“‘«([*_ \t\n"
_ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)]|[a-z]\)|[IVXLC]+\s*[-–)])\s")

Near = Callable[[StoredChunk], Sequence[StoredChunk]]
Belong = Callable[[StoredChunk, StoredChunk, set[str]], bool]


@dataclass(frozen=True, slots=True)
class Joined:
    """A found chunk, and the chunks of its passage in reading order, itself among them."""

    found: StoredChunk
    chunks: tuple[StoredChunk, ...]

    @property
    def text(self) -> str:
        """The document's own words; only the white space between two chunks is ours."""
        text = self.chunks[0].text
        for chunk in self.chunks[1:]:
            text = f"{text}{_between(text, chunk.text)}{chunk.text}"
        return text

    def shown(self, passage: Passage) -> Passage:
        """The passage of the found chunk, with all of its text and what is cited for it."""
        if len(self.chunks) == 1:
            return passage
        ids = tuple(chunk.chunk_id for chunk in self.chunks)
        return replace(passage, text=self.text, heading=self.heading, joined=ids)

    @property
    def heading(self) -> str:
        """The path of all: of an article's pieces, what each of them holds ("CDC, art. 6º, I a IV; V a X")."""
        headings = list(dict.fromkeys(chunk.heading for chunk in self.chunks))
        if len(headings) == 1:
            return headings[0]
        above, _, first = headings[0].rpartition(" > ")
        article = cited_article(first)
        labels = [heading.rpartition(" > ")[2][len(article) :].strip(" ,") for heading in headings]
        cited = f"{article}, {'; '.join(filter(None, labels))}".strip(" ,")
        return f"{above} > {cited}" if above else cited


def belong(one: StoredChunk, other: StoredChunk, found: set[str]) -> bool:
    """Whether two neighbours of one document are read together; `found` are the ids of the chunks that were found."""
    if one.page != other.page:
        return False
    if one.heading == other.heading and goes_on(one.text, other.text):
        return True
    article = cited_article(one.heading)
    both = one.chunk_id in found and other.chunk_id in found
    return both and bool(article) and article == cited_article(other.heading)


def join(found: Sequence[StoredChunk], near: Near, belong: Belong = belong) -> list[Joined]:
    """Passages of found chunks, in their order; a chunk that stands in a passage already makes none of its own.

    `near` gives the chunks around one, itself among them, in reading order.
    """
    ids = {chunk.chunk_id for chunk in found}
    shown: set[str] = set()
    passages: list[Joined] = []
    for chunk in found:
        if chunk.chunk_id in shown:
            continue
        around = {c.position: c for c in near(chunk) if c.chunk_id not in shown}
        group = [chunk]
        while (other := around.get(group[-1].position + 1)) and belong(group[-1], other, ids) and _fits(group, other):
            group.append(other)
        while (other := around.get(group[0].position - 1)) and belong(other, group[0], ids) and _fits(group, other):
            group.insert(0, other)
        shown |= {c.chunk_id for c in group}
        passages.append(Joined(chunk, tuple(group)))
    return passages


def goes_on(one: str, other: str) -> bool:
    """Whether a sentence or a list of `one` goes on in `other`, the text behind it."""
    end = one.rstrip(_CLOSING)
    if end.endswith(_ENDS):
        return False
    if _ITEM.match(other):
        return end.endswith(_GOES_ON) or bool(_ITEM.match(one.splitlines()[-1]))
    return end.endswith(",") or other.lstrip(_OPENING)[:1].islower()


def _fits(group: Sequence[StoredChunk], other: StoredChunk) -> bool:
    return sum(len(chunk.text) + 1 for chunk in group) + len(other.text) <= LONGEST


def _between(one: str, other: str) -> str:
    """A blank inside a sentence, a line's end between items and provisions."""
    end = one.rstrip(_CLOSING)
    return "\n" if end.endswith((*_ENDS, ";", ":")) or _ITEM.match(other) else " "
