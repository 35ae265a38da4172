r"""The card of an adapter as a form.

Knows the widgets, and how several texts stand in one box: one a line, line breaks inside of one written \n.
Refuses to check values: the service does, and every fault comes back at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import gradio as gr

from assistant.errors import InputRejected
from assistant.stores.cards import EVERY_CORPUS, CardChanges
from assistant.stores.manifests import Card, Localized
from assistant.ui.contracts import Assistant
from assistant.ui.markup import tag
from assistant.ui.texts import Texts
from assistant.ui.words import Words

_TEXTS = ("title_pt", "title_en", "description_pt", "description_en", "reason_pt", "reason_en")
_ESCAPE = re.compile(r"\\(.)")


class CardForm:
    """The widgets of the card editor, in the order of `values` and `changes`."""

    def __init__(self, assistant: Assistant, words: Words) -> None:
        self._assistant = assistant
        self._words = words

    def build(self) -> None:
        """Place the widgets."""
        words = self._words
        with words.label(gr.Accordion(open=False, elem_id="card"), label="card"):
            words.follow(gr.HTML(apply_default_css=False), lambda t: tag("p", t("card_intro"), class_="quiet"))
            with gr.Column(elem_classes="fields"):
                texts = [
                    words.label(gr.Textbox(elem_id=f"card-{name}", max_lines=3), label=f"card_{name}")
                    for name in _TEXTS
                ]
            template = gr.Textbox(elem_id="card-template", lines=3, max_lines=12, elem_classes="plain")
            words.follow(template, lambda t: gr.update(label=t("card_template", field="{input}")))
            stop = words.label(gr.Textbox(elem_id="card-stop", lines=1, elem_classes="plain"), label="card_stop")
            limit = words.label(gr.Number(elem_id="card-max-tokens", precision=0), label="card_max_tokens")
            corpora = words.follow(gr.CheckboxGroup(elem_id="card-corpora"), self._corpora)
            utterances = words.label(
                gr.Textbox(elem_id="card-utterances", lines=8, max_lines=24), label="card_utterances"
            )
            with gr.Row(elem_classes="buttons"):
                self.save = words.label(gr.Button(variant="primary", elem_id="card-save"), value="save")
                self.undo = words.label(gr.Button(elem_id="card-undo"), value="undo")
            self.note = gr.HTML(elem_id="card-note", apply_default_css=False)
        self.widgets = [*texts, template, stop, limit, corpora, utterances]

    def values(self, card: Card, t: Texts) -> list[Any]:
        """What the widgets show of a card; the corpora that can be chosen are those that there are now."""
        texts = [text for value in (card.title, card.description, card.reason) for text in (value.pt, value.en)]
        stop, utterances = lines_of(card.stop), lines_of(card.utterances)
        corpora = self._corpora(t) | {"value": list(card.corpora)}
        return [*texts, card.template, stop, card.max_tokens, corpora, utterances]

    def _corpora(self, t: Texts) -> Any:
        pairs = [(c.card.title.get(t.language), c.card.name) for c in self._assistant.corpora.list()]
        return gr.update(label=t("card_corpora"), choices=[(t("corpora_all"), EVERY_CORPUS), *pairs])


def changes_of(values: Sequence[Any]) -> CardChanges:
    """What the widgets say, not yet trusted; raises `InputRejected` for what no widget of ours sends."""
    if len(values) != len(_TEXTS) + 5:
        raise InputRejected(
            "The form is not the one that was served. Load the page again.",
            pt="O formulário não é o desta página. Recarregue-a.",
        )
    texts = [_text(value).strip() for value in values[:6]]
    template, stop, limit, corpora, utterances = values[6:]
    return CardChanges(
        title=Localized(texts[0], texts[1]),
        description=Localized(texts[2], texts[3]),
        reason=Localized(texts[4], texts[5]),
        template=_text(template),
        stop=texts_of(_text(stop)),
        max_tokens=int(limit) if isinstance(limit, (int, float)) and abs(limit) < 1e9 else 0,
        utterances=texts_of(_text(utterances)),
        corpora=tuple(_text(name) for name in corpora) if isinstance(corpora, list) else (),
    )


def lines_of(texts: Sequence[str]) -> str:
    r"""Texts as lines: a text of two lines becomes one with \n between them."""
    return "\n".join(text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") for text in texts)


def texts_of(lines: str) -> tuple[str, ...]:
    """The inverse of `lines_of`; blank lines are left out."""
    known = {"n": "\n", "t": "\t", "\\": "\\"}
    return tuple(
        _ESCAPE.sub(lambda match: known.get(match[1], match[0]), line) for line in lines.split("\n") if line.strip()
    )


def _text(value: object) -> str:
    """A text from a browser: no carriage returns, no halves of characters."""
    return str(value or "").replace("\r", "").encode("utf-8", "replace").decode()
