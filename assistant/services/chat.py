"""The path of a question: route, retrieve, prompt, generate, verify; a stream of typed events.

Knows the order of the stages and nothing of their insides. Holds nothing of any visitor: history,
pinned adapter and chosen corpora are arguments of the call. Refuses to know widgets and HTTP.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Protocol

from assistant.engines.base import Delta, Engine
from assistant.errors import InputRejected
from assistant.generation import extraction
from assistant.generation.attempts import Attempt, Verdict, after, attempts, judge
from assistant.generation.citations import Checked, QuoteGate, check
from assistant.generation.few_shot import on_one_line
from assistant.generation.house import joined
from assistant.generation.prompt import sources_of
from assistant.generation.selection import Sentence, as_quoted, clearer_sentence, extracted
from assistant.generation.verification import keep_honest
from assistant.models.catalog import PromptFormat
from assistant.models.prompt_format import ABSTENTION
from assistant.models.topics import Topics
from assistant.routing.router import Pin
from assistant.services.adapters import AdaptersService
from assistant.services.completion import Completion
from assistant.services.dating import dated
from assistant.services.drafts import FURTHER, Held, best, careful, faults, topics_of
from assistant.services.few_shot import Answerer, FewShot
from assistant.services.house import Retrieval, bound_corpora, house_words
from assistant.services.request import AUTOMATIC, NO_ADAPTER, AskRequest, Run
from assistant.services.styles import checked_signature, signed, styles_of
from assistant.types import (
    AdapterKind,
    Answered,
    Entity,
    Event,
    Outcome,
    Retrieved,
    Route,
    Routed,
    Source,
    Turn,
)

_OUT_OF_SCOPE = {
    "pt": "Não sei fazer isso. Posso responder perguntas sobre os seus documentos e usar os adaptadores desta página.",
    "en": "I cannot do that. I can answer questions about your documents and use the adapters of this page.",
}


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Limits of the service: characters of a question, passages shown, slots of the engine."""

    max_question_chars: int = 20_000
    passages: int = 3
    prompt_format: PromptFormat = PromptFormat.PLAIN


class Routing(Protocol):
    """What the chat needs of the router."""

    def route(self, text: str, history: Sequence[Turn], pinned: Pin | None, language: str) -> Route:
        """Decide the adapter; `pinned` None leaves it to the router."""
        ...


class ChatService:
    """Answers questions; one instance serves every visitor."""

    def __init__(
        self,
        engine: Engine,
        router: Routing,
        retriever: Retrieval,
        adapters: AdaptersService,
        options: ChatOptions,
    ) -> None:
        self._completion = Completion(engine, options.prompt_format)
        self._router = router
        self._retriever = retriever
        self._adapters = adapters
        self._options = options

    def over(self, retriever: Retrieval) -> ChatService:
        """The same service over other documents."""
        service = copy(self)
        service._retriever = retriever
        return service

    def ask(self, request: AskRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        """Yield Routed, Retrieved (documents were searched), TokenDelta ..., Redrafting (kind reply only), Answered.

        Raises `InputRejected` for a question that is empty or too long, `GenerationError` when the
        engine fails. Closing the iterator or setting `cancel` stops the engine.
        """
        self._accept(request.question)
        run = Run(request, cancel or threading.Event())

        def decide() -> Route:
            return self._router.route(request.question, request.history, _pin(request.adapter), request.language)

        with self._adapters.answering(request, decide) as (route, live):
            run.routed(route)
            yield Routed(route)
            if live is not None and live.card.kind is AdapterKind.EXTRACT:
                yield from self._extract(run, live)
            elif live is not None and live.card.kind is AdapterKind.REPLY:
                yield from self._reply(run, live)
            else:
                yield from self._chat(run, live)

    def _accept(self, question: str) -> None:
        if not any(character.isalnum() for character in question):
            raise InputRejected(
                "The question is empty. Write a question or paste a text.",
                pt="A pergunta está vazia. Escreva uma pergunta ou cole um texto.",
            )
        if len(question) > self._options.max_question_chars:
            size, limit = len(question), self._options.max_question_chars
            raise InputRejected(
                f"The text has {size} characters and the limit is {limit}. Send a smaller part, or raise "
                "ASSISTANT_MAX_QUESTION_CHARS.",
                pt=f"O texto tem {size} caracteres e o limite é {limit}. Envie um trecho menor, ou aumente "
                "ASSISTANT_MAX_QUESTION_CHARS.",
            )

    def _chat(self, run: Run, live: Answerer | None) -> Iterator[Event]:
        request = run.request
        nearest: tuple[Source, ...] = ()
        if request.corpora != ():
            nearest, relevant = self._retrieve(run)
            yield Retrieved(nearest if relevant else ())
            if run.route and run.route.rejected and not relevant:
                yield Answered(run.answer(_OUT_OF_SCOPE[request.language], Outcome.ABSTAINED))
                return
            if relevant:
                yield from self._grounded(run, live, nearest)
                return
        yield from self._undocumented(run, live, nearest)

    def _undocumented(self, run: Run, live: Answerer | None, nearest: tuple[Source, ...]) -> Iterator[Event]:
        """Small talk, an abstention, or, where the visitor wants no documents, the base's own guess."""
        unwanted = run.request.corpora == ()
        # A base alone does not understand "no documents": it is asked as if there were no such thing.
        shown = None if live is None or unwanted else ()
        output, held = "", ""
        for piece in self._completion.answer(run, live, shown):
            output += piece
            held += piece
            if not ABSTENTION.startswith(output.strip()):
                yield run.shown(held)
                held = ""
        if held and unwanted and live is not None:
            output, held = "", ""
            for piece in self._completion.answer(run, None, None):
                output += piece
                yield run.shown(piece)
        if held:
            yield run.shown(held)
        checked = check(output, ())
        sources = nearest if checked.outcome is Outcome.ABSTAINED else ()
        yield Answered(run.answer(checked.text, checked.outcome, sources=sources, dropped=checked.dropped))

    def _retrieve(self, run: Run) -> tuple[tuple[Source, ...], bool]:
        """The nearest passages, and whether some is close enough to answer from."""
        request = run.request
        started = time.perf_counter()
        passages = self._retriever.retrieve(
            request.question, corpora=request.corpora, k=self._options.passages, history=request.history
        )
        relevant = self._retriever.is_relevant(request.question, passages, request.history)
        run.retrieved((time.perf_counter() - started) * 1000)
        return sources_of(passages), relevant

    def _grounded(self, run: Run, live: Answerer | None, sources: tuple[Source, ...]) -> Iterator[Event]:
        """Attempts until one answers from its passages; nothing of an attempt given up is shown."""
        moment = self._retriever.moment(run.request.question, run.request.history)
        left = [replace(attempt, settled=moment is not None) for attempt in attempts(sources)]
        while True:
            attempt, *left = left
            tried = yield from self._try(run, live, attempt, sources, last=not left)
            if tried.verdict is Verdict.GOOD or run.cancel.is_set():
                break
            left = after(tried.verdict, tried.output, attempt, sources, left)
            if not left:
                break
        if tried.clearer is not None:
            checked = self._worded(run, live, tried.clearer, attempt.sources)
            yield run.shown(checked.text)
        else:
            if rest := tried.gate.flush():
                yield run.shown(rest)
            checked = check(tried.output, attempt.sources, run.request.question)
        found = {source.marker: source for source in checked.sources}
        kept = tuple(found.get(source.marker, source) for source in sources)
        shown = () if checked.outcome is Outcome.UNGROUNDED else kept
        text = checked.text
        if checked.outcome is Outcome.GROUNDED and not run.cancel.is_set():
            said = dated(self._retriever, shown, moment, run.request.language, text)
            shown = said.sources
            if said.words:
                text = f"{text} {said.words}"
                yield run.shown(f" {said.words}")
        yield Answered(run.answer(text, checked.outcome, sources=shown, dropped=checked.dropped, brief=checked.brief))

    def _worded(self, run: Run, live: Answerer | None, sentence: Sentence, sources: tuple[Source, ...]) -> Checked:
        """The answer from a sentence that code chose: the model's wording of it where that passes the check."""
        begun = f" {as_quoted(sentence)}\n"
        words = self._completion.going_on(run, live, sources, begun)
        checked = check(begun + words, sources, run.request.question) if words.strip() else None
        if checked is None or checked.outcome is not Outcome.GROUNDED:
            return extracted(sentence, sources)
        return checked

    def _try(
        self, run: Run, live: Answerer | None, attempt: Attempt, sources: tuple[Source, ...], *, last: bool
    ) -> Generator[Event, None, _Tried]:
        """Generate from the passages of one attempt; stops where another attempt will be better."""
        tried = _Tried()
        pieces = self._completion.answer(run, live, attempt.sources)
        for piece in pieces:
            tried.output += piece
            if tried.verdict is Verdict.OPEN:
                tried.verdict = judge(tried.output, attempt, sources)
                if tried.verdict is Verdict.GOOD:
                    tried.clearer = clearer_sentence(run.request.question, tried.output, attempt.sources)
            if tried.clearer is not None:
                break
            if tried.verdict is Verdict.SUPERSEDED or (tried.verdict is Verdict.SILENT and not last):
                break
            gate = tried.gate
            if shown := gate.feed(piece) if tried.verdict is not Verdict.OPEN else gate.hold(piece):
                yield run.shown(shown)
        pieces.close()
        return tried

    def _reply(self, run: Run, live: Answerer) -> Iterator[Event]:
        request, review = run.request, run.request.question
        signature = checked_signature(request.signature)  # before anything is written
        said: Source | None = None
        if corpora := bound_corpora(live.card, request.corpora):
            said, milliseconds = house_words(self._retriever, review, corpora, self._options.passages)
            run.retrieved(milliseconds)
            yield Retrieved((said,) if said else ())
        topics = None if isinstance(live, FewShot) else topics_of(live.version)
        supported = (said.quote or "") if said else ""
        if text := careful(review, topics):
            yield run.shown(text)
        else:
            text = yield from self._drafted(run, live, topics, supported)
        text, dropped = keep_honest(text, review, supported, names=topics is not None)
        text = signed(joined(text, said), signature)
        yield Answered(run.answer(text, Outcome.REPLIED, sources=(said,) if said else (), dropped=dropped))

    def _drafted(self, run: Run, live: Answerer, topics: Topics | None, supported: str) -> Generator[Event, None, str]:
        """A draft as it is written, or where it lacks something the best of several."""
        review, output = run.request.question, ""
        for item in self._completion.plain(run, live, review):
            output += item
            yield run.shown(item)
        if topics is None or isinstance(live, FewShot) or run.cancel.is_set():
            return output
        held = Held(supported, styles_of(live.version), run.request.style)
        if found := faults(output, review, topics, held):
            yield found
            output = best(output, review, topics, self._further(run, live), held)
        return output

    def _further(self, run: Run, live: Answerer) -> Iterator[str]:
        """Other drafts of a reply, whole; none after the visitor has left."""
        for draft in range(1, FURTHER + 1):
            text = "".join(self._completion.plain(run, live, run.request.question, draft))
            if run.cancel.is_set():
                return
            yield text

    def _extract(self, run: Run, live: Answerer) -> Iterator[Event]:
        entities: list[Entity] = []
        dropped = 0
        for segment in extraction.segments(run.request.question):
            if run.cancel.is_set():
                break
            output = self._completion.weighed(run, live, segment.text)
            if isinstance(live, FewShot):
                output = [Delta(on_one_line("".join(delta.text for delta in output)))]
            reading = extraction.read(output, segment, live.card.labels)
            dropped += reading.invented + reading.failures
            entities += reading.entities
            for entity in reading.entities:
                yield run.shown(f"{entity.label}: {entity.text}\n")
        text = "\n".join(f"{entity.label}: {entity.text}" for entity in entities)
        answer = run.answer(
            text or "Nenhuma entidade encontrada.", Outcome.EXTRACTED, entities=tuple(entities), dropped=dropped
        )
        yield Answered(answer)


def _pin(choice: str) -> Pin | None:
    if choice == AUTOMATIC:
        return None
    return Pin(None if choice == NO_ADAPTER else choice)


@dataclass
class _Tried:
    """What one attempt gave: its text, what that means, a sentence to show instead, and what waits to be shown."""

    output: str = ""
    verdict: Verdict = Verdict.OPEN
    clearer: Sentence | None = None
    gate: QuoteGate = field(default_factory=QuoteGate)
