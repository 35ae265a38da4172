"""What one visitor of the corpora page looks at. Refuses to know widgets and services."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Looking:
    """The open corpus, and in it one document with what is to be done with it.

    `action` is view, date, replace, ask_delete or nothing; `position` counts the document's pages, `page` the table's,
    both from 1. `words` filter the table. `locked` is the document whose password is asked for.
    """

    corpus: str = ""
    document: str = ""
    action: str = ""
    position: int = 1
    page: int = 1
    words: str = ""
    locked: str = ""

    def at(self, corpus: str) -> Looking:
        """The same visitor in a corpus, with nothing else open."""
        return Looking(corpus) if corpus != self.corpus else self.closed()

    def closed(self) -> Looking:
        """No document open."""
        return replace(self, document="", action="", position=1)

    def doing(self, action: str, document: str) -> Looking:
        """Something asked of a document."""
        return replace(self, document=document, action=action, position=1)
