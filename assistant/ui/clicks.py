"""How a click in markup reaches the server.

Clicks travel as `data-event` attributes that page.js turns into events of the component. Refuses to know what
the events do.
"""

from __future__ import annotations

from assistant.ui.markup import Safe, tag

BIND = "assistantBind(element, trigger, watch);"


def button(label: str, event: str, *, class_: str = "", **data: str | int | None) -> Safe:
    """A button whose click the component receives as `event` with the given data."""
    fields = {f"data_{key}": value for key, value in data.items()}
    return tag("button", label, type="button", class_=class_ or "link", data_event=event, **fields)
