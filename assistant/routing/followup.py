"""Whether a text leans on the conversation before it ("e o segundo?", "resuma isso", "why?").

Knows the words of Portuguese and English that point back. Refuses to know adapters and scores.
"""

from __future__ import annotations

import re
from enum import IntEnum

from assistant.routing.features import fold

_MAX_CHARACTERS = 80
_MAX_WORDS = 8
_BARE_WORDS = 4  # "e em 2023?", "e o segundo planeta?": too little to be anything else

_WORD = re.compile(r"\w+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_JOINERS = _set("e mas ou entao and but or so")
_GREETINGS = _set("ai ae blz")  # "e aí" greets
_ALONE = _set(
    "por_que por_que_nao porque como_assim como desde_quando quando onde quem qual quais quanto quantos"
    " quantas tem_certeza certeza serio mesmo why why_not how_so how_come really are_you_sure since_when"
    " which_one who when where how how_many how_much"
)
_ORDERS = _set(
    "resuma resume resumir explique explica explicar detalhe detalha traduza traduz repita repete"
    " continue continua refaca refaz reescreva reescreve encurte encurta melhore melhora simplifique"
    " simplifica corrija corrige mostre mostra liste lista mais menos outro outra outros outras summarize"
    " summarise explain repeat rewrite shorten translate more another again shorter"
)
_AFTER_ORDER = _set(
    "isso isto esse essa este esta ele ela tudo melhor mais menos de novo novamente outra outro vez ai"
    " por favor pfv a o resposta texto um uma curto curta formal detalhes exemplo em portugues ingles it"
    " that this again more one please me pra para parte example details"
)
_ARTICLES = _set("o a os as do da dos das no na the")
_ORDINALS = _set(
    "primeiro primeira segundo segunda terceiro terceira quarto quarta quinto quinta ultimo ultima outro"
    " outra outros outras anterior proximo proxima first second third fourth fifth last other others next"
    " previous"
)
_POINTERS = _set(
    "isso isto disso disto nisso nisto aquilo daquilo ele ela eles elas dele dela deles delas nele nela"
    " esse essa esses essas desse dessa desses dessas nesse nessa acima anterior mesmo mesma it its them"
    " those"
)


class Leaning(IntEnum):
    """How much a text leans on what was said before."""

    NONE = 0
    POSSIBLE = 1  # points back, but says enough to be a request of its own
    CERTAIN = 2  # means nothing without what came before


def leaning(text: str) -> Leaning:
    """How much a text leans on the conversation; long texts never do."""
    if len(text) > 4 * _MAX_CHARACTERS:
        return Leaning.NONE
    folded = fold(text)
    words = _WORD.findall(folded)
    if not words or len(words) > _MAX_WORDS or len(folded) > _MAX_CHARACTERS:
        return Leaning.NONE
    if words[0] in _JOINERS and len(words) > 1 and words[1] not in _GREETINGS:
        return Leaning.CERTAIN if len(words) <= _BARE_WORDS else Leaning.POSSIBLE
    if "_".join(words) in _ALONE or _is_order(words):
        return Leaning.CERTAIN
    if len(words) > 1 and words[0] in _ARTICLES and words[1] in _ORDINALS:
        return Leaning.CERTAIN if len(words) <= _BARE_WORDS else Leaning.POSSIBLE
    return Leaning.POSSIBLE if _POINTERS.intersection(words) else Leaning.NONE


def _is_order(words: list[str]) -> bool:
    rest = words[1:] if words[0] == "me" and len(words) > 1 else words
    return rest[0] in _ORDERS and all(word in _AFTER_ORDER for word in rest[1:])
