"""The sources of an answer as markup: document, page, date, closeness, the quoted words in place.

Pure functions; refuses to know Gradio and services.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.stores.conversations import Exchange
from assistant.types import Passage, Source
from assistant.ui import formats
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts

_SNIPPET_CHARS = 120


def panel_of(exchange: Exchange | None, t: Texts, turn: int, marker: int | None = None, *, back: bool = False) -> Safe:
    """The panel of a finished exchange (None: none yet); `marker` is asked for, or its page was left: `back`."""
    if exchange is None or exchange.answer is None:
        return panel(None, t)
    shown = exchange.answer.sources
    return panel(shown, t, turn=turn, marker=marker, empty="unused_sources", back=back)


def panel(
    sources: Sequence[Source] | None,
    t: Texts,
    *,
    turn: int | None = None,
    marker: int | None = None,
    empty: str = "no_sources",
    back: bool = False,
) -> Safe:
    """The panel; None before there was any answer, `empty` names the words where nothing was found."""
    if sources is None:
        body = tag("p", t("no_sources_yet"), class_="quiet")
    elif not sources:
        body = tag("p", t(empty), class_="quiet")
    else:
        scored = any(ranks(source.passage, t) for source in sources)
        explained = tag("p", t("found_scores"), class_="quiet small") if scored else None
        body = join(*(card(source, t, marker, turn, back) for source in sources), explained)
    close = tag("button", "×", type="button", class_="icon only-narrow", aria_label=t("close"), data_drawer="close")
    head = tag("div", tag("h2", t("sources")), close, class_="panel-head")
    return tag("section", head, body, class_="sources", data_turn=turn, aria_label=t("sources"))


def card(source: Source, t: Texts, marker: int | None = None, turn: int | None = None, back: bool = False) -> Safe:
    """One source; open where it was cited or asked for. Of a finished turn, a button opens the page it is from."""
    passage = source.passage
    wanted = source.marker == marker
    return tag(
        "details",
        tag(
            "summary",
            tag(
                "span",
                tag("span", f"[{source.marker}]", class_="number"),
                tag("span", passage.document, class_="document"),
                tag("span", t("cited"), class_="chip good") if source.quote else None,
                class_="source-title",
            ),
            tag("span", meta(passage, t), class_="source-meta"),
            tag("span", t("outdated"), class_="chip warn") if passage.outdated else None,
            tag("span", snippet(source), class_="snippet"),
        ),
        tag("p", passage.heading, class_="heading") if passage.heading else None,
        tag("p", *quoted(source), class_="passage"),
        tag("p", *(tag("span", words) for words in ranks(passage, t)), class_="ranks") if ranks(passage, t) else None,
        _page_button(source, t, turn, focus=wanted and back) if turn is not None else None,
        class_="source wanted" if wanted else "source",
        open=bool(wanted or source.quote),
        data_source=source.marker,
    )


def _page_button(source: Source, t: Texts, turn: int, focus: bool) -> Safe:
    return tag(
        "button", t("see_in_page" if source.passage.page else "see_in_document"), type="button", class_="action strong",
        aria_label=t("see_source_in_page", n=source.marker), data_event="submit", data_turn=turn,
        data_marker=source.marker, data_focus=focus,
    )  # fmt: skip


def ranks(passage: Passage, t: Texts) -> tuple[str, ...]:
    """How a passage was found: its places in the two searches, the joint score, its closeness. Empty if not known."""
    searches: tuple[str, ...]
    if passage.dense_rank is None and passage.lexical_rank is None:
        if not passage.fused:
            return ()
        searches = (t("found_version"),)
    else:
        searches = (
            t("found_dense", n=passage.dense_rank) if passage.dense_rank else t("found_not_dense"),
            t("found_lexical", n=passage.lexical_rank) if passage.lexical_rank else t("found_not_lexical"),
        )
    closeness = (t("found_cosine", n=formats.number(passage.score, t, 2)),) if passage.score else ()
    return (*searches, t("found_fused", n=formats.number(passage.fused, t, 2)), *closeness)


def meta(passage: Passage, t: Texts) -> str:
    """As in "sistema-solar · p. 3 · 11/03/2025 · 0,91"; an older version that no search asked for has no score."""
    page = t("page", n=passage.page) if passage.page else None
    score = formats.number(passage.score, t, 2) if passage.score else None
    parts = (passage.corpus, page, formats.day(passage.as_of, t), score)
    return " · ".join(part for part in parts if part)


def snippet(source: Source) -> str:
    """The quoted words, or the beginning of the passage, on one line."""
    short = shortened(source.quote or source.passage.text)
    return f"«{short}»" if source.quote else short


def shortened(text: str) -> str:
    """The beginning of a text on one line, cut between two words."""
    words = " ".join(text.split())
    return words if len(words) <= _SNIPPET_CHARS else words[:_SNIPPET_CHARS].rsplit(" ", 1)[0] + "…"


def quoted(source: Source) -> tuple[str, ...]:
    """The passage's text with the quoted words marked; offsets outside of it mark nothing."""
    words, start, end = source.passage.text, source.start, source.end
    if start is None or end is None or not 0 <= start < end <= len(words):
        return (words,)
    return words[:start], tag("mark", words[start:end]), words[end:]
