"""Who answered and why, as markup: the badge with its scores, and the choice of another adapter.

Pure functions from a route to `Safe` markup. Refuses to know Gradio, services and the answer itself.
"""

from __future__ import annotations

from assistant.types import Route, RouteOrigin
from assistant.ui import formats
from assistant.ui.markup import Safe, tag
from assistant.ui.view import View


def badge(route: Route, view: View) -> Safe:
    """Who answers and why, in words; the scores appear on hover or focus."""
    state, words = _route_words(route, view)
    score = formats.number(route.score, view.t, 2)
    shown = [tag("span", view.title(route.adapter), class_="badge-name"), tag("span", words, class_="badge-why")]
    if route.origin is not RouteOrigin.PINNED:
        shown.append(tag("span", score, class_="badge-score"))
    if route.few_shot:
        shown.append(tag("span", view.t("badge_few_shot"), class_="chip warn"))
    opener = tag(
        "button", tag("span", class_="dot", aria_hidden="true"), *shown, type="button", class_=f"badge {state}"
    )
    return tag("div", opener, _scores(route, view), class_="badge-box")


def badge_state(route: Route) -> str:
    """chosen, pinned, none (no adapter fits, the base answers) or out (the default adapter answers)."""
    if route.origin is RouteOrigin.PINNED:
        return "pinned"
    if route.adapter is None:
        return "none"
    return "out" if route.rejected or route.origin is RouteOrigin.FALLBACK else "chosen"


def chooser(index: int, view: View) -> Safe:
    """Another adapter for the same question."""
    t = view.t
    pairs = [("", t("change_short")), ("auto", t("adapter_auto")), *view.adapters.items(), ("none", t("adapter_none"))]
    options = [tag("option", label, value=value) for value, label in pairs]
    return tag(
        "select",
        *options,
        class_="chooser",
        aria_label=t("change"),
        data_event="submit",
        data_turn=index,
        data_field="adapter",
    )


def _route_words(route: Route, view: View) -> tuple[str, str]:
    state = badge_state(route)
    if state != "chosen":
        return state, view.t(f"badge_{state}")
    if route.origin is RouteOrigin.FOLLOW_UP:
        return state, view.t("badge_follow_up")
    return state, route.reason


def _scores(route: Route, view: View) -> Safe:
    t = view.t
    rows = [
        tag(
            "li",
            tag("span", view.title(name)),
            tag("meter", min="0", max="1", value=f"{min(max(score, 0.0), 1.0):.3f}", aria_hidden="true"),
            tag("span", formats.number(score, t, 2), class_="figure"),
        )
        for name, score in sorted(route.scores.items(), key=lambda pair: -pair[1])
    ]
    return tag(
        "div",
        tag("strong", t("scores")),
        tag("p", route.reason) if route.reason else None,
        tag("p", t("few_shot_why")) if route.few_shot else None,
        tag("ul", *rows) if rows else None,
        tag("p", t("threshold", value=formats.number(route.threshold, t, 2)), class_="quiet"),
        class_="scores",
        role="tooltip",
    )
