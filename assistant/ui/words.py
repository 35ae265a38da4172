"""The widgets whose words follow the language switch.

Knows which property of which widget shows which text. Refuses to know what the texts are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from assistant.ui.texts import Texts

Update = Callable[[Texts], Any]


class Words:
    """A register of widgets; `updates` gives the change of all of them for one language."""

    def __init__(self, t: Texts) -> None:
        self.t = t
        self._entries: list[tuple[Any, Update]] = []

    def label(self, component: Any, **keys: str) -> Any:
        """Follow with plain texts: `label(button, value="send")`; returns the component."""
        return self.follow(component, lambda t: gr.update(**{prop: t(key) for prop, key in keys.items()}))

    def follow(self, component: Any, update: Update) -> Any:
        """Follow with a computed update; returns the component."""
        self._entries.append((component, update))
        return component

    @property
    def components(self) -> list[Any]:
        """Every registered widget, once."""
        return list(dict.fromkeys(component for component, _ in self._entries))

    def updates(self, t: Texts) -> dict[Any, Any]:
        """The update of each widget for the language of `t`."""
        return {component: update(t) for component, update in self._entries}
