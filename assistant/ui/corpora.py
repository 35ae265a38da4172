"""The page "Corpora": what is there, one corpus with its documents, what comes in, a search, its settings.

Knows which part stands where and when it is painted anew. Refuses to know how anything looks (`corpus_view`,
`corpus_progress`) and what any part does. Everything shown is read again at each look, so a reload or another visitor
sees the same; names from a browser are checked by the services.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import gradio as gr

from assistant.errors import AssistantError
from assistant.services.corpora import Corpus
from assistant.services.corpus_report import Work
from assistant.ui.clicks import BIND
from assistant.ui.contracts import Assistant
from assistant.ui.corpus_add import AddStep, Updates
from assistant.ui.corpus_documents import Documents
from assistant.ui.corpus_locked import LockedStep
from assistant.ui.corpus_new import NewCorpus
from assistant.ui.corpus_settings import CorpusSettings
from assistant.ui.corpus_view import Listed, head, listing, results
from assistant.ui.looking import Looking
from assistant.ui.markup import Safe, tag
from assistant.ui.session import Session
from assistant.ui.texts import Texts, texts
from assistant.ui.words import Words

_TICK_S = 1.5
_FOUND = 8  # passages of a search


class CorporaPage:
    """The list beside the corpus that is open."""

    def __init__(self, assistant: Assistant, words: Words, session: Any) -> None:
        self._assistant = assistant
        self._words = words
        self._session = session
        self._new = NewCorpus(assistant, words, self.painted)
        self._add = AddStep(assistant, words, self.painted)
        self._locked = LockedStep(assistant, words, self.painted)
        self._documents = Documents(assistant, words, self.painted)
        self._settings = CorpusSettings(assistant, words, self.painted)

    def build(self, tab: Any) -> None:
        """Place the widgets and connect them."""
        words = self._words
        self._looking = gr.State(Looking())
        self._seen = gr.State("")  # what list and table were painted from
        # The key protects nothing: it only has to stay the same, so that a reload opens the same corpus.
        self._kept = gr.BrowserState("", storage_key="assistant-corpus", secret="assistant")  # noqa: S106
        self._timer = gr.Timer(_TICK_S, active=False)
        with gr.Row(elem_id="corpora"):
            with gr.Column(elem_id="corpora-side"):
                self._list = gr.HTML(js_on_load=BIND, apply_default_css=False, elem_id="corpora-list")
                words.follow(self._list, self._listed)
                self._new.build()
            with gr.Column(elem_id="corpora-main") as self._main:
                self._head = gr.HTML(apply_default_css=False, elem_id="corpus-head")
                self._add.build()
                self._locked.build()
                self._add.build_progress()
                self._documents.build()
                self._build_search()
                self._settings.build()
        self._wire(tab)

    def _build_search(self) -> None:
        words = self._words
        words.follow(gr.HTML(apply_default_css=False), lambda t: tag("h3", t("search_corpus")))
        with gr.Row(elem_classes="buttons with-field", elem_id="corpus-search-row"):
            self._query = words.label(
                gr.Textbox(elem_id="corpus-query", max_lines=1, container=False), placeholder="search_hint"
            )
            self._go = words.label(gr.Button(elem_id="corpus-search"), value="search")
        self._found = gr.HTML(js_on_load=BIND, elem_id="found", apply_default_css=False)

    def _wire(self, tab: Any) -> None:
        light: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
        seen, pages = [self._session, self._looking], tab.parent

        def watch(event: gr.SelectData) -> Any:
            return gr.Timer(active=event.index in (pages.children.index(tab), tab.id))

        pages.select(watch, None, [self._timer], **light)
        tab.select(self.show, [*seen, self._kept], self.outputs, **light)
        self._list.select(self.choose, seen, self.outputs, **light)
        self._timer.tick(self.tick, [*seen, self._seen], self.outputs, **light)
        for part in (self._new, self._add, self._locked, self._documents, self._settings):
            part.wire(seen, self.outputs)
        asked = [*seen, self._query]
        gr.on([self._go.click, self._query.submit], self.search, asked, [self._found], **{**light, "queue": True})

    @property
    def outputs(self) -> list[Any]:
        """Every widget that an event of this page may change."""
        return [
            self._looking, self._seen, self._kept, self._list, self._main, self._head, self._query, self._found,
            *self._new.outputs, *self._add.outputs, *self._locked.outputs, *self._documents.outputs,
            *self._settings.outputs,
        ]  # fmt: skip

    def after(self, switched: Any) -> None:
        """Show everything again after a change of language; what is typed stays, but for the settings."""
        seen, quiet = [self._session, self._looking], {"show_progress": "hidden", "api_visibility": "private"}
        switched.then(lambda now, looking: self.painted(now, looking, form=True), seen, self.outputs, **quiet)

    # Looking

    def show(self, session: Session, looking: Looking, kept: object = "") -> Updates:
        """The page as it is now: when its tab is opened."""
        wanted = looking if looking.corpus else Looking(str(kept or ""))
        return self.painted(session, wanted, form=True)

    def choose(self, session: Session, looking: Looking, event: gr.EventData) -> Updates:
        """Another corpus of the list."""
        return {
            **self.painted(session, Looking(str(event._data.get("id"))), form=True),
            self._found: "",
            self._query: "",
        }

    def tick(self, session: Session, looking: Looking, seen: str) -> Updates:
        """How far documents are; list and table only where something has changed, so that no open menu closes."""
        try:
            return self._ticked(session, looking, seen)
        except AssistantError:  # the next look that somebody asks for tells of it
            return {self._seen: seen}

    def _ticked(self, session: Session, looking: Looking, seen: str) -> Updates:
        t, works = texts(session.language), self._assistant.corpus_tools.ingestions.works()
        if seen.startswith(f"{_marks(works)} ") and not any(work.active for work in works):
            return {self._seen: seen}  # nothing goes on: a page that is only open costs next to nothing
        known = self._listings()
        if looking.corpus not in _names(known):  # gone, or renamed by somebody else
            return self.painted(session, looking, form=True) if known or looking.corpus else {self._seen: seen}
        progress = {self._add.progress: self._add.running(looking, t)}
        now = self._signature(looking.corpus, known)
        if now == seen:
            return progress
        return {
            **progress,
            self._seen: now,
            self._list: listing(known, t, looking.corpus),
            self._head: self._headed(looking.corpus, known, t),
            **self._locked.listed(looking, t),
            self._documents.table: self._documents.listed(looking, t),
        }

    def painted(self, session: Session, looking: Looking, form: bool = False) -> Updates:
        """Every widget as it is now; typed fields only where `form` says so."""
        t = texts(session.language)
        try:
            return self._painted(looking, t, form)
        except AssistantError as error:  # the index itself is in trouble
            return {self._head: tag("p", error.text(t.language), class_="failure", role="alert")}

    def _painted(self, looking: Looking, t: Texts, form: bool) -> Updates:
        known = self._listings()
        names = _names(known)
        if looking.corpus not in names:
            looking, form = Looking(next(iter(names), "")), True
        return {
            self._looking: looking,
            self._seen: self._signature(looking.corpus, known),
            self._kept: looking.corpus,
            self._list: listing(known, t, looking.corpus),
            self._main: gr.update(visible=bool(looking.corpus)),
            self._head: self._headed(looking.corpus, known, t),
            **self._new.paint(),
            **self._add.paint(looking, t),
            **self._locked.paint(looking, t),
            **self._documents.paint(looking, t),
            **self._settings.paint(looking, t, form),
        }

    def search(self, session: Session, looking: Looking, query: str) -> Safe:
        """The passages of the open corpus, with every score."""
        t, said = texts(session.language), str(query or "").encode("utf-8", "replace").decode()[:2000]
        if not said.strip() or not looking.corpus:
            return Safe("")
        try:
            self._assistant.corpora.card_path(looking.corpus)
            return results(self._assistant.retriever.retrieve(said, corpora=[looking.corpus], k=_FOUND), t)
        except AssistantError as error:
            return tag("p", error.text(t.language), class_="failure", role="alert")

    def _listed(self, t: Texts) -> Safe:
        return listing(self._listings(), t)

    def _listings(self) -> list[Listed]:
        works = self._assistant.corpus_tools.ingestions.works()
        busy = {work.corpus for work in works if work.active}
        return [self._listing(corpus, corpus.card.name in busy) for corpus in self._assistant.corpora.list()]

    def _listing(self, corpus: Corpus, busy: bool) -> Listed:
        found = [path.stat() for path in self._assistant.corpora.paths(corpus.card.name) if path.exists()]
        latest = max((status.st_mtime for status in found), default=0.0)
        changed = date.fromtimestamp(latest).isoformat() if latest else ""
        return Listed(corpus, sum(status.st_size for status in found), busy, changed)

    def _headed(self, corpus: str, known: list[Listed], t: Texts) -> Safe:
        return next((head(item, t) for item in known if item.corpus.card.name == corpus), Safe(""))

    def _signature(self, corpus: str, known: list[Listed]) -> str:
        """What list and table are painted from, in short: the works' marks, then the rest."""
        records = self._assistant.corpora.documents(corpus) if corpus else ()
        dates = self._assistant.corpus_tools.dates.of(corpus) if corpus else {}
        works = self._assistant.corpus_tools.ingestions.works()
        return f"{_marks(works)} {hash((tuple(known), tuple(records), tuple(dates.items())))}"


def _marks(works: Sequence[Work]) -> int:
    """Another number where a piece of work began or ended."""
    return hash(tuple((work.id, work.corpus, str(work.state)) for work in works))


def _names(known: list[Listed]) -> list[str]:
    return [item.corpus.card.name for item in known]
