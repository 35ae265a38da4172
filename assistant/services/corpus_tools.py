"""Everything that changes corpora, put together over one folder of corpora and one index.

Knows which part needs which. Refuses to do anything itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assistant.services.corpora import CorporaService
from assistant.services.corpus_dates import CorpusDates
from assistant.services.corpus_locked import LockedFiles
from assistant.services.corpus_order import Place
from assistant.services.corpus_preview import CorpusPreview
from assistant.services.corpus_report import Reports
from assistant.services.corpus_transfer import CorpusTransfer
from assistant.services.corpus_upkeep import CorpusUpkeep
from assistant.services.corpus_work import Ingestions
from assistant.services.grounding import Adapters, Grounding
from assistant.services.web_page import Network
from assistant.stores.passages import PassageStore


@dataclass(frozen=True, slots=True)
class CorpusTools:
    """The parts; each checks every name that it is given."""

    dates: CorpusDates
    grounding: Grounding
    upkeep: CorpusUpkeep
    ingestions: Ingestions
    transfer: CorpusTransfer
    preview: CorpusPreview


def corpus_tools(
    corpora: CorporaService,
    store: PassageStore,
    adapters: Callable[[], Adapters],
    var: Path,
    network: Network | None = None,
) -> CorpusTools:
    """The parts over `corpora` and its index; private state lies under `var`. `network` None is the real one."""
    dates, reports = CorpusDates(corpora, store), Reports(var / "ingestions")
    grounding = Grounding(adapters, corpora.names)
    locked = LockedFiles(var / "incoming" / "locked")
    locked.sweep()
    upkeep = CorpusUpkeep(corpora, dates, grounding, reports, locked)
    place = Place(corpora, store, dates, upkeep.turns, locked, corpora.max_bytes, network)
    return CorpusTools(
        dates,
        grounding,
        upkeep,
        Ingestions(place, reports, var / "incoming"),
        CorpusTransfer(corpora, corpora.folder, corpora.max_bytes),
        CorpusPreview(corpora, store),
    )
