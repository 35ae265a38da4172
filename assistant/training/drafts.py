"""The first card and recipe of an adapter that a data set begins: everything that follows from the data.

Pure: from records to a `Card`, TOML texts and lines of JSON. Refuses to know folders.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit

from assistant.models.prompt_format import one_line
from assistant.stores.manifests import Card, Localized
from assistant.training.checks import label_counts
from assistant.training.personal import personal_data
from assistant.training.records import Record, RecordSet, entities_of, is_whole
from assistant.training.report import DataReport
from assistant.types import AdapterKind

_UTTERANCES = 60
_UTTERANCE_CHARS = 600
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COLUMN = re.compile(r"[^\W\d_][\w /-]{0,39}")  # a name that reads as a word of the prompt
_MANY = 2_000  # training examples; above it two passes are as good as more and take half the time
_TEMPLATES = {
    AdapterKind.REPLY: "Texto: {input}\nResposta:",
    AdapterKind.EXTRACT: "Texto: {input}\nEntidades:",
    AdapterKind.CHAT: "{documents}{history}Pergunta: {input}\nResposta:",
}


@dataclass(frozen=True, slots=True)
class NewAdapter:
    """What a person says of an adapter to be; without a template the usual one of its kind.

    `source` is one line on where the data is from, for its recipe.
    """

    name: str
    kind: AdapterKind
    title: Localized
    description: Localized
    template: str | None = None
    source: str = ""


def proposed_template(kind: AdapterKind, found: RecordSet) -> str:
    """The usual template of a kind; where the outputs are classes, it asks by the name of their column."""
    column = found.mapping.output.strip() if found.mapping else ""
    usable = [record for record in found.records if is_whole(record)]
    if kind is AdapterKind.REPLY and _COLUMN.fullmatch(column) and len(label_counts(usable, kind)) > 1:
        return f"Texto: {{input}}\n{column[0].upper()}{column[1:]}:"
    return _TEMPLATES[kind]


def draft_card(new: NewAdapter, records: Sequence[Record]) -> Card:
    """The card of an adapter for these records: labels, stop texts and utterances are taken from them."""
    usable = [record for record in records if is_whole(record)]
    template = new.template if new.template is not None else _TEMPLATES[new.kind]
    several_lines = new.kind is not AdapterKind.EXTRACT and any("\n" in record.output for record in usable)
    labels = label_counts(usable, new.kind) if new.kind is AdapterKind.EXTRACT else {}
    return Card(
        name=new.name,
        kind=new.kind,
        title=new.title,
        description=new.description,
        reason=Localized(f"parece um texto para «{new.title.pt}»", f"looks like a text for “{new.title.en}”"),
        template=template,
        stop=(_next_prompt(template),) if several_lines else ("\n",),
        utterances=tuple(utterances(usable)),
        active=0,
        labels=tuple(labels),
    )


def utterances(records: Sequence[Record]) -> list[str]:
    """Inputs from all over the data that the router may learn from and a card may show: no personal data."""
    texts = dict.fromkeys(one_line(record.input)[:_UTTERANCE_CHARS] for record in records)
    fit = [text for text in texts if text and not _CONTROL.search(text) and not personal_data(text)]
    return fit[:: max(1, -(-len(fit) // _UTTERANCES))]


def card_text(card: Card, report: DataReport) -> str:
    """card.toml; the longest output of the data, and a quarter more, is what an answer may take."""
    document = tomlkit.document()
    document.update({"kind": str(card.kind), "active": card.active, "corpora": list(card.corpora)})
    for key, text in (("title", card.title), ("description", card.description), ("reason", card.reason)):
        document[key] = {"pt": text.pt, "en": text.en}
    limit = min(1024, max(16, report.tokens.completion_max * 5 // 4 + 8))
    prompt: dict[str, Any] = {"template": card.template, "stop": list(card.stop), "max_tokens": limit}
    if card.labels:
        prompt["labels"] = list(card.labels)
    document["prompt"] = prompt
    array = tomlkit.array()
    array.extend(card.utterances)
    document["routing"] = {"utterances": array.multiline(True)}
    return tomlkit.dumps(document)


def recipe_text(name: str, parts: dict[str, str], report: DataReport, source: str = "") -> str:
    """recipe.toml; `parts` names the file of "train" and, where there are such, of "validation" and "test"."""
    document = tomlkit.document()
    document.add(tomlkit.comment(f"How to train this adapter again: python -m assistant train {name}"))
    if source:
        document.add(tomlkit.comment(one_line(source)))
    split = report.split
    units = "whole groups stay together" if split.by_group else "equal and nearly equal inputs stay together"
    document.add(tomlkit.comment(f"Split with seed {split.seed}, share {split.share:g}, {split.units} units; {units}"))
    data: dict[str, Any] = {"source": "records", "files": [parts["train"]]}
    if "validation" in parts:
        data["validation"] = [parts["validation"]]
    if "test" in parts:
        data["test"] = parts["test"]
    document["data"] = data
    document["lora"] = {"r": 8, "lora_alpha": 16}
    longest = min(report.tokens.limit, -(-max(report.tokens.max, 192) // 64) * 64)
    document["training"] = {
        "epochs": 4 if report.split.train < _MANY else 2,
        "learning_rate": 5e-4,
        "batch_tokens": max(1200, longest),
        "max_length": longest,
        "seed": report.split.seed,
        "evaluate_every": 40,
    }
    return tomlkit.dumps(document)


def lines_of(records: Iterable[Record], kind: AdapterKind) -> str:
    """Records as JSON lines in the fields that training, judging and routing read for this kind."""
    return "".join(json.dumps(_fields(record, kind), ensure_ascii=False) + "\n" for record in records)


def _fields(record: Record, kind: AdapterKind) -> dict[str, Any]:
    if kind is AdapterKind.EXTRACT:
        entities = [{"label": label, "text": one_line(text)} for label, text in entities_of(record) or ()]
        row: dict[str, Any] = {"text": one_line(record.input), "entities": entities}
    elif kind is AdapterKind.CHAT:
        row = {"question": record.input, "answer": record.output}
    else:
        row = {"input": record.input, "output": record.output}
    return row | ({"group": record.group} if record.group else {})


def _next_prompt(template: str) -> str:
    """Where outputs have several lines only the beginning of another prompt ends them."""
    before = template.partition("{input}")[0].rpartition("}")[2].strip()
    return f"\n{before}" if before else "\n\n"
