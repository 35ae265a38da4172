"""Training examples whose prompts list what their replies take up, and name the style that they have.

Knows which examples teach topics and styles at all. What they are is `models.topics`' and
`models.style`'s. Refuses to know files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.models.prompt_format import NO_TOPICS, STYLE_FIELD, TOPICS_FIELD, fill
from assistant.models.style import Styles
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
    if not _written(card, examples):
        return None
    return Topics.learn([(e.text, e.completion) for e in examples])


def learned_styles(card: Card, examples: Sequence[Example]) -> Styles | None:
    """The styles of written replies, where the card's template names one; None where there is none to learn."""
    if STYLE_FIELD not in card.template or not _written(card, examples):
        return None
    return Styles.learn([e.completion for e in examples])


def outlined(
    card: Card, examples: Sequence[Example], topics: Topics | None, styles: Styles | None = None, *, seen: bool = False
) -> list[Example]:
    """The examples with tones, and the words that their replies take up, where the card's template lists them.

    With `styles` most of them also name the style that their reply has. `seen`: the topics were learned from these
    very examples, so that their tones are foretold by others.
    """
    topics = topics if TOPICS_FIELD in card.template else None
    if topics is None and styles is None:
        return list(examples)
    outlines = _outlines(examples, topics, seen)
    named = [str(styles.taught(e.text, e.completion)) if styles else "" for e in examples]
    return [
        replace(e, prompt=fill(card.template, text=e.text, topics=listed, style=style))
        for e, listed, style in zip(examples, outlines, named, strict=True)
    ]


def _outlines(examples: Sequence[Example], topics: Topics | None, seen: bool) -> list[str]:
    if topics is None:
        return [NO_TOPICS] * len(examples)
    pairs = [(e.text, e.completion) for e in examples]
    tones = Tones.foretold(pairs) if seen else [topics.tones.of(text) for text, _ in pairs]
    return [topics.outline(text, reply, told) for (text, reply), told in zip(pairs, tones, strict=True)]


def _written(card: Card, examples: Sequence[Example]) -> bool:
    """Whether these are replies, and not classes that come back."""
    return card.kind is AdapterKind.REPLY and len({e.completion for e in examples}) >= _WRITTEN * len(examples)
