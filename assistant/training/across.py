"""New rows beside the data that an adapter has: what it knows already, what contradicts it, what is held out.

Knows which rows may be added and where they may go. Refuses to read files and recipes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.models.prompt_format import one_line
from assistant.training import similar
from assistant.training.checks import label_counts
from assistant.training.findings import Finding, Severity, finding
from assistant.training.parts import divide
from assistant.training.records import Record, entities_of
from assistant.training.report import FEW, DataReport
from assistant.types import AdapterKind

_LABEL_CHARS = 60
_SAMPLE_CHARS = 80
_OF_A_WHOLE = {"rare_class", "one_sided", "unused_label", "always_entities", "one_label"}  # a part need not be whole


@dataclass(frozen=True, slots=True)
class Known:
    """The data of an adapter: rows it learns from, rows it is watched or judged on, files that are not at hand."""

    train: tuple[Record, ...] = ()
    held_out: tuple[Record, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Crossed:
    """What came out. `fresh` are the rows to add, in order; those whose id is in `bound` may only be learnt from."""

    fresh: tuple[Record, ...]
    bound: frozenset[int]
    findings: tuple[Finding, ...]


def compare(records: Sequence[Record], known: Known, kind: AdapterKind) -> Crossed:
    """Leave out what is trained already and what is equal or nearly equal to a row held out; note contradictions.

    A group that is held out takes in no rows of training; rows near trained ones, or of their groups, are bound.
    """
    held, learnt = _near(records, known.held_out), _near(records, known.train)
    held_groups, groups = ({r.group for r in rows if r.group} for rows in (known.held_out, known.train))
    answers: dict[str, dict[object, Record]] = defaultdict(dict)
    for record in known.train:
        answers[one_line(record.input)].setdefault(_answer(record, kind), record)
    found: dict[str, list[Record]] = {code: [] for code in ("held_out_rows", "held_out_groups", "known_rows", "torn")}
    fresh, bound = [], set()
    for record in records:
        before = answers.get(one_line(record.input), {})
        if id(record) in held:
            found["held_out_rows"].append(record)
        elif record.group and record.group in held_groups:
            found["held_out_groups"].append(record)
        elif _answer(record, kind) in before:
            found["known_rows"].append(record)
        else:
            fresh.append(record)
            if before:
                found["torn"].append(record)
            if id(record) in learnt or record.group in groups:
                bound.add(id(record))
    findings = (*_findings(found, answers), *_about_all(records, fresh, known, kind))
    return Crossed(tuple(fresh), frozenset(bound), findings)


def parts_of(crossed: Crossed, seed: int, share: float, watched: bool) -> dict[str, tuple[Record, ...]]:
    """The fresh rows dealt: some to validation where the adapter has such (`watched`), the rest to train.

    None goes to the test: an adapter is judged on the test that it has. Whole groups stay together.
    """
    dealt = divide(crossed.fresh, seed, share)
    torn = {record.group for record in dealt.validation if record.group and id(record) in crossed.bound}
    kept = [r for r in dealt.validation if id(r) not in crossed.bound and r.group not in torn] if watched else []
    aside = {id(record) for record in kept}
    parts = {"train": tuple(r for r in crossed.fresh if id(r) not in aside), "validation": tuple(kept)}
    return {part: rows for part, rows in parts.items() if rows}


def joined(report: DataReport, crossed: Crossed, parts: dict[str, tuple[Record, ...]], known: Known) -> DataReport:
    """The report of a file as an addition: with what was found across, without what only a whole set must have."""
    sizes = {part: len(parts.get(part, ())) for part in ("train", "validation")}
    beside_the_point = _OF_A_WHOLE if known.train else set()
    if len(crossed.fresh) + len(known.train) >= FEW:
        beside_the_point = beside_the_point | {"few_rows"}
    if label_counts(known.train, AdapterKind.REPLY):  # classes: one of them alone may get more examples
        beside_the_point = beside_the_point | {"one_class"}
    kept = [item for item in report.findings if item.code not in beside_the_point]
    order = list(Severity)
    findings = sorted((*crossed.findings, *kept), key=lambda item: order.index(item.severity))
    split = replace(report.split, train=sizes["train"], validation=sizes["validation"], test=0)
    return replace(report, split=split, findings=tuple(findings))


def _near(records: Sequence[Record], others: Sequence[Record]) -> set[int]:
    """Ids of the records whose input is equal or nearly equal to one of the others, directly or through a record."""
    clusters = similar.clusters([record.input for record in (*records, *others)])
    there = set(clusters[len(records) :])
    return {id(record) for record, cluster in zip(records, clusters, strict=False) if cluster in there}


def _answer(record: Record, kind: AdapterKind) -> object:
    """What an output says, white space folded."""
    if kind is AdapterKind.EXTRACT and (entities := entities_of(record)) is not None:
        return tuple((label, one_line(text)) for label, text in entities)
    return one_line(record.output)


def _findings(found: dict[str, list[Record]], answers: dict[str, dict[object, Record]]) -> Iterator[Finding]:
    for code in ("held_out_rows", "held_out_groups", "known_rows"):
        if found[code]:
            yield finding(code, found[code])
    if torn := found["torn"]:
        before = next(iter(answers[one_line(torn[0].input)].values()))
        yield finding("known_contradictions", torn, sample=one_line(before.output)[:_SAMPLE_CHARS])


def _about_all(
    records: Sequence[Record], fresh: Sequence[Record], known: Known, kind: AdapterKind
) -> Iterator[Finding]:
    if records and not fresh:
        yield finding("nothing_new")
    if known.absent:
        yield finding("not_compared", (), names=", ".join(known.absent))
    classes = label_counts(known.train, kind) if kind is not AdapterKind.EXTRACT else {}
    if len(classes) > 1:
        strange = [r for r in fresh if one_line(r.output)[:_LABEL_CHARS] not in classes]
        names = dict.fromkeys(repr(one_line(r.output)[:_LABEL_CHARS]) for r in strange)
        if strange:
            yield finding("new_class", strange, labels=", ".join(list(names)[:20]))
