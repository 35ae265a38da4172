"""An adapter judged on a file: the whole path from text to checked result, in figures.

Knows who is asked what, and how many at a time; rows and checks are `tasks`', the metrics
`training.evaluate`'s. Refuses to know routing: the adapter under judgement always answers.

Fields of `extract`: micro_f1, precision, recall (0 to 1), by_class, parse_failures (share of the
sentences whose output held an item without known label), invented_spans (outputs not in the text;
they are dropped before anybody sees them), errors (how often each kind of `training.entity_errors` occurs
between which classes), n (sentences), entities, seconds.
Fields of `reply`: aspect_coverage (mean, 0 to 1, over rows that name aspects; absent where none does),
removed_sentences (promises and inventions that the check took out), inventions (sentences with a promise,
price or contact, and names, that the review does not hold, in what a visitor sees) and inventions_raw (the
same before the check), chrf (mean against the reference, where rows have one), words (mean), distinct_2, n,
seconds, outputs. Where the answers are classes: accuracy, by_class (recall and rows of each), unknown_classes (outputs
that are none of them), n, seconds, outputs.
Fields of `chat`: token_f1 (mean over answerable questions, 0 where abstained), answered (share of the
answerable), false_answers (share of the unanswerable), citation_precision (answers whose quote holds
the gold answer, over grounded answers), n, seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.engines.base import Engine, GenerationRequest, complete
from assistant.errors import AdapterBroken
from assistant.generation.few_shot import Shot, few_shot_messages, on_one_line
from assistant.generation.prompt import Budget
from assistant.models.prompt_format import TOPICS_FIELD, fill
from assistant.models.topics import Topics
from assistant.services.drafts import FURTHER, TEMPERATURE, best, careful, outline, topics_of
from assistant.services.few_shot import without_topics
from assistant.services.judged import Outputs, Task
from assistant.services.residence import LiveAdapter, files_of
from assistant.services.tasks import read_task
from assistant.stores.manifests import Card, Version
from assistant.types import AdapterKind

Progress = Callable[[int, int], None]

_MARGIN = 8  # tokens of the context left free, as in a chat


@dataclass(frozen=True, slots=True)
class System:
    """Who answers: an adapter's key, or None for the base, after a prefix with examples or none.

    `topics` are listed in its prompts; `drafts` has replies drafted again as a visitor gets them. A base that
    takes chat messages is `told` what to do and gets its examples as `shots`: then there is no prefix.
    """

    adapter: str | None
    prefix: str = ""
    topics: Topics | None = None
    drafts: bool = False
    told: str = ""
    shots: tuple[Shot, ...] = ()

    @classmethod
    def of(cls, version: Version) -> System:
        """A version as it answers visitors."""
        return cls(version.key, topics=topics_of(version), drafts=True)


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

    def evaluate(self, adapter: LiveAdapter, data: Path, progress: Progress, limit: int = 0) -> dict[str, Any]:
        """Judge an adapter by its kind, on at most `limit` rows of the file (0: all), spread evenly.

        Raises `DataError` naming file and line.
        """
        started = time.perf_counter()
        task = read_task(adapter.card, data, limit)
        outputs = self.run(task, adapter.card, System.of(adapter.version), progress)
        return {
            "adapter": adapter.card.name,
            "version": adapter.version.label,
            "kind": str(adapter.card.kind),
            **task.figures(outputs),
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

    def run(self, task: Task, card: Card, system: System, progress: Progress) -> Outputs:
        """Completions of a system for every prompt of the task, row by row: greedy, and of replies the best draft."""
        prompts = [(row.text, prompt) for row in task.rows for prompt in row.prompts]
        done = 0

        def one(asked: tuple[str, str]) -> str:
            nonlocal done
            text, prompt = asked
            output = careful(text, system.topics) if system.drafts else None
            if output is None:
                request = self._request(card, system, text, prompt)
                output, _ = complete(self._engine, request)
                if system.told and card.kind is AdapterKind.EXTRACT:
                    output = on_one_line(output)
                if system.topics and system.drafts:
                    output = best(output, text, system.topics, self._further(request))
            done += 1
            progress(done, len(prompts))
            return output

        with ThreadPoolExecutor(self._parallel) as pool:
            texts = iter(list(pool.map(one, prompts)))
        return [list(islice(texts, len(row.prompts))) for row in task.rows]

    def _request(self, card: Card, system: System, text: str, prompt: str) -> GenerationRequest:
        """What a system is asked; a base that is told what to do ends its answer by itself."""
        if TOPICS_FIELD in card.template:
            template = without_topics(card.template) if system.told else card.template
            prompt = fill(template, text=text, topics=outline(system.topics, text))
        if not system.told:
            return GenerationRequest(
                system.prefix + prompt, adapter=system.adapter, max_tokens=card.max_tokens, stop=card.stop
            )
        budget = Budget(self._engine.context_size - card.max_tokens - _MARGIN, self._engine.count_tokens)
        messages = few_shot_messages(system.told, system.shots, prompt, budget)
        return GenerationRequest(messages, adapter=system.adapter, max_tokens=card.max_tokens)

    def _further(self, request: GenerationRequest) -> Iterator[str]:
        for draft in range(1, FURTHER + 1):
            yield complete(self._engine, replace(request, temperature=TEMPERATURE, seed=request.seed + draft))[0]
