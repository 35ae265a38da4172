"""Extracted entities as coloured text, legend, table and downloads.

Pure functions; refuses to know Gradio. A class is told by its written label; colour only repeats it.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from assistant.services.records import entity_record
from assistant.types import Entity
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

_COLOURS = 6
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


def extraction(text: str, entities: Sequence[Entity], t: Texts) -> Safe:
    """The whole view of an extraction."""
    if not entities:
        return tag("div", tag("p", t("no_entities"), class_="quiet"), class_="extraction")
    colour = _colours(entities)
    return tag(
        "div",
        _legend(entities, colour, t),
        tag("p", *_spans(text, entities, colour), class_="entity-text"),
        tag("details", tag("summary", t("entities")), _table(entities, colour, t), class_="entity-table", open=True),
        tag("div", _download("csv", to_csv(entities, t), t), _download("json", to_json(entities), t), class_="actions"),
        class_="extraction",
    )


def plain(text: str, entities: Sequence[Entity], t: Texts) -> Safe:
    """The coloured text alone, where there is no room for more."""
    if not entities:
        return tag("p", t("no_entities"), class_="quiet")
    return tag("p", *_spans(text, entities, _colours(entities)), class_="entity-text")


def to_csv(entities: Sequence[Entity], t: Texts) -> str:
    """CSV for a spreadsheet: Portuguese ones split at semicolons; no cell can be read as a formula."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter="," if t.language == "en" else ";")
    writer.writerow(["label", "text", "start", "end", "confidence"])
    writer.writerows([_cell(e.label), _cell(e.text), e.start, e.end, _number(e.confidence, t)] for e in entities)
    return "\ufeff" + file.getvalue()


def to_json(entities: Sequence[Entity]) -> str:
    """The entities with their character offsets in the input."""
    return json.dumps([entity_record(entity) for entity in entities], ensure_ascii=False, indent=2)


def _colours(entities: Sequence[Entity]) -> dict[str, int]:
    return {label: n % _COLOURS for n, label in enumerate(sorted({e.label for e in entities}))}


def _cell(value: str) -> str:
    return f"'{value}" if value.lstrip(" ").startswith(_RISKY) else value


def _spans(text: str, entities: Sequence[Entity], colour: dict[str, int]) -> list[str]:
    parts: list[str] = []
    position = 0
    for entity in sorted(entities, key=lambda e: (e.start, -e.end)):
        if entity.start < position or entity.end > len(text):
            continue  # overlaps the one before: it stands in the table only
        parts += [
            text[position : entity.start],
            tag(
                "span",
                text[entity.start : entity.end],
                tag("span", entity.label, class_="entity-label"),
                class_=f"entity colour-{colour[entity.label]}",
                data_label=entity.label,
            ),
        ]
        position = entity.end
    return [*parts, text[position:]]


def _legend(entities: Sequence[Entity], colour: dict[str, int], t: Texts) -> Safe:
    counts = Counter(e.label for e in entities)
    chips = [
        tag(
            "button", tag("span", label), tag("span", str(counts[label]), class_="figure"),
            type="button", class_=f"legend colour-{colour[label]}", aria_pressed="true", data_filter=label,
        )
        for label in sorted(counts)
    ]  # fmt: skip
    return tag("div", *chips, class_="legend-row", role="group", aria_label=t("filter_entities"))


def _table(entities: Sequence[Entity], colour: dict[str, int], t: Texts) -> Safe:
    keys = ("column_label", "column_text", "column_confidence", "column_start", "column_end")
    head = tag("tr", *(tag("th", t(key), scope="col") for key in keys))
    rows = [
        tag(
            "tr",
            tag("td", tag("span", e.label, class_=f"entity-label colour-{colour[e.label]}")),
            tag("td", e.text),
            tag("td", _percent(e.confidence), class_="figure"),
            tag("td", str(e.start), class_="figure"),
            tag("td", str(e.end), class_="figure"),
            data_label=e.label,
        )
        for e in entities
    ]
    return scroll_box(tag("table", tag("thead", head), tag("tbody", join(*rows))), t("entities"))


def _percent(share: float | None) -> str:
    """Whole per cents, cut off: what is shown as 100 % is certain."""
    return "–" if share is None else f"{int(share * 100)} %"


def _number(share: float | None, t: Texts) -> str:
    """As a spreadsheet of the language reads it."""
    if share is None:
        return ""
    return f"{share:.4f}".replace(".", "." if t.language == "en" else ",")


def _download(kind: str, content: str, t: Texts) -> Safe:
    media = "text/csv" if kind == "csv" else "application/json"
    return tag(
        "a", t(f"download_{kind}"), class_="link", href=f"data:{media};charset=utf-8,{quote(content)}",
        download=f"{t('file_stem')}.{kind}",
    )  # fmt: skip
