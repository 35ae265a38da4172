"""What a piece of work on a corpus needs: where it is done, and the files and wishes that it is about.

Refuses to do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.services.corpora import CorporaService
from assistant.services.corpus_dates import CorpusDates
from assistant.services.corpus_locked import LockedFiles
from assistant.services.corpus_turns import Turns
from assistant.services.web_page import Network
from assistant.stores.passages import PassageStore


@dataclass(frozen=True, slots=True)
class Order:
    """What is needed beside the report.

    `folder` holds the brought files and goes when the work ends, `files` are theirs by document name; `url` is fetched
    first; `date` becomes the documents'; `forget` is a corpus's old name. `opened` is the document that has
    waited for its password, whose file here needs none any more.
    """

    folder: Path
    files: dict[str, Path]
    url: str = ""
    date: str = ""
    forget: str = ""
    opened: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What the work is done on."""

    corpora: CorporaService
    store: PassageStore
    dates: CorpusDates
    turns: Turns
    locked: LockedFiles
    max_bytes: int
    network: Network | None = None
