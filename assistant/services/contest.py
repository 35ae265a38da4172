"""The same held-out rows through several systems: base, base with examples, live version, candidate.

Knows how the few examples get into the prompt (as messages where the base takes them), who answers, and how
fast. Runs on an engine of its own that the caller gives and closes, with live and candidate resident. Refuses to
judge.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from assistant.engines.base import Delta, Engine, GenerationRequest
from assistant.generation.few_shot import Shot, instruction
from assistant.services.drafts import topics_of
from assistant.services.evaluation import EvaluationService, System
from assistant.services.few_shot import SHOTS, choose, without_topics
from assistant.services.judged import Outputs, Scored, Task
from assistant.services.judging import Judging, Stage, Tell
from assistant.services.residence import LiveAdapter, files_of
from assistant.stores.manifests import NO_TEXT, Card, Localized, Version
from assistant.training.dataset import Example
from assistant.training.evaluate import total
from assistant.training.gate import Results

SHOWN_ROWS = 30  # of the table to read side by side
_SEED = 13
_TRIED = 200  # examples looked at for the prompt
_MARGIN = 16  # tokens left free: the joints of a prompt may cost a token more than its parts
_SPEED_TOKENS = 64
_SPEED_PROMPTS = 3
_FEWEST_TOKENS = 8  # written after the first one; fewer say nothing about speed


@dataclass(frozen=True, slots=True)
class Field:
    """Who competes on what. `live` is None for a first version, or where the candidate itself is live.

    `has_template` says that the base takes chat messages: it then gets its examples as a chat gives them.
    """

    card: Card
    candidate: Version
    live: Version | None
    task: Task
    examples: Sequence[Example]
    has_template: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """What came out. `outputs` and `scored` by system: base, few_shot, live where there is one, candidate.

    `prefix` is the text before each few-shot prompt, messages one after the other; `refusal` says why the engine
    would not load the candidate: then there are no outputs.
    """

    engine: str
    prefix: str
    outputs: Mapping[str, Outputs]
    scored: Mapping[str, Sequence[Scored]]
    speeds: Mapping[str, float]
    refusal: Localized = NO_TEXT


def hold(field: Field, engine: Engine, parallel: int, tell: Tell) -> Contest:
    """Run every system over the rows of the task, `parallel` requests at a time."""
    versions = [field.candidate, *([field.live] if field.live else [])]
    failures = {f.key: f for f in engine.set_adapters([files_of(LiveAdapter(field.card, v)) for v in versions])}
    if field.candidate.key in failures:
        failure = failures[field.candidate.key]
        reason = Localized(failure.reason_pt or failure.reason, failure.reason)
        return Contest(engine.name, "", {}, {}, {}, reason)
    topics = topics_of(field.candidate)  # the same prompts for those who know nothing of their own
    few_shot = System(None, told=instruction(field.card, "pt"), shots=_shots(field)) if field.has_template else None
    few_shot = few_shot or System(None, few_shot_prefix(field, engine), topics)
    systems = {"base": System(None, topics=topics), "few_shot": few_shot}
    if field.live and field.live.key in failures:
        tell(Judging(Stage.LEFT_OUT, "live", reason=failures[field.live.key].reason))
    elif field.live:
        systems["live"] = System.of(field.live)
    systems["candidate"] = System.of(field.candidate)
    service = EvaluationService(engine, parallel)
    outputs: dict[str, Outputs] = {}
    for part, (name, system) in enumerate(systems.items(), 1):
        at = Judging(
            Stage.ROWS, name, total=sum(len(row.prompts) for row in field.task.rows), part=part, parts=len(systems)
        )
        tell(at)
        outputs[name] = service.run(field.task, field.card, system, partial(_count, tell, at))
    tell(Judging(Stage.SPEED))
    scored = {name: field.task.score(found) for name, found in outputs.items()}
    return Contest(engine.name, _before(few_shot), outputs, scored, _speeds(field, systems, engine))


def _count(tell: Tell, at: Judging, done: int, total: int) -> None:
    tell(replace(at, done=done, total=total))


def preferences(held: Contest) -> dict[str, dict[str, float]]:
    """By rival: in how many rows the candidate's result is better, as good or worse, and the share of better ones.

    Scores of a row first, then which is closer to the written reply. The share is of the rows that differ, 0.5 where
    none does.
    """
    ours = held.scored.get("candidate", ())
    found = {}
    for name, theirs in held.scored.items():
        if name != "candidate":
            pairs = [(_rank(own), _rank(other)) for own, other in zip(ours, theirs, strict=True)]
            better, worse = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
            share = round(better / (better + worse), 4) if better + worse else 0.5
            equal = len(pairs) - better - worse
            found[name] = {"better": better, "equal": equal, "worse": worse, "share": share}
    return found


def _rank(result: Scored) -> tuple[float, float]:
    return total([result.score]), result.closeness


def _before(few_shot: System) -> str:
    """What a few-shot prompt begins with, to be read."""
    said = [few_shot.told, *(f"{asked} {answer}" for asked, answer in few_shot.shots)]
    return "".join(f"{part}\n\n" for part in said) if few_shot.told else few_shot.prefix


def _unjudged(field: Field) -> list[Example]:
    """Training examples none of which is a judged row."""
    judged = {prompt for row in field.task.rows for prompt in row.prompts}
    texts = {row.text for row in field.task.rows}
    return [e for e in field.examples if e.prompt not in judged and e.text not in texts]


def _shots(field: Field) -> tuple[Shot, ...]:
    """The examples that a chat on this base would show, none of them a judged row."""
    card = replace(field.card, template=without_topics(field.card.template))
    return tuple(choose(card, _unjudged(field)))


def few_shot_prefix(field: Field, engine: Engine) -> str:
    """Up to SHOTS training examples as the base would see them before a question; "" where none fits.

    Drawn by a seed, with different answers, none of them a judged row, within the context that the longest
    row and its answer leave.
    """
    longest = max((prompt for row in field.task.rows for prompt in row.prompts), key=len, default="")
    left = engine.context_size - field.card.max_tokens - engine.count_tokens(longest) - _MARGIN
    known = _unjudged(field)
    drawn = random.Random(_SEED).sample(known, min(len(known), _TRIED))  # noqa: S311  # no secret: a reproducible draw
    blocks: dict[str, str] = {}
    for example in drawn:
        block = f"{example.prompt}{example.completion.rstrip()}\n\n"
        needed = engine.count_tokens(block)
        if example.completion not in blocks and needed <= left:
            blocks[example.completion] = block
            left -= needed
        if len(blocks) == SHOTS:
            break
    return "".join(blocks.values())


def results(contest: Contest, sizes: Mapping[str, int]) -> dict[str, Results]:
    """What the gate needs of each system; `sizes` in bytes, of those that are adapters."""
    return {
        name: Results(
            items=tuple(s.score for s in scored),
            outputs=tuple("\n".join(texts) for texts in contest.outputs[name]),
            failures=sum(s.failed for s in scored),
            inventions=sum(s.inventions for s in scored),
            tokens_per_second=contest.speeds.get(name, 0.0),
            size_bytes=sizes.get(name, 0),
        )
        for name, scored in contest.scored.items()
    }


def side_by_side(task: Task, contest: Contest, rows: int = SHOWN_ROWS) -> list[dict[str, Any]]:
    """Rows evenly spread over the file, with what each system wrote and its score there (at most 1)."""
    count = len(task.rows)
    chosen = sorted({i * count // rows for i in range(rows)}) if count > rows else range(count)
    return [
        {
            "text": task.rows[i].text,
            "expected": task.rows[i].expected,
            "outputs": {name: scored[i].shown for name, scored in contest.scored.items()},
            "scores": {name: round(total([scored[i].score]), 4) for name, scored in contest.scored.items()},
        }
        for i in chosen
    ]


def figures(task: Task, contest: Contest) -> dict[str, dict[str, Any]]:
    """The figures of `evaluate` for each system, without the outputs themselves."""
    return {
        name: {key: value for key, value in task.figures(outputs).items() if key != "outputs"}
        for name, outputs in contest.outputs.items()
    }


def _speeds(field: Field, systems: Mapping[str, System], engine: Engine) -> dict[str, float]:
    """Tokens per second of each adapter and of the base, taking turns; the best of a few prompts each.

    The best, because another process can only make it slower.
    """
    best: dict[str, float] = {}
    for prompt in [prompt for row in field.task.rows for prompt in row.prompts[:1]][:_SPEED_PROMPTS]:
        for name, system in systems.items():
            if name != "few_shot":  # the base again
                best[name] = max(best.get(name, 0.0), _speed(engine, prompt, system.adapter))
    return best


def _speed(engine: Engine, prompt: str, adapter: str | None) -> float:
    """Tokens per second after the first one; 0 where too few were written to tell."""
    first = last = 0.0
    count = 0
    for item in engine.stream(GenerationRequest(prompt, adapter=adapter, max_tokens=_SPEED_TOKENS)):
        if isinstance(item, Delta):
            last = time.perf_counter()
            first = first or last
            count += 1
    return (count - 1) / max(last - first, 1e-9) if count > _FEWEST_TOKENS else 0.0
