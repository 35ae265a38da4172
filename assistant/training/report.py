"""What a data set holds and what is wrong with it, before anything is trained on it.

Knows the checks and their thresholds. Refuses to read files, to change data and to load a model:
tokens are counted by what the caller gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.stores.manifests import Card
from assistant.training import checks, similar
from assistant.training.dataset import Example
from assistant.training.findings import Finding, Severity, finding, note
from assistant.training.language import language_of
from assistant.training.outlines import learned_styles, learned_topics, outlined
from assistant.training.parts import divide
from assistant.training.records import Mapping as Columns
from assistant.training.records import Record, RecordSet, entities_of, example_of, is_whole
from assistant.types import AdapterKind

FEW = 50  # examples
_SPECIAL = 2  # tokens that open and end an example
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """`count_tokens` counts a text without special tokens; `estimated` says that it only estimates.

    `max_length` in tokens of prompt and completion; `share` (0 to 0.4) of the records goes to
    validation and as much to test.
    """

    count_tokens: Callable[[str], int]
    estimated: bool = False
    max_length: int = 1024
    seed: int = 13
    share: float = 0.1


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """Tokens of prompt and completion; all 0 where no record can be used."""

    median: int = 0
    p95: int = 0
    max: int = 0
    completion_max: int = 0
    limit: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class SplitSizes:
    """How the records are dealt: sizes of the parts, number of whole units, seed and share."""

    train: int
    validation: int
    test: int
    units: int
    by_group: bool
    seed: int
    share: float


@dataclass(frozen=True, slots=True)
class DataReport:
    """Everything about a data set; `labels` counts entity labels or, where outputs are classes, classes."""

    form: str
    columns: tuple[str, ...]
    mapping: Columns | None
    rows: int
    usable: int
    languages: dict[str, int]
    tokens: TokenLengths
    labels: dict[str, int]
    split: SplitSizes
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing keeps the data from being used."""
        return all(item.severity is not Severity.ERROR for item in self.findings)


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """What the model will see of the record on `line`, character by character."""

    line: int
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Study:
    """A report with a preview (none where the data cannot be used) and the rows that its findings name.

    `rows` gives input and output by document (empty in a set of one file) and line.
    """

    report: DataReport
    preview: tuple[PreviewItem, ...]
    rows: Mapping[tuple[str, int], tuple[str, str]]


def report(found: RecordSet, card: Card, options: ReportOptions) -> DataReport:
    """Examine a data set as examples of an adapter with this card."""
    usable = [record for record in found.records if is_whole(record)]
    listed = [record for record in usable if card.kind is not AdapterKind.EXTRACT or entities_of(record) is not None]
    examples = [example_of(record, card) for record in listed]
    tokens, length_findings = _lengths(listed, examples, options)
    near = similar.clusters([record.input for record in usable])
    parts = divide(usable, options.seed, options.share, near)
    languages = {id(record): language_of(record.input) for record in usable}
    labels = checks.label_counts(usable, card.kind)
    findings = [
        *(note(warning) for warning in found.warnings),
        *checks.empty_rows(found.records),
        *length_findings,
        *checks.class_findings(usable, labels, card),
        *checks.output_findings(usable, card),
        *checks.repetitions(usable),
        *checks.leakage(usable, parts, near),
        *checks.language_findings(usable, languages),
        *checks.personal_findings(found.records),
    ]
    several = found.form == "brat"  # the one form of several documents, each with lines of its own
    return DataReport(
        found.form,
        found.columns,
        found.mapping,
        len(found.records),
        len(usable),
        dict(Counter(languages.values()).most_common()),
        tokens,
        labels,
        SplitSizes(
            len(parts.train),
            len(parts.validation),
            len(parts.test),
            parts.units,
            any(record.group for record in usable),
            options.seed,
            options.share,
        ),
        tuple(
            item if several else replace(item, documents=())
            for item in sorted(findings, key=lambda item: _ORDER[item.severity])
        ),
    )


def preview(records: Sequence[Record], card: Card, n: int) -> tuple[PreviewItem, ...]:
    """`n` records from all over the set as prompt and completion; raises `DataError` like training would."""
    whole = [record for record in records if is_whole(record)]
    chosen = whole[:: max(1, -(-len(whole) // max(1, n)))][:n]
    examples = [example_of(record, card) for record in whole]
    learned = learned_topics(card, examples), learned_styles(card, examples)
    shown = outlined(card, [example_of(record, card) for record in chosen], *learned)
    return tuple(
        PreviewItem(record.line, example.prompt, example.completion)
        for record, example in zip(chosen, shown, strict=True)
    )


def named_rows(records: Sequence[Record], result: DataReport) -> dict[tuple[str, int], tuple[str, str]]:
    """Input and output of every row that a finding lists, by document and line."""
    several = any(item.documents for item in result.findings)
    wanted = {place for item in result.findings for place in item.places}
    rows: dict[tuple[str, int], tuple[str, str]] = {}
    for record in records:
        place = (record.group if several else "", record.line)
        if place in wanted:
            rows.setdefault(place, (record.input, record.output))
    return rows


def _lengths(
    records: Sequence[Record], examples: Sequence[Example], options: ReportOptions
) -> tuple[TokenLengths, list[Finding]]:
    """Lengths in tokens, the examples that training would leave out, and whether there are enough of them."""
    findings = [finding("few_rows", (), n=len(records), least=FEW)] if len(records) < FEW else []
    if not examples:
        return TokenLengths(limit=options.max_length, estimated=options.estimated), findings
    completions = [options.count_tokens(example.completion) for example in examples]
    totals = [
        options.count_tokens(example.prompt) + after + _SPECIAL
        for example, after in zip(examples, completions, strict=True)
    ]
    over = [record for record, total in zip(records, totals, strict=True) if total > options.max_length]
    if over:
        code = "all_too_long" if len(over) == len(records) else "too_long"
        findings.append(finding(code, over, limit=options.max_length))
    ordered = sorted(totals)
    last = len(ordered) - 1
    middle, high = ordered[last // 2], ordered[round(last * 0.95)]
    lengths = TokenLengths(middle, high, ordered[-1], max(completions), options.max_length, options.estimated)
    return lengths, findings
