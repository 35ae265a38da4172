"""A turn of the conversation as markup: question, badge, answer, outcome.

Pure functions from the project's types to `Safe` markup. Refuses to know Gradio, services and state.
Clicks travel as `data-event` attributes that page.js turns into events of the component.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from assistant.stores.conversations import Conversation, Exchange
from assistant.types import Answer, Outcome, Route, RouteOrigin, Source
from assistant.ui import entities, formats
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts

_MARKER = re.compile(r"\[(\d{1,2})\]")

EXAMPLES = (
    ("example_fact", "Qual o planeta com mais luas no sistema solar?"),
    (
        "example_law",
        "conforme autoriza o art. 4.o, da Lei de Introdução às Normas do Direito Brasileiro, com redação "
        "determinada pela Lei 12.376/2010 (Dec.-lei 4.657/1942).",
    ),
    (
        "example_review",
        "Horrível! Restaurante vazio e o atendimento ainda demora. Pedi um frango e veio com gosto de peixe. Nojo!",
    ),
)


@dataclass(frozen=True, slots=True)
class View:
    """What the words of a turn depend on besides the turn: language, day, titles by adapter name.

    `adapters` holds those that can be chosen, in order.
    """

    t: Texts
    today: date
    adapters: Mapping[str, str]

    def title(self, adapter: str | None) -> str:
        """An adapter's title; the base model's where there is none."""
        return self.t("badge_base") if adapter is None else self.adapters.get(adapter, adapter)


@dataclass(frozen=True, slots=True)
class Progress:
    """An answer under way: what has arrived so far."""

    question: str
    route: Route | None = None
    sources: tuple[Source, ...] | None = None
    text: str = ""


def button(label: str, event: str, *, class_: str = "", **data: str | int | None) -> Safe:
    """A button whose click the component receives as `event` with the given data."""
    fields = {f"data_{key}": value for key, value in data.items()}
    return tag("button", label, type="button", class_=class_ or "link", data_event=event, **fields)


def welcome(t: Texts) -> Safe:
    """The empty state: three questions that run on click."""
    cards = [
        tag(
            "button",
            tag("span", t(title), class_="card-title"),
            tag("span", question, class_="card-text"),
            type="button",
            class_="example",
            data_event="submit",
            data_question=question,
        )
        for title, question in EXAMPLES
    ]
    return tag(
        "section",
        tag("h1", t("welcome")),
        tag("p", t("welcome_text"), class_="quiet"),
        tag("div", *cards, class_="examples"),
        class_="welcome",
    )


def note(message: str) -> Safe:
    """A line above the composer: what was not understood, or what the next question does."""
    return tag("p", message, class_="note", role="status")


def history(exchanges: Sequence[Exchange], view: View) -> Safe:
    """Every turn but the one that is open for changes."""
    return join(*(exchange(item, index, view) for index, item in enumerate(exchanges)))


def exchange(item: Exchange, index: int, view: View, *, last: bool = False) -> Safe:
    """One finished turn; the last one can be changed and repeated."""
    parts: list[Safe] = [_question(item.question, view.t)]
    if item.answer is None:
        parts.append(_failure(item.error, view.t))
    else:
        parts.append(_answer(item.answer, index, view, last))
    parts.append(_actions(item, index, view.t, last))
    return tag("article", *parts, class_="turn", data_turn=index, aria_live="polite" if last else None)


def progress(state: Progress, view: View) -> Safe:
    """The turn under way: badge as soon as the route is known, then the text as it comes."""
    t = view.t
    if state.route is None:
        head = tag("p", t("routing"), class_="pending", role="status")
    else:
        head = tag("div", badge(state.route, view), class_="answer-head")
    if state.text:
        body = tag("div", _marked(state.text, state.sources or ()), class_="answer-text writing")
    else:
        body = tag("p", None if state.route is None else t("thinking"), class_="pending", role="status")
    return tag("article", _question(state.question, t), head, body, class_="turn", aria_live="polite", aria_busy="true")


def badge(route: Route, view: View) -> Safe:
    """Who answers and why, in words; the scores appear on hover or focus."""
    state, words = _route_words(route, view)
    score = formats.number(route.score, view.t, 2)
    shown = [tag("span", view.title(route.adapter), class_="badge-name"), tag("span", words, class_="badge-why")]
    if route.origin is not RouteOrigin.PINNED:
        shown.append(tag("span", score, class_="badge-score"))
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
        tag("ul", *rows) if rows else None,
        tag("p", t("threshold", value=formats.number(route.threshold, t, 2)), class_="quiet"),
        class_="scores",
        role="tooltip",
    )


def _chooser(route: Route, index: int, view: View) -> Safe:
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


def _question(text: str, t: Texts) -> Safe:
    return tag("div", tag("span", t("you"), class_="for-readers"), tag("div", text, class_="bubble"), class_="question")


def _answer(answer: Answer, index: int, view: View, last: bool) -> Safe:
    head = tag(
        "div", badge(answer.route, view), _chooser(answer.route, index, view) if last else None, class_="answer-head"
    )
    return tag(
        "div",
        tag("span", view.t("answer"), class_="for-readers"),
        head,
        _body(answer, index, view, last),
        outcome_line(answer, view),
        class_=f"answer {answer.outcome}",
    )


def _body(answer: Answer, index: int, view: View, last: bool) -> Safe:
    t = view.t
    if answer.outcome is Outcome.ABSTAINED:
        return _abstained(answer, index, view, last)
    if answer.outcome is Outcome.EXTRACTED:
        return entities.extraction(answer.question, answer.entities, t)
    if not answer.text.strip():
        return tag("p", t("stopped_empty"), class_="quiet")
    return tag("div", _marked(answer.text, answer.sources, index, t), class_="answer-text")


def _abstained(answer: Answer, index: int, view: View, last: bool) -> Safe:
    t = view.t
    near = [
        tag("li", tag("span", s.passage.document), tag("span", formats.day(s.passage.as_of, t), class_="quiet"))
        for s in answer.sources
    ]
    return tag(
        "div",
        tag("p", answer.text if answer.route.rejected and not near else t("abstained"), class_="abstained-title"),
        join(tag("p", t("nearest"), class_="quiet"), tag("ul", *near)) if near else None,
        button(t("ask_plain"), "submit", class_="action strong", turn=index, corpora="none") if last else None,
        class_="abstained-box",
    )


def outcome_line(answer: Answer, view: View) -> Safe:
    """As in "✓ 2 citações conferidas · há 8 meses · 1,9 s", or what holds instead."""
    t = view.t
    parts: list[str] = []
    quoted = [s for s in answer.sources if s.quote]
    if answer.outcome is Outcome.GROUNDED and quoted:
        parts.append("✓ " + formats.counted("quotes", len(quoted), t))
        dates = [s.passage.as_of for s in quoted if s.passage.as_of]
        if dates:
            parts.append(formats.age(max(dates), view.today, t))
    elif answer.outcome is Outcome.EXTRACTED:
        parts.append("✓ " + formats.counted("found", len(answer.entities), t))
    elif answer.outcome is Outcome.UNGROUNDED:
        parts.append(t("ungrounded"))
    elif answer.outcome is Outcome.REPLIED:
        parts.append(t("replied"))
    if answer.dropped:
        parts.append(formats.counted("dropped", answer.dropped, t))
    if answer.stopped:
        parts.append(t("stopped"))
    if answer.timings.total:
        parts.append(formats.seconds(answer.timings.total, t))
    return tag("p", " · ".join(parts), class_="outcome")


def _failure(message: str, t: Texts) -> Safe:
    return tag("div", tag("strong", t("failed")), tag("p", message), class_="failure", role="alert")


def _actions(item: Exchange, index: int, t: Texts, last: bool) -> Safe:
    buttons: list[Safe] = []
    if item.answer is not None:
        if item.answer.sources:
            buttons.append(button(t("see_sources"), "select", turn=index, class_="link only-narrow"))
        if item.answer.text:
            buttons.append(button(t("copy"), "copy", text=item.answer.text, done=t("copied")))
    if last:
        buttons.append(button(t("retry"), "submit", turn=index))
        buttons.append(button(t("edit"), "edit", turn=index))
        buttons.append(button(t("compare"), "option_select", turn=index))
    if item.answer is not None:
        buttons += [_thumb(item, index, t, 1), _thumb(item, index, t, -1)]
    return tag("div", *buttons, class_="actions")


def _thumb(item: Exchange, index: int, t: Texts, value: int) -> Safe:
    return tag(
        "button",
        type="button",
        class_="link thumb" if value > 0 else "link thumb down",
        aria_label=t("useful" if value > 0 else "not_useful"),
        aria_pressed="true" if item.feedback == value else "false",
        data_event="like",
        data_turn=index,
        data_value=0 if item.feedback == value else value,
    )


def _marked(text: str, sources: Sequence[Source], turn: int | None = None, t: Texts | None = None) -> Safe:
    """The text with each known marker as a button that opens its source."""
    known = {source.marker for source in sources}
    parts: list[str] = []
    position = 0
    for match in _MARKER.finditer(text):
        marker = int(match[1])
        if marker not in known:
            continue
        label = t("open_source", n=marker) if t else match[0]
        parts += [
            text[position : match.start()],
            tag(
                "button", match[0], type="button", class_="marker", aria_label=label,
                data_event="select", data_turn=turn, data_marker=marker,
            ),
        ]  # fmt: skip
        position = match.end()
    return join(*parts, text[position:])


def conversations(items: Sequence[Conversation], current: str | None, now: datetime, t: Texts) -> Safe:
    """The list, grouped into today, yesterday and before, in the machine's time zone."""
    if not items:
        return tag("p", t("no_conversations"), class_="quiet")
    groups: dict[str, list[Safe]] = {}
    for item in items:
        days = (now.date() - datetime.fromisoformat(item.updated).astimezone(now.tzinfo).date()).days
        group = "today" if days <= 0 else "yesterday" if days == 1 else "before"
        groups.setdefault(group, []).append(_conversation(item, item.id == current, t))
    return join(*(join(tag("h3", t(group)), tag("ul", *rows)) for group, rows in groups.items()))


def _conversation(item: Conversation, current: bool, t: Texts) -> Safe:
    opener = tag(
        "button", item.title, type="button", class_="conversation", title=item.title,
        aria_current="true" if current else None, data_event="select", data_id=item.id,
    )  # fmt: skip
    label = t("delete_conversation", title=item.title)
    remover = tag(
        "button", "×", type="button", class_="remove", aria_label=label, title=label,
        data_event="delete", data_id=item.id,
    )  # fmt: skip
    return tag("li", opener, remover)
