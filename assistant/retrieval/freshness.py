"""The date a document speaks of, and when that date is too old.

Dates are ISO 8601 with reduced precision ("2023", "2023-02", "2023-02-14"): strings that compare as
dates. Knows how dates are written in Portuguese and English; refuses to know files.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta

from assistant.retrieval.lexical import fold

_ISO = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janeiro january jan", "fevereiro february fev feb", "marco march mar", "abril april abr apr",
            "maio may mai", "junho june jun", "julho july jul", "agosto august ago aug",
            "setembro september set sep", "outubro october out oct", "novembro november nov",
            "dezembro december dez dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_IN_TEXT = (
    # 11 de março de 2025; 1º de maio de 2023
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})o?\s+(?:de\s+)?(?P<m>{_MONTH})\.?\s+(?:de\s+)?(?P<y>\d{{4}})(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})(?!\d)"),  # 11/03/2025, Brazilian order
    re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?!\d)"),
    re.compile(rf"\b(?P<m>{_MONTH})\s+(?P<d>\d{{1,2}}),?\s+(?P<y>\d{{4}})(?!\d)"),  # March 11, 2025
    re.compile(rf"\b(?P<m>{_MONTH})\s+(?:de\s+|of\s+)?(?P<y>\d{{4}})(?!\d)"),  # março de 2025
)
_TOP = 600  # characters: a date further down is about something else in the text


def parse(text: str) -> str | None:
    """An ISO date with reduced precision, or any date this module reads; None where it is none."""
    text = text.strip()
    match = _ISO.match(text)
    if match and match.end() in (len(text), 10):
        return _checked(match[1], match[2], match[3])
    return from_text(text)


def from_file_name(name: str) -> str | None:
    """The date in a file name: "luas-2023-05.md" -> "2023-05"; None where there is none."""
    match = _ISO.search(name.replace("_", "-"))
    return _checked(match[1], match[2], match[3]) if match else None


def from_text(text: str) -> str | None:
    """The first date near the top of a text ("11 de março de 2025", "11/03/2025"), or None."""
    top = fold(text[:_TOP])
    found = sorted((match.start(), -match.end(), match) for pattern in _IN_TEXT for match in pattern.finditer(top))
    for _, _, match in found:
        parts = match.groupdict()
        month = parts["m"]
        number = int(month) if month.isdigit() else MONTHS[month]
        day = parts.get("d")
        value = _checked(parts["y"], f"{number:02d}", f"{int(day):02d}" if day else None)
        if value:
            return value
    return None


def origin_note(as_of: str | None, stem: str, text: str) -> str:
    """Where a document's own date comes from, in Portuguese: kept beside it, whatever date a person gives it later."""
    if as_of is None:
        return "O documento não traz data."
    shown = "/".join(reversed(as_of.split("-")))
    if from_file_name(stem) == as_of:
        return f"Data {shown}: está no nome do arquivo."
    if from_text(text) == as_of:
        return f"Data {shown}: está no começo do texto."
    return f"Data {shown}: está nos metadados do documento."


def is_outdated(as_of: str | None, today: date, max_age_days: int) -> bool:
    """True where the last day that `as_of` covers is more than `max_age_days` ago; 0 means never."""
    if not as_of or max_age_days <= 0:
        return False
    parts = [int(p) for p in as_of.split("-")]
    month = parts[1] if len(parts) > 1 else 12
    day = parts[2] if len(parts) > 2 else monthrange(parts[0], month)[1]
    return today - date(parts[0], month, day) > timedelta(days=max_age_days)


def _checked(year: str, month: str | None, day: str | None) -> str | None:
    # 31/02 is no date, and a year far away is a number that only looks like one
    try:
        if not 1500 <= int(year) <= 2099:
            return None
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(p for p in (year, month, day if month else None) if p)
