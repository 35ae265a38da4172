"""What one visitor's page holds between two events. Refuses to know widgets and services."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.stores.conversations import Exchange


@dataclass(frozen=True, slots=True)
class Session:
    """One visitor's page. `editing`: the next question replaces the last exchange."""

    visitor: str = ""
    language: str = "pt"
    conversation: str | None = None
    exchanges: tuple[Exchange, ...] = ()
    editing: bool = False

    def at(self, turn: object) -> Exchange | None:
        """The exchange of a number that came from a browser; None where there is none."""
        if not isinstance(turn, int) or isinstance(turn, bool) or not 0 <= turn < len(self.exchanges):
            return None
        return self.exchanges[turn]
