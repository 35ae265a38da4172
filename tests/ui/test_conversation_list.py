from __future__ import annotations

from datetime import datetime, timedelta, timezone

from assistant.stores.conversations import Conversation
from assistant.ui.conversation_list import listing
from assistant.ui.texts import texts

PT = texts("pt")


def test_conversations_are_grouped_by_the_visitors_day() -> None:
    now = datetime(2025, 11, 20, 9, tzinfo=timezone(timedelta(hours=-3)))
    items = [
        Conversation("1", "um", "2025-11-20T11:00:00+00:00"),
        Conversation("2", "dois", "2025-11-20T02:00:00+00:00"),  # 23 h of the day before, in Brazil
        Conversation("3", "três", "2025-10-01T00:00:00+00:00"),
    ]
    markup = listing(items, "2", now, PT)
    order = [markup.index(word) for word in ("Hoje", "um", "Ontem", "dois", "Antes", "três")]
    assert order == sorted(order)
    assert markup.count("aria-current") == 1
