"""Drafts of a reply: when others are written, which is kept, and what a visitor sees of it."""

import json
import threading
from dataclasses import replace

import pytest

from assistant.bootstrap import build
from assistant.engines.scripted import ScriptedEngine
from assistant.errors import AdapterBroken
from assistant.models.style import Manner, Style, Styles
from assistant.models.tone import Tones
from assistant.models.topics import Topics
from assistant.services.chat import ChatOptions, ChatService
from assistant.services.drafts import FURTHER, TEMPERATURE, Held, best, careful, faults, keep_topics, topics_of
from assistant.services.evaluation import EvaluationService, System
from assistant.services.request import AskRequest
from assistant.services.tasks import read_task
from assistant.settings import Settings
from assistant.stores.manifests import Version, sha256_of
from assistant.types import Answered, Redrafting, TokenDelta

REVIEW = "Que demora! Pedi um frango e veio com gosto de peixe."
SHARES = {"demor": 0.9, "frang": 0.9, "peixe": 0.9}
TOPICS = Topics(SHARES, 0.2, SHARES | {"descu": 0.0}, 0.2)
BLUNT = "Desculpe."
HALF = "Desculpe pela demora."
WHOLE = "Desculpe pela demora e pelo frango com gosto de peixe."


def test_the_first_draft_stands_where_it_lacks_nothing():
    def never():
        raise AssertionError("no further draft is asked for")
        yield ""

    assert best(WHOLE, REVIEW, TOPICS, never()) == WHOLE


def test_drafts_are_written_until_one_lacks_nothing():
    asked = []

    def further():
        for draft in (BLUNT, WHOLE, HALF):
            asked.append(draft)
            yield draft

    assert best(HALF, REVIEW, TOPICS, further()) == WHOLE
    assert asked == [BLUNT, WHOLE]


def test_the_earlier_of_equal_drafts_is_kept_and_none_is_worse_than_no_other():
    assert best(HALF, REVIEW, TOPICS, iter([BLUNT, "Desculpe pela demora!"])) == HALF
    assert best(HALF, REVIEW, TOPICS, iter(())) == HALF


def test_a_draft_that_promises_loses_to_one_that_does_not():
    promising = "Desculpe pela demora e pelo frango. Daremos um desconto pelo peixe."
    assert best(promising, REVIEW, TOPICS, iter([HALF])) == HALF
    assert faults(promising, REVIEW, TOPICS) == Redrafting(("peixe",)), "what the check will remove takes nothing up"


def test_a_draft_with_a_tone_out_of_place_loses_to_one_that_takes_up_less():
    cold = Tones({"agradecimento": -4.0}, {"agradecimento": {}})
    happy = "Que bom que você gostou do frango com gosto de peixe."
    assert best(happy, REVIEW, replace(TOPICS, tones=cold), iter([HALF])) == HALF
    assert faults(happy, REVIEW, replace(TOPICS, tones=cold)) == Redrafting(("demora",), off_tone=True)
    assert best(happy, REVIEW, TOPICS, iter([HALF])) == happy


def test_a_draft_of_the_wrong_style_loses_to_one_that_takes_up_less():
    held = Held(styles=Styles(20.0, tuple(Manner), ()), style=Style(Manner.FORMAL))
    warm, formal = f"Poxa! {WHOLE}", "Lamentamos a demora."
    assert best(warm, REVIEW, TOPICS, iter([formal]), held) == formal
    assert faults(warm, REVIEW, TOPICS, held) == Redrafting((), off_style=True)
    assert best(warm, REVIEW, TOPICS, iter([formal])) == warm


def test_a_text_that_needs_care_is_answered_in_the_projects_own_words():
    sick = "Passei mal com o frango, e a demora foi enorme."
    topics = replace(TOPICS, tones=Tones({"cuidado": -4.0}, {"cuidado": {}}))
    assert topics.outline(sick) == "cuidado: frango, demora"
    reply = careful(sick, topics)
    assert "seriedade: frango; demora." in reply and "gerência" in reply
    assert careful(REVIEW, topics) is None
    assert careful(sick, TOPICS) is None, "a version whose pairs show no care writes its drafts"
    assert careful(sick, None) is None


def test_what_was_counted_is_kept_with_the_version(tmp_path):
    learned = replace(TOPICS, tones=Tones({"desculpas": 0.5}, {"desculpas": {"demor": 1.25}}))
    keep_topics(learned, tmp_path)
    assert topics_of(Version("replies", 1, "gemma3-270m", tmp_path)) == learned


def test_a_version_without_counts_has_none_and_a_damaged_file_is_named(tmp_path):
    version = Version("replies", 1, "gemma3-270m", tmp_path)
    assert topics_of(version) is None
    (tmp_path / "topics.json").write_text('{"taken_up": ', "utf-8")
    with pytest.raises(AdapterBroken, match=r"topics\.json cannot be read"):
        topics_of(version)


@pytest.fixture
def shop(home):
    """The assistant with a live version that knows its topics; a script may answer each draft by its seed."""
    assistant = build(Settings.load(home=home, engine="scripted"))
    live = assistant.registry.active("restaurant-replies")
    before = sha256_of(live.path / "topics.json")
    keep_topics(TOPICS, live.path)
    manifest = live.path / "manifest.toml"
    manifest.write_text(manifest.read_text("utf-8").replace(before, sha256_of(live.path / "topics.json")), "utf-8")
    yield assistant
    assistant.close()


def chat(shop, script):
    engine = ScriptedEngine(script)
    shop.adapters.refresh()
    shop.adapters.attach(engine)
    return ChatService(engine, shop.routing, shop.retriever, shop.adapters, ChatOptions())


def test_a_visitor_sees_the_draft_hears_what_it_lacks_and_gets_the_better_one(shop):
    requests = []

    def script(request):
        requests.append(request)
        return f" {(HALF, BLUNT, WHOLE)[request.seed]}" if request.adapter else " base"

    request = AskRequest(REVIEW, adapter="restaurant-replies")
    service = chat(shop, script)
    requests.clear()
    *shown, redrafting, answered = list(service.ask(request))[1:]
    assert "".join(e.text for e in shown if isinstance(e, TokenDelta)).strip() == HALF
    assert redrafting == Redrafting(("frango", "peixe"))
    assert isinstance(answered, Answered) and answered.answer.text == WHOLE
    assert all("Assuntos: demora; frango, peixe\n" in r.prompt for r in requests)
    assert [(r.seed, r.temperature) for r in requests] == [(0, 0.0), (1, TEMPERATURE), (2, TEMPERATURE)]
    assert answered.answer.usage.completion_tokens == sum(len(text.split()) for text in (HALF, BLUNT, WHOLE))


def test_whoever_stops_the_second_draft_keeps_the_first(shop):
    cancel = threading.Event()

    def script(request):
        if request.seed:
            cancel.set()
        return f" {WHOLE if request.seed else HALF}" if request.adapter else " base"

    *_, answered = chat(shop, script).ask(AskRequest(REVIEW, adapter="restaurant-replies"), cancel)
    assert isinstance(answered, Answered) and answered.answer.text == HALF
    assert answered.answer.stopped


def test_drafts_end_after_a_few(shop):
    drafts = []
    *_, answered = chat(shop, lambda r: (drafts.append(r.seed), f" {HALF}" if r.adapter else " base")[1]).ask(
        AskRequest(REVIEW, adapter="restaurant-replies")
    )
    assert isinstance(answered, Answered) and answered.answer.text == HALF
    assert max(drafts) == FURTHER


def test_a_version_is_judged_as_it_answers_visitors(shop, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"review": REVIEW, "aspects": ["demora", "frango"]}) + "\n", "utf-8")
    engine = ScriptedEngine(lambda request: f" {WHOLE if request.seed else HALF}" if request.adapter else " base")
    shop.adapters.attach(engine)
    live = shop.adapters.live()["restaurant-replies"]
    task, system, service = read_task(live.card, rows), System.of(live.version), EvaluationService(engine, parallel=2)
    assert service.run(task, live.card, replace(system, drafts=False), lambda *_: None) == [[f" {HALF}"]]
    assert service.run(task, live.card, system, lambda *_: None) == [[f" {WHOLE}"]]
