"""The time that a question asks about: "em 2010", "na versão de 1995", "antes de 2003", "hoje".

Knows how questions name a date in Portuguese and English, and that the year of a norm ("Lei 8.078/1990",
"Constituição de 1988") is its name. Refuses to know documents.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from assistant.retrieval.freshness import MONTHS
from assistant.retrieval.lexical import fold

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR = r"(?:1[5-9]|20)\d\d"
_NORM = re.compile(
    r"\b(?:lei|decreto(?:-lei)?|medida provisoria|emenda|resolucao|portaria|instrucao|codigo|constituicao|carta|"
    r"regulamento|e\.?c\.?|l\.?c\.?|m\.?p\.?|law|act)\b"
    r"(?:\s+(?:complementar|federal|estadual|municipal|constitucional|normativa|magna|civil|penal|da republica|"
    r"(?:cd|anpd|[a-z]{2,5})/[a-z]+))*"
    r"(?:\s+n?[.o]{0,2}\s*\d[\d.-]*)?"
    rf"(?:\s*/\s*\d{{2,4}}|,?\s+(?:de|of)\s+(?:\d{{1,2}}o?\s+de\s+[a-z]+\s+de\s+)?{_YEAR})(?!\d)"
)
# what stands before a date says which side of it is meant
_SIDE = (
    r"(?P<side>antes d[eo]|anterior(?:es)? a|before|prior to|desde|a partir d[eo]|depois d[eo]|apos|since|after|"
    r"em|n[oa]s?|ate|de|do|da|durante|entre|ano|in|as of|on|until|by)\s+"
    r"(?:o\s+|the\s+)?(?:(?:ano|mes|dia|final|fim|inicio|comeco|meados|year)\s+(?:d[eo]\s+)?)?"
)
_DATES = (
    re.compile(rf"\b{_SIDE}(?P<d>\d{{1,2}})o?\s+de\s+(?P<m>{_MONTH})\s+(?:de\s+)?(?P<y>{_YEAR})(?!\d)"),
    re.compile(rf"\b{_SIDE}(?P<m>{_MONTH})\s+(?:de\s+|of\s+)?(?P<y>{_YEAR})(?!\d)"),
    re.compile(rf"\b(?:{_SIDE})?(?P<d>\d{{1,2}})/(?P<m>\d{{1,2}})/(?P<y>{_YEAR})(?!\d)"),
    re.compile(rf"\b(?:{_SIDE})?(?P<y>{_YEAR})-(?P<m>\d\d)-(?P<d>\d\d)(?!\d)"),
    re.compile(rf"\b(?:{_SIDE})?(?<![\d/])(?P<m>\d{{1,2}})/(?P<y>{_YEAR})(?!\d)"),
    re.compile(rf"\b{_SIDE}(?:{_YEAR}\s+(?:e|a|and)\s+)?(?P<y>{_YEAR})(?![\d/.-]\d)\b"),
    re.compile(rf"^\W*(?P<y>{_YEAR})\b(?=\s*[:,])"),  # "2010: qual era ..."
)
_DECADE = re.compile(r"\b(?:anos|decada de|decada dos anos|nineteen)\s+(?P<y>(?:19|20)?\d0)s?\b")
_ORIGINAL = re.compile(
    r"\b(?:texto|redacao|versao|norma)\s+(?:original|primitiv\w+)\b|\boriginalmente\b|\boriginal(?:ly)?\s+(?:text|version)?"
    r"|\bquando foi promulgad"
)
_AGO = re.compile(r"\bha\s+(?:cerca de\s+)?(\d{1,3})\s+anos\b|\b(\d{1,3})\s+(?:anos\s+atras|years\s+ago)\b")
_LAST_YEAR = re.compile(r"\bano passado\b|\blast year\b")
_NOW = re.compile(r"\b(?:hoje|atualmente|agora|atual|vigente hoje|em vigor hoje|mais recente|today|now|currently)\b")
_OPEN_ENDED = ("desde", "a partir", "depois", "apos", "since", "after")
_BEFORE = ("antes", "anterior", "before", "prior")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in the past: its last day, ISO 8601; "" asks for the oldest text that there is."""

    until: str

    def covers(self, as_of: str | None) -> bool:
        """Whether a document of that date already spoke then."""
        return bool(as_of) and (as_of or "") <= self.until


def moment_of(question: str, today: date) -> Moment | None:
    """The past time that a question names; None where it asks about now, or names none."""
    text = _NORM.sub(" ", fold(question))
    if _NOW.search(text):
        return None
    if _ORIGINAL.search(text):
        return Moment("")
    decade = _DECADE.search(text)
    if decade:
        year = int(decade["y"]) if len(decade["y"]) == 4 else 1900 + int(decade["y"])
        return Moment(f"{year + 9}-12-31") if year + 9 < today.year else None
    found = [(match.start(), -match.end(), match) for pattern in _DATES for match in pattern.finditer(text)]
    for _, _, match in sorted(found, key=lambda item: item[:2]):
        last = _last_day(match)
        if last is not None:
            return Moment(last.isoformat()) if last < today else None
    return _relative(text, today)


def undated(question: str) -> str:
    """The question, folded, without the time that it names; the years in names of norms stay."""
    text, kept, start = fold(question), [], 0
    for match in (*_NORM.finditer(text), None):
        part = text[start : match.start() if match else len(text)]
        for pattern in (_DECADE, *_DATES, _AGO, _LAST_YEAR):
            part = pattern.sub(" ", part)
        kept += [part, match[0] if match else ""]
        start = match.end() if match else len(text)
    return " ".join("".join(kept).split())


def _last_day(match: re.Match[str]) -> date | None:
    """The last day that is meant; None where it is no date, or where only its beginning is said."""
    parts = match.groupdict()
    side = parts.get("side") or ""
    year, month, day = int(parts["y"]), parts.get("m"), parts.get("d")
    number = (int(month) if month.isdigit() else MONTHS[month]) if month else None
    try:
        first = date(year, number or 1, int(day or 1))
    except ValueError:
        return None
    if side.startswith(_OPEN_ENDED):
        return date.max
    if side.startswith(_BEFORE):
        return first - timedelta(days=1)
    return first if day else date(year, number or 12, monthrange(year, number or 12)[1])


def _relative(text: str, today: date) -> Moment | None:
    if _LAST_YEAR.search(text):
        return Moment(f"{today.year - 1}-12-31")
    ago = _AGO.search(text)
    if ago:
        year = today.year - int(ago[1] or ago[2])
        return Moment(date(max(year, 1), today.month, min(today.day, 28)).isoformat())
    return None
