"""Texts that must be answered with care, whatever else they say: harm to somebody's health, and threats of the law.

The learned tone (`models.tone`) foretells care of most such texts, not of all: "vômito" stands in too few pairs. So
the few words that name such a case decide by themselves, and the reply to it is written here. Refuses to know drafts
and prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.models.words import folded

_HEALTH = (
    r"\bpass(?:ei|ou|amos|aram|ando) (?:\w+ )?mal\b(?! de )|\bintoxica|\binfeccao|\bvomit|\bdiarreia|\bno soro\b"
    r"|\b(?:ao|pro|para o|num|um) hospital\b|\bpass(?:ei|ou|amos) (?:\w+ ){1,3}no hospital|\bhospitaliz"
    r"|\b(?:fui|foi|fiquei|ficou|foram) internad|\bpronto[- ]socorro|\bupa\b|\bambulancia|\bsamu\b|\bdesmai"
    r"|\balergi|\banafila|\bgarganta fech|\bcrise de asma|\bengasg(?:uei|ou|amos)|\bsalmonel|\bcaco de vidro"
    r"|\bqueimadura|\bqueim(?:ei|ou) (?:\w+ ){0,2}(?:mao|braco|boca|lingua|perna|pe|rosto|queixo)\b|\bfratur"
    r"|\bquebr(?:ei|ou) (?:\w+ ){0,2}(?:dente|braco|punho|pe|perna)\b|\bpontos? no (?:dedo|pe|queixo)\b"
)
_LAW = (
    r"\badvogad|\bprocess(?:ar|o judicial|arei|amos)\b|\bprocesso (?:em|contra)|\bprocon\b|\bna justica\b|\btribuna[li]"
    r"|\bjudicial|\bboletim de ocorrencia|\bvigilancia sanitaria|\bmeus direitos|\bindeniza|\bdelegacia|\bnotifica[cr]"
    r"|\bdanos morais|\bpolicia\b|\bministerio publico|\bcodigo de defesa"
)
_OF_HEALTH, _OF_LAW = re.compile(_HEALTH), re.compile(_LAW)

_WELL = "Sentimos muito e desejamos que todos estejam bem; se ainda houver sintomas, procurem um médico."
_RIGHTS = "Respeitamos o direito de procurar os órgãos competentes."
_SERIOUS = "Recebemos o relato com toda a seriedade"
_LOOK = "Vamos apurar o que aconteceu; por favor, fale com a gerência pelos canais da casa."


def needs_care(text: str) -> bool:
    """Whether a text tells of harm to health or threatens with the law."""
    said = folded(text)
    return (_OF_HEALTH.search(said) or _OF_LAW.search(said)) is not None


def careful_reply(text: str, told: Sequence[str]) -> str:
    """The reply to such a text, in the project's own words around the client's.

    To somebody who was hurt, or who will show the reply to a lawyer, one wrong word of a small model is too many.
    `told` are the client's words to be repeated. It promises nothing but to look into it.
    """
    said = folded(text)
    relayed = f"{_SERIOUS}: {'; '.join(told)}." if told else f"{_SERIOUS}."
    parts = [_WELL if _OF_HEALTH.search(said) else "", relayed, _RIGHTS if _OF_LAW.search(said) else "", _LOOK]
    return " ".join(part for part in parts if part)
