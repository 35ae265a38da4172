"""The memory of the base as markup: predicted for each precision, and measured.

Pure functions from the service's types to `Safe` markup. Refuses to know where the figures are from.
"""

from __future__ import annotations

from assistant.services.memory import Memory, Precision
from assistant.ui import formats
from assistant.ui.markup import Safe, join, scroll_box, tag
from assistant.ui.texts import Texts

_NAMES = {
    Precision.FP32: "FP32",
    Precision.BF16: "FP16 / BF16",
    Precision.INT8: "INT8",
    Precision.NF4: "NF4",
    Precision.GGUF: "GGUF",
}


def table(memory: Memory, t: Texts) -> Safe:
    """One row a precision, the loaded one marked; the last row is what this process takes."""
    titles = [
        tag("th", t("precision"), scope="col"),
        tag("td", class_="bar-cell"),
        tag("th", t("memory_weights"), scope="col", class_="figure"),
    ]
    most = max([*memory.weights.megabytes.values(), memory.process_mb or 0.0])
    rows = [_predicted(precision, memory, most, t) for precision in Precision]
    body = tag("tbody", *rows, _measured(memory, most, t))
    note = memory.weights.note.get(t.language)
    return tag(
        "section",
        tag("h2", t("memory_title")),
        tag("p", t("memory_intro", title=memory.title), class_="quiet"),
        tag("p", note, class_="note") if note else None,
        scroll_box(tag("table", tag("thead", tag("tr", *titles)), body), t("memory_title"), "table-box memory"),
        class_="panel-card",
    )


def _predicted(precision: Precision, memory: Memory, most: float, t: Texts) -> Safe:
    value = memory.weights.megabytes.get(precision)
    absent = "memory_no_file" if precision is Precision.GGUF else "memory_unknown"
    shown = t(absent) if value is None else _megabytes(value, t)
    if precision in memory.weights.least:
        shown = t("memory_least", value=shown)
    used = precision is memory.loaded
    label = _label(_NAMES[precision], t(f"precision_{precision}"), t("memory_in_use") if used else "")
    return tag("tr", label, _bar(value, most), tag("td", shown, class_="figure"), class_="now" if used else None)


def _measured(memory: Memory, most: float, t: Texts) -> Safe:
    about = t("memory_process" if memory.loaded else "memory_process_bare")
    if memory.on_gpu:
        about = t("memory_process_gpu")
    shown = t("memory_unmeasured") if memory.process_mb is None else _megabytes(memory.process_mb, t)
    label = _label(t("memory_measured"), about, "")
    return tag("tr", label, _bar(memory.process_mb, most), tag("td", shown, class_="figure"), class_="measured")


def _label(name: str, about: str, mark: str) -> Safe:
    chip = join(" ", tag("span", mark, class_="chip good")) if mark else None
    return tag("td", tag("strong", name), chip, tag("span", about, class_="detail"))


def _bar(value: float | None, most: float) -> Safe:
    """The share of the largest figure of the table; the figure beside it says the same."""
    drawn = tag("meter", min="0", max="1", value=f"{value / most:.3f}", aria_hidden="true") if value else None
    return tag("td", drawn, class_="bar-cell")


def _megabytes(value: float, t: Texts) -> str:
    return f"{formats.number(value, t)}{formats.NO_BREAK}MB"
