"""The project's own prompts for a base without chat template: how evidence is laid out.

Shared by what trains an adapter and by what questions it, so that both see the same characters.
Refuses to know documents on disk, engines and token budgets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

NO_DOCUMENTS = "Documentos: nenhum\n\n"
ABSTENTION = "Os documentos não respondem a isso."
TOPICS_FIELD = "{topics}"  # see `models.topics`
NO_TOPICS = "nenhum"
STYLE_FIELD = "{style}"  # see `models.style`

_SPACE = re.compile(r"\s+")
_STYLE_LINE = re.compile(r"^[^{}\n]*\{style\}[^{}\n]*\n?", re.MULTILINE)


class Evidence(Protocol):
    """What a line of evidence needs of a passage."""

    @property
    def document(self) -> str: ...  # noqa: D102  # the fields of types.Passage
    @property
    def as_of(self) -> str | None: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks too, as one blank.

    Line breaks separate the parts of a prompt; folding them keeps a text from posing as one.
    """
    return _SPACE.sub(" ", text).strip()


def brazilian_date(as_of: str | None) -> str:
    """An ISO date of reduced precision as Brazilians write it: "2023-02" -> "02/2023"."""
    return "sem data" if not as_of else "/".join(reversed(as_of.split("-")))


def evidence_block(passages: Iterable[tuple[int, Evidence]]) -> str:
    """The block of evidence, oldest first, so that the newest stands next to the question.

    `passages` are (marker, passage) pairs. Layout after FreshPrompt (Vu et al. 2023): each piece
    with its date, ordered by date. Undated passages come first.
    """
    ordered = sorted(passages, key=lambda pair: pair[1].as_of or "")
    if not ordered:
        return NO_DOCUMENTS
    lines = (
        f"[{marker}] {passage.document} ({brazilian_date(passage.as_of)}): {one_line(passage.text)}"
        for marker, passage in ordered
    )
    return "Documentos:\n" + "\n".join(lines) + "\n\n"


def history_block(turns: Iterable[tuple[str, str]]) -> str:
    """Earlier (question, answer) pairs, oldest first, each on two lines."""
    return "".join(
        f"Pergunta anterior: {one_line(question)}\nResposta anterior: {one_line(answer)}\n"
        for question, answer in turns
    )


def fill(
    template: str, *, text: str, documents: str = "", history: str = "", topics: str = NO_TOPICS, style: str = ""
) -> str:
    """Put the visitor's text, its topics, the style, the evidence and the history into an adapter's template.

    Where no style is chosen, the line that names it is left out. Plain replacement in one pass: braces in the text or
    in a document are never interpreted.
    """
    if not style:
        template = _STYLE_LINE.sub("", template)
    values = {"{input}": one_line(text), "{documents}": documents, "{history}": history}
    values |= {TOPICS_FIELD: topics, STYLE_FIELD: style}
    return re.sub(r"\{(?:input|documents|history|topics|style)\}", lambda field: values[field[0]], template)
