"""What changes about a corpus that is there: its words, its name, its dates, what it holds, and that it goes.

Knows what must hold before anything is changed, and what else follows a name. Refuses to bring documents in.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from assistant.errors import ConfigurationError, InputRejected, StorageError, StoreBusy
from assistant.services.corpora import CorporaService
from assistant.services.corpus_card import CorpusCard
from assistant.services.corpus_dates import CorpusDates, edited
from assistant.services.corpus_locked import LockedFiles
from assistant.services.corpus_report import Reports
from assistant.services.corpus_turns import Turns
from assistant.services.grounding import Grounding
from assistant.stores.manifests import Localized, card_faulty, check_name

_LONGEST_TITLE, _LONGEST_DESCRIPTION = 120, 1_000  # characters
_OLDEST = 36_500  # days
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class CardWords:
    """New values of a corpus.toml; None leaves one as it is. An empty English text takes the Portuguese one."""

    title: Localized | None = None
    description: Localized | None = None
    max_age_days: int | None = None


class CorpusUpkeep:
    """Changes to corpora; every name is checked against what there is."""

    def __init__(
        self,
        corpora: CorporaService,
        dates: CorpusDates,
        grounding: Grounding,
        reports: Reports,
        locked: LockedFiles,
    ) -> None:
        self._corpora = corpora
        self._dates = dates
        self._grounding = grounding
        self._reports = reports
        self._locked = locked
        self.turns = Turns()

    def describe(self, corpus: str, words: CardWords) -> CorpusCard:
        """Change title, description or age limit; raises `ConfigurationError` with every fault at once."""
        path = self._corpora.card_path(corpus)
        changes, faults = _values(words)
        if faults:
            raise card_faulty(path, faults)

        def change(card: Any) -> None:
            for key, value in changes.items():
                if isinstance(value, dict) and isinstance(card.get(key), dict):
                    card[key].update(value)
                else:
                    card[key] = value

        edited(path, change)
        return self._corpora.card(corpus)

    def date(self, corpus: str, document: str, date: str) -> str:
        """Give a document a date ("" takes a given one away); the date as it is kept."""
        with self.turns.first():
            kept = self._dates.set(corpus, document, date)
            self._dates.apply(corpus, document)
        return kept

    def remove(self, corpus: str, document: str) -> None:
        """Remove a document with its words, vectors and date."""
        with self.turns.first():
            self._corpora.remove_document(corpus, document)
            self._dates.forget(corpus, document)

    def delete(self, corpus: str, typed: str) -> None:
        """Remove a corpus for good, where somebody typed its very name; adapters stop quoting from it."""
        self._corpora.card_path(corpus)
        if typed.strip() != corpus:
            raise InputRejected(
                f"Deleting {corpus!r} cannot be undone. Type its name, {corpus}, to delete it.",
                pt=f"Apagar {corpus!r} não tem volta. Digite o nome dele, {corpus}, para apagar.",
            )
        self._check_idle(corpus)
        with self.turns.first():
            self._grounding.forget(corpus)
            self._corpora.delete(corpus)
            self._reports.forget(corpus)
            self._locked.forget(corpus)

    def rename(self, corpus: str, name: str) -> str:
        """Give a corpus another name; adapters and reports follow. The index follows by a work of its own."""
        before = self._corpora.card_path(corpus).parent
        target = before.with_name(check_name(name.strip(), "a corpus"))
        self._check_idle(corpus)
        with self.turns.first():
            if target.exists():
                raise ConfigurationError(
                    f"A corpus {target.name!r} exists already. Choose another name.",
                    pt=f"O corpus {target.name!r} já existe. Escolha outro nome.",
                )
            try:
                os.rename(before, target)
            except OSError as error:
                raise StorageError(
                    f"{before} cannot be renamed: {error}. Check its rights.",
                    pt=f"{before} não pode ser renomeado. Confira as permissões da pasta.",
                ) from error
            self._grounding.rename(corpus, target.name)
            self._reports.rename(corpus, target.name)
            self._locked.rename(corpus, target.name)
        return target.name

    def _check_idle(self, corpus: str) -> None:
        if any(work.active for work in self._reports.all(corpus)):
            raise StoreBusy(
                f"Documents are coming into {corpus!r}. Wait until they are in, or stop that first.",
                pt=f"Há documentos entrando em {corpus!r}. Espere que terminem ou pare o envio antes.",
            )


def _values(words: CardWords) -> tuple[dict[str, Any], list[Localized]]:
    """What goes into the file, and everything that is impossible."""
    changes: dict[str, Any] = {}
    faults: list[Localized] = []
    for key, value, longest in (
        ("title", words.title, _LONGEST_TITLE),
        ("description", words.description, _LONGEST_DESCRIPTION),
    ):
        if value is None:
            continue
        pt, en = (" ".join(_CONTROL.sub(" ", text).split()) for text in (value.pt, value.en))
        if not pt or max(len(pt), len(en)) > longest:
            faults.append(
                Localized(f"{key} precisa de 1 a {longest} caracteres", f"{key} needs 1 to {longest} characters")
            )
        changes[key] = {"pt": pt, "en": en or pt}
    age = words.max_age_days
    if age is not None:
        if isinstance(age, bool) or not 0 <= age <= _OLDEST:
            faults.append(
                Localized(
                    f"max_age_days é {age}; use de 0 (nunca) a {_OLDEST}",
                    f"max_age_days is {age}; use 0 (never) to {_OLDEST}",
                )
            )
        changes["max_age_days"] = age
    return changes, faults
