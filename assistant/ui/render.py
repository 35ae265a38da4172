"""A turn of the conversation as markup: question, answer, outcome, and what can be done with them.

Pure functions from the project's types to `Safe` markup. Refuses to know Gradio, services and state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.stores.conversations import Exchange
from assistant.types import Answer, Outcome, Source
from assistant.ui import entities, formats
from assistant.ui.badge import badge, chooser
from assistant.ui.clicks import button
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts
from assistant.ui.view import Progress, View

_NAMED = 3  # words that a draft leaves out; more are not read in the second that it takes
_MARKER = re.compile(r"\[(\d{1,2})\]")


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
    revising = None
    if state.redrafting:
        words = ", ".join(f"«{word}»" for word in state.redrafting.missing[:_NAMED])
        if state.redrafting.off_tone:
            why = t("redrafting_tone")
        else:
            why = t("redrafting", words=words) if words else t("redrafting_style")
        revising = tag("p", why, class_="pending", role="status")
    return tag(
        "article", _question(state.question, t), head, body, revising,
        class_="turn", aria_live="polite", aria_busy="true",
    )  # fmt: skip


def _question(text: str, t: Texts) -> Safe:
    return tag("div", tag("span", t("you"), class_="for-readers"), tag("div", text, class_="bubble"), class_="question")


def _answer(answer: Answer, index: int, view: View, last: bool) -> Safe:
    head = tag("div", badge(answer.route, view), chooser(index, view) if last else None, class_="answer-head")
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
