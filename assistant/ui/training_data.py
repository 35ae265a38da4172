"""The first step of the page Treino: bring a file, say what is what, read the report, give it to an adapter.

Knows its widgets. Refuses to know how anything looks (`training_report`) and what a file holds (the service).
What a visitor brought is kept by the service under the visitor's key: a reload shows the same, and every
choice that comes from a browser is checked there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.dataset_files import safe_stem
from assistant.services.datasets import Adopted
from assistant.services.intake_choice import Intake
from assistant.types import AdapterKind
from assistant.ui import formats, uploads
from assistant.ui.contracts import Assistant, Intakes
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.training_report import file_line, first_rows, preview_view, report_view
from assistant.ui.training_view import step
from assistant.ui.words import Words

Updates = dict[Any, Any]
_COLUMNS = (
    ("column_input", "column_input_hint"),
    ("column_output", "column_output_hint"),
    ("column_group", "column_group_hint"),
)


class DataStep:
    """`build` places the widgets, `wire` connects them; the rest answers events."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        self._head = words.follow(gr.HTML(apply_default_css=False), partial(step, 1))
        self._drop = gr.File(file_count="multiple", elem_id="data-drop", height=112)
        words.label(self._drop, label="data_drop")
        self._hint = words.follow(gr.HTML(apply_default_css=False, elem_id="data-hint"), hint)
        with gr.Row(elem_id="data-hub", equal_height=True) as self._by_name:
            self._name_there = words.label(
                gr.Textbox(elem_id="data-hub-name", max_lines=1, scale=4, placeholder="owner/name@config#train"),
                label="data_hub", info="data_hub_hint", placeholder="data_hub_example",
            )  # fmt: skip
            self._get = words.label(gr.Button(elem_id="data-hub-get", min_width=120, scale=0), value="data_hub_get")
        self._note = gr.HTML(apply_default_css=False, elem_id="data-note")
        with gr.Column(visible=False, elem_id="data-set") as self._set:
            with gr.Row(elem_id="data-file"):
                self._file = gr.HTML(apply_default_css=False)
                self._remove = words.label(gr.Button(size="sm", elem_id="data-remove"), value="data_remove")
            self._kind = words.follow(gr.Radio(elem_id="data-kind"), _kinds)
            with gr.Row(elem_classes="fields", visible=False, elem_id="data-columns") as self._columns:
                self._chosen = [
                    words.label(gr.Dropdown(elem_id=f"data-{key}", filterable=False), label=key, info=info)
                    for key, info in _COLUMNS
                ]
            self._first = gr.HTML(apply_default_css=False, elem_id="data-first")
            self._report = gr.HTML(apply_default_css=False, elem_id="data-report")
            self._preview = gr.HTML(apply_default_css=False, elem_id="data-preview")
            self._target = words.label(
                gr.Dropdown(visible=False, elem_id="data-target", filterable=False),
                label="data_target", info="data_target_hint",
            )  # fmt: skip
            with gr.Column(visible=False, elem_id="data-join") as self._joining:
                self.join = gr.Button(variant="primary", elem_id="data-add")
                self._joined = gr.HTML(apply_default_css=False, elem_id="data-add-refused")
            self._build_form()

    def _build_form(self) -> None:
        words = self._words
        with gr.Column(visible=False, elem_id="data-adapter", elem_classes="panel-card") as self._form:
            words.follow(gr.HTML(apply_default_css=False), lambda t: tag("h3", t("new_adapter")))
            with gr.Row(elem_classes="fields"):
                self._title = words.label(
                    gr.Textbox(elem_id="data-title", max_lines=1),
                    label="new_title", info="new_title_hint", placeholder="new_title_example",
                )  # fmt: skip
                self._name = words.label(
                    gr.Textbox(elem_id="data-name", max_lines=1), label="new_name", info="new_name_hint"
                )
            self._template = words.label(
                gr.Textbox(elem_id="data-template", lines=2, max_lines=8, elem_classes="plain"),
                label="new_template", info="new_template_hint",
            )  # fmt: skip
            self.create = words.label(gr.Button(variant="primary", elem_id="data-create"), value="create_adapter")
            self._created = gr.HTML(apply_default_css=False, elem_id="data-refused")

    def wire(self, tab: Any) -> None:
        """Connect everything but the button that creates, which leads on to the next step."""
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        reads = {**quiet, "concurrency_id": "data", "trigger_mode": "always_last"}  # what was said last counts
        # a switch of the language changes the heading, and with it everything is painted anew
        gr.on([tab.select, self._head.change], self._show, [self._session], self.outputs, **reads)
        self._drop.upload(self._bring, [self._session, self._drop], self.outputs, **reads)
        named = [self._session, self._name_there]
        gets: dict[str, Any] = {**quiet, "concurrency_id": "hub", "concurrency_limit": 4}  # nobody waits for another's
        gr.on([self._get.click, self._name_there.submit], self._bring_named, named, self.outputs, **gets)
        self._remove.click(self._forget, [self._session], self.outputs, **quiet)
        said = [self._session, self._kind, *self._chosen]
        gr.on([w.input for w in said[1:]], self._choose, said, self.outputs, **reads)
        self._target.input(self._aim, [self._session, self._target], self.outputs, **reads)
        gr.on([w.blur for w in self.typed[1:]], self._describe, self.typed, self.outputs, **reads)

    @property
    def typed(self) -> list[Any]:
        """The session and what a person typed of the adapter to be: the inputs of `made`."""
        return [self._session, self._title, self._name, self._template]

    @property
    def outputs(self) -> list[Any]:
        """Every widget that an event of this step may change."""
        return [
            self._drop, self._hint, self._by_name, self._note, self._set, self._file, self._kind, self._columns,
            *self._chosen, self._first, self._report, self._preview, self._target, self._joining, self.join,
            self._joined, self._form, self._title, self._name, self._template,
            self.create, self._created,
        ]  # fmt: skip

    @property
    def _intake(self) -> Intakes:
        return self._assistant.intake

    # Looking

    def _show(self, session: Session) -> Updates:
        return self._painted(session, self.typed)

    def _painted(self, session: Session, fields: Sequence[Any] = ()) -> Updates:
        """The step as it is now; of the form only the `fields` that are named: somebody may be typing there."""
        t = texts(session.language)
        now = self._intake.state(session.visitor) if session.visitor else None
        painted: Updates = {
            self._note: "",
            self._drop: gr.update(value=None, visible=now is None),
            self._hint: gr.update(visible=now is None),
            self._by_name: gr.update(visible=now is None),
            self._set: gr.update(visible=now is not None),
            self._created: "",
            self._joined: "",
        }
        if now is None:
            return painted
        form = {widget: update for widget, update in self._form_painted(now).items() if widget in fields}
        return painted | self._set_painted(now, t) | form

    def _set_painted(self, now: Intake, t: Texts) -> Updates:
        shown = now.study.preview if now.study else ()
        return {
            self._file: file_line(now, t),
            self._kind: gr.update(value=str(now.choice.kind), visible=not now.problem),
            self._columns: gr.update(visible=bool(now.columns.names)),
            **dict(zip(self._chosen, _column_choices(now, t), strict=True)),
            self._first: first_rows(now, t),
            self._report: report_view(now.study, t),
            self._preview: preview_view(shown, t),
            **self._target_painted(now, t),
            self._form: gr.update(visible=now.study is not None and not now.choice.adapter),
            self._name: gr.update(placeholder=safe_stem(now.choice.title)),
            self.create: gr.update(interactive=now.ready),
        }

    def _target_painted(self, now: Intake, t: Texts) -> Updates:
        """A new adapter, or one of its kind whose data it can be added to."""
        titles = {a.name: a.title.get(t.language) for a in self._assistant.adapters.list()}
        chosen, add_to = now.choice.adapter, {name: titles.get(name, name) for name in now.targets}
        choices = [(t("data_target_new"), ""), *((t("data_target_add", title=w), name) for name, w in add_to.items())]
        label = t("data_target_add", title=add_to.get(chosen, chosen))
        return {
            self._target: gr.update(choices=choices, value=chosen, visible=bool(add_to) and now.study is not None),
            self._joining: gr.update(visible=now.study is not None and bool(chosen)),
            self.join: gr.update(value=label, interactive=now.ready),
        }

    def _form_painted(self, now: Intake) -> Updates:
        choice = now.choice
        placeholder = safe_stem(choice.title)
        return {
            self._title: choice.title,
            self._name: gr.update(value=choice.name, placeholder=placeholder),
            self._template: now.template,
        }

    # Acting

    def _bring(self, session: Session, paths: list[str] | None) -> Iterator[Updates]:
        files, t = [Path(path) for path in paths or ()], texts(session.language)
        names = ", ".join(file.name for file in files)
        uploads.taken(files)
        try:
            yield {self._note: tag("p", t("data_reading", name=names), class_="pending", role="status")}
            yield self._done(session, lambda: self._intake.bring(session.visitor, files), self.typed)
        finally:
            uploads.forget(files)

    def _bring_named(self, session: Session, name: str) -> Iterator[Updates]:
        """A data set of the hub; the rows are told as they come."""
        t = texts(session.language)
        try:
            for step in self._intake.bring_named(session.visitor, str(name or "")):
                key = "data_hub_rows" if step.rows else "data_hub_asking"
                words = t(key, name=step.name, n=formats.number(step.rows, t))
                yield {self._note: tag("p", words, class_="pending", role="status")}
        except AssistantError as error:
            yield {self._note: tag("p", error.text(session.language), class_="failure", role="alert")}
        else:
            yield self._painted(session, self.typed)

    def _forget(self, session: Session) -> Updates:
        return self._done(session, lambda: self._intake.drop(session.visitor))

    def _choose(self, session: Session, kind: str, *columns: str | None) -> Updates:
        names = [str(column or "") for column in columns]
        return self._done(session, lambda: self._intake.choose(session.visitor, str(kind), names), [self._template])

    def _describe(self, session: Session, title: str, name: str, template: str) -> Updates:
        def keep() -> None:
            self._intake.describe(session.visitor, title, name, template)
            if name.strip():
                self._intake.check_name(name.strip())

        return self._done(session, keep, at=self._created)

    def _aim(self, session: Session, adapter: str | None) -> Updates:
        return self._done(session, lambda: self._intake.aim(session.visitor, str(adapter or "")))

    def added(self, session: Session) -> tuple[Updates, Adopted | None]:
        """Add the rows to the chosen adapter; what the step shows then, and what came of it, None where refused."""
        made: list[Adopted] = []
        updates = self._done(session, lambda: made.append(self._intake.add(session.visitor)), at=self._joined)
        return updates, next(iter(made), None)

    def made(self, session: Session, title: str, name: str, template: str) -> tuple[Updates, str]:
        """Create the adapter; what the step shows then, and the adapter's name, empty where it was refused."""
        created: list[str] = []

        def make() -> None:
            self._intake.describe(session.visitor, title, name.strip() or safe_stem(title), template)
            created.append(self._intake.create(session.visitor).adapter)

        updates = self._done(session, make, at=self._created)
        return updates, "".join(created)

    def _done(self, session: Session, act: Callable[[], None], fields: Sequence[Any] = (), at: Any = None) -> Updates:
        """Act and show what came of it; where it could not be done, the words that say why, beside what was done."""
        note: Safe | str = ""
        try:
            act()
        except AssistantError as error:
            note = tag("p", error.text(session.language), class_="failure", role="alert")
        return {**self._painted(session, fields), (at or self._note): note}


def hint(t: Texts) -> Safe:
    """What may be dropped; the browser fills and shows the second line for a file that is too large to send."""
    too_large = t("data_too_large", name="{name}", size="{size}", limit=uploads.UPLOAD_MB)
    guard = tag(
        "p", class_="failure", role="alert", hidden=True, data_limit=uploads.UPLOAD_MB, data_words=too_large,
        data_guards="data-drop",
    )  # fmt: skip
    return tag("div", tag("p", t("data_hint", limit=uploads.UPLOAD_MB), class_="quiet"), guard)


def _kinds(t: Texts) -> Any:
    return gr.update(label=t("data_kind"), choices=[(t(f"kind_learns_{kind}"), str(kind)) for kind in AdapterKind])


def _column_choices(now: Intake, t: Texts) -> list[Any]:
    names = [(name, name) for name in now.columns.names]
    mapping = now.choice.mapping
    chosen = (mapping.input, mapping.output, mapping.group) if mapping else ("", "", "")
    none = [(t("column_none"), "")]
    choices = [names, names, none + names]
    return [gr.update(choices=c, value=v or (None if c is names else "")) for c, v in zip(choices, chosen, strict=True)]
