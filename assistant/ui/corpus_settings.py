"""The settings of the open corpus: its words, who quotes from it, when it answers, its name, it as a file, its end.

Knows its widgets. Refuses to check values: the service does, and every fault comes back at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.corpus_upkeep import CardWords
from assistant.services.grounding import Grounded
from assistant.stores.manifests import Localized
from assistant.ui import formats
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_abstention import CorpusAbstention
from assistant.ui.corpus_add import Painter, Updates
from assistant.ui.looking import Looking
from assistant.ui.markup import tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_FIELDS = ("corpus_title_pt", "corpus_title_en", "corpus_description_pt", "corpus_description_en")


class CorpusSettings:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, paint: Painter) -> None:
        self._assistant = assistant
        self._words = words
        self._paint = paint
        self._abstention = CorpusAbstention(assistant, words)

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        with words.label(
            gr.Accordion(open=False, elem_id="corpus-settings", elem_classes="fold"), label="corpus_settings"
        ):
            with gr.Column(elem_classes="fields"):
                self._texts = [
                    words.label(gr.Textbox(elem_id=key.replace("_", "-"), max_lines=3), label=key) for key in _FIELDS
                ]
            self._age = words.label(gr.Number(elem_id="corpus-age", precision=0), label="corpus_age")
            self._adapters = words.label(gr.CheckboxGroup(elem_id="corpus-adapters"), label="corpus_adapters")
            self._save = words.label(gr.Button(variant="primary", elem_id="corpus-save"), value="corpus_save")
            self._note = gr.HTML(elem_id="corpus-settings-note", apply_default_css=False)
            self._abstention.build()
            self._build_rest()
        self.outputs = [
            *self._texts, self._age, self._adapters, self._note, self._name, self._file, self._sure, self._typed,
            *self._abstention.outputs,
        ]  # fmt: skip

    def _build_rest(self) -> None:
        words = self._words
        with gr.Row(elem_classes="buttons with-field", equal_height=True):
            self._name = words.label(gr.Textbox(elem_id="corpus-rename", max_lines=1), label="corpus_rename")
            self._rename = words.label(gr.Button(elem_id="corpus-rename-go"), value="corpus_rename_go")
        words.follow(
            gr.HTML(apply_default_css=False), lambda t: tag("p", t("corpus_export_hint"), class_="quiet small")
        )
        with gr.Row(elem_classes="buttons"):
            self._export = words.label(gr.Button(elem_id="corpus-export"), value="corpus_export")
            self._file = gr.DownloadButton(visible=False, variant="primary", elem_id="corpus-file")
        self._sure = gr.HTML(apply_default_css=False)
        with gr.Row(elem_classes="buttons with-field", equal_height=True):
            self._typed = words.label(gr.Textbox(elem_id="corpus-delete-name", max_lines=1), label="corpus_delete_type")
            self._delete = words.label(gr.Button(elem_id="corpus-delete"), value="corpus_delete")

    def wire(self, seen: list[Any], outputs: list[Any]) -> None:
        """Connect the widgets; `seen` are session and state, `outputs` every widget of the page."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "corpora"}
        typed = [*seen, *self._texts, self._age, self._adapters]
        self._save.click(self.save, typed, outputs, **quiet)
        self._rename.click(self.rename, [*seen, self._name], outputs, **quiet)
        self._export.click(self.export, seen, outputs, **quiet)
        self._delete.click(self.delete, [*seen, self._typed], outputs, **quiet)
        self._abstention.wire(seen)

    def paint(self, looking: Looking, t: Texts, form: bool = False) -> Updates:
        """The fields only where `form` says so: somebody may be typing there."""
        if not form or not looking.corpus:
            return {}
        painted: Updates = {
            self._note: "",
            self._file: gr.update(visible=False),
            self._typed: "",
            self._name: looking.corpus,
            self._sure: tag("p", t("corpus_delete_hint", name=looking.corpus), class_="quiet small"),
            **self._abstention.paint(looking, t),
        }
        try:
            card = self._assistant.corpora.card(looking.corpus)
            grounded = self._assistant.corpus_tools.grounding.of(looking.corpus)
        except AssistantError:  # the head of the page tells of a card with faults
            return painted
        said = [card.title.pt, card.title.en, card.description.pt, card.description.en]
        painted |= dict(zip(self._texts, said, strict=True))
        chosen = [found.name for found in grounded if found.grounds]
        choices = [(_adapter(found, t), found.name) for found in grounded]
        return {**painted, self._age: card.max_age_days, self._adapters: gr.update(choices=choices, value=chosen)}

    def save(self, session: Session, looking: Looking, *values: Any) -> Updates:
        """The form as it stands; not yet trusted."""
        t, tools = texts(session.language), self._assistant.corpus_tools

        def act() -> str:
            tools.upkeep.describe(looking.corpus, words_of(values[:5]))
            chosen = values[5] if isinstance(values[5], list) else []
            tools.grounding.set(looking.corpus, {str(name) for name in chosen})
            return t("corpus_saved")

        return self._done(session, looking, act)

    def rename(self, session: Session, looking: Looking, name: str) -> Updates:
        """Another name; the index follows in the background."""
        t, tools = texts(session.language), self._assistant.corpus_tools
        try:
            now = tools.upkeep.rename(looking.corpus, str(name or ""))
            tools.ingestions.index(now, forget=looking.corpus)
        except AssistantError as error:
            return {self._note: _failed(error, t)}
        told = tag("p", "✓ ", t("corpus_renamed", name=now), class_="done", role="status")
        return {**self._paint(session, looking.at(now), form=True), self._note: told}

    def export(self, session: Session, looking: Looking) -> Iterator[Updates]:
        """The whole corpus as a file to download, which goes as soon as Gradio has its own copy."""
        t, transfer = texts(session.language), self._assistant.corpus_tools.transfer
        with tempfile.TemporaryDirectory(prefix="assistant-corpus-") as folder:
            try:
                path = transfer.export(looking.corpus, Path(folder) / f"{looking.corpus}.zip")
            except AssistantError as error:
                yield {self._note: _failed(error, t)}
                return
            label = t("corpus_file", name=path.name, size=formats.size(path.stat().st_size, t))
            yield {self._file: gr.update(value=str(path), label=label, visible=True), self._note: ""}

    def delete(self, session: Session, looking: Looking, typed: str) -> Updates:
        """The corpus goes where its name was typed."""
        t = texts(session.language)
        try:
            self._assistant.corpus_tools.upkeep.delete(looking.corpus, str(typed or ""))
        except AssistantError as error:
            return {self._note: _failed(error, t)}
        told = tag("p", "✓ ", t("corpus_deleted", name=looking.corpus), class_="done", role="status")
        return {**self._paint(session, Looking(), form=True), self._note: told}

    def _done(self, session: Session, looking: Looking, act: Callable[[], str]) -> Updates:
        t = texts(session.language)
        try:
            told = tag("p", "✓ ", act(), class_="done", role="status")
        except AssistantError as error:
            return {self._note: _failed(error, t)}
        return {**self._paint(session, looking, form=True), self._note: told}


def words_of(values: Any) -> CardWords:
    """What the widgets say."""
    texts_, age = [_text(value) for value in values[:4]], values[4]
    whole = int(age) if isinstance(age, int | float) and not isinstance(age, bool) and abs(age) < 1e9 else -1
    return CardWords(Localized(texts_[0], texts_[1]), Localized(texts_[2], texts_[3]), whole)


def _adapter(found: Grounded, t: Texts) -> str:
    title = found.title.get(t.language)
    return t("corpus_adapter_all", title=title) if found.everywhere else title


def _failed(error: AssistantError, t: Texts) -> str:
    return tag("p", error.text(t.language), class_="failure", role="alert")


def _text(value: object) -> str:
    """A text from a browser: no halves of characters."""
    return str(value or "").encode("utf-8", "replace").decode().strip()
