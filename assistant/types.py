"""The values that travel between the stages of a question, and the events of an answer.

Knows the vocabulary of the project. Refuses to know any library: these types are what engines,
stores, services and interfaces agree on. Everything here is immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class AdapterKind(StrEnum):
    """What an adapter does with the visitor's text."""

    REPLY = "reply"  # writes an answer to a pasted text
    EXTRACT = "extract"  # lists the entities of a pasted text
    CHAT = "chat"  # answers a question, from passages where there are any


class Outcome(StrEnum):
    """How an answer came about; shown to the visitor, never guessed from the text."""

    GROUNDED = "grounded"  # every shown quote is verbatim in its passage
    UNGROUNDED = "ungrounded"  # the model's own words, no document behind them
    ABSTAINED = "abstained"  # the documents do not answer
    EXTRACTED = "extracted"  # entities of the input
    REPLIED = "replied"  # a reply to the input


class RouteOrigin(StrEnum):
    """Who decided the route."""

    LEARNED = "learned"  # the router's head, above the threshold
    FOLLOW_UP = "follow_up"  # the conversation's adapter keeps a short follow-up
    PINNED = "pinned"  # the visitor chose an adapter, or none
    FALLBACK = "fallback"  # nothing fitted; the default adapter answers, if there is one


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer, as the history of a conversation keeps it."""

    question: str
    answer: str
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The decision which adapter answers.

    `adapter` is the adapter that answers (None = the base alone); `rejected` says that no adapter
    fitted, so that `adapter` is only the default one. Scores are calibrated probabilities, 0 to 1.
    `few_shot` says that no version of the adapter answers on this base but the base itself, by examples;
    `version` is None then.
    """

    adapter: str | None
    version: str | None
    score: float
    threshold: float
    rejected: bool
    scores: Mapping[str, float]
    reason: str
    origin: RouteOrigin
    few_shot: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a document with its score for one question.

    `score` is the cosine of question and chunk (higher is closer, -1 to 1). `as_of` is the date the
    document speaks of, ISO 8601 with reduced precision ("2023", "2023-02", "2023-02-14"), so that
    strings compare as dates. `page` counts from 1, None where the kind of document has no pages.
    Ranks count from 1, None where that search did not find the chunk. `reranked` is what a cross-encoder gave question
    and chunk, on its own scale; None where none read it. Where neighbours were joined to the chunk, `text` is theirs,
    too, and `joined` holds the ids of all in reading order; else it is empty.
    """

    chunk_id: str
    corpus: str
    document: str
    text: str
    score: float
    page: int | None = None
    as_of: str | None = None
    heading: str = ""
    fused: float = 0.0
    dense_rank: int | None = None
    lexical_rank: int | None = None
    outdated: bool = False
    reranked: float | None = None
    joined: tuple[str, ...] = ()

    @property
    def chunk_ids(self) -> tuple[str, ...]:
        """The chunks that the text is made of, in reading order."""
        return self.joined or (self.chunk_id,)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as it was shown to the model, under its marker ([1], [2], ...).

    `quote` is the passage's own wording where the answer cited it, found by code; `start` and `end`
    are its character offsets in `passage.text`. All three are None where nothing was quoted.
    """

    marker: int
    passage: Passage
    quote: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span; `start` and `end` are character offsets in the visitor's input.

    `confidence` is the probability that the model gave it, 0 to 1; None where it is not known.
    """

    label: str
    text: str
    start: int
    end: int
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens the engine read and wrote for one answer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds since the question arrived, except route and retrieve: their own durations."""

    route: float = 0.0
    retrieve: float = 0.0
    first_token: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer with everything that an interface may show of it.

    `dropped` counts what the checks removed: quotes that no passage holds, spans not in the input. `brief` is the
    model's own wording of a grounded answer, which may be too short to be shown by itself.
    """

    question: str
    text: str
    outcome: Outcome
    route: Route
    sources: tuple[Source, ...] = ()
    entities: tuple[Entity, ...] = ()
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    dropped: int = 0
    stopped: bool = False
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Routed:
    """Event: the adapter is decided."""

    route: Route


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Event: the passages are there, before the first token. Empty when none is close enough."""

    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class TokenDelta:
    """Event: a piece of streamed text."""

    text: str


@dataclass(frozen=True, slots=True)
class Redrafting:
    """Event: the text shown so far is a draft that another one may take the place of.

    It leaves out the words `missing`; `off_tone`: it thanks for a complaint, or the like; `off_style`: it is long
    where a short one was asked for, or the like.
    """

    missing: tuple[str, ...]
    off_tone: bool = False
    off_style: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """Event: the last one of every question."""

    answer: Answer


Event = Routed | Retrieved | TokenDelta | Redrafting | Answered
