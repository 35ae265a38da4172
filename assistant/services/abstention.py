"""When a corpus does not answer: its own threshold of relevance, found on questions and kept in corpus.toml.

Knows which threshold holds now and how a new one comes about. Nothing is kept of a calibration that failed. Refuses to
know how passages are searched and what the page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from assistant.errors import ConfigurationError, CorpusNotFound, DataError, InputRejected
from assistant.retrieval import lexical
from assistant.retrieval.abstention import LEAST_QUESTIONS, Scored, calibrate, too_few
from assistant.retrieval.retriever import RELEVANCE_THRESHOLD
from assistant.services.abstention_questions import (
    FILE,
    Question,
    drawable,
    keep,
    kept_questions,
    read_questions,
)
from assistant.services.abstention_record import Record, read_record, write_record
from assistant.services.corpora import CorporaService
from assistant.services.corpus_card import Abstention
from assistant.services.corpus_dates import edited
from assistant.types import Passage


class Retrieval(Protocol):
    """What is asked of the retriever."""

    def retrieve(self, question: str, *, corpora: Sequence[str] | None, k: int) -> tuple[Passage, ...]:
        """The k best passages, best first."""
        ...

    def relevance(self, question: str, passages: Sequence[Passage]) -> float:
        """How likely (0 to 1) some passage speaks of what is asked."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """Where a corpus stands: `threshold` holds now; `kept` is what corpus.toml says, None without a calibration.

    `stale` says that it was found with another embedder, so that the default holds; `record` is None then, and where
    figures and curve are not there. `asked` counts the questions that are kept beside the corpus.
    """

    threshold: float
    kept: Abstention | None = None
    stale: bool = False
    record: Record | None = None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a calibration is, in questions; `total` grows where some are drawn."""

    done: int
    total: int


class AbstentionService:
    """The thresholds of all corpora. Names are checked by each call; holds nothing of a visitor."""

    def __init__(
        self, corpora: CorporaService, embedder: str, retriever: Callable[[], Retrieval], passages: int = 3
    ) -> None:
        """`embedder` is the name of the one in use, `passages` how many the chat answers from."""
        self._corpora = corpora
        self._embedder = embedder
        self._retriever = retriever
        self._passages = passages

    def threshold(self, corpus: str) -> float:
        """The relevance from which a corpus answers; the default where it has none that holds, or is gone."""
        try:
            kept = self._corpora.card(corpus).abstention
        except (CorpusNotFound, ConfigurationError):
            return RELEVANCE_THRESHOLD
        return kept.threshold if kept and kept.embedder == self._embedder else RELEVANCE_THRESHOLD

    def state(self, corpus: str) -> State:
        """Where a corpus stands; raises `CorpusNotFound`, `ConfigurationError`."""
        kept, folder = self._corpora.card(corpus).abstention, self._folder(corpus)
        asked = 0
        if (folder / FILE).is_file():
            asked = sum(1 for line in (folder / FILE).read_text("utf-8", "replace").split("\n") if line.strip())
        if kept is None:
            return State(RELEVANCE_THRESHOLD, asked=asked)
        stale = kept.embedder != self._embedder
        record = None if stale else read_record(folder, kept.threshold)
        return State(self.threshold(corpus), kept, stale, record, asked)

    def use_default(self, corpus: str) -> None:
        """Take a corpus's own threshold away; its questions stay for the next time."""
        edited(self._corpora.card_path(corpus), lambda card: card.pop("abstention", None))

    def calibrate(self, corpus: str, file: Path | None = None) -> Iterator[Progress]:
        """Find the threshold of a corpus on the questions of a file, or on those that it keeps, and use it.

        Too few unanswerable questions are filled up with ones on other subjects. Raises `DataError` naming the line of
        a file that is not one, and where there are too few questions; nothing has changed then.
        """
        folder = self._folder(corpus)
        own = read_questions(file) if file else kept_questions(folder)
        if not own:
            raise InputRejected(
                f"{corpus!r} has no questions yet. Give a file of rows question, answerable: {LEAST_QUESTIONS} that "
                f"the documents answer, in the words of those who ask, and {LEAST_QUESTIONS} close ones that they do "
                "not.",
                pt=f"{corpus!r} ainda não tem perguntas. Envie um arquivo com as colunas question e answerable: "
                f"{LEAST_QUESTIONS} perguntas que os documentos respondem, com as palavras de quem pergunta, e "
                f"{LEAST_QUESTIONS} parecidas que eles não respondem.",
            )
        answerable = sum(question.answerable for question in own)
        if answerable < LEAST_QUESTIONS:  # before the search: what is drawn cannot help there
            raise too_few(answerable, len(own) - answerable)
        self._check_indexed(corpus)
        scored: list[Scored] = []
        for question in own:
            scored.append(Scored(self._score(corpus, question.text)[0], question.answerable))
            yield Progress(len(scored), len(own))
        drawn, left_out = yield from self._fill(corpus, own, max(LEAST_QUESTIONS, answerable) - len(own) + answerable)
        result = calibrate([*scored, *drawn], RELEVANCE_THRESHOLD)
        self._keep(corpus, own, Record(result, answerable, len(own) - answerable, len(drawn), left_out))

    def _fill(
        self, corpus: str, own: Sequence[Question], wanted: int
    ) -> Generator[Progress, None, tuple[list[Scored], tuple[str, ...]]]:
        """Up to `wanted` questions on other subjects, and the texts of those that the corpus may answer."""
        drawn: list[Scored] = []
        left_out: list[str] = []
        for question in self._drawable(corpus, own) if wanted > 0 else ():
            found = self._drawn(corpus, question)
            if found is None:
                left_out.append(question.text)
            else:
                drawn.append(found)
            yield Progress(len(own) + len(drawn), len(own) + wanted)
            if len(drawn) == wanted:
                break
        return drawn, tuple(left_out)

    def _keep(self, corpus: str, own: Sequence[Question], record: Record) -> None:
        """Questions and record first; the threshold in corpus.toml makes them count."""
        path = self._corpora.card_path(corpus)
        keep(path.parent, own)
        write_record(path.parent, record)
        kept = {
            "threshold": record.calibration.threshold,
            "questions": record.questions,
            "date": date.today().isoformat(),
            "embedder": self._embedder,
        }

        def put(card: Any) -> None:
            card["abstention"] = kept

        edited(path, put)

    def _score(self, corpus: str, text: str) -> tuple[float, tuple[Passage, ...]]:
        retriever = self._retriever()
        passages = retriever.retrieve(text, corpora=[corpus], k=self._passages)
        return retriever.relevance(text, passages), passages

    def _drawn(self, corpus: str, question: Question) -> Scored | None:
        """A drawn question as unanswerable; None where the corpus may answer it after all.

        That is where one passage holds all of its words, or where the corpus that it was written for is no nearer to
        it. Its relevance alone leaves none out: those are the false answers that are to be counted.
        """
        score, passages = self._score(corpus, question.text)
        asked = set(lexical.question_terms(question.text))
        if any(asked <= set(lexical.terms(f"{p.document} {p.heading} {p.text}")) for p in passages):
            return None
        if question.home and self._score(question.home, question.text)[0] <= score:
            return None
        return Scored(score, answerable=False, drawn=True)

    def _drawable(self, corpus: str, own: Sequence[Question]) -> Iterator[Question]:
        others: dict[str, list[Question]] = {}
        for name in self._corpora.names():
            if name == corpus or not self._indexed(name):
                continue
            with suppress(DataError):  # a file that somebody broke is told of where that corpus is calibrated
                others[name] = kept_questions(self._folder(name))
        return drawable(own, others)

    def _check_indexed(self, corpus: str) -> None:
        if not self._indexed(corpus):
            raise InputRejected(
                f"{corpus!r} has no passages in the index yet. Add documents first.",
                pt=f"{corpus!r} ainda não tem passagens no índice. Acrescente documentos antes.",
            )

    def _indexed(self, corpus: str) -> bool:
        return any(record.chunks for record in self._corpora.documents(corpus))

    def _folder(self, corpus: str) -> Path:
        return self._corpora.card_path(corpus).parent
