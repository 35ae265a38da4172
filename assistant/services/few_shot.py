"""Adapters without a version on an instruct base: the base itself does their task, by a few of their examples.

Knows which examples are shown: drawn by a seed, together showing as many forms of an answer as they can. Refuses
to know how they are put to a base (`generation.few_shot`) and where data lies.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from assistant.errors import AssistantError
from assistant.generation.extraction import parse
from assistant.generation.few_shot import Shot
from assistant.models.marking import OPEN, written
from assistant.models.prompt_format import ABSTENTION, TOPICS_FIELD, fill
from assistant.services.residence import LiveAdapter
from assistant.stores.manifests import Card
from assistant.training.dataset import Example
from assistant.training.formats import serialize_entities
from assistant.types import AdapterKind

SHOTS = 4  # of a chat and of a judgement; more pushed the question out of a small base's attention
_SEED = 13
_TRIED = 400  # examples looked at
_LONGEST = 1_500  # characters of an example; a longer one would leave no room for the others


@dataclass(frozen=True, slots=True)
class FewShot:
    """An adapter whose task the base does by examples; they are read at the first question."""

    card: Card
    shots: Callable[[], Sequence[Shot]] = field(compare=False)

    @property
    def key(self) -> None:
        """Engines know no version of it: the base alone is asked."""

    @property
    def label(self) -> None:
        """No version answers."""


Answerer = LiveAdapter | FewShot
"""Whoever does an adapter's task."""


def trained(answerers: Mapping[str, Answerer]) -> dict[str, LiveAdapter]:
    """Those that answer by a version."""
    return {name: adapter for name, adapter in answerers.items() if isinstance(adapter, LiveAdapter)}


class FewShots:
    """Makes the few-shot stand-ins of adapters for one base."""

    def __init__(self, has_template: Callable[[], bool], examples: Callable[[str], Sequence[Example]]) -> None:
        """`has_template` says whether the base takes chat messages; `examples` gives those of an adapter's name."""
        self._has_template = has_template
        self._examples = examples

    def of(self, card: Card) -> FewShot | None:
        """The stand-in of an adapter; None on a base that cannot be told what to do."""
        if not self._has_template():
            return None
        card = replace(card, template=without_topics(card.template))

        @cache
        def shots() -> Sequence[Shot]:
            try:
                return choose(card, self._examples(card.name))
            except AssistantError:  # no recipe, or data with a fault: training tells of it, the instruction is left
                return ()

        return FewShot(card, shots)


def without_topics(template: str) -> str:
    """A template without the line that lists topics: only a version knows what its replies take up."""
    return "".join(line for line in template.splitlines(keepends=True) if TOPICS_FIELD not in line)


def choose(card: Card, examples: Sequence[Example]) -> list[Shot]:
    """At most SHOTS examples with different answers; the next one is always that which shows most that is new."""
    drawn = random.Random(_SEED).sample(examples, min(len(examples), _TRIED))  # noqa: S311  # no secret: a reproducible draw
    left = [e for e in drawn if len(e.prompt) + len(e.completion) <= _LONGEST]
    chosen: dict[str, Shot] = {}
    shown: set[str] = set()
    while left and len(chosen) < SHOTS:
        best = max(left, key=lambda e: len(_forms(card, e) - shown))  # the first drawn of equals
        prompt = fill(card.template, text=best.text) if best.text else best.prompt
        chosen[best.completion] = prompt, _answer(card, best)
        shown |= _forms(card, best)
        left = [e for e in left if e.completion not in chosen]
    return list(chosen.values())


def _answer(card: Card, example: Example) -> str:
    """What an example answers; entities as the list that the instruction asks for."""
    answer = example.completion.strip()
    if card.kind is not AdapterKind.EXTRACT or OPEN not in answer:
        return answer
    marked = written(answer, card.labels)
    return serialize_entities([(mark.label, marked.text[mark.start : mark.end]) for mark in marked.marks])


def _forms(card: Card, example: Example) -> set[str]:
    """What an example shows of the task."""
    answer = _answer(card, example)
    if card.kind is AdapterKind.EXTRACT:
        return {item.label for item in parse(answer, card.labels).items} or {"nothing"}
    if card.kind is AdapterKind.REPLY:
        return {example.group or answer}
    if answer == ABSTENTION:
        return {"abstained"}
    return {"quoted" if answer.startswith("«") else "spoken"}
