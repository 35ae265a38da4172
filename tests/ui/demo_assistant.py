"""A small real assistant for the pages: answers by script, paced by a gate, no model.

`python tests/ui/demo_assistant.py PORT` serves it for looking at.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assistant.errors import DocumentRefused, GenerationError
from assistant.services.adapters import AdapterInfo
from assistant.services.corpora import Corpus, CorpusCard, Progress, Stage
from assistant.services.request import AskRequest
from assistant.stores.conversations import ConversationStore
from assistant.stores.manifests import NO_TEXT, Localized
from assistant.stores.passages import CorpusStats
from assistant.types import (
    AdapterKind,
    Answer,
    Answered,
    Entity,
    Event,
    Outcome,
    Passage,
    Retrieved,
    Route,
    Routed,
    RouteOrigin,
    Source,
    Timings,
    TokenDelta,
    Usage,
)

LAW = "Lei de Introdução às Normas do Direito Brasileiro"
MOONS_2025 = (
    "Em março de 2025, a União Astronômica Internacional reconheceu 128 novas luas. "
    "Saturno passou a ter 274 luas confirmadas, mais que todos os outros planetas somados."
)
MOONS_2023 = "Em fevereiro de 2023, Júpiter tem 92 luas confirmadas e passa Saturno, com 83, na contagem."


def info(name: str, title: Localized, description: Localized, kind: AdapterKind, **more: object) -> AdapterInfo:
    values: dict[str, object] = {
        "base": "gemma3-270m", "active": "0001-gemma3-270m", "versions": ("0001-gemma3-270m",), "compatible": True,
        "scores": {}, "size_bytes": 7_600_000, "corpora": (), "note": NO_TEXT,
    }  # fmt: skip
    return AdapterInfo(name, title, description, kind, **(values | more))


@dataclass(frozen=True)
class Check:
    name: Localized
    ok: bool
    detail: Localized
    remedy: Localized = NO_TEXT


ADAPTERS = (
    info(
        "grounded-chat",
        Localized("Resposta com documentos", "Answer from documents"),
        Localized("Responde a partir dos documentos, citando-os.", "Answers from the documents, quoting them."),
        AdapterKind.CHAT,
        scores={"token_f1": 0.666},
        corpora=("sistema-solar", "direito"),
    ),
    info(
        "legal-ner",
        Localized("Entidades jurídicas", "Legal entities"),
        Localized("Marca pessoas, leis, datas e órgãos em textos jurídicos.", "Marks persons, laws, dates, courts."),
        AdapterKind.EXTRACT,
        active="0002-gemma3-270m",
        versions=("0001-gemma3-270m", "0002-gemma3-270m"),
        scores={"micro_f1": 0.853, "precision": 0.861, "recall": 0.845},
    ),
    info(
        "restaurant-replies",
        Localized("Respostas a avaliações", "Replies to reviews"),
        Localized("Escreve a resposta do restaurante a uma avaliação.", "Writes the restaurant's reply to a review."),
        AdapterKind.REPLY,
    ),
    info(
        "old-notes",
        Localized("Notas antigas", "Old notes"),
        Localized("Treinado para outra base.", "Trained for another base."),
        AdapterKind.CHAT,
        base="qwen3-0.6b",
        active="0001-qwen3-0.6b",
        compatible=False,
        note=Localized(
            "old-notes@0001 foi treinado para o modelo base qwen3-0.6b, não para gemma3-270m.",
            "old-notes@0001 was trained on the base qwen3-0.6b, not on gemma3-270m.",
        ),
    ),
)


def passage(document: str, text: str, score: float, as_of: str | None, **more: object) -> Passage:
    return Passage(f"{document}#0", "sistema-solar", document, text, score, as_of=as_of, **more)


def quoting(marker: int, found: Passage, words: str) -> Source:
    start = found.text.index(words)
    return Source(marker, found, words, start, start + len(words))


@dataclass
class DemoChat:
    """`gate` is called before each delta; a test holds it, the demo waits a moment."""

    gate: Callable[[threading.Event], None] = lambda cancel: None
    requests: list[AskRequest] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def ask(self, request: AskRequest, cancel: threading.Event | None = None) -> Iterator[Event]:
        cancel = cancel or threading.Event()
        self.requests.append(request)
        if "quebre" in request.question:
            raise GenerationError("O modelo parou no meio da resposta. Tente de novo.")
        script = _script(request)
        yield Routed(script.route)
        self.gate(cancel)
        yield Retrieved(tuple(Source(s.marker, s.passage) for s in script.sources))
        written = ""
        for word in script.text.split(" "):
            self.gate(cancel)
            if cancel.is_set():
                self.cancelled.set()
                break
            delta = word if not written else f" {word}"
            written += delta
            yield TokenDelta(delta)
        stopped = cancel.is_set()
        yield Answered(
            Answer(
                request.question, written, script.outcome, script.route,
                () if stopped else script.sources, script.entities, Usage(412, 31),
                Timings(8.0, 21.0, 240.0, 1912.0), stopped=stopped,
            )
        )  # fmt: skip


@dataclass(frozen=True)
class Script:
    route: Route
    text: str
    outcome: Outcome
    sources: tuple[Source, ...] = ()
    entities: tuple[Entity, ...] = ()


def _route(request: AskRequest, name: str | None, score: float, reason: str, rejected: bool = False) -> Route:
    scores = {"grounded-chat": 0.04, "legal-ner": 0.02, "restaurant-replies": 0.01}
    if request.adapter in {"auto", name}:
        scores |= {name: score} if name else {}
    if request.adapter != "auto":
        chosen = None if request.adapter == "none" else request.adapter
        return Route(chosen, None, 1.0, 0.5, False, {}, "", RouteOrigin.PINNED)
    origin = RouteOrigin.FALLBACK if rejected else RouteOrigin.LEARNED
    return Route(name, "0001", score, 0.5, rejected, scores, reason, origin)


def _script(request: AskRequest) -> Script:
    question = request.question
    if "<" in question or "](" in question or "${" in question:
        evil = passage(f"{question}.md", f"{question} {question}", 0.5, "2024", heading=question)
        route = _route(request, "grounded-chat", 0.6, question)
        return Script(route, f"{question} [1]", Outcome.GROUNDED, (quoting(1, evil, question),))
    if "art. 4" in question and request.adapter in {"auto", "legal-ner"}:
        found = []
        for label, words in (("LEGISLACAO", LAW), ("LEGISLACAO", "Lei 12.376/2010"), ("TEMPO", "2010")):
            start = question.index(words)
            if label != "TEMPO":
                found.append(Entity(label, words, start, start + len(words)))
        start = question.index("Dec.-lei 4.657/1942")
        found.append(Entity("JURISPRUDENCIA", "Dec.-lei 4.657/1942", start, start + 19))
        route = _route(request, "legal-ner", 0.97, "parece um trecho jurídico")
        return Script(route, "LEGISLACAO: …", Outcome.EXTRACTED, entities=tuple(found))
    if "Restaurante" in question and request.adapter in {"auto", "restaurant-replies"}:
        text = (
            "Lamentamos muito a sua experiência. A demora com o salão vazio não se justifica, e um frango com gosto "
            "de peixe mostra uma falha no preparo que vamos apurar com a cozinha. Obrigado por nos contar."
        )
        route = _route(request, "restaurant-replies", 0.95, "parece uma avaliação de restaurante")
        return Script(route, text, Outcome.REPLIED)
    fallback = _route(request, "grounded-chat", 0.93, "parece uma pergunta sobre os documentos")
    if request.corpora == ():
        return Script(fallback, "O planeta com mais luas é o Sol.", Outcome.UNGROUNDED)
    near = passage("luas-2025.md", MOONS_2025, 0.91, "2025-03-11", heading="Luas de Saturno")
    old = passage("luas-2023.md", MOONS_2023, 0.84, "2023-02", outdated=True, page=2)
    if "Mongólia" in question:
        route = _route(request, "grounded-chat", 0.31, "não parece com o que os adaptadores fazem", rejected=True)
        return Script(route, "O documento não responde.", Outcome.ABSTAINED, (Source(1, near), Source(2, old)))
    text = "Saturno, com 274 luas confirmadas [1]. Até 2023 era Júpiter, com 92 [2]."
    cited = (quoting(1, near, "274 luas confirmadas"), quoting(2, old, "Júpiter tem 92 luas"))
    return Script(fallback, text, Outcome.GROUNDED, cited)


@dataclass
class DemoAdapters:
    def list(self) -> Sequence[AdapterInfo]:
        return ADAPTERS


@dataclass
class DemoCorpora:
    added: list[tuple[str, str, str]] = field(default_factory=list)

    def list(self) -> Sequence[Corpus]:
        solar = CorpusCard("sistema-solar", Localized("Sistema Solar", "Solar System"), Localized("Notas.", "Notes."))
        law = CorpusCard("direito", Localized("Direito brasileiro", "Brazilian law"), Localized("Normas.", "Norms."))
        return (
            Corpus(solar, CorpusStats(12 + len(self.added), 0, 1234, "2023-02", "2025-03-11"), ()),
            Corpus(law, CorpusStats(13, 0, 210, "1942-09-04", "2024"), ()),
        )

    def add_document(self, corpus: str, filename: str, content: bytes | Path) -> Path:
        if filename.endswith(".pdf"):
            raise DocumentRefused(f"{filename} não tem texto. Envie um PDF com texto ou reconhecido (OCR).")
        assert isinstance(content, Path)
        self.added.append((corpus, filename, content.read_text("utf-8")))
        return content

    def ingest(self, names: Sequence[str] | None = None) -> Iterator[Progress]:
        for corpus, name, _ in self.added:
            yield Progress(corpus, name, Stage.READING, 0, 1)
            yield Progress(corpus, name, Stage.EMBEDDING, 0, 1, 3, 3)
            yield Progress(corpus, name, Stage.DONE, 1, 1, 3, 3)


@dataclass
class DemoRetriever:
    def retrieve(self, question: str, *, corpora: Sequence[str] | None, k: int) -> Sequence[Passage]:
        return (passage("luas-2025.md", MOONS_2025, 0.88, "2025-03-11"),) if "lua" in question else ()


@dataclass
class DemoAssistant:
    conversations: ConversationStore
    chat: DemoChat = field(default_factory=DemoChat)
    adapters: DemoAdapters = field(default_factory=DemoAdapters)
    corpora: DemoCorpora = field(default_factory=DemoCorpora)
    retriever: DemoRetriever = field(default_factory=DemoRetriever)

    def doctor(self) -> Sequence[Check]:
        return (
            Check(
                Localized("modelo base", "base model"),
                True,
                Localized("gemma-3-270m-q4_k_m.gguf confere.", "gemma-3-270m-q4_k_m.gguf checks out."),
            ),
            Check(
                Localized("índice", "index"),
                False,
                Localized("2 documentos mudaram.", "2 documents changed."),
                Localized("Rode: python -m assistant ingest", "Run: python -m assistant ingest"),
            ),
        )


def main() -> None:
    from assistant.ui.app import build_ui, launch
    from assistant.ui.contracts import PageOptions

    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "/tmp/assistant-demo")
    demo = DemoAssistant(ConversationStore(folder / "conversations.sqlite"))
    demo.chat.gate = lambda cancel: cancel.wait(0.06) and None
    options = PageOptions(base_title="Gemma 3 270M (pretrained, Q4_K_M)", jobs=folder / "jobs")
    launch(build_ui(demo, options), "127.0.0.1", int(sys.argv[1]))


if __name__ == "__main__":
    main()
