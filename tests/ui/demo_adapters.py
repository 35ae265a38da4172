"""The real adapters service over a small folder of its own: cards and versions with nothing in them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from assistant.engines.scripted import ScriptedEngine
from assistant.errors import AdapterError, AdapterNotFound
from assistant.services.adapters import AdapterInfo, AdaptersService
from assistant.services.judge_process import Judgement, JudgeState
from assistant.services.styles import keep_styles
from assistant.stores.manifests import Manifest, Version, sha256_of
from assistant.stores.registry import AdapterRegistry
from assistant.types import AdapterKind

BASE = "gemma3-270m"
_FINGERPRINT = "f" * 64
_TEMPLATES = {
    AdapterKind.CHAT: "{documents}{history}Pergunta: {input}\nResposta:",
    AdapterKind.EXTRACT: "Texto: {input}\nEntidades:",
    AdapterKind.REPLY: "Avaliação: {input}\nResposta:",
}


def demo_adapters(infos: Sequence[AdapterInfo]) -> AdaptersService:
    """A service with these adapters on disk, in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="assistant-demo-"))
    registry = AdapterRegistry(folder)
    for info in infos:
        _write(registry, info)
    service = AdaptersService(registry, BASE, _FINGERPRINT, lambda: ["sistema-solar", "direito"])
    service.attach(ScriptedEngine(lambda request: f"{request.adapter}"))
    weakref.finalize(service, shutil.rmtree, folder, ignore_errors=True)
    return service


def _write(registry: AdapterRegistry, info: AdapterInfo) -> None:
    path = registry.folder / info.name
    path.mkdir()
    card: dict[str, Any] = {
        "kind": str(info.kind), "active": int((info.active or "0")[:4]), "corpora": list(info.corpora),
        "title": {"pt": info.title.pt, "en": info.title.en},
        "description": {"pt": info.description.pt, "en": info.description.en},
        "reason": {"pt": "parece um texto assim", "en": "looks like such a text"},
        "prompt": {"template": _TEMPLATES[info.kind], "stop": ["\n"], "max_tokens": 256, "labels": ["LEGISLACAO"]},
        "routing": {"utterances": ["um exemplo", "outro exemplo\nde duas linhas"]},
    }  # fmt: skip
    (path / "card.toml").write_text("# cartão da demonstração\n" + tomlkit.dumps(card), "utf-8")
    for label in info.versions:
        number, _, base = label.partition("-")
        staged = path / "versions" / f".{number}-staged"
        staged.mkdir(parents=True)
        (staged / "adapter.gguf").write_bytes(label.encode() * 400_000)
        if info.styles:
            keep_styles(info.styles, staged)
        files = {path.name: sha256_of(path) for path in staged.iterdir()}
        scores = info.scores if label == info.active else {key: value - 0.031 for key, value in info.scores.items()}
        made = f"2025-11-{9 + int(number):02d}T14:05:00+00:00"
        digest = sha256_of(staged / "adapter.gguf")
        registry.publish(
            staged, Manifest(info.name, int(number), base, _FINGERPRINT, digest, made, files, {}, scores), {}
        )


@dataclass
class DemoJudgement:
    """One version was judged and refused, its predecessor promoted; a reason given is kept."""

    overruled: list[str] = field(default_factory=list)

    def verdict(self, name: str, number: int) -> Mapping[str, Any] | None:
        if name != "legal-ner":
            return None
        promote = number == 2
        difference = {"value": 0.031, "low": 0.012, "high": 0.05} if promote else {"value": -0.031}
        reason = {"pt": "O intervalo fica acima de zero.", "en": "The interval is above zero."}
        worse = {"pt": "Pior que a versão ativa.", "en": "Worse than the live version."}
        return {
            "verdict": {"promote": promote, "reasons": [reason if promote else worse]},
            "figures": {"difference": {"live": difference}},
            "overruled": self.overruled if not promote else [],
        }

    def permit(self, name: str, number: int, anyway: str = "") -> None:
        record = self.verdict(name, number)
        if record is None or record["verdict"]["promote"]:
            return
        if not anyway.strip():
            raise AdapterError(
                f"{name}@{number} is not to go live: worse.", pt=f"{name}@{number} foi julgada e não deve ser ativada."
            )
        self.overruled.append(anyway)


@dataclass
class DemoJudging:
    """A judgement that a test moves on by setting `current`."""

    registry: AdapterRegistry
    current: Judgement | None = None

    def candidates(self) -> list[Version]:
        found = [v for name in self.registry.names() for v in self.registry.versions(name)]
        return [v for v in reversed(found) if v.base == BASE]

    def start(self, adapter: str, number: int) -> None:
        if (adapter, number) not in [(v.adapter, v.number) for v in self.candidates()]:
            raise AdapterNotFound(f"There is no version {number} of {adapter!r}.", pt=f"Não há {adapter!r} {number}.")
        self.current = Judgement(adapter, number, JudgeState.RUNNING, "2025-11-20T10:00:00+00:00")

    def stop(self) -> None:
        if self.current is not None:
            self.current = Judgement(self.current.adapter, self.current.number, JudgeState.STOPPED)

    def now(self) -> Judgement | None:
        return self.current
