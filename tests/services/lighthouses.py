"""A small corpus of lighthouses with questions that it answers, close ones that it does not, and a file of both."""

from __future__ import annotations

import csv
from pathlib import Path

_PLACES = (
    "Abrolhos", "Búzios", "Cananéia", "Dunas", "Enseada", "Farroupilha", "Guarapari", "Himalaia", "Itapuã",
    "Jericoacoara", "Laguna", "Mucuripe", "Natal", "Olinda", "Paranaguá", "Quixaba", "Rapa", "Salinópolis", "Torres",
    "Ubatuba", "Vitória", "Xangri", "Zumbi", "Albardão",
)  # fmt: skip
DOCUMENT = "# Faróis\n\n" + "\n\n".join(
    f"## Farol de {place}\n\nO farol de {place} pisca a cada {seconds} segundos e foi aceso em {1850 + seconds}."
    for seconds, place in enumerate(_PLACES, 3)
)
ANSWERABLE = [f"De quantos em quantos segundos pisca o farol de {place}?" for place in _PLACES]
CLOSE = [f"Quem mora perto da praia de {place} e vende sorvete?" for place in _PLACES]


def question_file(path: Path, answerable: list[str], unanswerable: list[str]) -> Path:
    """A CSV as a spreadsheet writes it in Brazil."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["pergunta", "answerable"])
        writer.writerows([text, "sim"] for text in answerable)
        writer.writerows([text, "não"] for text in unanswerable)
    return path
