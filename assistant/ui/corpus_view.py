"""The corpora page as markup: the list, one corpus with its documents, a look into one, and what a search found.

Pure functions from the service's types to `Safe` markup. Refuses to know widgets and services; what stands in
documents is never markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from assistant.retrieval.freshness import is_outdated
from assistant.services.corpora import Corpus
from assistant.services.corpus_preview import Preview
from assistant.stores.rows import DocumentRecord, StoredChunk
from assistant.types import Passage
from assistant.ui import formats, sources
from assistant.ui.clicks import button
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

PER_PAGE = 50  # documents shown at once


@dataclass(frozen=True, slots=True)
class Row:
    """A document as the table shows it; `record` is None where it is not in the index, `size` 0 where it is no file."""

    name: str
    size: int
    record: DocumentRecord | None
    given: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A corpus as the list shows it: its bytes, whether documents are coming in, and when one last changed on disk.

    `changed` is an ISO date, "" where there are no documents.
    """

    corpus: Corpus
    size: int = 0
    working: bool = False
    changed: str = ""


def listing(corpora: Sequence[Listed], t: Texts, chosen: str = "") -> Safe:
    """Every corpus as a button that opens it."""
    head = tag("div", tag("h1", t("tab_corpora")), tag("p", t("corpora_intro"), class_="quiet"))
    if not corpora:
        return tag("div", head, tag("p", t("no_corpora"), class_="quiet"), class_="stack")
    rows = [tag("li", _listed(c, t, c.corpus.card.name == chosen)) for c in corpora]
    return tag("div", head, tag("ul", *rows, class_="adapter-list"), class_="stack")


def _listed(listed: Listed, t: Texts, chosen: bool) -> Safe:
    corpus, stats = listed.corpus, listed.corpus.stats
    counts = [formats.counted("documents", stats.documents, t), formats.counted("passages", stats.chunks, t)]
    chip = None
    if corpus.problem or listed.working:
        words = t("corpus_faulty" if corpus.problem else "corpus_working")
        chip = tag("span", words, class_="chip bad" if corpus.problem else "chip good")
    elif stats.refused:
        chip = tag("span", formats.counted("refused", stats.refused, t), class_="chip warn")
    return tag(
        "button",
        tag("span", corpus.card.title.get(t.language), class_="adapter-name"),
        chip,
        tag("span", " · ".join(counts), class_="adapter-meta"),
        tag("span", " · ".join(p for p in (_span(corpus, t), _size(listed.size, t)) if p), class_="adapter-figures"),
        tag("span", corpus.problem.get(t.language), class_="adapter-note") if corpus.problem else None,
        type="button",
        class_="adapter-row",
        aria_current="true" if chosen else None,
        data_event="select",
        data_id=corpus.card.name,
    )


def head(listed: Listed, t: Texts) -> Safe:
    """One corpus: its title, what it holds, and what it is for."""
    corpus, stats, age = listed.corpus, listed.corpus.stats, listed.corpus.card.max_age_days
    told = [
        formats.counted("documents", stats.documents, t),
        formats.counted("refused", stats.refused, t) if stats.refused else "",
        formats.counted("passages", stats.chunks, t),
        _size(listed.size, t),
        _span(corpus, t),
        formats.counted("corpus_old_after", age, t) if age else t("corpus_never_old"),
        t("corpus_changed", day=formats.day(listed.changed, t)) if listed.changed else "",
    ]
    return tag(
        "section",
        tag("div", tag("h2", corpus.card.title.get(t.language)), tag("code", corpus.card.name), class_="adapter-head"),
        tag("p", corpus.card.description.get(t.language)),
        tag("p", " · ".join(part for part in told if part), class_="quiet small figure"),
        tag("p", corpus.problem.get(t.language), class_="failure", role="alert") if corpus.problem else None,
        class_="corpus-head",
        aria_label=corpus.card.title.get(t.language),
    )


def documents(rows: Sequence[Row], page: int, max_age_days: int, t: Texts, words: str = "") -> Safe:
    """The documents of a page of the table, each with its menu; `words` is what was filtered by."""
    if not rows:
        empty = t("documents_no_match", words=words) if words else t("documents_none")
        return tag("p", empty, class_="quiet empty")
    last = max(1, -(-len(rows) // PER_PAGE))
    page = min(max(1, page), last)
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    keys = (("document", ""), ("document_date", ""), ("pages", "figure wide"), ("passages", "figure wide"))
    cells = [tag("th", t(key), scope="col", class_=cls or None) for key, cls in keys]
    cells += [tag("th", t("document_state"), scope="col", class_="wide"), tag("th", "", class_="menu-cell")]
    body = tag("tbody", *(_document(row, max_age_days, t) for row in shown))
    table = tag("table", tag("thead", tag("tr", *cells)), body)
    return join(scroll_box(table, t("documents"), "table-box documents"), _pager(page, last, len(rows), t))


def _document(row: Row, max_age_days: int, t: Texts) -> Safe:
    record = row.record
    old = record is not None and is_outdated(record.as_of, date.today(), max_age_days)
    notes = record.notes if record else ()
    name = join(
        button(row.name, "submit", class_="document-name", action="view", document=row.name),
        tag("p", record.title, class_="quiet small") if record and record.title not in (row.name, "") else None,
        *(tag("p", note, class_="quiet small" if record and record.state == "ready" else "note") for note in notes[:3]),
        tag("p", _state(row, t), _counts(record, t), class_="narrow quiet small"),
    )
    dated = join(
        tag("span", formats.day(record.as_of if record else None, t), class_="nowrap"),
        tag("p", t("document_given"), class_="quiet small") if row.given else None,
        tag("p", tag("span", t("outdated"), class_="chip warn")) if old else None,
    )
    return tag(
        "tr",
        tag("td", name),
        tag("td", dated, class_="figure-left"),
        tag("td", formats.number(record.pages, t) if record and record.pages else "—", class_="figure wide"),
        tag("td", formats.number(record.chunks, t) if record else "—", class_="figure wide"),
        tag("td", _state(row, t), class_="wide"),
        tag("td", _menu(row.name, t), class_="menu-cell"),
    )


def _state(row: Row, t: Texts) -> Safe:
    if row.record is None:
        return tag("span", t("document_waiting"), class_="chip warn")
    if not row.size:
        return tag("span", t("document_missing"), class_="chip warn")
    ready = row.record.state == "ready"
    return tag(
        "span", t("document_ready" if ready else "document_refused"), class_="chip good" if ready else "chip bad"
    )


def _counts(record: DocumentRecord | None, t: Texts) -> str:
    return f" {formats.counted('passages', record.chunks, t)}" if record and record.chunks else ""


def _menu(name: str, t: Texts) -> Safe:
    entries = (
        ("document_view", "view"), ("document_set_date", "date"), ("document_replace", "replace"),
        ("document_delete", "ask_delete"),
    )  # fmt: skip
    items = [tag("li", button(t(key), "submit", action=action, document=name)) for key, action in entries]
    label = t("document_menu", name=name)
    return tag("details", tag("summary", "⋯", aria_label=label, title=label), tag("ul", *items), class_="menu")


def _pager(page: int, last: int, total: int, t: Texts) -> Safe | None:
    if last == 1:
        return None
    first = (page - 1) * PER_PAGE + 1
    told = {"first": first, "last": min(total, first + PER_PAGE - 1), "total": total}
    words = t("documents_pages", **{key: formats.number(value, t) for key, value in told.items()})
    return tag("div", *turning(page, last, "page", t), tag("span", words, class_="quiet small figure"), class_="pager")


def turning(position: int, last: int, action: str, t: Texts) -> tuple[Safe, Safe]:
    """The two buttons that turn a page."""

    def turn(key: str, to: int, there: bool) -> Safe:
        return tag(
            "button", t(key), type="button", class_="action strong", disabled=not there, data_event="submit",
            data_action=action, data_to=to,
        )  # fmt: skip

    return turn("previous", position - 1, position > 1), turn("next", position + 1, position < last)


def delete_question(name: str, t: Texts) -> Safe:
    """A document is to go: asked once more."""
    return tag(
        "div",
        tag("p", t("document_delete_sure", name=name)),
        button(t("delete_yes"), "submit", class_="action strong danger", action="delete", document=name),
        button(t("cancel"), "submit", action="close", document=name),
        class_="actions confirmation wanted",
        role="alert",
    )


def preview(shown: Preview, t: Texts) -> Safe:
    """The text of a page as it was read, beside the chunks that were made of it."""
    page = shown.page
    place = t("preview_of", place=t("preview_part" if page.number is None else "preview_page"),
              n=page.number or page.position, total=page.total)  # fmt: skip
    meta = " · ".join((place, formats.day(shown.as_of, t)))
    close = button(t("close"), "submit", class_="link", action="close", document=shown.name)
    text = tag("p", page.text, class_="read-text") if page.text.strip() else _quiet(t("preview_no_text"))
    made = [_chunk(chunk, t) for chunk in page.chunks]
    chunks = tag("ol", *made, class_="chunks") if made else _quiet(t("preview_no_chunks"))
    return tag(
        "section",
        tag("div", tag("h3", shown.name), close, class_="section-head"),
        tag("p", shown.title, class_="quiet small") if shown.title != shown.name else None,
        *(tag("p", warning.get(t.language), class_="note") for warning in shown.warnings),
        *_refusal(shown.record),
        tag("div", *turning(page.position, page.total, "turn", t), tag("span", meta, class_="quiet small figure"),
            class_="pager") if page.total > 1 else tag("p", meta, class_="quiet small figure"),
        tag(
            "div",
            scroll_box(join(tag("h4", t("preview_text")), text), t("preview_text"), "side"),
            scroll_box(join(tag("h4", t("preview_chunks")), chunks), t("preview_chunks"), "side"),
            class_="beside",
        ),
        class_="panel-card preview wanted",
    )  # fmt: skip


def _refusal(record: DocumentRecord | None) -> list[Safe]:
    return [tag("p", note, class_="failure") for note in record.notes] if record and record.state != "ready" else []


def _chunk(chunk: StoredChunk, t: Texts) -> Safe:
    heading = tag("p", chunk.heading, class_="quiet small") if chunk.heading else None
    return tag("li", heading, tag("p", chunk.text, class_="read-text"), value=chunk.position + 1)


def results(passages: Sequence[Passage], t: Texts) -> Safe:
    """The passages found, best first, each with how it was found."""
    if not passages:
        return _quiet(t("found_nothing"))
    found = [_found(number, passage, t) for number, passage in enumerate(passages, 1)]
    return join(tag("p", t("found_scores"), class_="quiet small"), *found)


def _found(number: int, passage: Passage, t: Texts) -> Safe:
    page = t("page", n=passage.page) if passage.page else ""
    meta = " · ".join(part for part in (page, formats.day(passage.as_of, t)) if part)
    title = tag("span", tag("span", str(number), class_="number"), tag("span", passage.document, class_="document"),
                class_="source-title")  # fmt: skip
    return tag(
        "details",
        tag(
            "summary",
            title,
            tag("span", meta, class_="source-meta"),
            tag("span", t("outdated"), class_="chip warn") if passage.outdated else None,
            tag("span", *(tag("span", words) for words in sources.ranks(passage, t)), class_="ranks"),
            tag("span", sources.shortened(passage.text), class_="snippet"),
        ),
        tag("p", passage.heading, class_="heading") if passage.heading else None,
        tag("p", passage.text, class_="passage"),
        class_="source",
        open=number == 1,
    )


def _span(corpus: Corpus, t: Texts) -> str:
    first, last = corpus.stats.oldest, corpus.stats.newest
    if not first:
        return ""
    return (
        formats.day(last, t)
        if first == last
        else t("date_span", first=formats.day(first, t), last=formats.day(last, t))
    )


def _size(size: int, t: Texts) -> str:
    return formats.size(size, t) if size else ""


def _quiet(words: str) -> Safe:
    return tag("p", words, class_="quiet")
