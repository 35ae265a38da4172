"""A trained version judged against what answers today, on rows and traffic held out; and the record of it.

Knows what is compared with what and what is kept: scores with intervals, what the version costs elsewhere,
outputs to read side by side, the gate's verdict, and who overruled it. Runs on an engine of its own, never on
the chat's. Refuses to know metrics and limits: `tasks` and `training.gate` have them.

A record holds: adapter, version, number, kind, base, engine, created, seconds, data (the file, or the split),
rows, live (the version it was compared with, or null), few_shot (the text before each prompt), systems (the
figures of `evaluate` for each), verdict (promote, reasons in pt and en), figures (the gate's), traffic,
forgetting (nats per token of general Portuguese: base, candidate, live, added), grounding (null but for kind
chat), side_by_side, overruled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.engines.base import Engine
from assistant.errors import AdapterError, AdapterIncompatible, AdapterNotFound, DataError
from assistant.services import contest
from assistant.services.contest import Contest, Field
from assistant.services.judged import Task
from assistant.services.judging import Judging, Stage, Tell
from assistant.services.tasks import read_task, task_of_examples
from assistant.services.training import TrainingService
from assistant.stores.judgements import JudgementStore
from assistant.stores.manifests import Card, Version
from assistant.stores.registry import AdapterRegistry
from assistant.training import gate
from assistant.types import AdapterKind

ROWS = 200  # judged by default: differences of five points show, in minutes
_SCALES = ("citation_precision", "false_answers", "answered")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What surrounds a judgement on this machine.

    `base` is the name of the base; `make_engine` gives an engine that is closed afterwards; `traffic` the
    router's figures for an adapter (`services.traffic`); `losses` those of `training.forgetting`, {} where
    the engine has no weights; `parallel` requests run at a time; `has_template` says whether the base takes chat
    messages.
    """

    base: str
    make_engine: Callable[[], Engine]
    traffic: Callable[[str], Mapping[str, Any]]
    losses: Callable[[Mapping[str, Path]], Mapping[str | None, float]]
    parallel: int
    has_template: Callable[[], bool] = lambda: False


class JudgementService:
    """Judges versions, compares them, and answers whether one may go live."""

    def __init__(
        self,
        registry: AdapterRegistry,
        training: TrainingService,
        store: JudgementStore,
        surroundings: Surroundings,
    ) -> None:
        self._registry = registry
        self._training = training
        self._store = store
        self._around = surroundings

    def judge(self, name: str, number: int | None, limit: int, tell: Tell) -> dict[str, Any]:
        """Judge a version (None: the newest of this base) on at most `limit` rows (0: all) and keep the record.

        Raises `AdapterNotFound`, `AdapterIncompatible`, `AdapterBroken`, `ConfigurationError`, `DataError`,
        `ModelUnavailable`, `StorageError`.
        """
        started = time.perf_counter()
        field, data = self._field(name, number, limit)
        versions = {"candidate": field.candidate} | ({"live": field.live} if field.live else {})
        tell(Judging(Stage.FORGETTING))
        losses = self._around.losses({key: version.path for key, version in versions.items()})
        tell(Judging(Stage.TRAFFIC))
        traffic = self._around.traffic(name)
        held = self._hold(field, tell)
        added = _added(losses, "candidate")
        verdict = _verdict(held, versions, gate.Collateral(traffic.get("taken"), added, _added(losses, "live")))
        record = {
            **_header(field, held, data),
            "base": self._around.base,
            "seconds": round(time.perf_counter() - started, 1),
            "verdict": {
                "promote": verdict.promote,
                "reasons": [{"pt": reason.pt, "en": reason.en} for reason in verdict.reasons],
            },
            "figures": dict(verdict.figures),
            "traffic": dict(traffic),
            "forgetting": {**{key or "base": round(v, 4) for key, v in losses.items()}, "added": added},
            "side_by_side": contest.side_by_side(field.task, held),
        }
        path = self._store.write(name, field.candidate.number, record)
        return {**record, "path": str(path)}

    def compare(self, name: str, limit: int, tell: Tell) -> dict[str, Any]:
        """Base, base with examples, live version and newest one on the same rows; nothing is decided or kept."""
        field, data = self._field(name, None, limit)
        held = self._hold(field, tell)
        if held.refusal:
            raise AdapterError(
                f"{field.candidate.key} cannot be compared: {held.refusal.en}.",
                pt=f"{field.candidate.key} não pode ser comparada: {held.refusal.pt}.",
            )
        rows = contest.side_by_side(field.task, held, len(field.task.rows))
        return {**_header(field, held, data), "side_by_side": rows}

    def candidates(self) -> list[Version]:
        """Versions of this base, of whichever adapter, latest first."""
        found = [v for name in self._registry.names() for v in self._registry.versions(name)]
        return sorted((v for v in found if v.base == self._around.base), key=_made, reverse=True)

    def verdict(self, name: str, number: int) -> dict[str, Any] | None:
        """The record of a version's judgement, None where it was never judged; raises `DataError`."""
        return self._store.read(name, number)

    def permit(self, name: str, number: int, anyway: str = "") -> dict[str, Any] | None:
        """Let a version go live, or raise `AdapterError` where a recorded verdict says no.

        `anyway` is a person's reason to overrule it, which is recorded. Returns the record, None where the
        version was never judged.
        """
        record = self._store.read(name, number) if number else None
        if record is None or record["verdict"]["promote"]:
            return record
        if anyway.strip():
            self._store.overrule(name, number, anyway.strip())
            return self._store.read(name, number)
        reasons = record["verdict"]["reasons"]
        raise AdapterError(
            f"{name}@{number} was judged and is not to go live: {' '.join(r['en'] for r in reasons)} "
            f'To overrule this: python -m assistant adapters --activate {name}@{number} --anyway "REASON"',
            pt=f"{name}@{number} foi julgada e não deve ser ativada: {' '.join(r['pt'] for r in reasons)} "
            "Para ativá-la mesmo assim, diga o motivo.",
        )

    def _hold(self, field: Field, tell: Tell) -> Contest:
        tell(Judging(Stage.LOADING))
        engine = self._around.make_engine()
        try:
            return contest.hold(field, engine, self._around.parallel, tell)
        finally:
            engine.close()

    def _field(self, name: str, number: int | None, limit: int) -> tuple[Field, str]:
        """Who competes on which rows, and where those are from."""
        card = self._registry.card(name)
        candidate = self._candidate(name, number)
        self._registry.verify(candidate)
        live = self._registry.active(name)
        if live is not None and (live.number == candidate.number or live.base != self._around.base):
            live = None
        task, data = self._task(card, limit)
        if not task.rows:
            raise DataError(
                f"{data} holds no rows to judge {name} on. Add some, or name another file under data.test.",
                pt=f"{data} não tem linhas para julgar {name}. Acrescente algumas ou indique outro em data.test.",
            )
        examples = self._training.data(name).train
        return Field(card, candidate, live, task, examples, self._around.has_template()), data

    def _candidate(self, name: str, number: int | None) -> Version:
        if number is not None:
            version = self._registry.version(name, number)
            if version.base != self._around.base:
                raise AdapterIncompatible(
                    f"{version.key} was trained on the base {version.base}, not on {self._around.base}. Train it "
                    f"again: python -m assistant train {name}",
                    pt=f"{version.key} foi treinada para o modelo base {version.base}, não para {self._around.base}. "
                    f"Treine-a de novo: python -m assistant train {name}",
                )
            return version
        versions = [v for v in self._registry.versions(name) if v.base == self._around.base]
        if not versions:
            raise AdapterNotFound(
                f"Adapter {name!r} has no version of {self._around.base}. Train one: python -m assistant train {name}",
                pt=f"O adaptador {name!r} não tem versão para {self._around.base}. Treine uma: "
                f"python -m assistant train {name}",
            )
        return versions[-1]

    def _task(self, card: Card, limit: int) -> tuple[Task, str]:
        path = self._training.test_file(card.name)
        if path is not None:
            return read_task(card, path, limit), path.name
        return task_of_examples(card, self._training.data(card.name).validation, limit), "split"


def _made(version: Version) -> float:
    try:
        return (version.path / "manifest.toml").stat().st_mtime
    except OSError:  # being removed at this moment
        return 0.0


def _header(field: Field, held: Contest, data: str) -> dict[str, Any]:
    systems = contest.figures(field.task, held)
    chat = field.card.kind is AdapterKind.CHAT
    grounding = {name: {key: found[key] for key in _SCALES} for name, found in systems.items()} if chat else None
    return {
        "adapter": field.card.name,
        "version": field.candidate.label,
        "number": field.candidate.number,
        "kind": str(field.card.kind),
        "engine": held.engine,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": data,
        "rows": len(field.task.rows),
        "live": field.live.label if field.live and "live" in systems else None,
        "few_shot": held.prefix,
        "systems": systems,
        "preferred": contest.preferences(held),
        "grounding": grounding,
    }


def _verdict(held: Contest, versions: Mapping[str, Version], collateral: gate.Collateral) -> gate.Verdict:
    if held.refusal:
        return gate.refused(held.refusal)
    sizes = {name: (version.path / "adapter_model.safetensors").stat().st_size for name, version in versions.items()}
    found = contest.results(held, sizes)
    rivals = gate.Rivals(found["base"], found["few_shot"], found.get("live"))
    return gate.decide(found["candidate"], rivals, collateral)


def _added(losses: Mapping[str | None, float], name: str) -> float | None:
    """Nats per token that general Portuguese costs more with an adapter on; None where not measured."""
    return round(losses[name] - losses[None], 4) if name in losses else None
