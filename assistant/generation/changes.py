"""What an older document said of what an answer quotes: "até ... era ..., desde ... ...".

Found by code in the passages' own words; the model has no part in it. Knows when two sentences speak of the same
and differ in what they say. Refuses to know how versions are found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from assistant.generation.citations import fold
from assistant.models.prompt_format import brazilian_date
from assistant.types import Passage, Source

SAME_MATTER = 0.35
"""Jaccard of the words of two sentences, numbers aside, from which they speak of the same; chosen by hand on the notes
about moons (0.4 to 0.55 between the contradicting ones, below 0.2 between others) and on reworded provisions."""

SAME_LABEL = 0.15  # the same for provisions of one article under one label, which may be written anew
LONGEST = 240  # characters of a quote; a longer sentence is cut around what differs
_BEFORE = 8  # words kept before the first one that differs
_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_SHORTENED = re.compile(r"\b(?:[Aa]rts?|n|inc)\.$")
_BEGINNING = re.compile(
    r"(?:^|\n|(?<=[.;:)])\s)[\s*_]*"
    r"(?P<label>Art\. ?\d|§ ?\d|Parágrafo único|[IVXLC]+(?:-[A-Z])? ?[-–] |[a-z]\) )"
)
_PROVISION = re.compile(r", art\. \d")
# what stands around the words of a provision and changes without them: its label, the note on its last change
_LABEL = re.compile(
    r"^\W*(?:art\. [\d.]+o?(?:-[a-z])?|§ ?\d+o?(?:-[a-z])?|paragrafo unico|[ivxlc]+(?:-[a-z])? [-–]|[a-z]\))\W*"
)
_NOTE = re.compile(r"\([^()]*\b(?:redacao|inclu[ií]d|acrescid|alterad|revogad|renumerad|vide|emenda|lei)\b[^()]*\)")
_MONTH_TEXT = "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro data"
_MONTHS = frozenset(_MONTH_TEXT.split())
_NEGATION = frozenset(("nao", "nunca", "vedado", "proibido", "nenhum", "nenhuma", "sem"))
_Split = Callable[[str], tuple[tuple[int, int], ...]]


@dataclass(frozen=True, slots=True)
class Change:
    """Two wordings of one thing: the newer source as it is cited, the older one with its quote and marker.

    `until` and `since` are ISO dates; for a provision they are the date of the first text with the newer wording.
    """

    newer: Source
    older: Source
    wording: str
    until: str
    since: str

    def cited_as(self, source: Source) -> Change:
        """The same with the older passage under the marker that it has already."""
        return replace(self, older=replace(self.older, marker=source.marker))

    def told(self, language: str = "pt", said: str = "") -> str:
        """The sentence, both wordings word for word; of the newer one the date alone where `said` has it already."""
        old, new = (" ".join(text.split()).strip(" ;.") for text in (self.older.quote or "", self.wording))
        was, now = self.older.marker, self.newer.marker
        again = fold(new)[0] in fold(said)[0]
        if language == "pt":
            until, since = brazilian_date(self.until), brazilian_date(self.since)
            is_now = " é o que se lê acima" if again else f", «{new}»"
            return f"Até {until} era «{old}» [{was}]; desde {since}{is_now} [{now}]."
        is_now = " it is as above" if again else f", «{new}»"
        return f"Until {self.until} it was «{old}» [{was}]; since {self.since}{is_now} [{now}]."


def changed(source: Source, earlier: Sequence[Passage], marker: int) -> Change | None:
    """How what `source` quotes was worded before; `earlier` are older versions of its passage, newest first.

    None where it is the same in all of them, or where none speaks of it. `marker` is for the older source.
    """
    start, end, as_of = source.start, source.end, source.passage.as_of
    if start is None or end is None or not as_of:
        return None
    split = _provisions if _PROVISION.search(source.passage.heading) else _sentences
    older = [passage for passage in earlier if passage.as_of and passage.as_of < as_of]
    for a, b in split(source.passage.text):
        if b > start and a < end:
            change = _changed(replace(source, start=a, end=b), older, marker, split)
            if change is not None:
                return replace(change, newer=source)
    return None


def _changed(source: Source, older: Sequence[Passage], marker: int, split: _Split) -> Change | None:
    """The same for one sentence or provision, which `source` holds whole."""
    said = source.passage.text[source.start : source.end]
    since = source.passage.as_of or ""
    for as_of, there in groupby(older, key=lambda p: p.as_of or ""):
        pieces = [(passage, *place) for passage in there for place in split(passage.text)]
        if any(_words(passage.text[a:b]) == _words(said) for passage, a, b in pieces):
            since = as_of
            continue
        found = _counterpart(said, pieces)
        if found is None:
            continue
        passage, a, b = found
        was = passage.text[a:b]
        if split is _sentences and _facts(was) == _facts(said):
            continue
        c, d = _window(was, said)
        cited = Source(marker, passage, was[c:d], a + c, a + d)
        c, d = _window(said, was)
        return Change(source, cited, said[c:d], since if split is _provisions else as_of, since)
    return None


def _counterpart(said: str, pieces: Sequence[tuple[Passage, int, int]]) -> tuple[Passage, int, int] | None:
    """The piece that speaks of the same, the one with the same label ("§ 4º") before others."""
    label = _label(said)
    weighed = [
        (_likeness(said, p.text[a:b]), bool(label) and _label(p.text[a:b]) == label, (p, a, b)) for p, a, b in pieces
    ]
    fitting = [w for w in weighed if w[0] >= (SAME_LABEL if w[1] else SAME_MATTER)]
    best = max(fitting, key=lambda w: w[0] + (SAME_MATTER - SAME_LABEL) * w[1], default=None)
    return best[2] if best else None


@lru_cache(maxsize=1024)
def _sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Where the sentences of a text begin and end; "Art. 5º" ends none."""
    ends = [m for m in _END.finditer(text) if not _SHORTENED.search(text[: m.start()][-6:])]
    return _between(text, [0, *(m.end() for m in ends)], [*(m.start() for m in ends), len(text)])


@lru_cache(maxsize=1024)
def _provisions(text: str) -> tuple[tuple[int, int], ...]:
    """Where the provisions of a text begin and end: each has its label."""
    starts = sorted({0, *(m.start("label") for m in _BEGINNING.finditer(text))})
    return _between(text, starts, [*starts[1:], len(text)])


def _between(text: str, starts: Sequence[int], ends: Sequence[int]) -> tuple[tuple[int, int], ...]:
    trimmed = ((a, a + len(text[a:b].rstrip())) for a, b in zip(starts, ends, strict=True))
    return tuple((a, b) for a, b in trimmed if len(text[a:b].split()) > 2)


def _label(text: str) -> str:
    """The label of a provision, folded ("§ 4o"); empty where a text has none."""
    match = _LABEL.match(fold(text)[0].strip(" *_#>"))
    return match[0].strip(" .*_–-") if match else ""


def _bare(text: str) -> str:
    folded = fold(text)[0].strip(" *_#>")
    return _LABEL.sub("", _NOTE.sub(" ", folded))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", _bare(text)))


def _facts(text: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """What makes two notes say different things: numbers but dates, names and negations."""
    dateless = re.sub(r"\b(?:1[5-9]|20)\d\d\b|\b\d{1,2}/\d{1,2}/", " ", text)
    numbers = frozenset(re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"\b\d{1,2}(?= de [a-zç]+ de )", " ", dateless)))
    names = {word.lower() for word in re.findall(r"(?<!^)(?<![.!?] )\b[A-ZÀ-Þ][\wà-ÿ]+", text.strip())}
    return numbers, frozenset(names), frozenset(_words(text)) & _NEGATION


def _likeness(one: str, other: str) -> float:
    a, b = ({w for w in _words(t) if len(w) > 3 and not w.isdigit()} - _MONTHS for t in (one, other))
    return len(a & b) / len(a | b) if a | b else 0.0


def _window(text: str, other: str) -> tuple[int, int]:
    """The part of a wording to quote: all of it, or as much as fits around the first word that differs."""
    if len(text) <= LONGEST:
        return 0, len(text)
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    theirs = other.split()
    first = next((i for i, (a, b) in enumerate(words) if i >= len(theirs) or fold(text[a:b]) != fold(theirs[i])), 0)
    start = words[max(first - _BEFORE, 0)][0]
    end = max(b for _, b in words if b <= start + LONGEST or b == words[max(first - _BEFORE, 0)][1])
    return start, end
