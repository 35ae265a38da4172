"""A version goes live from a page, unless its verdict says no: the same on every page that offers it.

Knows whom to ask. Refuses to know widgets.
"""

from __future__ import annotations

from assistant.errors import AssistantError
from assistant.ui.contracts import Assistant
from assistant.ui.texts import Texts

_REASON_CHARS = 1000


def go_live(assistant: Assistant, name: str, number: int, anyway: str, t: Texts) -> str:
    """Let a version answer, `anyway` being a person's reason to overrule its verdict; the words that tell it.

    Raises `AdapterError` where the verdict says no and no reason is given.
    """
    assistant.judgement.permit(name, number, anyway[:_REASON_CHARS])
    assistant.adapters.activate(name, number, "page")
    return t("now_live", n=f"{number:04d}")


def forbidden(assistant: Assistant, name: str, number: int) -> bool:
    """Whether a recorded verdict says no; a damaged record is told when the version is activated."""
    try:
        record = assistant.judgement.verdict(name, number)
    except AssistantError:
        return False
    return record is not None and not record["verdict"]["promote"]
