"""Held-out rows of the three kinds: what is asked, how an output is read, what a row is worth.

Knows the data files, the prompts and the checks that stand between an output and a visitor; the metrics are
`training.evaluate`'s. Refuses to know engines: outputs come in as texts, one for each prompt.

A row's score: extract (2 tp, 2 tp + fp + fn), so that sums give the micro-F1; reply the aspects taken up, or chrF
against the reference where none are listed, less one for each invention, and where the answers are classes 1 for the
right one (`classes`); chat 1 for the right answer to what the passage answers and for abstaining from what it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.engines.base import Delta
from assistant.errors import DataError
from assistant.generation import extraction
from assistant.generation.citations import Checked, fold
from assistant.generation.prompt import sources_of
from assistant.generation.selection import settled
from assistant.generation.verification import keep_honest
from assistant.models.names import invented_names
from assistant.models.prompt_format import ABSTENTION, evidence_block, fill
from assistant.services.classes import ClassTask, are_classes
from assistant.services.heldout import (
    INPUT_FIELDS,
    OUTPUT_FIELDS,
    first,
    grounded_rows,
    labelled_texts,
    reply_rows,
    spread,
)
from assistant.services.judged import Outputs, Row, Scored, Task
from assistant.stores.manifests import Card
from assistant.training import evaluate
from assistant.training.dataset import Example
from assistant.training.entity_errors import entity_errors
from assistant.training.evaluate import Ratio
from assistant.training.formats import serialize_entities
from assistant.types import AdapterKind, Outcome, Passage

_CONTEXT_CHARS = 2_000  # of a judged paragraph; a longer one is cut, as a store would cut it
_RIGHT = 0.5  # token F1 from which an answer in other words counts as the gold one


def read_task(card: Card, data: Path, limit: int = 0) -> Task:
    """The rows of a data file for an adapter's kind, at most `limit` (0: all), spread evenly over the file.

    Raises `DataError` naming file and line.
    """
    if card.kind is AdapterKind.EXTRACT:
        return ExtractTask(card, spread(labelled_texts(data), limit))
    if card.kind is AdapterKind.REPLY:
        return _reply_task(card, reply_rows(data), limit)
    return ChatTask(card, spread(grounded_rows(data), limit))


def task_of_examples(card: Card, examples: Sequence[Example], limit: int = 0) -> Task:
    """The rows of examples kept out of training, where no file of held-out rows exists.

    Raises `DataError` for kind chat: an example no longer tells passages from questions.
    """
    if not examples or card.kind is AdapterKind.CHAT:
        raise DataError(
            f"There are no held-out rows for {card.name}. Name a file under data.test in its recipe.toml.",
            pt=f"Não há linhas reservadas para julgar {card.name}. Indique um arquivo em data.test no recipe.toml.",
        )
    pairs = [(e.text, e.completion.strip()) for e in examples]
    if card.kind is AdapterKind.EXTRACT:
        return ExtractTask(card, spread([(text, _gold(card, text, completion)) for text, completion in pairs], limit))
    return _reply_task(card, [{"review": text, "reply": reply} for text, reply in pairs], limit)


def _reply_task(card: Card, records: Sequence[dict[str, Any]], limit: int) -> Task:
    """Replies, or classes where the answers of the file are such."""
    answers = [str(first(record, OUTPUT_FIELDS) or "") for record in records]
    replies = ReplyTask(card, spread(records, limit))
    if are_classes(answers) and not any(record.get("aspects") for record in records):
        return ClassTask(replies.rows, answers)
    return replies


class ExtractTask:
    """Texts with their (label, text) pairs."""

    def __init__(self, card: Card, texts: Sequence[tuple[str, list[tuple[str, str]]]]) -> None:
        self._labels = card.labels
        self._gold = [pairs for _, pairs in texts]
        self._segments = [extraction.segments(text) for text, _ in texts]
        self.rows = [
            Row(text, serialize_entities(pairs), tuple(fill(card.template, text=s.text) for s in segments))
            for (text, pairs), segments in zip(texts, self._segments, strict=True)
        ]

    def score(self, outputs: Outputs) -> list[Scored]:
        """See `Task`."""
        found = self._read(outputs)
        return [
            Scored(
                serialize_entities(pairs),
                evaluate.f1_ratio(evaluate.entity_counts(gold, pairs)),
                failures > 0,
                invented,
            )
            for gold, (pairs, failures, invented) in zip(self._gold, found, strict=True)
        ]

    def figures(self, outputs: Outputs) -> dict[str, Any]:
        """See `services.evaluation`."""
        found = self._read(outputs)
        pieces = sum(len(segments) for segments in self._segments)
        micro, by_class = evaluate.entity_scores(self._gold, [pairs for pairs, _, _ in found])
        return {
            "micro_f1": round(micro.f1, 4),
            "precision": round(micro.precision, 4),
            "recall": round(micro.recall, 4),
            "by_class": {
                label: {
                    "precision": round(s.precision, 4),
                    "recall": round(s.recall, 4),
                    "f1": round(s.f1, 4),
                    "support": s.support,
                }
                for label, s in by_class.items()
            },
            "parse_failures": round(sum(failures for _, failures, _ in found) / pieces, 4) if pieces else 0.0,
            "invented_spans": sum(invented for _, _, invented in found),
            "errors": [
                {"kind": error.kind, "gold": error.gold, "found": error.found, "n": count}
                for error, count in entity_errors(self._gold, [pairs for pairs, _, _ in found]).most_common()
            ],
            "n": len(self.rows),
            "entities": micro.support,
        }

    def _read(self, outputs: Outputs) -> list[tuple[list[tuple[str, str]], int, int]]:
        """For each row: its pairs found in the text, its segments that failed, its spans not in the text."""
        rows = []
        for segments, texts in zip(self._segments, outputs, strict=True):
            pairs: list[tuple[str, str]] = []
            failures = invented = 0
            for segment, output in zip(segments, texts, strict=True):
                reading = extraction.read([Delta(output)], segment, self._labels)
                pairs += [(entity.label, entity.text) for entity in reading.entities]
                failures += bool(reading.failures)
                invented += reading.invented
            rows.append((pairs, failures, invented))
        return rows


class ReplyTask:
    """Texts to reply to, with the aspects a good reply takes up, or a reference, or both."""

    def __init__(self, card: Card, rows: Sequence[dict[str, Any]]) -> None:
        self._references = [str(first(row, OUTPUT_FIELDS) or "") for row in rows]
        self._aspects = [tuple(row.get("aspects", ())) for row in rows]
        self.rows = [
            Row(text, reference or ", ".join(aspects), (fill(card.template, text=text),))
            for text, reference, aspects in zip(
                (str(first(row, INPUT_FIELDS)) for row in rows), self._references, self._aspects, strict=True
            )
        ]

    def score(self, outputs: Outputs) -> list[Scored]:
        """See `Task`."""
        scored = []
        for at, (row, (output,)) in enumerate(zip(self.rows, outputs, strict=True)):
            reply, _ = keep_honest(output, row.text)
            aspects, reference = self._aspects[at], self._references[at]
            invented = _inventions(output, row)
            closeness = evaluate.chrf(reply, reference)
            worth = evaluate.aspect_coverage(reply, aspects) if aspects else closeness
            score = Ratio(worth - _inventions(reply, row))
            scored.append(Scored(reply, score, not reply.strip(), invented, closeness))
        return scored

    def figures(self, outputs: Outputs) -> dict[str, Any]:
        """See `services.evaluation`."""
        checked = [keep_honest(output, row.text) for row, (output,) in zip(self.rows, outputs, strict=True)]
        replies = [reply for reply, _ in checked]
        count = len(self.rows)
        covered = [evaluate.aspect_coverage(r, known) for r, known in zip(replies, self._aspects, strict=True) if known]
        against = [evaluate.chrf(r, known) for r, known in zip(replies, self._references, strict=True) if known]
        return {
            **({"aspect_coverage": round(sum(covered) / len(covered), 4)} if covered else {}),
            "removed_sentences": sum(removed for _, removed in checked),
            "inventions": sum(_inventions(reply, row) for reply, row in zip(replies, self.rows, strict=True)),
            "inventions_raw": sum(_inventions(raw, row) for (raw,), row in zip(outputs, self.rows, strict=True)),
            **({"chrf": round(sum(against) / len(against), 4)} if against else {}),
            "words": round(sum(len(reply.split()) for reply in replies) / count, 1),
            "distinct_2": round(evaluate.distinct_2(replies), 4),
            "n": count,
            "outputs": [{"review": row.text, "reply": r} for row, r in zip(self.rows, replies, strict=True)],
        }


class ChatTask:
    """Questions beside one paragraph, with gold answers; none where the paragraph does not answer."""

    def __init__(self, card: Card, rows: Sequence[dict[str, Any]]) -> None:
        self._records = rows
        self.rows = [
            Row(
                f"{row['question']}\n{row['context'][:_CONTEXT_CHARS]}",
                " / ".join(row["answers"]) or ABSTENTION,
                (
                    fill(
                        card.template,
                        text=row["question"],
                        documents=evidence_block((s.marker, s.passage) for s in sources_of([_passage(row)])),
                    ),
                ),
            )
            for row in rows
        ]

    def score(self, outputs: Outputs) -> list[Scored]:
        """See `Task`."""
        scored = []
        for row, result in zip(self._records, self._checked(outputs), strict=True):
            abstained = result.outcome is Outcome.ABSTAINED
            right = _is_right(row, result) if row["answers"] else abstained
            false_answer = not row["answers"] and not abstained
            unread = result.outcome is Outcome.UNGROUNDED
            scored.append(Scored(result.text, Ratio(float(right)), unread, result.dropped + false_answer))
        return scored

    def figures(self, outputs: Outputs) -> dict[str, Any]:
        """See `services.evaluation`."""
        pairs = list(zip(self._records, self._checked(outputs), strict=True))
        answerable = [(row, result) for row, result in pairs if row["answers"]]
        others = [result for row, result in pairs if not row["answers"]]
        grounded = [(row, r) for row, r in answerable if r.outcome is Outcome.GROUNDED]
        f1 = [evaluate.token_f1(r.brief, row["answers"]) for row, r in grounded]
        held = [any(_holds(source.quote, row["answers"]) for source in r.sources) for row, r in grounded]
        false_answers = sum(r.outcome is not Outcome.ABSTAINED for r in others)
        return {
            "token_f1": round(sum(f1) / len(answerable), 4) if answerable else None,
            "answered": round(len(grounded) / len(answerable), 4) if answerable else None,
            "false_answers": round(false_answers / len(others), 4) if others else None,
            "citation_precision": round(sum(held) / len(held), 4) if held else None,
            "n": len(pairs),
        }

    def _checked(self, outputs: Outputs) -> list[Checked]:
        return [
            settled(output, sources_of([_passage(row)]), row["question"])
            for row, (output,) in zip(self._records, outputs, strict=True)
        ]


def _gold(card: Card, text: str, completion: str) -> list[tuple[str, str]]:
    """The (label, text) pairs that an example teaches, in either form."""
    reading = extraction.read([Delta(completion)], extraction.Segment(text, 0), card.labels)
    return [(entity.label, entity.text) for entity in reading.entities]


def _is_right(row: dict[str, Any], result: Checked) -> bool:
    if result.outcome is not Outcome.GROUNDED:
        return False
    return _holds(result.text, row["answers"]) or evaluate.token_f1(result.brief, row["answers"]) >= _RIGHT


def _holds(text: str | None, answers: Sequence[str]) -> bool:
    folded = fold(text or "")[0]
    return any(fold(answer)[0] in folded for answer in answers) if folded else False


def _inventions(reply: str, row: Row) -> int:
    """Sentences with a promise, a price or a contact, and names, that the input does not hold."""
    _, promises = keep_honest(reply, row.text)
    return promises + len(invented_names(reply, row.prompts[0]))


def _passage(row: dict[str, Any]) -> Passage:
    return Passage("", "", "documento.md", row["context"][:_CONTEXT_CHARS], 1.0)
