"""On an instruct base the judge's few-shot rival is asked as a chat asks: an instruction and examples as messages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from assistant.bootstrap import build
from assistant.engines.base import GenerationRequest, Message, complete
from assistant.engines.scripted import ScriptedEngine
from assistant.generation.few_shot import few_shot_messages, instruction
from assistant.generation.prompt import Budget
from assistant.generation.verification import keep_honest
from assistant.models import catalog
from assistant.services.few_shot import SHOTS, choose
from assistant.services.judgement import JudgementService, Surroundings
from assistant.services.training import TrainingService
from assistant.settings import Settings
from assistant.stores.judgements import JudgementStore
from assistant.stores.manifests import Manifest, sha256_of
from assistant.stores.registry import AdapterRegistry
from assistant.types import AdapterKind

from ..engines.loras import write_lora
from .test_judgement import RECIPE, ROWS, WORDS, lines, quiet, registry

__all__ = ["registry"]  # a fixture
EXTRACT = """
kind = "extract"
active = 0
title = { pt = "Coisas", en = "Things" }
description = { pt = "Acha coisas.", en = "Finds things." }
reason = { pt = "tem coisas", en = "has things" }
[prompt]
template = "Texto: {input}\\nEntidades:"
stop = ["\\n"]
max_tokens = 40
labels = ["COISA"]
"""


def judged(
    registry: AdapterRegistry, home: Path, script: Callable[[GenerationRequest], str]
) -> tuple[dict, list[GenerationRequest]]:
    """The record on a base that takes messages, and everything that the engine was asked."""
    asked: list[GenerationRequest] = []

    def remember(request: GenerationRequest) -> str:
        asked.append(request)
        return script(request)

    training = TrainingService(registry, catalog.find(catalog.EMBEDDED), home / "var", home, lambda c, d: {})
    around = Surroundings(
        "gemma3-270m", lambda: ScriptedEngine(remember), lambda name: {}, lambda adapters: {}, 2, lambda: True
    )
    service = JudgementService(registry, training, JudgementStore(home / "var" / "judgements"), around)
    (name,) = registry.names()
    return service.judge(name, None, 0, quiet), asked


def spoken(request: GenerationRequest) -> str:
    """Whoever answers, in a manner of its own."""
    return f"{request.adapter or type(request.prompt).__name__} pede perdão"


def test_only_the_few_shot_rival_gets_messages(registry, tmp_path):
    record, asked = judged(registry, tmp_path, spoken)
    chats = [request for request in asked if not isinstance(request.prompt, str)]
    assert len(chats) == ROWS and all(request.adapter is None and request.stop == () for request in chats)
    system, *shots, question = chats[0].prompt
    assert system == Message("system", instruction(registry.card("replies"), "pt"))
    assert [turn.role for turn in shots] == ["user", "assistant"] * SHOTS
    assert question.role == "user" and question.content.startswith("Avaliação: Pedi ")
    shown = {turn.content for turn in shots if turn.role == "user"}
    assert shown <= {f"Avaliação: O {word} queimou.\nResposta:" for word in WORDS[ROWS:]}, "of training rows only"
    raw = [r for r in asked if isinstance(r.prompt, str) and r.adapter is None and r.max_tokens == 40]
    assert {r.prompt for r in raw} >= {turn.prompt[-1].content for turn in chats}, "the base is asked as the adapter is"
    assert record["few_shot"].startswith(system.content) and shots[0].content in record["few_shot"]


def test_a_template_with_topics_is_asked_without_their_line(registry, tmp_path):
    card = registry.folder / "replies" / "card.toml"
    card.write_text(card.read_text("utf-8").replace("\\nResposta:", "\\nAssuntos: {topics}\\nResposta:"), "utf-8")
    _, asked = judged(registry, tmp_path, spoken)
    chats = [request.prompt for request in asked if not isinstance(request.prompt, str)]
    assert len(chats) == ROWS
    assert not any("Assuntos" in message.content for chat in chats for message in chat)
    assert any("Assuntos" in request.prompt for request in asked if isinstance(request.prompt, str))


def test_a_list_with_one_entity_a_line_is_read(tmp_path):
    folder = tmp_path / "adapters" / "things"
    (folder / "data").mkdir(parents=True)
    (folder / "card.toml").write_text(EXTRACT, "utf-8")
    (folder / "recipe.toml").write_text(RECIPE.replace("pairs", "records"), "utf-8")
    for file, words in (("train", WORDS[ROWS:]), ("heldout", WORDS[:ROWS])):
        rows = [
            {
                "text": f"{w} e mesa de {w}",
                "entities": [{"label": "COISA", "text": w}, {"label": "COISA", "text": "mesa"}],
            }
            for w in words
        ]
        (folder / "data" / f"{file}.jsonl").write_text(lines(rows), "utf-8")
    registry = AdapterRegistry(tmp_path / "adapters")
    assert registry.card("things").kind is AdapterKind.EXTRACT

    def lists(request: GenerationRequest) -> str:
        if isinstance(request.prompt, str):
            return request.adapter or "nenhuma"
        word = request.prompt[-1].content.removeprefix("Texto: ").split()[0]
        return f"- COISA: {word}\n- COISA: mesa\n"

    staged = folder / ".staged"
    staged.mkdir()
    (staged / "adapter_model.safetensors").write_bytes(b"x")
    files = {"adapter_model.safetensors": sha256_of(staged / "adapter_model.safetensors")}
    registry.publish(staged, Manifest("things", 1, "gemma3-270m", "f" * 64, "d" * 64, "2026-11-26", files), {})
    record, _ = judged(registry, tmp_path, lists)
    assert record["systems"]["few_shot"]["micro_f1"] == 1.0


def test_the_messages_reach_a_real_model_through_its_template(registry, tiny_checkpoint, tmp_path):
    """Random weights, one token a byte: what the rival writes is what this very chat gives, letter by letter."""
    base = tmp_path / "tiny-it"
    shutil.copytree(tiny_checkpoint, base)
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
    (base / "chat_template.jinja").write_text(template, "utf-8")
    folder = registry.folder / "replies"
    folder.joinpath("card.toml").write_text(
        folder.joinpath("card.toml").read_text("utf-8").replace("active = 1", "active = 0").replace("= 40", "= 12"),
        "utf-8",
    )
    assistant = build(
        Settings.load(
            home=tmp_path,
            base_model=str(base),
            engine="transformers_peft",
            quantization="fp32",
            context_size=2048,
            threads=1,
        )
    )
    staged = write_lora(folder / ".staged-3", tiny_checkpoint, seed=1, strength=0.5)
    files = {path.name: sha256_of(path) for path in staged.iterdir()}
    manifest = Manifest("replies", 3, assistant.base.name, "f" * 64, "d" * 64, "2026-11-26", files)
    registry.publish(staged, manifest, {})
    record = assistant.judgement.compare("replies", 3, quiet)
    card, examples = registry.card("replies"), assistant.training.data("replies").train
    shots, told = choose(card, examples), instruction(card, "pt")
    engine = assistant.engine
    try:
        for row in record["side_by_side"]:
            budget = Budget(2048 - 12 - 8, engine.count_tokens)
            prompt = f"Avaliação: {row['text']}\nResposta:"
            messages = few_shot_messages(told, shots, prompt, budget)
            written, _ = complete(engine, GenerationRequest(messages, max_tokens=12))
            assert row["outputs"]["few_shot"] == keep_honest(written, row["text"])[0]
            assert len(messages) == 2 + 2 * SHOTS
    finally:
        assistant.close()
