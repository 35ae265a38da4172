"""How a data set looks: the file, its first rows, the report on it, and what the model will see.

Pure functions from what a visitor brought to markup; texts of the file are only ever text. Refuses to know
widgets and services.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.services.intake_choice import Intake
from assistant.training.findings import Finding, Severity
from assistant.training.report import DataReport, PreviewItem, Study
from assistant.ui import formats
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

_CELL_CHARS = 160
_CLASSES = 20  # of the largest; the rest is counted together
_WORDS = {Severity.ERROR: "finding_error", Severity.WARNING: "finding_warning", Severity.INFO: "finding_info"}
_TONES = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.INFO: "good"}
_LANGUAGES = {"pt": "language_pt", "en": "language_en", "es": "language_es", "other": "language_other", "": "unsure"}


def file_line(now: Intake, t: Texts) -> Safe:
    """Name, form and size of what was brought, or why it cannot be read any more."""
    form = now.study.report.form if now.study else now.path.suffix.removeprefix(".")
    about = " · ".join(filter(None, (form.upper(), formats.size(now.size, t))))
    return join(
        tag("p", tag("strong", now.path.name), " ", tag("span", about, class_="quiet"), class_="file-line"),
        tag("p", now.origin.words.get(t.language), class_="quiet", id="data-origin") if now.origin else None,
        tag("p", now.problem.get(t.language), class_="failure", role="alert") if now.problem else None,
    )


def first_rows(now: Intake, t: Texts) -> Safe:
    """The first rows under the names of their columns; nothing where the form has no columns."""
    columns = now.columns
    if not columns.names:
        return Safe("")
    header = tag("tr", *(tag("th", name, scope="col") for name in columns.names))
    rows = [tag("tr", *(tag("td", _clipped(cell)) for cell in row)) for row in columns.first]
    table = tag("table", tag("thead", header), tag("tbody", *rows))
    box = scroll_box(table, t("first_rows"))
    ask = None
    if not columns.plain and now.study is None:
        named = ", ".join(columns.names)
        ask = tag("p", formats.counted("columns_missing", len(columns.names), t) + f" ({named})", class_="note")
    return tag("div", ask, tag("h4", t("first_rows")), box, class_="first-rows")


def report_view(study: Study | None, t: Texts) -> Safe:
    """The whole report: whether the data will do, its figures, its classes, and everything found."""
    if study is None:
        return Safe("")
    report = study.report
    findings = [_finding(item, study.rows, t) for item in report.findings]
    nothing = tag("p", t("nothing_found"), class_="quiet")
    return tag(
        "section",
        tag("h3", t("data_report"), " ", _verdict(report, t)),
        tag("dl", *(join(tag("dt", k), tag("dd", v)) for k, v in _facts(report, t)), class_="facts"),
        _classes(report, t) if report.labels else None,
        tag("h4", t("findings")),
        tag("ul", *findings, class_="findings") if findings else nothing,
        class_="panel-card data-report",
    )


def _previewed(item: PreviewItem, t: Texts) -> Safe:
    line = t("line_number", n=item.line)
    seen = join(item.prompt, tag("span", item.completion, class_="completion"))
    return tag("li", tag("p", line, class_="quiet"), scroll_box(seen, line, "model-text"))


def preview_view(items: Sequence[PreviewItem], t: Texts) -> Safe:
    """Prompt and completion, character by character."""
    if not items:
        return Safe("")
    shown = [_previewed(item, t) for item in items]
    return tag(
        "section",
        tag("h3", t("model_sees")),
        tag("p", t("model_sees_hint"), class_="quiet"),
        tag("ol", *shown, class_="previews"),
        class_="panel-card",
    )


def _verdict(report: DataReport, t: Texts) -> Safe:
    counts = {severity: sum(item.severity is severity for item in report.findings) for severity in Severity}
    if counts[Severity.ERROR]:
        return tag("span", formats.counted("data_errors", counts[Severity.ERROR], t), class_="chip bad")
    if counts[Severity.WARNING]:
        return tag("span", formats.counted("data_warnings", counts[Severity.WARNING], t), class_="chip warn")
    return tag("span", t("data_fine"), class_="chip good")


def _facts(report: DataReport, t: Texts) -> list[tuple[str, str]]:
    def n(value: int) -> str:
        return formats.number(value, t)

    tokens, split = report.tokens, report.split
    left_out = sum(item.count for item in report.findings if item.code in ("too_long", "all_too_long"))
    lengths = t("lengths", median=n(tokens.median), p95=n(tokens.p95), max=n(tokens.max))
    cut = t("lengths_limit", limit=n(tokens.limit), n=n(left_out))
    measured = f"{lengths} {cut}" + (f" {t('lengths_estimated')}" if tokens.estimated else "")
    languages = [f"{t(_LANGUAGES[code])} {n(count)}" for code, count in report.languages.items()]
    parts = t("split_parts", train=n(split.train), validation=n(split.validation), test=n(split.test))
    units = t("split_groups", n=n(split.units)) if split.by_group else t("split_near")
    return [
        (t("data_rows"), t("data_usable", usable=n(report.usable), total=n(report.rows))),
        (t("data_languages"), ", ".join(languages) or "—"),
        (t("data_lengths"), measured if tokens.max else "—"),
        (t("data_split"), f"{parts} {units} {t('split_seed', seed=split.seed)}"),
    ]


def _classes(report: DataReport, t: Texts) -> Safe:
    """The classes with their counts as bars, largest first."""
    most = max(report.labels.values())
    total = sum(report.labels.values())
    shown = list(report.labels.items())[:_CLASSES]
    rows = [
        tag(
            "li",
            tag("span", label, class_="class-name"),
            tag("meter", value=count, max=most, aria_hidden="true"),
            tag("span", f"{formats.number(count, t)} · {formats.percent(count / total, t)}", class_="figure"),
        )
        for label, count in shown
    ]
    more = len(report.labels) - len(shown)
    rest = tag("p", formats.counted("more_classes", more, t), class_="quiet") if more else None
    return join(tag("h4", t("classes", n=len(report.labels))), tag("ul", *rows, class_="classes"), rest)


def _finding(item: Finding, rows: Mapping[tuple[str, int], tuple[str, str]], t: Texts) -> Safe:
    """One finding; where it names rows, they open below it."""
    chip = tag("span", t(_WORDS[item.severity]), class_=f"chip {_TONES[item.severity]}")
    message = tag("span", item.message.get(t.language))
    if not item.lines:
        return tag("li", tag("p", chip, " ", message))
    cells = [_row(place, rows.get(place, ("", "")), t) for place in item.places]
    header = tag("tr", *(tag("th", t(key), scope="col") for key in ("line", "column_input", "column_output")))
    table = scroll_box(tag("table", tag("thead", header), tag("tbody", *cells)), item.message.get(t.language))
    beyond = item.count - len(item.lines)
    more = tag("p", formats.counted("more_rows", beyond, t), class_="quiet") if beyond > 0 else None
    return tag("li", tag("details", tag("summary", chip, " ", message), table, more))


def _row(place: tuple[str, int], cells: tuple[str, str], t: Texts) -> Safe:
    document, line = place
    at = f"{document}: {formats.number(line, t)}" if document else formats.number(line, t)
    return tag("tr", tag("td", at, class_="figure nowrap"), *(tag("td", _clipped(cell)) for cell in cells))


def _clipped(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= _CELL_CHARS else f"{folded[: _CELL_CHARS - 1]}…"
