"""Adapters on an instruct base that has no version of them: the base does their tasks by examples, and says so."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.bootstrap import Assistant, build
from assistant.engines.base import GenerationRequest, Message
from assistant.engines.scripted import ScriptedEngine
from assistant.errors import DataError
from assistant.generation.extraction import parse
from assistant.models.marking import OPEN
from assistant.models.prompt_format import ABSTENTION
from assistant.services.adapters import AdapterState
from assistant.services.chat import ChatOptions, ChatService
from assistant.services.few_shot import SHOTS, FewShots, choose
from assistant.services.records import answer_record
from assistant.services.request import AskRequest
from assistant.settings import Settings
from assistant.stores.registry import AdapterRegistry
from assistant.training.dataset import Example
from assistant.types import Answer, Answered, Outcome, RouteOrigin

from ..conftest import SHARED
from .shop import BY_EXAMPLES, Shop, asking, open_shop
from .test_chat import MOONS, REVIEW, RULING

INSTRUCT = "qwen3-0.6b"  # an entry of the catalog that takes chat messages
Script = Callable[[GenerationRequest], str]


def fake_hub(folder: Path, location: str = "Qwen/Qwen3-0.6B") -> Path:
    """A hub cache as if the base had been downloaded; the scripted engine reads none of it."""
    commit = "c" * 40
    repository = folder / f"models--{location.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}", "utf-8")
    (snapshot / "model.safetensors").write_bytes(b"")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, "utf-8")
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_hub(tmp_path_factory.mktemp("home-of-the-hub") / "hub")


@pytest.fixture(scope="module")
def instruct(indexed_home: Path, hub: Path) -> Iterator[Assistant]:
    """The whole assistant on an instruct base, with the adapters as shipped: none is of that base."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
        made = build(Settings.load(home=indexed_home, base_model=INSTRUCT, engine="scripted"))
        _ = made.chat
        yield made
        made.close()


def ask(assistant: Assistant, script: Script, request: AskRequest) -> tuple[Answer, list[GenerationRequest]]:
    """The answer to a question, and what the engine was asked on the way."""
    asked: list[GenerationRequest] = []

    def remember(generation: GenerationRequest) -> str:
        asked.append(generation)
        return script(generation)

    service = ChatService(
        ScriptedEngine(remember),
        assistant.routing,
        assistant.retriever,
        assistant.adapters,
        ChatOptions(prompt_format=assistant._prompt_format),
    )
    *_, last = service.ask(request)
    assert isinstance(last, Answered)
    return last.answer, asked


def turns(generation: GenerationRequest) -> tuple[Message, ...]:
    assert not isinstance(generation.prompt, str)
    return generation.prompt


class TestEachKind:
    def test_a_review_is_replied_to_by_examples_and_stays_honest(self, instruct: Assistant) -> None:
        written = "Lamentamos a demora e o frango.\n\nOferecemos um desconto na próxima visita."
        answer, (generation,) = ask(instruct, lambda request: written, AskRequest(REVIEW))
        assert (answer.outcome, answer.text, answer.dropped) == (Outcome.REPLIED, "Lamentamos a demora e o frango.", 1)
        assert (answer.route.adapter, answer.route.version) == ("restaurant-replies", None)
        assert (answer.route.origin, answer.route.few_shot) == (RouteOrigin.LEARNED, True)
        assert (generation.adapter, generation.stop) == (None, ())
        system, *shots, question = turns(generation)
        assert "restaurante" in system.content
        assert [turn.role for turn in shots] == ["user", "assistant"] * SHOTS
        assert question == Message("user", f"Avaliação: {REVIEW}\nResposta:")

    def test_the_record_and_the_words_for_it(self, instruct: Assistant) -> None:
        answer, _ = ask(instruct, lambda request: "Lamentamos.", AskRequest(REVIEW))
        route = answer_record(answer)["route"]
        assert route["version"] is None
        reason = "parece uma avaliação de restaurante"
        assert route["reason"] == f"{reason}; sem versão para este modelo base: por exemplos"
        assert answer_record(answer, "en")["route"]["reason"].endswith("; no version for this base: by examples")
        trained = replace(answer, route=replace(answer.route, few_shot=False))
        assert answer_record(trained)["route"]["reason"] == reason

    def test_entities_are_read_from_a_list_with_one_a_line(self, instruct: Assistant) -> None:
        written = "- LEGISLACAO: Lei 12.376/2010\n- LEGISLACAO: Lei 99.999/2099\n"
        answer, (generation,) = ask(instruct, lambda request: written, AskRequest(RULING))
        assert answer.outcome is Outcome.EXTRACTED
        assert [entity.text for entity in answer.entities] == ["Lei 12.376/2010"]
        assert answer.dropped == 1
        assert "LEGISLACAO, JURISPRUDENCIA" in turns(generation)[0].content

    def test_a_question_is_answered_from_its_passages(self, instruct: Assistant) -> None:
        def script(request: GenerationRequest) -> str:
            question = turns(request)[-1].content
            assert "luas-2025.md (11/03/2025)" in question
            marker = question.split("] luas-2025.md")[0].rsplit("[", 1)[1]
            return f"«Saturno passou a ter 274 luas confirmadas» [{marker}]\nSaturno, com 274 luas [{marker}]."

        answer, (generation, *_) = ask(instruct, script, AskRequest(MOONS))
        assert (answer.outcome, answer.route.adapter) == (Outcome.GROUNDED, "grounded-chat")
        assert answer.route.few_shot
        answers = [turn.content for turn in turns(generation) if turn.role == "assistant"]
        assert ABSTENTION in answers and any(a.startswith("«") for a in answers)
        assert any(not a.startswith("«") and a != ABSTENTION for a in answers), "small talk is shown, too"

    def test_two_visitors_at_once_get_their_own_answers(self, instruct: Assistant) -> None:
        """Each hears back what they asked, whatever the examples and the other one say."""
        heard: dict[str, set[str]] = {}

        def echo(request: GenerationRequest) -> str:
            return turns(request)[-1].content.removeprefix("Avaliação: ").removesuffix("\nResposta:")

        def visit(text: str) -> None:
            for _ in range(10):
                answer, _ = ask(instruct, echo, AskRequest(text, adapter="restaurant-replies"))
                heard.setdefault(text, set()).add(answer.text)

        texts = ("A sopa veio fria.", "O pudim estava ótimo.")
        threads = [threading.Thread(target=visit, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert heard == {text: {text} for text in texts}


class TestExamples:
    def test_they_are_the_same_in_every_process_and_never_held_out(self, instruct: Assistant) -> None:
        card = instruct.registry.card("restaurant-replies")
        shots = choose(card, instruct.training.at_hand(card.name))
        assert shots == choose(card, instruct.training.at_hand(card.name))
        heldout = (instruct.registry.folder / card.name / "data" / "heldout.jsonl").read_text("utf-8")
        assert len({answer for _, answer in shots}) == SHOTS
        assert not any(answer in heldout for _, answer in shots)

    @pytest.mark.skipif(not (SHARED / "lener-br").is_dir(), reason="the public data of legal-ner is not here")
    def test_entities_of_many_classes_and_a_text_without_any_are_shown(self, instruct: Assistant) -> None:
        card = instruct.registry.card("legal-ner")
        shots = choose(card, instruct.training.at_hand(card.name))
        found = [{item.label for item in parse(answer, card.labels).items} for _, answer in shots]
        assert not any(OPEN in answer for _, answer in shots), "the instruction asks for a list"
        assert set().union(*found) == set(card.labels)
        assert len(shots) == SHOTS

    def test_a_card_whose_public_data_is_not_here_gives_the_instruction_alone(
        self, instruct: Assistant, tmp_path: Path
    ) -> None:
        service = replace_data_folder(instruct, tmp_path)
        with pytest.raises(DataError, match="lener-br"):
            service.training.at_hand("legal-ner")
        few_shot = FewShots(lambda: True, service.training.at_hand).of(service.registry.card("legal-ner"))
        assert few_shot is not None and few_shot.shots() == ()

    def test_long_and_equal_ones_are_left_out(self, registry: AdapterRegistry) -> None:
        card = registry.card("restaurant-replies")
        examples = [Example("x" * 2_000, " longa"), *(Example(f"p{n}", " igual", f"g{n}") for n in range(9))]
        assert [answer for _, answer in choose(card, examples)] == ["igual"]
        assert choose(card, []) == []

    def test_a_long_text_takes_the_place_of_examples(self, instruct: Assistant) -> None:
        review = "A sopa veio fria. " * 920
        answer, (generation,) = ask(instruct, lambda r: "Lamentamos.", AskRequest(review, adapter="restaurant-replies"))
        assert answer.text == "Lamentamos."
        assert 2 <= len(turns(generation)) < 2 + 2 * SHOTS


def replace_data_folder(assistant: Assistant, folder: Path) -> Assistant:
    settings = assistant.settings.model_copy(update={"data_folder": folder / "nowhere"})
    return build(settings)


def shop_of(folder: Path, template: bool) -> Shop:
    """A shop whose adapter is live with a version of another base."""

    def examples(name: str) -> Sequence[Example]:
        return [Example("Texto: a", " b")]

    shop = open_shop(folder, FewShots(lambda: template, examples))
    shop.publish(base="outra")
    shop.service.registry.activate("meu", 1)
    manifest = folder / "meu" / "versions" / "0001-outra" / "manifest.toml"
    assert 'base = "outra"' in manifest.read_text("utf-8")
    shop.service.apply()
    return shop


class TestWhatIsLive:
    def test_a_version_that_goes_live_takes_the_place_of_the_examples_at_once(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path / "adapters", template=True)
        service = shop.service
        assert shop.installed[-1] == {"meu": BY_EXAMPLES}
        assert (service.detail("meu").info.state, service.detail("meu").info.compatible) == (
            AdapterState.BY_EXAMPLES,
            True,
        )
        assert service.notes()["meu"].pt.endswith("Treine de novo neste modelo base: python -m assistant train meu")
        number = shop.publish()
        service.apply()
        assert shop.installed[-1] == {"meu": BY_EXAMPLES}, "a version that nobody activated changes nothing"
        assert service.notes()["meu"].en.endswith("python -m assistant adapters --activate meu@2")
        with service.answering(AskRequest("um"), asking(shop, "meu")) as (route, adapter):
            assert (route.version, route.few_shot) == (None, True)
            assert adapter is not None and adapter.shots() == [("Texto: a", "b")]
            service.activate("meu", number)
        assert shop.installed[-1] == {"meu": "meu@0002"}
        with service.answering(AskRequest("um"), asking(shop, "meu")) as (route, adapter):
            assert (route.version, route.few_shot) == ("0002-base", False)
            assert adapter is not None and adapter.key == "meu@0002"
        assert service.detail("meu").info.state is AdapterState.LIVE
        assert "meu" not in service.notes()
        service.retire("meu")
        assert service.answerers() == {}, "who was retired does not come back by examples"
        shop.engine.close()

    def test_a_base_without_chat_template_leaves_it_out_as_ever(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path / "adapters", template=False)
        assert shop.service.answerers() == {} and shop.installed[-1] == {}
        assert shop.service.detail("meu").info.state is AdapterState.OTHER_BASE
        assert "Train it again on this base" in shop.service.notes()["meu"].en
        shop.engine.close()

    def test_a_damaged_version_is_not_covered_up(self, tmp_path: Path) -> None:
        shop = shop_of(tmp_path / "adapters", template=True)
        number = shop.publish()
        shop.service.activate("meu", number)
        (tmp_path / "adapters" / "meu" / "versions" / "0002-base" / "adapter.gguf").write_bytes(b"x")
        shop.service.apply()
        assert shop.service.detail("meu").info.state is AdapterState.BROKEN
        assert shop.service.answerers() == {}
        shop.engine.close()


def test_the_commands_say_so(indexed_home: Path, hub: Path) -> None:
    import json

    from ..test_command_line import run

    here: dict[str, Any] = {"ASSISTANT_BASE_MODEL": INSTRUCT, "HF_HOME": str(hub.parent), "HF_HUB_OFFLINE": "1"}
    asked = run(indexed_home, "ask", REVIEW, "--json", **here)
    assert asked.returncode == 0, asked.stderr
    record = json.loads(asked.stdout)
    assert (record["outcome"], record["route"]["adapter"], record["route"]["version"]) == (
        "replied",
        "restaurant-replies",
        None,
    )
    assert "sem versão para este modelo base: por exemplos" in record["route"]["reason"]
    listed = run(indexed_home, "adapters", "--json", **here)
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert {(row["state"], row["live"]) for row in rows.values()} == {("by_examples", False)}
    assert "python -m assistant train legal-ner" in rows["legal-ner"]["note"]
    examined = run(indexed_home, "doctor", "--json", **here)
    found = {row["name"]: row for row in json.loads(examined.stdout)}
    assert found["adapter legal-ner"]["ok"] and "by examples" in found["adapter legal-ner"]["detail"]


def test_a_real_engine_answers_through_its_chat_template(
    home: Path, tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Random weights, one token a byte: what is proved is that the messages fit and reach the model."""
    base = tmp_path_factory.mktemp("instruct") / "tiny-it"
    shutil.copytree(tiny_checkpoint, base)
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
    (base / "chat_template.jinja").write_text(template, "utf-8")
    settings = Settings.load(
        home=home, base_model=str(base), engine="transformers_peft", quantization="fp32", context_size=2048, threads=1
    )
    assistant = build(settings)
    try:
        *_, last = assistant.chat.ask(AskRequest(REVIEW, adapter="restaurant-replies", max_tokens=8))
        assert isinstance(last, Answered)
        assert (last.answer.route.few_shot, last.answer.outcome) == (True, Outcome.REPLIED)
        usage = last.answer.usage
        assert len(REVIEW.encode()) < usage.prompt_tokens <= 2048 - 8
        assert usage.completion_tokens == 8
    finally:
        assistant.close()
