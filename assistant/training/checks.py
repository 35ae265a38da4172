"""The single checks of a report: each takes records and gives findings.

Knows thresholds and what makes a row suspicious. Refuses to know tokens and how a report is put together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from assistant.models.prompt_format import one_line
from assistant.stores.manifests import Card, Localized
from assistant.training import similar
from assistant.training.findings import Finding, finding
from assistant.training.language import UNSURE
from assistant.training.parts import Parts
from assistant.training.personal import Personal, personal_data
from assistant.training.records import SEPARATOR, Record, entities_of
from assistant.types import AdapterKind

RARE = 5  # examples of a class
_ONE_SIDED = 0.9  # share of the largest class
_CLASSES = 40  # different outputs, each five times on average: then outputs are classes, not texts
_LABEL_CHARS = 60  # a longer output is a text
_MOJIBAKE = re.compile("Ã[\u0080-\u00bf]|Ã[€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œŸ]|â€|\ufffd")
_LANGUAGES = {
    "en": Localized("inglês", "English"),
    "es": Localized("espanhol", "Spanish"),
    "other": Localized("outra língua", "another language"),
}


def label_counts(records: Sequence[Record], kind: AdapterKind) -> dict[str, int]:
    """Entity labels, or outputs where they are classes, with their counts, commonest first; empty for texts."""
    if kind is AdapterKind.EXTRACT:
        return dict(Counter(label for r in records for label, _ in entities_of(r) or ()).most_common())
    counts = Counter(one_line(record.output) for record in records)
    are_classes = len(counts) <= _CLASSES and len(records) >= 5 * len(counts)
    if len(counts) == 1 or (are_classes and max(map(len, counts), default=0) <= _LABEL_CHARS):
        return {label[:_LABEL_CHARS]: count for label, count in counts.most_common()}
    return {}


def empty_rows(records: Sequence[Record]) -> Iterator[Finding]:
    """Rows without input or output; a column that is empty throughout."""
    inputs = [record for record in records if not record.input.strip()]
    outputs = [record for record in records if not record.output.strip() and record.entities is None]
    for name, rows in (("input", inputs), ("output", outputs)):
        if len(rows) == len(records):
            yield finding(f"all_{name}s_empty", rows)
        elif rows:
            yield finding(f"empty_{name}", rows)


def class_findings(records: Sequence[Record], labels: dict[str, int], card: Card) -> Iterator[Finding]:
    """Classes that are alone, one-sided, rare, unknown or without example."""
    extract = card.kind is AdapterKind.EXTRACT
    rare = [label for label, count in labels.items() if count < RARE]
    if rare and len(labels) > 1:
        yield finding("rare_class", _holding(records, rare, extract), labels=", ".join(rare[:20]), least=RARE)
    if extract:
        yield from _entity_labels(records, labels, card)
    elif labels and len(records) > 1:
        label, count = next(iter(labels.items()))
        if len(labels) == 1:
            yield finding("one_class", (), label=repr(label))
        elif count > _ONE_SIDED * len(records):
            yield finding("one_sided", (), label=repr(label), share=round(100 * count / len(records)))


def _entity_labels(records: Sequence[Record], labels: dict[str, int], card: Card) -> Iterator[Finding]:
    if not labels:
        yield finding("no_entities")
        return
    if len(labels) == 1:
        yield finding("one_label", (), label=next(iter(labels)))
    if all(entities_of(record) for record in records):
        yield finding("always_entities")
    unknown = [label for label in labels if label not in card.labels]
    if unknown:
        yield finding("unknown_label", _holding(records, unknown, True), labels=", ".join(unknown[:20]))
    unused = [label for label in card.labels if label not in labels]
    if unused:
        yield finding("unused_label", (), labels=", ".join(unused))


def _holding(records: Sequence[Record], labels: Sequence[str], extract: bool) -> list[Record]:
    """The records with one of these labels."""
    wanted = set(labels)
    if extract:
        return [record for record in records if wanted & {label for label, _ in entities_of(record) or ()}]
    return [record for record in records if one_line(record.output)[:_LABEL_CHARS] in wanted]


def output_findings(records: Sequence[Record], card: Card) -> Iterator[Finding]:
    """Outputs that the model could not write, or that would be cut."""
    if card.kind is AdapterKind.EXTRACT:
        yield from _entity_outputs(records)
        return
    cut = [record for record in records if any(stop in record.output.strip() for stop in card.stop)]
    if cut:
        yield finding("stop_inside", cut)
    same = [record for record in records if one_line(record.output) == one_line(record.input)]
    if same:
        yield finding("same_as_input", same)


def _entity_outputs(records: Sequence[Record]) -> Iterator[Finding]:
    wrong = [record for record in records if entities_of(record) is None]
    if wrong:
        yield finding("no_entity_list", wrong)
    missing = [(record, text) for record in records if (text := _invented(record))]
    if missing:
        yield finding("entity_not_in_text", [record for record, _ in missing], sample=missing[0][1][:60])
    split = [record for record in records if any(SEPARATOR in text for _, text in entities_of(record) or ())]
    if split:
        yield finding("entity_with_separator", split)


def _invented(record: Record) -> str:
    """The first entity that is not verbatim in the input, white space folded; empty if there is none."""
    text = one_line(record.input)
    return next((words for _, words in entities_of(record) or () if one_line(words) not in text), "")


def repetitions(records: Sequence[Record]) -> Iterator[Finding]:
    """Exact repetitions, and equal inputs with different outputs."""
    outputs: dict[str, set[str]] = {}
    repeated, seen = [], set()
    for record in records:
        pair = (one_line(record.input), one_line(record.output))
        outputs.setdefault(pair[0], set()).add(pair[1])
        if pair in seen:
            repeated.append(record)
        seen.add(pair)
    if repeated:
        yield finding("duplicates", repeated)
    torn = [record for record in records if len(outputs[one_line(record.input)]) > 1]
    if torn:
        yield finding("contradictions", torn)


def leakage(records: Sequence[Record], parts: Parts, near: Sequence[int]) -> Iterator[Finding]:
    """Near inputs: kept together where there are no groups, a leak where the groups tear them apart."""
    cluster = dict(zip(map(id, records), near, strict=True))
    trained = {cluster[id(record)] for record in parts.train}
    held_out = {id(record) for record in (*parts.validation, *parts.test)}
    leaked = [record for record in records if id(record) in held_out and cluster[id(record)] in trained]
    if leaked:
        yield finding("leakage", leaked)
    sizes = Counter(near)
    alike = [record for record in records if sizes[cluster[id(record)]] > 1]
    if alike and not leaked:
        yield finding("near_equal", alike)
    if len({record.input for record in records}) > similar.MOST:
        yield finding("near_skipped", (), most=similar.MOST)


def language_findings(records: Sequence[Record], languages: dict[int, str]) -> Iterator[Finding]:
    """Another language than Portuguese, or several."""
    sure = [language for language in languages.values() if language != UNSURE]
    if not sure:
        return
    main = Counter(sure).most_common(1)[0][0]
    if main != "pt":
        held = [record for record in records if languages[id(record)] == main]
        yield finding("language", held, language=_LANGUAGES[main])
    others = [record for record in records if languages[id(record)] not in (main, UNSURE)]
    if others:
        yield finding("mixed_languages", others)


def personal_findings(records: Sequence[Record]) -> Iterator[Finding]:
    """Personal data and broken accents, in inputs and outputs alike."""
    kinds: dict[Personal, list[Record]] = {kind: [] for kind in Personal}
    broken = []
    for record in records:
        text = f"{record.input}\n{record.output}"
        for kind in personal_data(text):
            kinds[kind].append(record)
        if _MOJIBAKE.search(text):
            broken.append(record)
    if broken:
        yield finding("mojibake", broken)
    for kind, held in kinds.items():
        if held:
            yield finding(str(kind), held)
