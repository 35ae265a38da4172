"""The name of a data set on the Hugging Face hub: `hub:owner/name`, with `@config` and `#split` where need be.

Knows which characters such a name may have. Refuses addresses, paths and everything else before anybody is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from assistant.errors import DataError

PREFIX = "hub:"
_LONGEST = 200  # characters of the whole
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_NAME = re.compile(
    rf"(?P<repository>{_PART}/{_PART})(?:@(?P<config>[A-Za-z0-9_][A-Za-z0-9_.+-]{{0,99}}))?"
    r"(?:#(?P<split>[A-Za-z0-9_][A-Za-z0-9_.]{0,63}))?"
)


@dataclass(frozen=True, slots=True)
class HubName:
    """A data set, one of its configurations and one of its splits; "" leaves the choice to the data set."""

    repository: str
    config: str = ""
    split: str = ""

    def __str__(self) -> str:
        config = f"@{self.config}" if self.config else ""
        return f"{PREFIX}{self.repository}{config}" + (f"#{self.split}" if self.split else "")

    def of(self, config: str, split: str) -> HubName:
        """The same data set with what was chosen of it."""
        return replace(self, config=config, split=split)

    @property
    def stem(self) -> str:
        """A plain file name without an ending, of at most 100 characters."""
        words = "-".join(filter(None, (self.repository.partition("/")[2], self.config, self.split)))
        return re.sub(r"[^A-Za-z0-9_-]+", "-", words)[:100]


def is_hub_name(text: str) -> bool:
    """Whether somebody means a data set of the hub, well written or not."""
    return text.strip().startswith(PREFIX)


def hub_name(text: str) -> HubName:
    """Read a name, with or without "hub:" before it; raises `DataError` for anything that is none."""
    bare = text.strip().removeprefix(PREFIX)
    found = _NAME.fullmatch(bare) if len(bare) <= _LONGEST else None
    if found is None or ".." in bare or "--" in found["repository"]:
        shown = text.strip()[:80]
        raise DataError(
            f"{shown!r} is no name of a data set on the hub. Write hub:owner/name, and where need be its configuration "
            "and split: hub:owner/name@config#train. It is the name on the data set's page, no address and no path.",
            pt=f"{shown!r} não é o nome de um conjunto de dados no hub. Escreva dono/nome e, se preciso, a "
            "configuração e a parte: dono/nome@config#train. É o nome que está na página do conjunto, não um "
            "endereço nem um caminho.",
        )
    return HubName(found["repository"], found["config"] or "", found["split"] or "")
