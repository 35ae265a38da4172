"""A cited page in the place of the sources: its text as it was read, the passage marked, the quoted words stronger.

Knows how it looks and what it shows while a long document is read again. Refuses to know widgets; what stands in
documents is never markup, and every page is looked up anew by the service, which checks corpus, document and page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

from assistant.errors import AssistantError
from assistant.retrieval.documents import OnPage
from assistant.services.corpus_marks import Marks
from assistant.services.corpus_preview import Cited, CorpusPreview
from assistant.services.corpus_reading import by_page
from assistant.types import Source
from assistant.ui import formats
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

_SHOWN_S = 0.5  # between two looks at how far the reading is


def shown(preview: CorpusPreview, source: Source, turn: int, to: int | None, t: Texts) -> Iterator[Safe]:
    """The page of a source, or the one at position `to`; before it, how far its document is read."""
    yield opening(source, turn, t)
    try:
        cited = yield from _reading(lambda on_page: preview.citing(source, to, on_page), source, turn, t)
    except AssistantError as error:
        yield _frame(source, turn, t, tag("p", error.text(t.language), class_="failure", role="alert"))
    else:
        yield reader(cited, source, turn, t)


def _reading(read: Callable[[OnPage], Cited], source: Source, turn: int, t: Texts) -> Generator[Safe, None, Cited]:
    """What `read` finds; until then, now and then, how far it is."""
    last = 0.0

    def tell(page: int, of: int) -> Safe | None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SHOWN_S:
            return None
        last = now
        return opening(source, turn, t, page, of)

    reading = by_page(read, tell)
    while True:
        try:
            told = next(reading)
        except StopIteration as ended:
            cited: Cited = ended.value
            return cited
        if told is not None:
            yield told


def opening(source: Source, turn: int, t: Texts, page: int = 0, of: int = 0) -> Safe:
    """What is shown until the page is there."""
    words = t("reader_opening", name=source.passage.document)
    far = t("file_reading", page=formats.number(page, t), pages=formats.number(of, t)) if page else None
    pending = tag("p", " · ".join(part for part in (words, far) if part), class_="pending", role="status")
    return _frame(source, turn, t, pending)


def reader(cited: Cited, source: Source, turn: int, t: Texts) -> Safe:
    """The page with its marks, the way to the pages beside it, and back to the passage."""
    preview, page = cited.preview, cited.preview.page
    kind = t("preview_part" if page.number is None else "preview_page")
    place = t("preview_of", place=kind, n=page.number or page.position, total=page.total)
    meta = " · ".join((place, formats.day(preview.as_of, t)))
    text = tag("p", *marked(page.text, cited.marks), class_="read-text")
    body = text if page.text.strip() else tag("p", t("preview_no_text"), class_="quiet")
    title = preview.title if preview.title != preview.name else None
    return _frame(
        source,
        turn,
        t,
        tag("p", title, class_="quiet small") if title else None,
        tag("p", meta, class_="source-meta"),
        _turning(cited, source, turn, t) if page.total > 1 else None,
        _legend(cited, t),
        scroll_box(body, t("reader_text", name=preview.name, place=place), "page-text"),
    )


def marked(text: str, marks: Marks) -> tuple[str, ...]:
    """The text with the passage as a mark and the quoted words as a mark inside; the stronger one is scrolled to."""
    if marks.passage is None:
        return (text,)
    start, end = marks.passage
    inside: tuple[str, ...] = (text[start:end],)
    if marks.quote is not None:
        first, last = marks.quote
        words = tag("mark", text[first:last], class_="quoted wanted", data_block="center")
        inside = (text[start:first], words, text[last:end])
    wanted = "in-passage" if marks.quote else "in-passage wanted"
    block = None if marks.quote else "center"
    return text[:start], tag("mark", *inside, class_=wanted, data_block=block), text[end:]


def _frame(source: Source, turn: int, t: Texts, *body: str | None) -> Safe:
    """The panel around it; Escape does what its button does."""
    close = tag(
        "button", "← ", t("reader_close"), type="button", class_="action strong", data_event="clear", data_turn=turn,
        data_marker=source.marker, data_escape=True, data_focus=True,
    )  # fmt: skip
    number = tag("span", f"[{source.marker}]", class_="number")
    name = tag("h2", number, " ", source.passage.document, class_="document")
    label = t("reader", name=source.passage.document)
    return tag("section", close, name, *body, class_="sources reader", aria_label=label, data_turn=turn)


def _turning(cited: Cited, source: Source, turn: int, t: Texts) -> Safe:
    page, home = cited.preview.page, cited.home

    def button(key: str, to: int, there: bool) -> Safe:
        return tag(
            "button", t(key), type="button", class_="action strong", disabled=not there, data_event="submit",
            data_turn=turn, data_marker=source.marker, data_to=to,
        )  # fmt: skip

    return tag(
        "div",
        button("previous", page.position - 1, page.position > 1),
        button("next", page.position + 1, page.position < page.total),
        button("reader_home", home, True) if home is not None and home != page.position else None,
        class_="pager",
    )


def _legend(cited: Cited, t: Texts) -> Safe:
    """What the marks mean, or why there are none."""
    if cited.home is None:
        return tag("p", t("reader_gone"), class_="note", role="status")
    if cited.marks.passage is None:
        return tag("p", t("reader_elsewhere"), class_="quiet small")
    passage = tag("mark", t("reader_passage"), class_="in-passage")
    quote = join(" ", tag("mark", t("reader_quote"), class_="quoted")) if cited.marks.quote else None
    return tag("p", passage, quote, class_="legend-line small")
