"""When a corpus does not answer, as markup: the threshold that holds, what it does, and the curve it was chosen on.

Pure functions from the service's types. Refuses to know widgets and services.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.retrieval.abstention import LEAST_ANSWERED, MOST_FALSE, Point, Share
from assistant.services.abstention import Progress, State
from assistant.services.abstention_record import Record
from assistant.ui import formats
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 640, 220, 52, 24, 8  # of the curve, in its own units
_LEFT_OUT = 12  # questions that are named


def state(known: State, t: Texts) -> Safe:
    """Where a corpus stands."""
    record = known.record
    return join(
        tag("p", _holds(known, t)),
        tag("p", t("abstention_stale", embedder=known.kept.embedder), class_="note", role="status")
        if known.stale and known.kept
        else None,
        _figures(record, t) if record else None,
        curve(record, t) if record else None,
        _left_out(record, t) if record and record.left_out else None,
    )


def progress(at: Progress, t: Texts) -> Safe:
    """How far a calibration is."""
    words = t("abstention_progress", done=formats.number(at.done, t), total=formats.number(at.total, t))
    return join(
        tag("p", words, class_="pending", role="status"),
        tag("progress", value=at.done, max=max(1, at.total), aria_label=words),
    )


def curve(record: Record, t: Texts) -> Safe:
    """Both shares of the questions at every threshold; the chosen one and the default as upright lines."""
    found, base = record.calibration, _HEIGHT - _BOTTOM
    keys = {
        "learned": t("abstention_answered"),
        "watched": t("abstention_false"),
        "cut": t("abstention_chosen", threshold=formats.number(found.threshold, t, 2)),
        "rate": t("abstention_default", threshold=formats.number(found.default.threshold, t, 2)),
    }
    upright = [
        tag("line", x1=str(_x(at.threshold)), x2=str(_x(at.threshold)), y1=_EDGE, y2=base, class_=f"line {name}")
        for name, at in (("rate", found.default), ("cut", found.held_out))
    ]
    drawing = tag(
        "svg",
        *_axes(t),
        _line([(p.threshold, p.answered.value) for p in found.curve], "learned"),
        _line([(p.threshold, p.false.value) for p in found.curve], "watched"),
        *upright,
        viewbox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=t("abstention_curve", threshold=formats.number(found.threshold, t, 2)),
    )
    legend = [tag("span", words, class_=f"key {name}") for name, words in keys.items()]
    return tag("figure", drawing, tag("figcaption", *legend), class_="curve")


def _holds(known: State, t: Texts) -> str:
    number = formats.number(known.threshold, t, 2)
    if known.kept is None or known.stale:
        return t("abstention_by_default", threshold=number)
    questions = formats.counted("abstention_questions", known.kept.questions, t)
    return t("abstention_own", threshold=number, day=formats.day(known.kept.date, t), questions=questions)


def _figures(record: Record, t: Texts) -> Safe:
    found = record.calibration
    mixed = found.own.of and found.own.of < found.held_out.false.of
    return join(
        tag("p", t("abstention_held_out", **_shares(found.held_out, t))),
        tag("p", t(_verdict(found.held_out), **_aims(t)), class_="done" if found.held_out.good else "note"),
        None if found.possible else tag("p", t("abstention_impossible", **_aims(t)), class_="note"),
        tag("p", t("abstention_instead", **_shares(found.default, t)), class_="quiet small"),
        tag("p", t("abstention_drawn", n=formats.number(record.drawn, t)), class_="quiet small")
        if record.drawn
        else None,
        tag("p", t("abstention_of_own", share=_said(found.own, t)), class_="quiet small") if mixed else None,
    )


def _verdict(point: Point) -> str:
    """Which of the two aims hold on questions that did not choose."""
    if point.good:
        return "abstention_both"
    if point.answers_enough:
        return "abstention_only_answers"
    return "abstention_only_stops" if point.invents_little else "abstention_neither"


def _shares(point: Point, t: Texts) -> dict[str, str]:
    return {"answered": _said(point.answered, t), "false": _said(point.false, t)}


def _said(share: Share, t: Texts) -> str:
    """A share with its questions and interval: 92,0 % de 25 (provavelmente entre 75 e 98 %)."""
    low, high = (formats.number(100 * value, t) for value in share.interval)
    questions = formats.number(share.of, t)
    return t("abstention_share", share=formats.percent(share.value, t), of=questions, low=low, high=high)


def _aims(t: Texts) -> dict[str, str]:
    return {"least": formats.number(100 * LEAST_ANSWERED, t), "most": formats.number(100 * MOST_FALSE, t)}


def _left_out(record: Record, t: Texts) -> Safe:
    shown = [tag("li", text) for text in record.left_out[:_LEFT_OUT]]
    summary = tag("summary", formats.counted("abstention_left_out", len(record.left_out), t))
    return tag("details", summary, tag("ul", *shown), class_="small")


def _axes(t: Texts) -> list[Safe]:
    base = _HEIGHT - _BOTTOM
    parts = [tag("line", x1=_LEFT, y1=base, x2=_WIDTH - _EDGE, y2=base, class_="axis")]
    for share in (0.0, 0.5, 1.0):
        label = f"{formats.number(100 * share, t)} %"
        parts.append(tag("text", label, x=_LEFT - 6, y=str(_y(share) + 4), text_anchor="end"))
        at = formats.number(share, t, 1)
        anchor = {0.0: "start", 1.0: "end"}.get(share, "middle")
        parts.append(tag("text", at, x=str(_x(share)), y=_HEIGHT - 6, text_anchor=anchor))
    return parts


def _line(points: Sequence[tuple[float, float]], name: str) -> Safe:
    at = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
    return tag("polyline", points=at, class_=f"line {name}")


def _x(threshold: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _EDGE) * threshold, 1)


def _y(share: float) -> float:
    return round(_EDGE + (_HEIGHT - _BOTTOM - _EDGE) * (1 - share), 1)
