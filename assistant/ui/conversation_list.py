"""A visitor's saved conversations as markup, by day.

Pure functions; refuses to know the store and whose they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assistant.stores.conversations import Conversation
from assistant.ui.markup import Safe, join, tag
from assistant.ui.texts import Texts


def listing(items: Sequence[Conversation], current: str | None, now: datetime, t: Texts) -> Safe:
    """The conversations, grouped into today, yesterday and before, in the machine's time zone."""
    if not items:
        return tag("p", t("no_conversations"), class_="quiet")
    groups: dict[str, list[Safe]] = {}
    for item in items:
        days = (now.date() - datetime.fromisoformat(item.updated).astimezone(now.tzinfo).date()).days
        group = "today" if days <= 0 else "yesterday" if days == 1 else "before"
        groups.setdefault(group, []).append(_conversation(item, item.id == current, t))
    return join(*(join(tag("h3", t(group)), tag("ul", *rows)) for group, rows in groups.items()))


def _conversation(item: Conversation, current: bool, t: Texts) -> Safe:
    opener = tag(
        "button", item.title, type="button", class_="conversation", title=item.title,
        aria_current="true" if current else None, data_event="select", data_id=item.id,
    )  # fmt: skip
    label = t("delete_conversation", title=item.title)
    remover = tag(
        "button", "×", type="button", class_="remove", aria_label=label, title=label,
        data_event="delete", data_id=item.id,
    )  # fmt: skip
    return tag("li", opener, remover)
