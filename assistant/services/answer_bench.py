"""How good the answers are: labelled questions on paragraphs through search, adapter and checks, as a visitor asks.

Reads question sets in SQuAD's form, Pirá's tables and own records {"question", "context", "answers"}. The paragraphs
become a corpus; of a set without unanswerable questions every fifth paragraph is kept out of it, so that its questions
have no answer there (unless another paragraph says the same). Refuses to know engines and prompts.

Fields: token_f1 (of the model's own wording, mean over the answerable, 0 where it abstained), token_f1_answered (over
the answered ones), shown_f1 (of the text that a visitor reads), answered (share of the answerable), false_answers
(share of the unanswerable), citation_precision (answers whose quote is verbatim in its passage and holds the gold
answer, over the answered ones), right_paragraph (over the answered ones), n, unanswerable, seconds.
"""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import DataError
from assistant.generation.citations import Checked, find_quote, fold
from assistant.generation.prompt import sources_of
from assistant.generation.selection import best_sentence, extracted
from assistant.models.prompt_format import ABSTENTION
from assistant.retrieval.abstention import LEAST_QUESTIONS, Scored, choose, curve, too_few
from assistant.retrieval.retriever import Retriever
from assistant.services.bench_corpora import paragraph_corpus
from assistant.services.chat import ChatService
from assistant.services.heldout import spread
from assistant.services.request import AskRequest
from assistant.training import evaluate
from assistant.training.formats import read_jsonl, squad_questions
from assistant.types import Answer, Answered, Outcome

EXTRACTION = "extraction"  # stands for an adapter's name: answers without a model
_KEPT_OUT = 5  # every so many paragraphs one that is not indexed
_MARKER = re.compile(r"\s*\[\d+\]")
Answering = Callable[[str], Answer | Checked]
_PIRA = ("question_pt_origin", "abstract_translated_pt", "answer_pt_origin", "answer_pt_validate", "at_labels")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its paragraph; no `golds` where it has no answer in what is indexed."""

    question: str
    context: str
    golds: tuple[str, ...]
    indexed: bool = True
    wanted: bool = True  # asked; else its paragraph only stands among the others


def asked_of(path: Path, titles: Sequence[str] = ()) -> list[Asked]:
    """The questions of a file, those of other titles not wanted; raises `DataError` naming what is missing."""
    if path.suffix == ".csv":
        return _of_table(path)
    if path.suffix == ".jsonl":
        rows = read_jsonl(path, ("question", "context", "answers"))
        return [Asked(row["question"], row["context"], tuple(row["answers"])) for row in rows]
    found = list(squad_questions(path))
    if strange := set(titles) - {title for title, *_ in found}:
        raise DataError(
            f"{path} has no title {sorted(strange)[0]!r}.", pt=f"{path} não tem o título {sorted(strange)[0]!r}."
        )
    place = {context: number for number, context in enumerate(dict.fromkeys(c for _, c, _, _ in found))}
    rows_of = []
    for title, context, question, gold in found:
        kept = place[context] % _KEPT_OUT != _KEPT_OUT - 1
        rows_of.append(Asked(question, context, (gold,) if kept else (), kept, not titles or title in titles))
    return rows_of


def answer_corpus(rows: Sequence[Asked], folder: Path) -> None:
    """Write each paragraph that is to be indexed as a document of the corpus `folder`."""
    paragraph_corpus((row.context for row in rows if row.indexed), folder)


def asked_questions(rows: Sequence[Asked], limit: int) -> Sequence[Asked]:
    """The wanted questions, `limit` of them, spread over the file; 0: all."""
    return spread([row for row in rows if row.wanted], limit)


def calibrated(retriever: Retriever, rows: Sequence[Asked], asked: Sequence[Asked], k: int) -> float:
    """The threshold of abstention for this corpus, chosen on the questions of the file that are not asked.

    By the rule of `retrieval.abstention`, from the relevance of their k passages. Raises `DataError` where they are
    too few.
    """
    left = Counter(rows) - Counter(asked)
    scored = [
        Scored(retriever.relevance(row.question, retriever.retrieve(row.question, k=k)), bool(row.golds))
        for row in left.elements()
        if row.golds or row.wanted or not row.indexed  # of the others nobody knows whether they have an answer
    ]
    answerable = sum(question.answerable for question in scored)
    if min(answerable, len(scored) - answerable) < LEAST_QUESTIONS:
        raise too_few(answerable, len(scored) - answerable)
    return choose(curve(scored)).threshold


def by_adapter(chat: ChatService, adapter: str) -> Answering:
    """Answers of an adapter, as a visitor gets them."""

    def answer(question: str) -> Answer | Checked:
        *_, last = chat.ask(AskRequest(question, adapter=adapter))
        assert isinstance(last, Answered)
        return last.answer

    return answer


def by_extraction(retriever: Retriever, k: int) -> Answering:
    """Answers without a model: the sentence of k passages that holds the most of the question, or an abstention."""

    def answer(question: str) -> Answer | Checked:
        passages = retriever.retrieve(question, k=k)
        sources = sources_of(passages)
        sentence = best_sentence(question, sources)
        if sentence is None or not retriever.is_relevant(question, passages):
            return Checked(ABSTENTION, Outcome.ABSTAINED, sources, 0)
        return extracted(sentence, sources)

    return answer


def answer_quality(answer: Answering, asked: Sequence[Asked], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Ask every question; the fields that stand above."""
    started = time.perf_counter()
    pairs = []
    for done, row in enumerate(asked, 1):
        pairs.append((row, answer(row.question)))
        progress(done, len(asked))
    return figures(pairs) | {"seconds": round(time.perf_counter() - started, 1)}


def figures(pairs: Sequence[tuple[Asked, Answer | Checked]]) -> dict[str, Any]:
    """The fields that stand above, of questions and what was answered."""
    answerable = [(row, answer) for row, answer in pairs if row.golds]
    others = [answer for row, answer in pairs if not row.golds]
    answered = [(row, answer) for row, answer in answerable if answer.outcome is Outcome.GROUNDED]
    f1 = [evaluate.token_f1(answer.brief, row.golds) for row, answer in answered]
    shown = [evaluate.token_f1(_MARKER.sub("", answer.text), row.golds) for row, answer in answered]
    false_answers = sum(answer.outcome is Outcome.GROUNDED for answer in others)
    return {
        "token_f1": _share(sum(f1), len(answerable)),
        "token_f1_answered": _share(sum(f1), len(answered)),
        "shown_f1": _share(sum(shown), len(answered)),
        "answered": _share(len(answered), len(answerable)),
        "false_answers": _share(false_answers, len(others)),
        "citation_precision": _share(sum(_cites(row, answer) for row, answer in answered), len(answered)),
        "right_paragraph": _share(sum(_found(row, answer) for row, answer in answered), len(answered)),
        "n": len(pairs),
        "unanswerable": len(others),
    }


def _of_table(path: Path) -> list[Asked]:
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if missing := set(_PIRA) - set(table.fieldnames or ()):
            raise DataError(
                f"{path} has no column {sorted(missing)[0]!r}; a table of Pirá has it.",
                pt=f"{path} não tem a coluna {sorted(missing)[0]!r}, que as tabelas do Pirá têm.",
            )
        rows = []
        for row in table:
            golds = (row["answer_pt_origin"], row["answer_pt_validate"]) if row["at_labels"].startswith("1") else ()
            labelled = row["at_labels"] != ""  # the others are not judged, whether they have an answer
            rows.append(Asked(row["question_pt_origin"], row["abstract_translated_pt"], golds, True, labelled))
    return rows


def _cites(row: Asked, answer: Answer | Checked) -> bool:
    """Whether a quote stands in its passage, word for word, and holds a gold answer."""
    quotes = [
        source.quote for source in answer.sources if source.quote and find_quote(source.quote, source.passage.text)
    ]
    return any(fold(gold)[0] in fold(quote)[0] for quote in quotes for gold in row.golds)


def _found(row: Asked, answer: Answer | Checked) -> bool:
    """Whether a passage that is quoted stands in the question's own paragraph."""
    context = fold(row.context)[0]
    return any(source.quote and fold(source.quote)[0] in context for source in answer.sources)


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
