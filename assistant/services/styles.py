"""The styles that a version can be asked for, kept beside its weights, and what a visitor asks for, checked.

A version that was trained without styles has no such file: it offers none, and its prompts name none. Refuses to
know what a style is (`models.style`) and widgets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from assistant.errors import InputRejected
from assistant.models.prompt_format import one_line
from assistant.models.style import Length, Manner, Style, Styles
from assistant.services.learned import LearnedFile

LONGEST_SIGNATURE = 80  # characters
MANNERS = {"formal": Manner.FORMAL, "warm": Manner.WARM}
LENGTHS = {"short": Length.SHORT, "long": Length.LONG}


def _styles(raw: Mapping[str, Any]) -> Styles:
    return Styles(float(raw["words"]), tuple(map(Manner, raw["manners"])), tuple(map(Length, raw["lengths"])))


_LEARNED = LearnedFile("styles.json", _styles)
STYLES_FILE = _LEARNED.name
keep_styles = _LEARNED.keep
styles_of = _LEARNED.of  # what a version can be asked for; None where it was trained without styles


def chosen_style(manner: str, length: str) -> Style:
    """A style by the names that command line and page use ("" leaves a mark open); raises `InputRejected`."""
    for value, known, what, what_pt in ((manner, MANNERS, "manner", "tom"), (length, LENGTHS, "length", "tamanho")):
        if value and value not in known:
            raise InputRejected(
                f"{value[:60]!r} is no {what} of a reply; choose one of: {', '.join(known)}, or none.",
                pt=f"{value[:60]!r} não é um {what_pt} de resposta; escolha um destes: {', '.join(known)}, ou nenhum.",
            )
    return Style(MANNERS.get(manner), LENGTHS.get(length))


def checked_signature(text: str) -> str:
    """A signature on one line, without control and invisible characters; raises `InputRejected` for a long one."""
    shown = "".join(c for c in one_line(text) if not unicodedata.category(c).startswith("C"))
    signature = shown.strip().lstrip("-–— ")
    if len(signature) > LONGEST_SIGNATURE:
        raise InputRejected(
            f"The signature has {len(signature)} characters and the limit is {LONGEST_SIGNATURE}. Shorten it.",
            pt=f"A assinatura tem {len(signature)} caracteres e o limite é {LONGEST_SIGNATURE}. Encurte-a.",
        )
    return signature


def signed(reply: str, signature: str) -> str:
    """The reply with its signature below; an empty reply is signed by nobody."""
    return f"{reply.rstrip()}\n\n— {signature}" if reply.strip() and signature else reply
