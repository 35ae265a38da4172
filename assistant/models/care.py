"""Texts that must be answered with care, whatever else they say: harm to somebody's health, and threats of the law.

The learned tone (`models.tone`) foretells care of most such texts, not of all: "vômito" stands in too few pairs. So
the few words that name such a case decide by themselves. Refuses to know drafts and prompts.
"""

from __future__ import annotations

import re

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
_CASE = re.compile(f"{_HEALTH}|{_LAW}")

SENTENCE = "O seu relato é tratado com seriedade e será apurado; por favor, fale com a gerência pelos canais da casa."
"""What is said where no draft showed care: written by the project, promises nothing but to look into it."""


def needs_care(text: str) -> bool:
    """Whether a text tells of harm to health or threatens with the law."""
    return _CASE.search(folded(text)) is not None
