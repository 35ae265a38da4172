"""Names that a reply brings in: capitalised words inside its sentences. Refuses to know what is done about them."""

from __future__ import annotations

import re
from collections.abc import Collection

from assistant.models.words import folded

_CAPITAL = re.compile(r"(?<=[^\s.!?:…\"“«(—–-])[\s]+([A-ZÀ-Ý][\w’'-]+)")  # a word inside a sentence
# What a house writes with a capital without naming anybody (folded).
_NO_NAMES = frozenset(
    ["voce", "voces", "senhor", "senhora", "sr", "sra", "equipe", "casa", "gerencia", "direcao", "cozinha", "chef"]
)
# Places that a reply takes from "baiano" or "mineiro": they name nobody who could be held to anything (folded).
PLACES = frozenset(
    [
        "acre",
        "alagoas",
        "amapa",
        "amazonas",
        "bahia",
        "ceara",
        "goias",
        "maranhao",
        "mato",
        "grosso",
        "sul",
        "norte",
        "minas",
        "gerais",
        "para",
        "paraiba",
        "parana",
        "pernambuco",
        "piaui",
        "rio",
        "janeiro",
        "grande",
        "rondonia",
        "roraima",
        "santa",
        "catarina",
        "sao",
        "paulo",
        "sergipe",
        "tocantins",
        "brasilia",
        "brasil",
        "nordeste",
        "sudeste",
        "italia",
        "portugal",
        "japao",
        "franca",
        "grecia",
        "mexico",
        "peru",
        "espanha",
        "alemanha",
        "china",
        "libano",
    ]
)


def invented_names(reply: str, known: str, allowed: Collection[str] = ()) -> list[str]:
    """Capitalised words inside the sentences of a reply that `known` does not hold, case and accents aside.

    The first word of a sentence is not looked at: it is capitalised anyway. `allowed` are further words, folded.
    """
    words = set(re.findall(r"\w+", folded(known))) | _NO_NAMES | set(allowed)
    return [name for name in _CAPITAL.findall(reply) if not set(re.findall(r"\w+", folded(name))) <= words]
