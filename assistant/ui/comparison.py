"""The same question four times: base, adapter, documents, adapter and documents.

Knows the four columns and their markup, filled as answers come. Refuses to know widgets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from assistant.services.request import AskRequest
from assistant.stores.conversations import Exchange
from assistant.types import Outcome
from assistant.ui import entities, formats, render
from assistant.ui.asking import follow
from assistant.ui.clicks import button
from assistant.ui.contracts import Chat
from assistant.ui.markup import Safe, tag
from assistant.ui.runs import Run
from assistant.ui.view import Progress, View

State = Progress | Exchange | None


@dataclass(frozen=True, slots=True)
class Column:
    """One of the four ways to ask."""

    title: str
    adapter: bool
    documents: bool


COLUMNS = (
    Column("column_base", adapter=False, documents=False),
    Column("column_adapter", adapter=True, documents=False),
    Column("column_documents", adapter=False, documents=True),
    Column("column_both", adapter=True, documents=True),
)


def run(chat: Chat, request: AskRequest, view: View, run: Run) -> Iterator[Safe]:
    """Ask four times, one after the other, and yield the whole comparison after each change."""
    states: dict[str, State] = {column.title: None for column in COLUMNS}
    for column in COLUMNS:
        if run.cancel.is_set():
            return
        variant = replace(
            request,
            adapter=request.adapter if column.adapter else "none",
            corpora=request.corpora if column.documents else (),
            history=(),
        )
        for state in follow(request.question, partial(chat.ask, variant, run.cancel), view.t):
            states[column.title] = state
            yield markup(request.question, states, view)


def markup(question: str, states: Mapping[str, State], view: View) -> Safe:
    """The four columns as far as they are."""
    t = view.t
    head = tag("div", tag("h2", t("comparison")), button(t("close_comparison"), "clear"), class_="comparison-head")
    columns = [
        tag("section", tag("h3", t(c.title)), *body(states.get(c.title), view), class_="compared", data_column=c.title)
        for c in COLUMNS
    ]
    return tag(
        "section",
        head,
        tag("p", question, class_="quiet clamp"),
        tag("div", *columns, class_="columns"),
        class_="comparison",
    )


def body(state: State, view: View) -> tuple[Safe | None, ...]:
    """One answer, as far as it is there, without anything to click."""
    t = view.t
    if state is None:
        return (tag("p", t("waiting"), class_="quiet"),)
    if isinstance(state, Progress):
        return (tag("p", state.text or t("thinking"), class_="answer-text" if state.text else "pending"),)
    answer = state.answer
    if answer is None:
        return (tag("p", state.error, class_="failure"),)
    if answer.outcome is Outcome.EXTRACTED:
        shown = entities.plain(answer.question, answer.entities, t)
    elif answer.outcome is Outcome.ABSTAINED:
        shown = tag("p", t("abstained"), class_="abstained-title")
    else:
        shown = tag("p", answer.text, class_="answer-text")
    quotes = [s for s in answer.sources if s.quote]
    cited = tag(
        "ul",
        *(tag("li", f"[{s.marker}] {s.passage.document} · {formats.day(s.passage.as_of, t)}") for s in quotes),
        class_="cited",
    )
    return shown, cited if quotes else None, render.outcome_line(answer, view)
