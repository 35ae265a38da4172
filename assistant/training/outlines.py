"""Training examples whose prompts list what their replies take up.

Knows which examples teach topics at all. The counts and the list are `models.topics`'. Refuses to know files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.models.prompt_format import TOPICS_FIELD, fill
from assistant.models.tone import Tones
from assistant.models.topics import Topics
from assistant.stores.manifests import Card
from assistant.training.dataset import Example
from assistant.types import AdapterKind

_WRITTEN = 0.5  # share of different replies from which they count as written, not chosen


def learned_topics(card: Card, examples: Sequence[Example]) -> Topics | None:
    """What replies take up, counted over training examples; None where there are no replies to learn it from.

    None, too, where the same few replies come back: a class is chosen, not written, and takes nothing up.
    """
    if card.kind is not AdapterKind.REPLY or len({e.completion for e in examples}) < _WRITTEN * len(examples):
        return None
    return Topics.learn([(e.text, e.completion) for e in examples])


def outlined(card: Card, examples: Sequence[Example], topics: Topics | None, *, seen: bool = False) -> list[Example]:
    """The examples with tones, and the words that their replies take up, where the card's template lists them.

    `seen`: the topics were learned from these very examples, so that their tones are foretold by others.
    """
    if topics is None or TOPICS_FIELD not in card.template:
        return list(examples)
    pairs = [(e.text, e.completion) for e in examples]
    tones = Tones.foretold(pairs) if seen else [topics.tones.of(text) for text, _ in pairs]
    return [
        replace(e, prompt=fill(card.template, text=e.text, topics=topics.outline(e.text, e.completion, told)))
        for e, told in zip(examples, tones, strict=True)
    ]
