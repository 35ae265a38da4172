"""An adapter judged on a file: the whole path from text to checked result, in figures.

Knows what each kind is judged by and reads the data; the metrics are `training.evaluate`'s. Refuses
to know routing: the adapter under judgement always answers.

Fields of `extract`: micro_f1, precision, recall (0 to 1), by_class, parse_failures (share of the
sentences whose output held an item without known label), invented_spans (outputs not in the text;
they are dropped before anybody sees them), n (sentences), entities, seconds.
Fields of `reply`: aspect_coverage (mean, 0 to 1), removed_sentences (promises and inventions that
the check took out), words (mean), distinct_2, n, seconds, outputs.
Fields of `chat`: token_f1 (mean over answerable questions, 0 where abstained), answered (share of the
answerable), false_answers (share of the unanswerable), citation_precision (answers whose quote holds
the gold answer, over grounded answers), n, seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from assistant.engines.base import Engine, GenerationRequest, complete
from assistant.errors import AdapterBroken, DataError
from assistant.generation import extraction
from assistant.generation.citations import Checked, check, fold
from assistant.generation.prompt import sources_of
from assistant.generation.verification import keep_honest
from assistant.models.prompt_format import evidence_block, fill
from assistant.services.adapters import LiveAdapter, files_of
from assistant.training import evaluate
from assistant.training.formats import join_tokens, read_conll, read_jsonl, squad_questions
from assistant.types import AdapterKind, Outcome, Passage

_CONTEXT_CHARS = 2_000  # of a judged paragraph; a longer one is cut, as a store would cut it

Progress = Callable[[int, int], None]


def progress_lines(say: Callable[[str], None]) -> Progress:
    """A `Progress` that says a line every 50 items and at the end."""

    def progress(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            say(f"{done}/{total}")

    return progress


class EvaluationService:
    """Runs adapters of one engine over data files, `parallel` requests at a time."""

    def __init__(self, engine: Engine, parallel: int) -> None:
        self._engine = engine
        self._parallel = parallel

    def evaluate(self, adapter: LiveAdapter, data: Path, progress: Progress) -> dict[str, Any]:
        """Judge an adapter by its kind; raises `DataError` naming file and line."""
        started = time.perf_counter()
        judge = {
            AdapterKind.EXTRACT: self._extract,
            AdapterKind.REPLY: self._reply,
            AdapterKind.CHAT: self._chat,
        }[adapter.card.kind]
        figures = judge(adapter, data, progress)
        return {
            "adapter": adapter.card.name,
            "version": adapter.version.label,
            "kind": str(adapter.card.kind),
            **figures,
            "seconds": round(time.perf_counter() - started, 2),
        }

    def judge(self, candidate: LiveAdapter, data: Path, progress: Progress) -> dict[str, Any]:
        """Judge a version that is not registered yet: it becomes the only resident adapter.

        Raises `AdapterBroken` when the engine refuses it, as it does an adapter that changes nothing.
        """
        for failure in self._engine.set_adapters([files_of(candidate)]):
            raise AdapterBroken(
                f"The trained {failure.key} is not published: {failure.reason}.",
                pt=f"{failure.key}, recém-treinado, não foi publicado: {failure.reason_pt or failure.reason}.",
            )
        return self.evaluate(candidate, data, progress)

    def _outputs(self, adapter: LiveAdapter, prompts: Sequence[str], progress: Progress) -> list[str]:
        """Greedy completions in the order of the prompts."""
        done = 0

        def one(prompt: str) -> str:
            nonlocal done
            text, _ = complete(
                self._engine,
                GenerationRequest(
                    prompt,
                    adapter=adapter.version.key,
                    max_tokens=adapter.card.max_tokens,
                    stop=adapter.card.stop,
                ),
            )
            done += 1
            progress(done, len(prompts))
            return text

        with ThreadPoolExecutor(self._parallel) as pool:
            return list(pool.map(one, prompts))

    def _extract(self, adapter: LiveAdapter, data: Path, progress: Progress) -> dict[str, Any]:
        texts, gold = _labelled_texts(data)
        pieces = [(i, segment) for i, text in enumerate(texts) for segment in extraction.segments(text)]
        prompts = [fill(adapter.card.template, text=segment.text) for _, segment in pieces]
        outputs = self._outputs(adapter, prompts, progress)
        found: list[list[tuple[str, str]]] = [[] for _ in texts]
        failures = invented = 0
        for (i, segment), output in zip(pieces, outputs, strict=True):
            parsed = extraction.parse(output, adapter.card.labels)
            entities, missing = extraction.locate(segment, parsed.pairs)
            found[i] += [(entity.label, entity.text) for entity in entities]
            failures += bool(parsed.failures)
            invented += missing
        micro, by_class = evaluate.entity_scores(gold, found)
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
            "parse_failures": round(failures / len(pieces), 4) if pieces else 0.0,
            "invented_spans": invented,
            "n": len(texts),
            "entities": micro.support,
        }

    def _reply(self, adapter: LiveAdapter, data: Path, progress: Progress) -> dict[str, Any]:
        rows = read_jsonl(data, ("review",))
        prompts = [fill(adapter.card.template, text=row["review"]) for row in rows]
        outputs = self._outputs(adapter, prompts, progress)
        checked = [keep_honest(text, row["review"]) for text, row in zip(outputs, rows, strict=True)]
        replies = [text for text, _ in checked]
        covered = [
            evaluate.aspect_coverage(reply, row.get("aspects", ())) for reply, row in zip(replies, rows, strict=True)
        ]
        return {
            "aspect_coverage": round(sum(covered) / len(rows), 4),
            "removed_sentences": sum(removed for _, removed in checked),
            "words": round(sum(len(reply.split()) for reply in replies) / len(rows), 1),
            "distinct_2": round(evaluate.distinct_2(replies), 4),
            "n": len(rows),
            "outputs": [{"review": row["review"], "reply": reply} for row, reply in zip(rows, replies, strict=True)],
        }

    def _chat(self, adapter: LiveAdapter, data: Path, progress: Progress) -> dict[str, Any]:
        rows = _grounded_rows(data)
        prompts = [
            fill(
                adapter.card.template,
                text=row["question"],
                documents=evidence_block((s.marker, s.passage) for s in sources_of([_passage(row)])),
            )
            for row in rows
        ]
        outputs = self._outputs(adapter, prompts, progress)
        results = [check(output, sources_of([_passage(row)])) for output, row in zip(outputs, rows, strict=True)]
        return _chat_figures(rows, results)


def _chat_figures(rows: Sequence[dict[str, Any]], results: Sequence[Checked]) -> dict[str, Any]:
    pairs = list(zip(rows, results, strict=True))
    answerable = [(row, result) for row, result in pairs if row["answers"]]
    others = [result for row, result in pairs if not row["answers"]]
    grounded = [(row, r) for row, r in answerable if r.outcome is Outcome.GROUNDED]
    f1 = [evaluate.token_f1(r.brief, row["answers"]) if r.outcome is Outcome.GROUNDED else 0.0 for row, r in answerable]
    held = [
        any(
            fold(answer)[0] in fold(source.quote)[0]
            for answer in row["answers"]
            for source in r.sources
            if source.quote
        )
        for row, r in grounded
    ]
    return {
        "token_f1": round(sum(f1) / len(f1), 4) if f1 else None,
        "answered": round(len(grounded) / len(answerable), 4) if answerable else None,
        "false_answers": (
            round(sum(r.outcome is not Outcome.ABSTAINED for r in others) / len(others), 4) if others else None
        ),
        "citation_precision": round(sum(held) / len(held), 4) if held else None,
        "n": len(rows),
    }


def _labelled_texts(data: Path) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """Texts and their (label, text) pairs, from CoNLL or from {"text", "entities"} records."""
    if data.suffix == ".jsonl":
        rows = read_jsonl(data, ("text", "entities"))
        return [row["text"] for row in rows], [
            [(entity["label"], entity["text"]) for entity in row["entities"]] for row in rows
        ]
    texts, gold = [], []
    for sentence in read_conll(data):
        text, at = join_tokens(sentence.tokens, natural=False)
        texts.append(text)
        gold.append([(label, text[at[a][0] : at[b - 1][1]]) for label, a, b in sentence.entities()])
    if not texts:
        raise DataError(f"{data} holds no sentences.")
    return texts, gold


def _grounded_rows(data: Path) -> list[dict[str, Any]]:
    """Records with question, context and answers.

    In SQuAD's form every second question also stands beside a paragraph of another title, where it
    has no answer.
    """
    if data.suffix == ".jsonl":
        return read_jsonl(data, ("question", "context", "answers"))
    questions = list(squad_questions(data))
    rows = []
    for i, (title, context, question, answer) in enumerate(questions):
        rows.append({"question": question, "context": context, "answers": [answer]})
        other = next((q for q in questions[i + 7 :] + questions[:i] if q[0] != title), None)
        if i % 2 == 0 and other is not None:
            rows.append({"question": question, "context": other[1], "answers": []})
    if not rows:
        raise DataError(f"{data} holds no questions whose answer occurs in their paragraph.")
    return rows


def _passage(row: dict[str, Any]) -> Passage:
    return Passage("", "", "documento.md", row["context"][:_CONTEXT_CHARS], 1.0)
