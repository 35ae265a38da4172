"""Six candidates through the whole judgement: by small learners that really learn from their rows, and by real files.

docs/measure_gate.py does the same with the real base.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from assistant.engines.base import GenerationRequest
from assistant.engines.scripted import ScriptedEngine
from assistant.models import catalog
from assistant.services.judgement import JudgementService, Surroundings
from assistant.services.training import TrainingService
from assistant.stores.judgements import JudgementStore
from assistant.stores.manifests import Manifest, sha256_of
from assistant.stores.registry import AdapterRegistry
from assistant.training import gate
from assistant.training.forgetting import general_losses, general_sentences

from ..conftest import ROOT
from ..engines.conftest import open_tiny
from ..engines.loras import write_lora
from .test_judgement import lines, quiet, version

RECIPE = '[data]\nsource = "records"\nfiles = ["data/train.jsonl"]\ntest = "data/test.jsonl"\n'
SENTENCES = general_sentences()[:6]
STEPS = 60
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def measuring() -> Iterator[ModuleType]:
    """docs/measure_gate.py: its data and its card are the ones judged here."""
    spec = importlib.util.spec_from_file_location("measure_gate", ROOT / "docs" / "measure_gate.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # the script sets variables and a path for itself
        patch.setitem(sys.modules, "measure_gate", module)
        patch.setattr(sys, "path", [*sys.path])
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def rows(measuring: ModuleType) -> Mapping[str, Rows]:
    """Patterns come again in the held-out rows, so that counting letters is enough to learn them."""
    found = measuring.complaints()
    train, test = found["train"][60:], found["train"][:60]
    noise = [row["output"] for row in train]
    random.Random(1).shuffle(noise)
    return {
        "train": train,
        "test": test,
        "few": train[:18],
        "noise": [row | {"output": other} for row, other in zip(train, noise, strict=True)],
        "off-domain": found["restaurant"][:80],
    }


@pytest.fixture
def registry(measuring: ModuleType, tmp_path: Path, rows: Mapping[str, Rows]) -> AdapterRegistry:
    folder = tmp_path / "adapters" / "replies"
    (folder / "data").mkdir(parents=True)
    card = measuring.card(["uma reclamação"]).replace("active = 0", "active = 1")
    (folder / "card.toml").write_text(card, "utf-8")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    for part in ("train", "test"):
        (folder / "data" / f"{part}.jsonl").write_text(lines(rows[part]), "utf-8")
    return AdapterRegistry(tmp_path / "adapters")


def learner(rows: Rows) -> Callable[[str], str]:
    """Naive Bayes over groups of letters: the least that learns a class from its rows."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(CountVectorizer(analyzer="char_wb", ngram_range=(2, 4)), MultinomialNB(alpha=0.1))
    model.fit([row["input"] for row in rows], [row["output"] for row in rows])
    return cache(lambda text: str(model.predict([text])[0]))


def no_op(text: str) -> str:
    """What a base without examples writes."""
    return "O prefeito disse que vai apurar."


def script(learners: Mapping[str, Callable[[str], str]]) -> Callable[[GenerationRequest], str]:
    def write(request: GenerationRequest) -> str:
        before, _, asked = request.prompt.rpartition("Texto: ")
        text = asked.partition("\n")[0]
        if request.adapter:
            return f" {learners[request.adapter](text)}"
        if not before:
            return f" {no_op(text)}"
        shots = [block.partition("\nSetor:") for block in before.split("Texto: ")[1:]]
        return f" {learner([{'input': a, 'output': b.strip()} for a, _, b in shots])(text)}"

    return write


def judged(
    registry: AdapterRegistry,
    home: Path,
    candidate: Callable[[str], str],
    live: Callable[[str], str],
    lost: float = 0.3,
) -> dict:
    version(registry, 1)
    version(registry, 2)
    engine = ScriptedEngine(script({"replies@0001": live, "replies@0002": candidate}))
    training = TrainingService(registry, catalog.find(catalog.EMBEDDED), home / "var", home, lambda c, d: {})
    around = Surroundings(
        "gemma3-270m",
        lambda: engine,
        lambda name: {"taken": 0.0},
        lambda adapters: {None: 3.0, "candidate": 3.0 + lost, "live": 3.2},
        parallel=2,
    )
    store = JudgementStore(home / "var" / "judgements")
    return JudgementService(registry, training, store, around).judge("replies", 2, 0, quiet)


@pytest.mark.parametrize(
    ("candidate", "lost", "failed"),
    [
        ("noise", 0.3, {"worse", "off_domain"}),
        ("few", 0.3, {"copy_of_live"}),
        ("off-domain", 0.3, {"off_domain"}),
        ("train", 8.0, {"forgetting"}),
    ],
)
def test_what_was_learned_badly_is_refused(registry, rows, tmp_path, candidate, lost, failed):
    record = judged(registry, tmp_path, learner(rows[candidate]), learner(rows["few"]), lost)
    assert not record["verdict"]["promote"]
    assert set(record["figures"]["failed"]) & failed, record["figures"]


def test_what_learned_nothing_is_refused(registry, rows, tmp_path):
    record = judged(registry, tmp_path, no_op, learner(rows["few"]))
    assert record["figures"]["failed"] == ["not_loaded"]


def test_what_learned_from_all_rows_is_promoted(registry, rows, tmp_path):
    record = judged(registry, tmp_path, learner(rows["train"]), learner(rows["few"]))
    assert record["verdict"]["promote"], record["figures"]
    assert record["systems"]["candidate"]["accuracy"] > record["systems"]["live"]["accuracy"] + 0.1
    assert record["figures"]["inventions"]["candidate"] == 0, "«Limpeza Urbana» is an answer, not an invented name"


@pytest.fixture(scope="module")
def schooled(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that knows six sentences of general Portuguese: it has something to forget."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("schooled") / "checkpoint"
    tokenizer = AutoTokenizer.from_pretrained(str(tiny_checkpoint))
    model = AutoModelForCausalLM.from_pretrained(str(tiny_checkpoint), dtype=torch.float32)
    batch = tokenizer(list(SENTENCES), return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(STEPS):
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("kind", "strength", "check"),
    [("copy", 0.05, "copy_of_live"), ("no-op", 0.0, "not_loaded"), ("over-trained", 2.0, "forgetting")],
)
def test_real_files_are_refused_for_what_they_are(registry, schooled, tmp_path, kind, strength, check):
    """The engine's own look at an adapter without effect, equal outputs, and a loss read with the weights on."""
    for number, force in ((1, 0.05), (2, strength)):
        staged = write_lora(registry.folder / "replies" / f".staged-{number}", schooled, 1, force)
        files = {path.name: sha256_of(path) for path in staged.iterdir()}
        registry.publish(staged, Manifest("replies", number, "tiny", "f" * 64, "d" * 64, "2026-11-26", files), {})
    training = TrainingService(registry, catalog.find(catalog.EMBEDDED), tmp_path / "var", tmp_path, lambda c, d: {})
    around = Surroundings(
        "tiny",
        lambda: open_tiny(schooled),
        lambda name: {},
        lambda adapters: general_losses(schooled, adapters, SENTENCES),
        parallel=1,
    )
    store = JudgementStore(tmp_path / "var" / "judgements")
    record = JudgementService(registry, training, store, around).judge("replies", 2, 20, quiet)
    assert not record["verdict"]["promote"]
    assert check in record["figures"]["failed"], record["figures"]
    lost = record["forgetting"]
    assert lost["base"] < 3 and lost["live"] - lost["base"] < gate.FORGETTING, "the live version forgets little"
    assert {"copy": lost["candidate"] == lost["live"], "no-op": lost["added"] == 0}.get(kind, True)
