"""The empty state: three questions, one for each kind of adapter, that run on click.

Refuses to know what becomes of a click.
"""

from __future__ import annotations

from assistant.ui.markup import Safe, tag
from assistant.ui.texts import Texts

EXAMPLES = (
    ("example_fact", "Qual o planeta com mais luas no sistema solar?"),
    (
        "example_law",
        "conforme autoriza o art. 4.o, da Lei de Introdução às Normas do Direito Brasileiro, com redação "
        "determinada pela Lei 12.376/2010 (Dec.-lei 4.657/1942).",
    ),
    (
        "example_review",
        "Horrível! Restaurante vazio e o atendimento ainda demora. Pedi um frango e veio com gosto de peixe. Nojo!",
    ),
)


def welcome(t: Texts) -> Safe:
    """The empty state: three questions that run on click."""
    cards = [
        tag(
            "button",
            tag("span", t(title), class_="card-title"),
            tag("span", question, class_="card-text"),
            type="button",
            class_="example",
            data_event="submit",
            data_question=question,
        )
        for title, question in EXAMPLES
    ]
    return tag(
        "section",
        tag("h1", t("welcome")),
        tag("p", t("welcome_text"), class_="quiet"),
        tag("div", *cards, class_="examples"),
        class_="welcome",
    )
