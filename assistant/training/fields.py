"""What each field of a recipe means, and three ready-made choices of them.

Knows the words a person reads beside a field and what the presets change. Refuses to know ranges and
defaults: `config` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from types import MappingProxyType

from assistant.stores.manifests import Localized
from assistant.training.config import Recipe

FIELDS: Mapping[str, Localized] = MappingProxyType(
    {
        "epochs": Localized(
            "Vezes que o treino passa por todos os exemplos.", "How often training passes over all examples."
        ),
        "limit": Localized(
            "Usar só tantos exemplos, de todo o conjunto; 0 usa todos.", "Use only so many, of all data; 0: all."
        ),
        "learning_rate": Localized(
            "Tamanho de cada passo de aprendizado. Alto demais, a perda dispara; baixo demais, aprende devagar.",
            "Size of each learning step. Too high and the loss explodes; too low and it learns slowly.",
        ),
        "r": Localized(
            "Posto do LoRA: quanto o adaptador consegue guardar. Mais posto, mais memória e tempo.",
            "LoRA rank: how much the adapter can hold. A higher rank takes more memory and time.",
        ),
        "lora_alpha": Localized(
            "Peso do adaptador na soma: a escala é lora_alpha / r. Em geral, o dobro de r.",
            "Weight of the adapter in the sum: the scale is lora_alpha / r. Usually twice r.",
        ),
        "lora_dropout": Localized(
            "Parte das entradas do adaptador que é apagada ao acaso, contra decorar dados pequenos.",
            "Share of the adapter's inputs dropped at random, against learning small data by heart.",
        ),
        "use_rslora": Localized(
            "rsLoRA: divide pela raiz de r; mantém o passo estável com r alto.",
            "rsLoRA: divides by the root of r; keeps the step stable at a high r.",
        ),
        "use_dora": Localized(
            "DoRA: aprende direção e tamanho em separado; mais lento.",
            "DoRA: learns direction and magnitude apart; slower.",
        ),
        "use_alora": Localized(
            "LoRA ativado: só age das últimas palavras do prompt em diante; o que o modelo leu antes serve a todos.",
            "Activated LoRA: acts from the prompt's last words on; what the base read before serves every adapter.",
        ),
        "use_qlora": Localized(
            "QLoRA: o modelo base fica em 4 bits (NF4) durante o treino; menos memória, sobretudo numa placa de vídeo.",
            "QLoRA: the base stays in 4 bits (NF4) during training; less memory, above all on a GPU.",
        ),
        "batch_tokens": Localized(
            "Tokens de cada passo. Mais tokens pedem mais memória e dão menos passos.",
            "Tokens of each step. More tokens need more memory and make fewer steps.",
        ),
        "max_length": Localized(
            "Exemplos com mais tokens que isto ficam de fora; nenhum é cortado.",
            "Examples with more tokens than this are left out; none is cut.",
        ),
        "warmup": Localized(
            "Parte inicial dos passos em que o aprendizado cresce até o valor cheio.",
            "First share of the steps, while the learning rate grows to its full value.",
        ),
        "weight_decay": Localized(
            "Encolhe os pesos do adaptador a cada passo; 0 desliga.",
            "Shrinks the adapter's weights at each step; 0 turns it off.",
        ),
        "max_grad_norm": Localized(
            "Limite do tamanho do gradiente, contra passos bruscos.",
            "Limit of the gradient's norm, against abrupt steps.",
        ),
        "evaluate_every": Localized(
            "Passos entre duas medidas da perda de validação.", "Steps between two looks at the validation loss."
        ),
        "patience": Localized(
            "Para depois de tantas medidas sem perda de validação menor; 0 vai até o fim.",
            "Ends after so many looks without a lower validation loss; 0 goes on to the end.",
        ),
        "samples": Localized(
            "Respostas de amostra escritas a cada medida; 0 desliga.",
            "Sample outputs written at each look; 0 turns them off.",
        ),
        "checkpoint_every": Localized(
            "Passos entre dois pontos de retomada gravados no disco.",
            "Steps between two checkpoints written to the disk.",
        ),
        "seed": Localized(
            "Semente da ordem e dos sorteios: a mesma semente repete o mesmo treino.",
            "Seed of the order and of all draws: the same seed repeats the same training.",
        ),
    }
)

_QUICK_EXAMPLES = 400  # about five minutes of the embedded base on two cores


def quick(recipe: Recipe) -> Recipe:
    """A few minutes, to see whether data and prompt make sense: at most 400 examples, once."""
    limit = min(recipe.data.limit or _QUICK_EXAMPLES, _QUICK_EXAMPLES)
    training = replace(recipe.training, epochs=1, evaluate_every=20, checkpoint_every=20)
    return replace(recipe, data=replace(recipe.data, limit=limit), training=training)


def balanced(recipe: Recipe) -> Recipe:
    """The recipe as it is written."""
    return recipe


def thorough(recipe: Recipe) -> Recipe:
    """Twice the epochs, at least three, ended early when the validation loss stops falling."""
    epochs = min(100, max(3, 2 * recipe.training.epochs))
    return replace(recipe, training=replace(recipe.training, epochs=epochs, patience=3))


PRESETS: Mapping[str, Callable[[Recipe], Recipe]] = MappingProxyType(
    {"quick": quick, "balanced": balanced, "thorough": thorough}
)


DEFAULT_PRESET = "balanced"


def values(recipe: Recipe) -> dict[str, int | float | bool]:
    """The value of every field of `FIELDS` in a recipe, in its order."""
    every = {"limit": recipe.data.limit, **asdict(recipe.lora), **asdict(recipe.training)}
    return {name: every[name] for name in FIELDS}


def overrides(recipe: Recipe, wanted: Recipe) -> dict[str, int | float | bool]:
    """The fields in which `wanted` differs from `recipe`, as `config.changed` takes them."""
    before = values(recipe)
    return {name: value for name, value in values(wanted).items() if value != before[name]}
