"""Do the forms of an adapter write the same? Greedy texts side by side, and what they have in common.

Knows which inputs are an adapter's own and how texts are compared. Refuses to know forms and files: it is given
engines. Equal texts are not expected throughout: forms differ in precision, and a near tie between two tokens then
falls the other way. Figures of one form against the reference: prompts, identical (share of equal texts),
common_prefix (mean share of the longer text before they part), prefix_characters (its mean length), empty (texts
without a character).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from assistant.engines.base import Engine, GenerationRequest, complete
from assistant.errors import AssistantError, DataError
from assistant.models.prompt_format import fill
from assistant.services.heldout import spread
from assistant.services.tasks import read_task
from assistant.services.training import TrainingService
from assistant.stores.manifests import Card, Localized

PROMPTS = 50
TOKENS = 48  # written for each prompt; longer texts part at some near tie anyway
BASE_PROMPTS = 10  # also given to the base without the adapter: an adapter that works differs at the first

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Prompts as the engine gets them, and where their inputs are from (a file name, "training", "utterances")."""

    prompts: tuple[str, ...]
    source: str


def own_inputs(card: Card, training: TrainingService, count: int) -> Inputs:
    """At most `count` prompts of an adapter: of its held-out rows, else its training data, else its utterances.

    Nothing is fetched: an adapter without a recipe, or whose public data is not on this machine, still has
    utterances; raises `DataError` where there are none either.
    """
    try:
        file = training.test_file(card.name, fetch=False)
        if file is not None:
            rows = read_task(card, file, count).rows
            if rows:
                return Inputs(tuple(row.prompts[0] for row in rows), file.name)
        data = training.data(card.name, fetch=False)
        examples = spread(data.validation or data.train, count)
        if examples:
            return Inputs(tuple(example.prompt for example in examples), "training")
    except AssistantError:  # no recipe, no data: the card is what is left
        pass
    texts = spread(card.utterances, count)
    if not texts:
        raise DataError(
            f"There is nothing to compare the forms of {card.name} on: no recipe whose data can be read, and no "
            "utterances in its card. Give the card some.",
            pt=f"Não há com o que comparar as formas de {card.name}: nem receita com dados legíveis, nem exemplos de "
            "entrada no cartão. Acrescente alguns ao cartão.",
        )
    return Inputs(tuple(fill(card.template, text=text) for text in texts), "utterances")


def greedy(engine: Engine, adapter: str | None, prompts: Sequence[str], stop: tuple[str, ...], say: Say) -> list[str]:
    """The greedy completion of each prompt, one after the other, so that no batch rounds differently."""
    texts = []
    for done, prompt in enumerate(prompts, start=1):
        texts.append(complete(engine, GenerationRequest(prompt, adapter, max_tokens=TOKENS, stop=stop))[0])
        if done % 10 == 0 or done == len(prompts):
            say(f"{done}/{len(prompts)}")
    return texts


def common_prefix(one: str, other: str) -> int:
    """Characters before the two texts part."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def agreement(reference: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    """The figures of the module's docstring; both sequences in the order of the prompts."""
    pairs = list(zip(reference, texts, strict=True))
    lengths = [common_prefix(a, b) for a, b in pairs]
    shares = [n / max(len(a), len(b)) if a or b else 1.0 for n, (a, b) in zip(lengths, pairs, strict=True)]
    return {
        "prompts": len(pairs),
        "identical": round(mean(a == b for a, b in pairs), 3),
        "common_prefix": round(mean(shares), 3),
        "prefix_characters": round(mean(lengths), 1),
        "empty": sum(not text.strip() for text in texts),
    }


def fault_of(texts: Sequence[str], reference: Sequence[str], base: Sequence[str]) -> Localized | None:
    """Why a form must not be given away; None where it may.

    `base` are the texts without the adapter for the first prompts, from the same kind of engine.
    """
    empty = sum(not text.strip() for text in texts)
    if empty * 2 > len(texts):
        return Localized(
            f"não escreve nada em {empty} de {len(texts)} entradas",
            f"it writes nothing for {empty} of {len(texts)} inputs",
        )
    if base and list(texts[: len(base)]) == list(base):
        return Localized(
            f"não muda nada: em {len(base)} entradas escreve o mesmo que o modelo base sem adaptador",
            f"it changes nothing: for {len(base)} inputs it writes what the base writes without it",
        )
    if len(texts) > 2 and not any(common_prefix(a, b) for a, b in zip(texts, reference, strict=True)):
        return Localized("nenhum texto começa como os do adaptador", "not one of its texts begins like the adapter's")
    return None
