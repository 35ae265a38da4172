"""Questions that a corpus is calibrated on: read from a file, kept beside the corpus, drawn from other subjects.

    {"question": "Vocês aceitam cachorro?", "answerable": true}

Knows the columns, the words for yes and no, and that a question is asked once. Refuses to know scores.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DataError
from assistant.retrieval import lexical
from assistant.stores.manifests import write_atomically
from assistant.training.formats import numbered_jsonl
from assistant.training.records import read_rows

if TYPE_CHECKING:
    from assistant.training.tables import Row

SUFFIXES = (".jsonl", ".csv", ".tsv", ".xlsx")
MOST = 2_000  # questions of a file: half a minute of search
MAX_BYTES = 2_000_000
FILE = "questions.jsonl"  # beside corpus.toml
_LONGEST = 500  # characters of a question
_QUESTION = ("question", "pergunta")
_ANSWERABLE = ("answerable", "respondivel", "tem resposta")
_YES = frozenset({"true", "sim", "s", "yes", "y", "1", "verdadeiro", "1.0"})
_NO = frozenset({"false", "nao", "n", "no", "0", "falso", "0.0"})
_SEED = 0  # of what is drawn: the same questions at every calibration


@dataclass(frozen=True, slots=True)
class Question:
    """A question and whether the corpus answers it; `home` is the corpus that a drawn one was written for, else empty.

    `drawn` ones are about other subjects: nobody said that this corpus does not answer them.
    """

    text: str
    answerable: bool
    drawn: bool = False
    home: str = ""

    @property
    def key(self) -> str:
        """What two ways of writing the same question have in common."""
        return " ".join(lexical.words(self.text))


def read_questions(path: Path) -> list[Question]:
    """The questions of a file, each once; raises `DataError` naming the line and what it lacks."""
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path.name} is of a kind that is not read here. Send {', '.join(SUFFIXES)}.",
            pt=f"{path.name} é de um tipo que não é lido aqui. Envie {', '.join(SUFFIXES)}.",
        )
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise DataError(
            f"{path.name} has {path.stat().st_size / 1e6:.1f} MB; the limit is {MAX_BYTES // 10**6} MB.",
            pt=f"{path.name} passa do limite de {MAX_BYTES // 10**6} MB. Envie só as perguntas.",
        )
    rows, _ = read_rows(path)
    if not rows:
        raise DataError(f"{path.name} holds no questions.", pt=f"{path.name} não tem perguntas.")
    if len(rows) > MOST:
        raise DataError(
            f"{path.name} holds {len(rows)} questions; the limit is {MOST}. A few hundred say enough.",
            pt=f"{path.name} tem {len(rows)} perguntas; o limite é {MOST}. Algumas centenas bastam.",
        )
    found: dict[str, tuple[int, Question]] = {}
    for row in rows:
        question = _question(row, path.name)
        line, before = found.setdefault(question.key, (row.line, question))
        if before.answerable != question.answerable:
            raise DataError(
                f"{path.name}, line {row.line}: {question.text[:80]!r} is answerable here and not on line {line}, or "
                "the other way round. Decide for one.",
                pt=f"{path.name}, linha {row.line}: {question.text[:80]!r} tem resposta aqui e não na linha {line}, ou "
                "o contrário. Deixe uma só.",
            )
    return [question for _, question in found.values()]


def kept_questions(folder: Path) -> list[Question]:
    """The questions beside a corpus; none where there are none, raises `DataError` for a file that somebody broke."""
    return read_questions(folder / FILE) if (folder / FILE).is_file() else []


def keep(folder: Path, questions: Sequence[Question]) -> None:
    """Write the questions of a file beside a corpus: for the next calibration, and for other corpora to draw from."""
    lines = [json.dumps({"question": q.text, "answerable": q.answerable}, ensure_ascii=False) for q in questions]
    write_atomically(folder / FILE, "".join(f"{line}\n" for line in lines))


def drawable(own: Sequence[Question], others: Mapping[str, Sequence[Question]]) -> Iterator[Question]:
    """Questions on other subjects, general ones and those that `others` answer in turn; none that is one of `own`."""
    chooser = random.Random(_SEED)  # noqa: S311  # no secret: a reproducible choice
    general = [Question(text, False, drawn=True) for text in general_questions()]
    foreign = [
        Question(q.text, False, drawn=True, home=home) for home, asked in others.items() for q in asked if q.answerable
    ]
    for sort in (general, foreign):
        chooser.shuffle(sort)
    seen = {question.key for question in own}
    for question in chain.from_iterable(zip_longest(general, foreign)):
        if question is not None and question.key not in seen:
            seen.add(question.key)
            yield question


def general_questions() -> list[str]:
    """The packaged questions about everything under the sun."""
    text = files("assistant.services").joinpath("general_questions.jsonl").read_text("utf-8")
    return [str(row["question"]) for _, row in numbered_jsonl(text, "general_questions.jsonl", ("question",))]


def _question(row: Row, name: str) -> Question:
    fields = {" ".join(lexical.words(key)): value for key, value in row.fields.items()}
    text = " ".join(str(_field(fields, _QUESTION, row.line, name) or "").split())
    if not lexical.words(text) or len(text) > _LONGEST:
        raise DataError(
            f"{name}, line {row.line}: a question has 1 to {_LONGEST} characters; this one has {len(text)}.",
            pt=f"{name}, linha {row.line}: uma pergunta tem de 1 a {_LONGEST} caracteres; esta tem {len(text)}.",
        )
    said = _field(fields, _ANSWERABLE, row.line, name)
    word = lexical.fold(str(said).strip())
    if word not in _YES | _NO:
        raise DataError(
            f"{name}, line {row.line}: answerable is {str(said)[:40]!r}; write true or false.",
            pt=f"{name}, linha {row.line}: answerable é {str(said)[:40]!r}; escreva sim ou não.",
        )
    return Question(text, word in _YES)


def _field(fields: Mapping[str, Any], names: Sequence[str], line: int, name: str) -> Any:
    for known in names:
        if known in fields:
            return fields[known]
    raise DataError(
        f"{name}, line {line}: the field {names[0]!r} is missing. Each row needs question and answerable.",
        pt=f"{name}, linha {line}: falta o campo {names[0]!r} (ou {names[1]!r}). Cada linha precisa de question e "
        "answerable.",
    )
