"""A small real assistant for the pages: answers by script, paced by a gate, no model.

`python tests/ui/demo_assistant.py PORT` serves it for looking at.
"""

from __future__ import annotations

import sys
import threading
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from demo_adapters import DemoJudgement, DemoJudging, demo_adapters
from demo_corpora import DemoLibrary, demo_library

from assistant.errors import AdapterNotFound, GenerationError
from assistant.models.style import Manner, Styles
from assistant.models.tokens import token_counter
from assistant.retrieval.retriever import Retriever
from assistant.services.abstention import AbstentionService
from assistant.services.adapters import AdapterInfo, AdaptersService, AdapterState
from assistant.services.corpora import CorporaService
from assistant.services.corpus_tools import CorpusTools
from assistant.services.datasets import DataSetService
from assistant.services.export import Order
from assistant.services.export_process import Event as ExportEvent
from assistant.services.export_process import Ready, Stopped, Working
from assistant.services.forecast import Forecast
from assistant.services.intake import IntakeService
from assistant.services.job_files import Job, JobState, Phase, unknown_job
from assistant.services.memory import Memory, Precision, Weights
from assistant.services.request import AskRequest
from assistant.stores.conversations import ConversationStore
from assistant.stores.manifests import NO_TEXT, Localized
from assistant.training.config import DataConfig, LoraSettings, Recipe, TrainingSettings, changed
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
        scores={"token_f1": 0.312, "answered": 0.843, "false_answers": 0.075, "citation_precision": 0.651, "n": 142},
        corpora=("sistema-solar", "direito"),
    ),
    info(
        "legal-ner",
        Localized("Entidades jurídicas", "Legal entities"),
        Localized("Marca pessoas, leis, datas e órgãos em textos jurídicos.", "Marks persons, laws, dates, courts."),
        AdapterKind.EXTRACT,
        active="0002-gemma3-270m",
        versions=("0001-gemma3-270m", "0002-gemma3-270m"),
        scores={"micro_f1": 0.853, "precision": 0.861, "recall": 0.845, "parse_failures": 0.0, "n": 392},
    ),
    info(
        "restaurant-replies",
        Localized("Respostas a avaliações", "Replies to reviews"),
        Localized("Escreve a resposta do restaurante a uma avaliação.", "Writes the restaurant's reply to a review."),
        AdapterKind.REPLY,
        styles=Styles(33.0, tuple(Manner)),
        scores={"aspect_coverage": 0.679, "removed_sentences": 1, "inventions": 2, "words": 35.5, "n": 42},
    ),
    info(
        "old-notes",
        Localized("Notas antigas", "Old notes"),
        Localized("Treinado para outra base.", "Trained for another base."),
        AdapterKind.CHAT,
        base="qwen3-0.6b",
        active="0001-qwen3-0.6b",
        compatible=False,
        versions=("0001-qwen3-0.6b",),
        state=AdapterState.OTHER_BASE,
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
    first, second = {"dense_rank": 1, "lexical_rank": 1, "fused": 0.93}, {"dense_rank": 2, "fused": 0.61}
    near = passage("luas-2025.md", MOONS_2025, 0.91, "2025-03-11", heading="Luas de Saturno", **first)
    old = passage("luas-2023.md", MOONS_2023, 0.84, "2023-02", outdated=True, page=2, **second)
    if "Mongólia" in question:
        route = _route(request, "grounded-chat", 0.31, "não parece com o que os adaptadores fazem", rejected=True)
        return Script(route, "O documento não responde.", Outcome.ABSTAINED, (Source(1, near), Source(2, old)))
    text = "Saturno, com 274 luas confirmadas [1]. Até 2023 era Júpiter, com 92 [2]."
    cited = (quoting(1, near, "274 luas confirmadas"), quoting(2, old, "Júpiter tem 92 luas"))
    return Script(fallback, text, Outcome.GROUNDED, cited)


@dataclass
class DemoJobs:
    """Jobs that a test moves on: each look at a running one takes ten steps further, up to `hold`."""

    known: dict[str, Job] = field(default_factory=dict)
    hold: int = 60

    def adapters(self) -> Sequence[str]:
        return ("legal-ner", "restaurant-replies", "old-notes")

    def recipe(self, adapter: str) -> Recipe:
        if adapter not in self.adapters():
            raise AdapterNotFound(f"No adapter is called {adapter!r}.", pt=f"Nenhum adaptador se chama {adapter!r}.")
        return Recipe(DataConfig("pairs", ("data/pairs.jsonl",)), LoraSettings(), TrainingSettings(epochs=3))

    def forecast(self, adapter: str, overrides: Mapping[str, object]) -> Forecast:
        epochs = changed(self.recipe(adapter), overrides).training.epochs
        return Forecast(1_600, 2, 120_000 * epochs, 40 * epochs, 240.0 * epochs, 4_000, True, True)

    def start(self, adapter: str, overrides: Mapping[str, object]) -> str:
        changed(self.recipe(adapter), overrides)
        name = f"2025112{len(self.known)}-100000-{adapter}"
        job = Job(name, adapter, JobState.RUNNING, Phase.TRAINING, "2025-11-20T10:00:00+00:00", overrides=overrides)
        self.known[name] = replace(job, steps=120, tokens_per_second=512.0, seconds_left=300.0, memory_mb=3_900)
        return name

    def stop(self, job: str) -> Job:
        return self._set(job, state=JobState.STOPPED, phase=None, seconds_left=None)

    def resume(self, job: str) -> Job:
        return self._set(job, state=JobState.RUNNING, phase=Phase.TRAINING, seconds_left=280.0)

    def jobs(self) -> list[Job]:
        for name, job in self.known.items():
            if job.state is JobState.RUNNING:
                self._set(name, step=min(job.step + 10, self.hold))
        return list(reversed(self.known.values()))

    def job(self, job: str) -> Job:
        return self._set(job)

    def events(self, job: str) -> Sequence[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for step in range(1, self.job(job).step + 1):
            loss = 0.4 + 2.0 / (1 + step / 12) + 0.08 * (step % 5)
            rate = 5e-4 * (1 - step / 150)
            found.append({"event": "step", "step": step, "steps": 120, "loss": loss, "learning_rate": rate})
            if step % 20 == 0:
                found.append({"event": "validation", "step": step, "loss": loss + 0.1, "best": True})
                found.append(
                    {"event": "sample", "step": step, "prompt": "Avaliação: A sopa veio fria <b>.\nResposta:",
                     "expected": " Lamentamos pela sopa.", "output": f" Desculpe pela sopa ({step})."}
                )  # fmt: skip
        return found

    def _set(self, job: str, **changes: object) -> Job:
        if job not in self.known:
            raise unknown_job(job)
        self.known[job] = replace(self.known[job], **changes)
        return self.known[job]


@dataclass
class DemoExports:
    """Makes a small archive; `hold` keeps it from ending until it is told to stop."""

    orders: list[Order] = field(default_factory=list)
    hold: bool = False

    def run(self, order: Order, cancel: threading.Event) -> Iterator[ExportEvent]:
        self.orders.append(order)
        if order.form == "gguf-merged":
            raise AdapterNotFound("The converter is missing.", pt="Falta o conversor.")
        yield Working(0.0)
        while self.hold and not cancel.wait(0.05):
            yield Working(75.0)
        if cancel.is_set():
            yield Stopped()
            return
        with zipfile.ZipFile(order.target, "w") as archive:
            archive.writestr("README.md", f"# {order.name} {order.number} {order.form} {order.language}")
        yield Ready(order.target, order.target.stat().st_size)


@dataclass
class DemoAssistant:
    conversations: ConversationStore
    chat: DemoChat = field(default_factory=DemoChat)
    adapters: AdaptersService = field(default_factory=lambda: demo_adapters(ADAPTERS))
    judgement: DemoJudgement = field(default_factory=DemoJudgement)
    jobs: DemoJobs = field(default_factory=DemoJobs)
    export_process: DemoExports = field(default_factory=DemoExports)

    @cached_property
    def library(self) -> DemoLibrary:
        """The real corpora over two small ones."""
        made = demo_library()
        weakref.finalize(self, made.close)
        return made

    @property
    def corpora(self) -> CorporaService:
        return self.library.corpora

    @property
    def retriever(self) -> Retriever:
        return self.library.retriever

    @property
    def abstention(self) -> AbstentionService:
        return self.library.abstention

    @cached_property
    def corpus_tools(self) -> CorpusTools:
        return self.library.tools(lambda: self.adapters)

    def close(self) -> None:
        """Let go of the library, where there is one."""
        if tools := self.__dict__.pop("corpus_tools", None):
            tools.ingestions.close()
        if library := self.__dict__.pop("library", None):
            library.close()

    def memory(self) -> Memory:
        weights = Weights(dict(zip(Precision, (1072.4, 536.2, 436.4, 387.4, 253.1), strict=True)))
        return Memory("gemma3-270m", "Gemma 3 270M (pretrained, Q4_K_M)", weights, Precision.GGUF, False, 707.3)

    @cached_property
    def judging(self) -> DemoJudging:
        """Judgements of the demo's versions, which a test moves on."""
        return DemoJudging(self.adapters._registry)

    @cached_property
    def datasets(self) -> DataSetService:
        """The real service over the demo's adapters."""
        return DataSetService(self.adapters._registry, lambda: token_counter(None))

    @cached_property
    def intake(self) -> IntakeService:
        """The real service; what it makes lies beside the demo's adapters."""
        return IntakeService(self.datasets, self.adapters._registry.folder / ".datasets")

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
    options = PageOptions(base_title="Gemma 3 270M (pretrained, Q4_K_M)")
    launch(build_ui(demo, options), "127.0.0.1", int(sys.argv[1]))


if __name__ == "__main__":
    main()
