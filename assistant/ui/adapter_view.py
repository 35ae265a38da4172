"""The adapters page as markup: the list, one adapter with its versions, and what was decided about it.

Pure functions from the service's types to `Safe` markup. Refuses to know widgets and services. A judgement
is read as its file has it: any field may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.errors import AssistantError
from assistant.services.adapters import AdapterDetail, AdapterInfo, AdapterState, VersionInfo
from assistant.stores.activations import Activation
from assistant.stores.cards import EVERY_CORPUS
from assistant.ui import figures, formats, judgement_view
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts

Judgements = Mapping[int, Mapping[str, Any]]  # by version number

_TONES = {AdapterState.LIVE: "chip good", AdapterState.BROKEN: "chip bad"}


def listing(adapters: Sequence[AdapterInfo], t: Texts, chosen: str = "") -> Safe:
    """Every adapter as a button that opens it; a note says what keeps one from answering."""
    head = tag("div", tag("h1", t("tab_adapters")), tag("p", t("adapters_intro"), class_="quiet"))
    if not adapters:
        return join(head, tag("p", t("no_adapters"), class_="quiet"))
    rows = [tag("li", _row(a, t, a.name == chosen)) for a in adapters]
    return tag("div", head, tag("ul", *rows, class_="adapter-list"), class_="stack")


def _row(adapter: AdapterInfo, t: Texts, chosen: bool) -> Safe:
    meta = [t(f"kind_{adapter.kind}")]
    if adapter.active:
        meta.append(number_of(adapter.active))
    known_by = figures.lead(adapter.kind, adapter.scores, t)
    return tag(
        "button",
        tag("span", adapter.title.get(t.language), class_="adapter-name"),
        state(adapter.state, t),
        tag("span", " · ".join(meta), class_="adapter-meta"),
        tag("span", " · ".join(known_by), class_="adapter-figures") if known_by else None,
        tag("span", adapter.note.get(t.language), class_="adapter-note") if adapter.note else None,
        type="button",
        class_="adapter-row",
        aria_current="true" if chosen else None,
        data_event="select",
        data_id=adapter.name,
    )


def state(value: AdapterState, t: Texts) -> Safe:
    """One word, in a colour that repeats it."""
    return tag("span", t(f"state_{value}"), class_=_TONES.get(value, "chip warn"))


def number_of(label: str) -> str:
    """The number of a version label: "0002-gemma3-270m" -> "0002"."""
    return label.partition("-")[0]


def detail(
    shown: AdapterDetail, judgements: Judgements, t: Texts, confirm: int | None = None, trainable: bool = False
) -> Safe:
    """One adapter: what it is, its versions with what can be done, its history.

    `confirm` is the version whose removal is being asked about again, 0 for the whole adapter; `trainable` says
    that there is a recipe to train it from.
    """
    info = shown.info
    head = tag(
        "div",
        tag("h2", info.title.get(t.language)),
        state(info.state, t),
        class_="adapter-head",
    )
    return tag(
        "section",
        head,
        tag("p", info.description.get(t.language)),
        tag("p", info.note.get(t.language), class_="note") if info.note else None,
        _train_here(t) if trainable and _is_of_another_base(shown) else None,
        _facts(info, t),
        _timeline(shown, judgements, t, confirm),
        _history(shown.history, t),
        class_="panel-card adapter-detail",
        aria_label=info.title.get(t.language),
    )


def _is_of_another_base(shown: AdapterDetail) -> bool:
    elsewhere = shown.info.state in (AdapterState.BY_EXAMPLES, AdapterState.OTHER_BASE)
    return elsewhere and not any(version.fits for version in shown.versions)


def _train_here(t: Texts) -> Safe:
    return tag("div", _button(t("train_here"), "train", 0), class_="actions")


def _facts(info: AdapterInfo, t: Texts) -> Safe:
    rows = [("adapter_id", tag("code", info.name)), ("base", info.base)]
    if info.size_bytes:
        rows.append(("size", formats.size(info.size_bytes, t)))
    if info.data_hash:
        made = f" · {formats.day(info.created[:10], t)}" if info.created else ""
        rows.append(("training_data", join(tag("code", info.data_hash[:12], title=info.data_hash), made)))
    if info.corpora:
        names = [t("corpora_all") if name == EVERY_CORPUS else name for name in info.corpora]
        rows.append(("answers_from", ", ".join(names)))
    pairs = [join(tag("dt", t(key)), tag("dd", value)) for key, value in rows]
    return tag("dl", *pairs, class_="facts")


def _timeline(shown: AdapterDetail, judgements: Judgements, t: Texts, confirm: int | None) -> Safe:
    back = shown.roll_back_to
    roll_back = _button(t("roll_back_to", n=f"{back:04d}"), "roll_back", 0) if back else None
    head = tag("div", tag("h3", t("versions")), roll_back, class_="section-head")
    kind = shown.info.kind
    known = {v.number: judgements.get(v.number, {}) for v in shown.versions}
    told = {v.number: " · ".join(figures.listed(kind, _measured(v, known[v.number]), t)) for v in shown.versions}
    rows = [_version(v, told[v.number], known[v.number], t, confirm == v.number) for v in reversed(shown.versions)]
    body = tag("ol", *rows, class_="timeline versions") if rows else tag("p", t("no_versions"), class_="quiet")
    about = tag("p", t(f"figures_of_{kind}"), class_="quiet small") if any(told.values()) else None
    return join(head, about, body, _delete_adapter(t, confirm == 0) if not shown.card.active else None)


def _delete_adapter(t: Texts, confirm: bool) -> Safe:
    if confirm:
        return _confirmation(t("delete_adapter_sure"), "delete", 0, t)
    return tag("div", _button(t("delete_adapter"), "ask_delete", 0, "link"), class_="actions")


def _measured(version: VersionInfo, judgement: Mapping[str, Any]) -> Mapping[str, float]:
    """What was measured when the version was made; where nothing was, what its judgement measured."""
    found = _mapping(_mapping(judgement.get("systems")).get("candidate"))
    return version.scores or {key: value for key, value in found.items() if isinstance(value, int | float)}


def _version(version: VersionInfo, told: str, judgement: Mapping[str, Any], t: Texts, confirm: bool) -> Safe:
    made = formats.day(version.created[:10], t) if version.created else ""
    chip = None
    if version.live:
        chip = tag("span", t("state_live"), class_="chip good")
    elif not version.fits:
        chip = tag("span", t("state_broken" if version.problem else "state_other_base"), class_="chip warn")
    head = tag(
        "div",
        tag("strong", f"{version.number:04d}"),
        chip,
        tag("span", " · ".join(part for part in (made, version.base, formats.size(version.size_bytes, t)) if part)),
        class_="version-head",
    )
    return tag(
        "li",
        head,
        tag("p", version.problem.get(t.language), class_="note") if version.problem else None,
        tag("p", told or t("no_scores"), class_="version-scores figure"),
        judgement_view.judged(judgement, t),
        judgement_view.folded(judgement, t),
        _confirmation(t("delete_version_sure", n=f"{version.number:04d}"), "delete", version.number, t)
        if confirm
        else tag("div", *_actions(version, t), class_="actions"),
        class_="now" if version.live else None,
        data_version=version.number,
    )


def _actions(version: VersionInfo, t: Texts) -> list[Safe]:
    number = version.number
    found = []
    if version.fits and not version.live:
        found.append(_button(t("activate"), "activate", number))
    if version.fits:
        found.append(_button(t("try_it"), "try", number, "link"))
    if version.live:
        found.append(_button(t("retire"), "retire", number, "link"))
    else:
        found.append(_button(t("delete"), "ask_delete", number, "link"))
    return found


def _confirmation(question: str, action: str, number: int, t: Texts) -> Safe:
    return tag(
        "div",
        tag("span", question),
        _button(t("delete_yes"), action, number, "action strong danger"),
        _button(t("cancel"), "cancel", number, "link"),
        class_="actions confirmation",
        role="alert",
    )


def _button(label: str, action: str, number: int, class_: str = "action strong") -> Safe:
    return tag(
        "button", label, type="button", class_=class_, data_event="submit", data_action=action, data_number=number
    )


def done(words: str) -> Safe:
    """What has been done, in words that a screen reader tells, too."""
    return tag("p", "✓ ", words, class_="done", role="status")


def failed(error: AssistantError, t: Texts) -> Safe:
    """Why something could not be done, and the way out."""
    return tag("p", error.text(t.language), class_="failure", role="alert")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _history(entries: Sequence[Activation], t: Texts) -> Safe | None:
    if not entries:
        return None
    rows = [
        tag(
            "li",
            f"{formats.day(e.at[:10], t)} {e.at[11:16]} · {_done(e, t)} · "
            f"{t('by_page' if e.by == 'page' else 'by_command')}",
        )
        for e in reversed(entries)
    ]
    return tag("details", tag("summary", t("history")), tag("ul", *rows, class_="timeline"), class_="history")


def _done(entry: Activation, t: Texts) -> str:
    known = entry.action in {"activate", "roll_back", "retire", "delete"}
    number = entry.version or entry.before
    return t(f"did_{entry.action}", n=f"{number:04d}") if known else entry.action
