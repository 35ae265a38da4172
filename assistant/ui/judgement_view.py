"""A judgement as markup: its verdict in a line, and in full with every system, the price, and rows side by side.

Pure functions from a record to `Safe` markup, for every page that shows one. A record is read as its file has it: any
field may be absent. Refuses to know widgets and services.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.ui import formats
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

_RIVALS = ("live", "few_shot", "base")
SYSTEMS = {"base": "system_base", "few_shot": "system_few_shot", "live": "system_live", "candidate": "system_candidate"}
_CELL_CHARS = 600


def judged(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    """The verdict and the differences with their intervals, as far as the file has them."""
    verdict = _mapping(judgement.get("verdict"))
    if not verdict:
        return None
    promote = verdict.get("promote") is True
    chip = tag("span", t("judged_yes" if promote else "judged_no"), class_="chip good" if promote else "chip warn")
    differences = _mapping(_mapping(judgement.get("figures")).get("difference"))
    parts = [line for name in _RIVALS if (line := _difference(name, _mapping(differences.get(name)), t))]
    reasons = verdict.get("reasons")
    told = [str(_mapping(r).get(t.language, "")) for r in reasons] if isinstance(reasons, list) else []
    return tag(
        "div",
        chip,
        tag("span", " · ".join(parts), class_="figure") if parts else None,
        tag("span", " ".join(told), class_="quiet") if told else None,
        tag("span", t("overruled"), class_="chip warn") if judgement.get("overruled") else None,
        class_="judged",
    )


def folded(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    """The whole record behind a line that opens it; None where there is no more than a verdict."""
    whole = _whole(judgement, t)
    return tag("details", tag("summary", t("judgement_whole")), whole, class_="history") if whole else None


def full(judgement: Mapping[str, Any], t: Texts) -> Safe:
    """The verdict with everything that led to it; empty where nothing was judged."""
    verdict = judged(judgement, t)
    if verdict is None:
        return Safe("")
    return tag("section", tag("h3", t("judgement")), verdict, _whole(judgement, t), class_="panel-card judgement")


def _whole(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    parts = [_about(judgement, t), _systems(judgement, t), _price(judgement, t), _side_by_side(judgement, t)]
    return join(*parts) if any(parts) else None


def _about(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    rows, day = judgement.get("rows"), str(judgement.get("created") or "")[:10]
    if not isinstance(rows, int) or not day:
        return None
    about = formats.counted("judgement_rows", rows, t)
    return tag("p", f"{about} · {formats.day(day, t)}", class_="quiet small")


def _systems(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    """One line a system: score, difference to it, what could not be read, what was invented."""
    figures = _mapping(judgement.get("figures"))
    scores = _mapping(figures.get("score"))
    names = [name for name in SYSTEMS if isinstance(scores.get(name), int | float)]
    if not names:
        return None
    keys = ("system", "judged_score", "judged_gap", "judged_preferred", "judged_failures", "judged_inventions")
    header = [tag("th", t(key), scope="col", class_="figure" if key != "system" else None) for key in keys]
    rows = [_system(name, figures, judgement, t) for name in names]
    table = tag("table", tag("thead", tag("tr", *header)), tag("tbody", *rows))
    return join(tag("h4", t("judged_systems")), scroll_box(table, t("judged_systems")))


def _system(name: str, figures: Mapping[str, Any], judgement: Mapping[str, Any], t: Texts) -> Safe:
    interval = _points(_mapping(_mapping(figures.get("difference")).get(name)), t)
    gap = t("judged_interval", value=interval[0], low=interval[1], high=interval[2]) if interval else "—"
    counts = [_count(_mapping(figures.get(key)).get(name), t) for key in ("failures", "inventions")]
    preferred = _preferred(_mapping(_mapping(judgement.get("preferred")).get(name)), t)
    cells = [formats.percent(float(_mapping(figures.get("score"))[name]), t), gap, preferred, *counts]
    return tag("tr", tag("td", _title(name, judgement, t)), *(tag("td", cell, class_="figure") for cell in cells))


def _preferred(counts: Mapping[str, Any], t: Texts) -> str:
    """In how many of the rows that differ the candidate is better; a dash where nothing differs or was counted."""
    better, worse = counts.get("better"), counts.get("worse")
    if not isinstance(better, int) or not isinstance(worse, int) or not better + worse:
        return "—"
    return t("judged_preferred_rows", n=better, total=better + worse)


def _price(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    """What it costs elsewhere; what was not measured says so."""
    figures = _mapping(judgement.get("figures"))
    if "taken" not in figures and "forgetting" not in figures:
        return None
    taken, forgotten = figures.get("taken"), figures.get("forgetting")
    speeds, sizes = _mapping(figures.get("tokens_per_second")), _mapping(figures.get("size_bytes"))
    rows = [
        ("price_taken", formats.percent(taken, t) if isinstance(taken, int | float) else t("not_measured")),
        ("price_forgotten", _nats(forgotten, t)),
        ("speed", _each(speeds, lambda v: t("tokens_per_second", n=formats.number(v, t)), judgement, t)),
        ("size", _each(sizes, lambda v: formats.size(int(v), t), judgement, t)),
    ]
    pairs = [join(tag("dt", t(key)), tag("dd", value)) for key, value in rows]
    return join(tag("h4", t("judged_price")), tag("dl", *pairs, class_="facts"))


def _nats(value: object, t: Texts) -> str:
    if not isinstance(value, int | float):
        return t("not_measured")
    return t("price_nats", n=formats.number(value, t, 2))


def _each(found: Mapping[str, Any], told: Any, judgement: Mapping[str, Any], t: Texts) -> str:
    known = [name for name in SYSTEMS if isinstance(found.get(name), int | float)]
    return " · ".join(f"{_title(name, judgement, t)}: {told(float(found[name]))}" for name in known) or t(
        "not_measured"
    )


def _side_by_side(judgement: Mapping[str, Any], t: Texts) -> Safe | None:
    """Some rows with what each system wrote."""
    rows = judgement.get("side_by_side")
    shown = [_mapping(row) for row in rows] if isinstance(rows, list) else []
    names = [name for name in SYSTEMS if any(name in _mapping(row.get("outputs")) for row in shown)]
    if not names:
        return None
    titles = [t("column_input"), t("sample_wanted"), *(_title(name, judgement, t) for name in names)]
    header = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [tag("tr", *(tag("td", cell) for cell in _cells(row, names))) for row in shown]
    table = tag("table", tag("thead", header), tag("tbody", *body))
    summary = tag("summary", formats.counted("side_by_side", len(shown), t))
    return tag("details", summary, scroll_box(table, t("judged_rows")), class_="history rows")


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    outputs = _mapping(row.get("outputs"))
    texts = [row.get("text"), row.get("expected"), *(outputs.get(name) for name in names)]
    return [_clipped(text) for text in texts]


def _clipped(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    folded_text = " ".join(str("" if value is None else value).split())
    return folded_text if len(folded_text) <= _CELL_CHARS else f"{folded_text[: _CELL_CHARS - 1]}…"


def _title(name: str, judgement: Mapping[str, Any], t: Texts) -> str:
    """A system's name; versions with their number."""
    label = judgement.get({"live": "live", "candidate": "version"}.get(name, ""))
    number = f" {label.partition('-')[0]}" if isinstance(label, str) else ""
    return f"{t(SYSTEMS[name])}{number}"


def _difference(rival: str, found: Mapping[str, Any], t: Texts) -> str:
    interval = _points(found, t)
    if interval is None:
        return ""
    return t("judged_difference", rival=t(f"judged_{rival}"), value=interval[0], low=interval[1], high=interval[2])


def _points(found: Mapping[str, Any], t: Texts) -> tuple[str, str, str] | None:
    interval = [found.get(key) for key in ("value", "low", "high")]
    if not all(isinstance(figure, int | float) for figure in interval):
        return None
    value, low, high = (formats.points(float(figure or 0), t) for figure in interval)
    return value, low, high


def _count(value: object, t: Texts) -> str:
    return formats.number(value, t) if isinstance(value, int | float) else "—"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
