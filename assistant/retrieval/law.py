"""Law texts: which texts are one, and their articles, paragraphs and items with the path of each.

Knows how Brazilian norms are laid out (article, paragraph, inciso, alínea; LC 95/1998, art. 10) and how they are
cited. Every piece is a slice of the text as it stands. Refuses to know files, chunks of other texts and the index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from assistant.retrieval.law_names import TRANSITORY, article_label, law_name
from assistant.retrieval.lexical import fold

FEWEST_ARTICLES = 2
LEAST_SHARE = 0.12  # of the lines that begin a provision: a norm in a PDF has about one in four, prose next to none

_NUMBER = r"\d{1,2}\.\d{3}|\d{1,4}"
# capital "Art." at the beginning of a line, and no small letter or comma behind its number: "Art. 5º da Constituição"
# at the beginning of a line is a reference
_ARTICLE = re.compile(
    rf"^[ \t>#*_-]*\bA(?:rt|RT)(?:igo|IGO)?\.?[ \t]*(?P<number>{_NUMBER})(?:[ \t]?[ºª°]|[ \t]?o\b)?+"
    r"(?P<suffix>-[A-Z]{1,2})?+\b[ \t]*+[.:]?+[ \t]*+[-–—]?+[ \t*_]*+(?![a-zà-öø-ÿ,;)\d])",
    re.MULTILINE,
)
_FOLLOWS = r"[ \t]*[.:]?[ \t]*[-–—]?[*_\s]*(?=[A-ZÀ-ÖØ-Þ(“\"'])"
_MARK = re.compile(
    # at the beginning of a line, or behind the end of the provision before
    r"(?:^(?P<line>[ \t>*_-]*)|(?:(?<=[.;:!?)”\"»])|(?<=[;,]\se)|(?<=[;,]\sou))\s+)"
    rf"(?:(?P<sole>(?:Parágrafo|PARÁGRAFO)[ \t]+(?:único|ÚNICO)|§[ \t]*único){_FOLLOWS}"
    rf"|§[ \t]*(?P<paragraph>\d+)(?:[ \t]?[ºª°]|[ \t]?o\b)?(?P<psuffix>-[A-Z]{{1,2}})?\b{_FOLLOWS}"
    r"|(?P<roman>[IVXLC]+)(?P<rsuffix>-[A-Z]{1,2})?[ \t]*[-–—](?=\s)"
    r"|(?P<letter>[a-z])\)(?=\s))",
    re.MULTILINE,
)
_DIVISION = re.compile(
    r"^[ \t*_]*(?P<words>(?i:livro|t[íi]tulo|cap[íi]tulo|se[çc][ãa]o|subse[çc][ãa]o|parte|anexo)[ \t]+"
    r"(?:[IVXLC]+(?:-[A-Z])?|\d+|(?i:[úu]nic[oa]|geral|especial))\b(?:[ \t*_]*+(?:[-–—:A-ZÀ-ÖØ-Þ(][^\n]{0,140})?)"
    r"|ANEXO[ \t*_]*|(?i:ato das disposi[çc][õo]es constitucionais transit[óo]rias)[ \t*_]*)$",
    re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,6}[ \t]+(?P<words>[^\n]+?)[ \t#]*$", re.MULTILINE)
# "CAPÍTULO II" alone: its name stands on the next line
_BARE = re.compile(r"(?:livro|titulo|capitulo|secao|subsecao|parte|anexo)(?:\s+[\w-]+)?")
_LONGEST_NAME = 120  # characters of a division in a path
_NEXT_LINE = re.compile(r"\s*?\n\s*(?P<line>^[ \t*_#]*(?P<words>[^\n]{3,150}))$", re.MULTILINE)
_GAP = 3  # incisos that may be missing between two inside one line
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of the text and its path, "CDC, art. 49, parágrafo único" behind the division it stands in."""

    text: str
    heading: str


@dataclass(frozen=True, slots=True)
class _Provision:
    """A caput (empty path), paragraph, inciso or alínea: `start` and `end` are offsets in the text."""

    path: tuple[str, ...]
    level: int  # 0 caput, 1 paragraph, 2 inciso, 3 alínea
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Event:
    """What begins on a line: an article (`number` "49") or a division of the text (its `name`)."""

    start: int
    body: int
    article: str = ""
    name: str = ""


def is_law(text: str) -> bool:
    """Whether a text is a norm: articles in ascending order, and provisions begin a good share of its lines."""
    numbers = [_value(match["number"]) for match in _ARTICLE.finditer(text)]
    if len(numbers) < FEWEST_ARTICLES:
        return False
    rising = sum(later >= earlier for earlier, later in pairwise(numbers))
    lines = sum(1 for line in text.splitlines() if line.strip())
    marked = sum(1 for match in _MARK.finditer(text) if not _in_line(match))
    return rising >= 0.8 * (len(numbers) - 1) and len(numbers) + marked >= LEAST_SHARE * lines


@dataclass
class LawReader:
    """Reads the pages of one norm in their order; an article may go on over a page's end.

    `limit` is the longest piece in characters; a provision that is longer by itself is left whole.
    """

    title: str
    limit: int
    law: str = ""
    _division: str = ""
    _article: str = ""
    _path: tuple[str, ...] = field(default=())

    def read(self, text: str) -> list[Piece]:
        """The pieces of a page: none crosses the border of an article, none is only a heading."""
        self.law = self.law or law_name(self.title, text)
        events = _events(text)
        pieces = list(self._body(text, 0, events[0].start if events else len(text), fresh=False))
        for event, end in zip(events, [*(e.start for e in events[1:]), len(text)], strict=True):
            if event.article:
                self._article, self._path = event.article, ()
                pieces += self._body(text, event.start, end, fresh=True)
                continue
            self._article, self._path = "", ()
            if TRANSITORY in fold(event.name):
                self.law = "ADCT"
            self._division = "" if event.name == self.title else event.name
            pieces += self._body(text, event.body, end, fresh=False)
        return pieces

    def _body(self, text: str, start: int, end: int, *, fresh: bool) -> Iterator[Piece]:
        if not any(c.isalnum() for c in text[start:end]):
            return
        if not self._article:
            yield Piece(text[start:end].strip(), self._division)
            return
        provisions = list(_provisions(text, start, end, self._path))
        self._path = provisions[-1].path
        whole = fresh and provisions[0].level == 0
        for group in self._groups(provisions):
            first, last = group[0].start, group[-1].end
            label = _label(group, everything=whole and len(group) == len(provisions))
            cited = ", ".join(part for part in (self.law, f"art. {self._article}", label) if part)
            heading = " > ".join(part for part in (self._division, cited) if part)
            yield Piece(text[first:last].strip().lstrip("#> \t").strip(), heading)

    def _groups(self, provisions: Sequence[_Provision]) -> Iterator[list[_Provision]]:
        """Neighbours that fit together, cut at paragraphs, then at incisos, then at alíneas."""
        if provisions[-1].end - provisions[0].start <= self.limit or len(provisions) == 1:
            yield list(provisions)
            return
        level = min(p.level for p in provisions[1:])
        units: list[list[_Provision]] = [[provisions[0]]]
        for provision in provisions[1:]:
            if provision.level == level:
                units.append([provision])
            else:
                units[-1].append(provision)
        held: list[_Provision] = []
        for unit in units:
            if held and unit[-1].end - held[0].start > self.limit:
                yield from self._groups(held) if held[-1].end - held[0].start > self.limit else [held]
                held = []
            held = [*held, *unit]
        yield from self._groups(held) if len(held) < len(provisions) else [held]


def cited_article(heading: str) -> str:
    """The law and article of a piece's path, without what is below: "CDC, art. 49"; "" where there is none."""
    match = _CITED.match(heading.rpartition(" > ")[2])
    return match[0] if match else ""


def paths_in(heading: str, text: str) -> set[tuple[str, ...]]:
    """The provisions that a piece holds: () for the caput, ("§ 2º", "VI"); `heading` says below what it stands."""
    label = heading.rpartition(" > ")[2][len(cited_article(heading)) :].strip(" ,")
    above = tuple(part for part in label.split(", ")[:-1] if part != "caput")
    found = {provision.path for provision in _provisions(text, 0, len(text), above)}
    return found if not label or label.startswith("caput") else found - {()}


_CITED = re.compile(r".+?, art\. [\d.]+º?(?:-[A-Z]+)?")


def _events(text: str) -> list[_Event]:
    articles = [
        _Event(m.start(), m.end(), article_label(m["number"], m["suffix"] or "")) for m in _ARTICLE.finditer(text)
    ]
    taken = {event.start for event in articles}
    divisions: list[_Event] = []
    for pattern in (_HEADING, _DIVISION):
        for match in pattern.finditer(text):
            if match.start() not in taken and match.start() not in {e.start for e in divisions}:
                divisions.append(_division(text, match))
    found: list[_Event] = []
    for event in sorted([*articles, *divisions], key=lambda e: e.start):
        if not found or event.start >= found[-1].body or event.article:
            found.append(event)
    return found


def _division(text: str, match: re.Match[str]) -> _Event:
    name, body = match["words"].strip(" \t*_"), match.end()
    following = _NEXT_LINE.match(text, body)
    bare = following is not None and _BARE.fullmatch(fold(name)) and not _ARTICLE.match(text, following.start("line"))
    if following and bare and not following["words"].rstrip().endswith((".", ";")):
        name, body = f"{name} {following['words'].strip(' *_')}", following.end()
    return _Event(match.start(), body, name=" ".join(name.split())[:_LONGEST_NAME])


def _provisions(text: str, start: int, end: int, path: tuple[str, ...]) -> Iterator[_Provision]:
    """The provisions of one article; `path` is where the text before the first mark belongs."""
    begun, current = start, _Count.of(path)
    for match in _MARK.finditer(text, start, end):
        following = current.after(match)
        if following is None:
            continue
        at = match.end() - len(match[0].lstrip(" \t\n\r>-"))
        if text[begun:at].strip():
            yield _Provision(current.path, current.level, begun, at)
        begun, current = at, following
    yield _Provision(current.path, current.level, begun, end)


def _in_line(match: re.Match[str]) -> bool:
    """Whether a mark stands inside a line, behind the provision before it."""
    return match["line"] is None and "\n" not in match[0][: len(match[0]) - len(match[0].lstrip())]


@dataclass(frozen=True, slots=True)
class _Count:
    """Where the reading of an article stands; a mark inside a line counts only where it goes on from there."""

    paragraph: str = ""
    inciso: str = ""
    letter: str = ""

    @classmethod
    def of(cls, path: tuple[str, ...]) -> _Count:
        parts = list(path)
        paragraph = parts.pop(0) if parts and parts[0].startswith(("§", "par")) else ""
        inciso = parts.pop(0) if parts and parts[0].isupper() else ""
        return cls(paragraph, inciso, parts[0] if parts else "")

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(part for part in (self.paragraph, self.inciso, self.letter) if part)

    @property
    def level(self) -> int:
        return 3 if self.letter else 2 if self.inciso else 1 if self.paragraph else 0

    def after(self, match: re.Match[str]) -> _Count | None:
        """The place behind a mark; None where it is only part of a sentence."""
        in_line = _in_line(match)
        if match["sole"]:
            return _Count("parágrafo único")
        if match["paragraph"]:
            before = int("".join(c for c in self.paragraph.partition("-")[0] if c.isdigit()) or 0)
            value, suffix = int(match["paragraph"]), match["psuffix"] or ""
            if in_line and value <= before and not suffix:
                return None
            return _Count(f"§ {value}{'º' if value < 10 else ''}{suffix}")
        if match["roman"]:
            before, value = _roman(self.inciso.partition("-")[0]), _roman(match["roman"])
            goes_on = before < value <= before + _GAP or (match["rsuffix"] and value == before)
            if not value or (in_line and not goes_on):
                return None
            return _Count(self.paragraph, match["roman"] + (match["rsuffix"] or ""))
        if in_line and ord(match["letter"]) != (ord(self.letter[1]) + 1 if self.letter else ord("a")):
            return None
        return _Count(self.paragraph, self.inciso, f'"{match["letter"]}"')


def _label(group: Sequence[_Provision], *, everything: bool) -> str:
    """What of its article a group holds: "caput e parágrafo único", "§ 2º, I a IV"; "" for all of a short one."""
    first, rest = group[0], group[1:]
    below = [p for p in rest if p.level == min(q.level for q in rest)] if rest else []
    if everything:
        paragraphs = [p.path[0] for p in rest if p.level == 1]
        return f"caput e {_listed(paragraphs)}" if paragraphs else ""
    if not rest:
        return ", ".join(first.path) or "caput"
    if below[0].level > first.level:  # the text above a list, and items of it
        return ", ".join([*(first.path or ("caput",)), _listed([p.path[-1] for p in below])])
    siblings = [p.path[-1] for p in group if p.level == below[0].level]
    return ", ".join([*below[0].path[:-1], _listed(siblings)])


def _listed(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return labels[0]
    joined = f"{labels[0]} {'e' if len(labels) == 2 else 'a'} {labels[-1]}"
    return f"§§ {joined.replace('§ ', '')}" if all(label.startswith("§") for label in labels) else joined


def _value(number: str) -> int:
    return int(number.replace(".", ""))


def _roman(numeral: str) -> int:
    """The value of a Roman numeral; 0 where it is none."""
    total, largest = 0, 0
    for sign in reversed(numeral):
        value = _ROMAN[sign]
        total += value if value >= largest else -value
        largest = max(largest, value)
    return total
