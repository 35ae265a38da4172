"""HTML to text: headings, lists, tables and what a reader sees of the rest.

Knows tags, and draws tables as Markdown rows. Whatever a page would run or fetch is dropped unread. Refuses to know
where the HTML came from: a page, a chapter of a book, a word processor's document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.retrieval.documents import Page, Parsed, Source
from assistant.retrieval.reading.texts import decode_or_guess, guess_warning

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_SKIPPED = ("script", "style", "nav", "noscript", "template", "iframe", "svg", "form", "aside", "footer", "object")
_BLOCKS = ("p", "li", "tr", "dt", "dd", "blockquote", "pre", "div", "section", "article", "br", "table", "ul", "ol")
_DATE_NAMES = ("date", "article:published_time", "article:modified_time", "dcterms.date", "dc.date")
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
_BULLET_ALONE = re.compile(r"(?m)^(-|\d+\.)\n+(?=[^\n#|-])")
_MAX_CELL = 400  # letters: a longer cell means that the table only places things on the page


def read_html(source: Source) -> Parsed:
    """A page of the web."""
    text, guessed = decode_html(source.data)
    soup = parse_html(text)
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    date = _date(soup)
    warnings = guess_warning(source.name, text, guessed)
    return Parsed((Page(None, text_of(soup)),), title, date, warnings=tuple(warnings))


def decode_html(data: bytes) -> tuple[str, str]:
    """The text of a page that declares its encoding, else the likeliest; and the encoding where it is a guess."""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) and (match := _DECLARED.search(data[:2048])):
        try:
            return data.decode(match[1].decode("ascii")), ""
        except (LookupError, UnicodeDecodeError):
            pass  # it declares what it is not: the bytes decide
    return decode_or_guess(data)


def parse_html(text: str) -> BeautifulSoup:
    """The tree of a page."""
    from bs4 import BeautifulSoup

    return BeautifulSoup(text, "lxml")


def text_of(soup: BeautifulSoup) -> str:
    """What a reader sees, headings as lines with "#", list items with "-" or their number, tables as rows."""
    for tag in soup.find_all(_SKIPPED):
        tag.decompose()
    body = soup.find("main") or soup.body or soup
    for table in reversed(body.find_all("table")):  # the inner ones first
        _draw_table(table)
    for item in body.find_all("li"):
        item.insert(0, _bullet(item))
    for line in body.find_all(["pre", "td", "th"]):
        line.append(" ")
    for level in range(1, 7):
        for heading in body.find_all(f"h{level}"):
            said = " ".join(heading.get_text(" ", strip=True).split())
            heading.replace_with(f"\n\n{'#' * level} {said}\n\n" if said else "\n\n")
    for block in body.find_all(_BLOCKS):
        block.insert_before("\n")
        if block.name != "li":
            block.insert_after("\n\n" if block.name in ("p", "table", "ul", "ol") else "\n")
    text = "\n".join(" ".join(line.split()) for line in body.get_text().splitlines())
    return _BULLET_ALONE.sub(r"\1 ", text)


def markdown_rows(rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown: one line a row, every row as wide as the widest; "" for an empty one."""
    clean = [[" ".join(cell.split()).replace("|", "/") for cell in row] for row in rows]
    clean = [row for row in clean if any(row)]
    width = max((len(row) for row in clean), default=0)
    return "\n".join("| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in clean)


def _draw_table(table: Tag) -> None:
    """Replace a table of data by its rows; one that only places things on the page is left as it is."""
    rows = [row.find_all(["td", "th"], recursive=False) for row in table.find_all("tr")]
    cells = [cell for row in rows for cell in row]
    wide = sum(len(row) > 1 for row in rows)
    if len(rows) < 2 or wide < 2 or wide < len(rows) / 2:
        return
    if any(len(cell.get_text()) > _MAX_CELL or cell.find(["h1", "h2", "h3", "pre"]) for cell in cells):
        return
    drawn = markdown_rows([[cell.get_text(" ", strip=True) for cell in row] for row in rows])
    caption = table.find("caption")
    said = caption.get_text(" ", strip=True) if caption else ""
    table.replace_with(f"\n\n{said}\n{drawn}\n\n")


def _bullet(item: Tag) -> str:
    parent = item.parent
    if parent is None or parent.name != "ol":
        return "- "
    before = list(item.find_previous_siblings("li"))
    start = str(parent.get("start") or "1")
    return f"{(int(start) if start.isdigit() else 1) + len(before)}. "


def _date(soup: BeautifulSoup) -> str:
    for meta in soup.find_all("meta"):
        label = str(meta.get("name") or meta.get("property") or meta.get("itemprop") or "").lower()
        if label in _DATE_NAMES and meta.get("content"):
            return str(meta.get("content"))
    stamp = soup.find("time", attrs={"datetime": True})
    return str(stamp["datetime"]) if stamp else ""
