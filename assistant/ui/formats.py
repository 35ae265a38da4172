"""Numbers, dates and ages as the two languages write them.

Pure functions; refuses to know pages. Dates come as ISO 8601 with reduced precision.
"""

from __future__ import annotations

from datetime import date

from assistant.ui.texts import Texts

NO_BREAK = "\u00a0"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: float, t: Texts, decimals: int = 0) -> str:
    """1234.5 as "1.234,5" in Portuguese and "1,234.5" in English."""
    english = f"{value:,.{decimals}f}"
    return english if t.language == "en" else english.translate(str.maketrans(",.", ".,"))


def percent(share: float, t: Texts) -> str:
    """0.843 as "84,3 %" in Portuguese, with a space that no line breaks at, and "84.3%" in English."""
    return f"{number(100 * share, t, 1)}{'' if t.language == 'en' else NO_BREAK}%"


def points(difference: float, t: Texts) -> str:
    """A difference of shares, 0.031, as "+3,1": percentage points with their sign."""
    return f"{'+' if difference > 0 else ''}{number(100 * difference, t, 1)}"


def day(as_of: str | None, t: Texts) -> str:
    """An ISO date of any precision as dd/mm/aaaa, mm/aaaa or aaaa (English: 14 Feb 2023)."""
    if not as_of:
        return t("no_date")
    parts = as_of[:10].split("-")
    if t.language == "en":
        parts[1:2] = [_MONTHS[int(m) - 1] for m in parts[1:2]]
        return " ".join(reversed(parts))
    return "/".join(reversed(parts))


def age(as_of: str, today: date, t: Texts) -> str:
    """How long ago a date of any precision is, in words no finer than its precision."""
    parts = [int(part) for part in as_of[:10].split("-")]
    years = today.year - parts[0]
    if len(parts) == 1:
        return t("age_this_year") if years <= 0 else _plural("age_year", years, t)
    months = years * 12 + today.month - parts[1]
    if len(parts) == 3 and months > 0 and today.day < parts[2]:
        months -= 1
    if months <= 0:
        return t("age_this_month")
    return _plural("age_month", months, t) if months < 24 else _plural("age_year", months // 12, t)


def seconds(milliseconds: float, t: Texts) -> str:
    """1912.0 as "1,9 s"."""
    return f"{number(milliseconds / 1000, t, 1)} s"


def duration(seconds: float, t: Texts) -> str:
    """4830.0 as "1 h 21 min", 90.0 as "2 min", 12.0 as "12 s"."""
    if seconds < 60:
        return f"{number(seconds, t)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{number(hours, t)} h {minutes} min" if hours else f"{minutes} min"


def size(count: int, t: Texts) -> str:
    """Bytes as kB, MB or GB of 10^3, 10^6 and 10^9 bytes."""
    if 0 < count < 100_000:
        return f"{number(max(1, count / 1e3), t)} kB"
    if count >= 1_000_000_000:
        return f"{number(count / 1e9, t, 1)} GB"
    return f"{number(count / 1e6, t, 1)} MB"


def counted(key: str, count: int, t: Texts) -> str:
    """`count` with the singular or plural text of `key`."""
    return t(f"{key}_one" if count == 1 else f"{key}_many", n=number(count, t))


def _plural(key: str, count: int, t: Texts) -> str:
    return counted(key, count, t)
