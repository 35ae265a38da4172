"""Do the forms of an adapter write the same? Greedy texts side by side, and what they have in common.

Knows which inputs are an adapter's own and how texts are compared. Refuses to know forms and files: it is given
engines. Equal texts are not expected throughout: forms differ in precision, and a near tie between two tokens then
falls the other way. So where two texts part, the reference is asked how far apart it sees the two tokens: what no
rounding explains is a clear difference, and a form with many of them is not the adapter.

Figures of one form against the reference: prompts, identical (share of equal texts), common_prefix (mean share of
the longer text before they part), prefix_characters (its mean length), empty (texts without a character), clear
(texts that part at a clear difference), widest_gap (in log-probability, where texts part).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Protocol

from assistant.engines.base import Engine, GenerationRequest, complete
from assistant.engines.partings import Parting
from assistant.errors import AssistantError, DataError
from assistant.models.prompt_format import TOPICS_FIELD, fill
from assistant.models.topics import Topics
from assistant.services.drafts import outline
from assistant.services.heldout import spread
from assistant.services.tasks import read_task
from assistant.services.training import TrainingService
from assistant.stores.manifests import Card, Localized

PROMPTS = 50
TOKENS = 48  # written for each prompt; longer texts part at some near tie anyway
BASE_PROMPTS = 10  # also given to the base without the adapter: an adapter that works differs at the first

CLEAR = 1.0  # log-probabilities; 8-bit activations move them by 0.1 to 0.3, so a near tie by less than 0.6
_CLEAR_SHARE = 1 / 3  # of the texts, above which a form is not the adapter
_FEW = 2  # clear differences that say nothing, however few the prompts

Say = Callable[[str], None]


class Reference(Engine, Protocol):
    """An engine that also tells how far apart it sees two completions."""

    def parting(self, request: GenerationRequest, texts: tuple[str, str]) -> Parting | None:
        """Where two completions of a plain prompt part; None for texts of the same tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """Prompts as the engine gets them, and where their inputs are from (a file name, "training", "utterances")."""

    prompts: tuple[str, ...]
    source: str


def own_inputs(card: Card, training: TrainingService, count: int, topics: Topics | None = None) -> Inputs:
    """At most `count` prompts of an adapter: of its held-out rows, else its training data, else its utterances.

    They list the version's `topics`, as the prompts of a visitor do.
    Nothing is fetched: an adapter without a recipe, or whose public data is not on this machine, still has
    utterances; raises `DataError` where there are none either.
    """

    def asked(text: str) -> str:
        return fill(card.template, text=text, topics=outline(topics, text))

    try:
        file = training.test_file(card.name, fetch=False)
        if file is not None:
            rows = read_task(card, file, count).rows
            if rows:
                listed = topics is not None and TOPICS_FIELD in card.template
                return Inputs(tuple(asked(row.text) if listed else row.prompts[0] for row in rows), file.name)
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
    return Inputs(tuple(asked(text) for text in texts), "utterances")


def greedy(engine: Engine, adapter: str | None, prompts: Sequence[str], stop: tuple[str, ...], say: Say) -> list[str]:
    """The greedy completion of each prompt, one after the other, so that no batch rounds differently."""
    texts = []
    for done, request in enumerate(requests(adapter, prompts, stop), start=1):
        texts.append(complete(engine, request)[0])
        if done % 10 == 0 or done == len(prompts):
            say(f"{done}/{len(prompts)}")
    return texts


def requests(adapter: str | None, prompts: Sequence[str], stop: tuple[str, ...]) -> list[GenerationRequest]:
    """The greedy request of each prompt."""
    return [GenerationRequest(prompt, adapter, max_tokens=TOKENS, stop=stop) for prompt in prompts]


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


def gaps(engine: Reference, asked: Sequence[GenerationRequest], texts: Sequence[tuple[str, str]]) -> list[float]:
    """How wide the gap is where the two texts of a request part, for those that do."""
    apart = [(request, both) for request, both in zip(asked, texts, strict=True) if both[0] != both[1]]
    found = [engine.parting(request, both) for request, both in apart]
    return [one.gap for one in found if one is not None]


def told(found: Sequence[float]) -> dict[str, float]:
    """The figures of gaps."""
    return {"clear": sum(gap > CLEAR for gap in found), "widest_gap": round(max(found, default=0.0), 2)}


def difference_of(figures: Mapping[str, float]) -> Localized | None:
    """Why a form whose texts part at many clear differences must not be given away; None where it may."""
    clear, prompts = round(figures["clear"]), round(figures["prompts"])
    if clear <= max(_FEW, _CLEAR_SHARE * prompts):
        return None
    return Localized(
        f"não escreve o mesmo que o adaptador: em {clear} de {prompts} entradas a diferença é clara, não de precisão",
        f"it does not write what the adapter writes: for {clear} of {prompts} inputs the difference is clear, not one "
        "of precision",
    )


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
