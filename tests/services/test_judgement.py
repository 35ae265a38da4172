"""A version against what answers today: with the scripted engine, and once on the real base."""

import json
import re
import string
from itertools import product

import pytest

from assistant.bootstrap import build
from assistant.engines.scripted import ScriptedEngine
from assistant.errors import AdapterError, AdapterIncompatible, AdapterNotFound, DataError, GenerationError
from assistant.models import catalog
from assistant.services.contest import SHOTS
from assistant.services.judgement import JudgementService, Surroundings
from assistant.services.training import TrainingService
from assistant.settings import Settings
from assistant.stores.judgements import JudgementStore
from assistant.stores.manifests import Manifest, sha256_of
from assistant.stores.registry import AdapterRegistry
from assistant.terminal import readable_comparison, readable_judgement, readable_verdict

CARD = """
kind = "reply"
active = 1
title = { pt = "Respostas", en = "Replies" }
description = { pt = "Responde.", en = "Replies." }
reason = { pt = "é uma avaliação", en = "is a review" }
[prompt]
template = "Avaliação: {input}\\nResposta:"
stop = ["\\n"]
max_tokens = 40
"""
RECIPE = '[data]\nsource = "pairs"\nfiles = ["data/train.jsonl"]\ntest = "data/heldout.jsonl"\n'
WORDS = ["".join(letters) * 2 for letters in product(string.ascii_lowercase[:4], repeat=3)]  # 64 unlike words
ROWS = 40
MANNER = {
    "base": "Pena",
    "few_shot": "Desculpe",
    "replies@0001": "Sentimos muito",
    "replies@0002": "Pedimos perdão",
}


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def version(registry, number, base="gemma3-270m"):
    staged = registry.folder / "replies" / f".staged-{number}"
    staged.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "adapter.gguf"):
        (staged / name).write_text(f"{name} {number}", "utf-8")
    files = {path.name: sha256_of(path) for path in staged.iterdir()}
    return registry.publish(staged, Manifest("replies", number, base, "f" * 64, "d" * 64, "2026-11-22", files), {})


@pytest.fixture
def registry(tmp_path):
    folder = tmp_path / "adapters" / "replies"
    (folder / "data").mkdir(parents=True)
    (folder / "card.toml").write_text(CARD, "utf-8")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    held_out = [{"review": f"Pedi {w} e veio frio.", "reply": f"Sobre {w}: perdão.", "aspects": [w]} for w in WORDS]
    (folder / "data" / "heldout.jsonl").write_text(lines(held_out[:ROWS]), "utf-8")
    train = [{"review": f"O {w} queimou.", "reply": f"Perdão pelo {w}."} for w in WORDS[ROWS:]]
    (folder / "data" / "train.jsonl").write_text(lines(train), "utf-8")
    registry = AdapterRegistry(tmp_path / "adapters")
    version(registry, 1)
    version(registry, 2)
    return registry


def writes(takes_up, manner=MANNER):
    """A script: each system takes up the rows that `takes_up` says, by their number, in a manner of its own."""

    def script(request):
        text = request.prompt.rpartition("Avaliação: ")[2].partition("\n")[0]
        key = request.adapter or ("few_shot" if request.prompt.count("Avaliação:") > 1 else "base")
        word = next((w for w in WORDS if w in text), "")
        good = word and takes_up[key](WORDS.index(word))
        return f" {manner[key]} pelo {word if good else 'ocorrido'}. Damos um desconto."

    return script


BETTER = {
    "base": lambda i: False,
    "few_shot": lambda i: i % 4 == 0,
    "replies@0001": lambda i: i % 2 == 0,
    "replies@0002": lambda i: i % 8 != 0,
}


def service(registry, tmp_path, script, losses=None, engines=None):
    engines = [] if engines is None else engines

    def make_engine():
        engines.append(ScriptedEngine(script))
        return engines[-1]

    training = TrainingService(registry, catalog.find(catalog.EMBEDDED), tmp_path / "var", tmp_path, lambda c, d: {})
    around = Surroundings(
        "gemma3-270m",
        make_engine,
        lambda name: {"taken": 0.0},
        lambda adapters: {None: 3.0} | dict.fromkeys(adapters, 3.2) if losses is None else losses,
        parallel=2,
    )
    return JudgementService(registry, training, JudgementStore(tmp_path / "var" / "judgements"), around)


def quiet(line):
    pass


def test_a_better_version_is_promoted_and_the_record_holds_all_that_was_compared(registry, tmp_path):
    engines = []
    judging = service(registry, tmp_path, writes(BETTER), engines=engines)
    record = judging.judge("replies", None, 0, quiet)
    assert record["verdict"]["promote"], record["verdict"]
    assert record["figures"]["score"] == {"base": 0.0, "few_shot": 0.25, "live": 0.5, "candidate": 0.875}
    assert record["figures"]["difference"]["live"]["low"] > 0
    against = record["preferred"]["live"]
    assert against["better"] / (against["better"] + against["worse"]) == pytest.approx(against["share"], abs=1e-4)
    assert sum(against[key] for key in ("better", "equal", "worse")) == record["rows"] and against["share"] > 0.8
    assert set(record["preferred"]) == {"base", "few_shot", "live"}
    assert record["systems"]["candidate"]["aspect_coverage"] == 0.875
    assert record["forgetting"] == {"base": 3.0, "candidate": 3.2, "live": 3.2, "added": 0.2}
    assert record["live"] == "0001-gemma3-270m" and record["version"] == "0002-gemma3-270m"
    shown = record["side_by_side"]
    assert len(shown) == 30
    assert set(shown[1]["outputs"]) == {"base", "few_shot", "live", "candidate"}
    stored = json.loads((tmp_path / "var" / "judgements" / "replies-0002.json").read_text("utf-8"))
    assert stored["verdict"] == record["verdict"] and stored["overruled"] == []
    (engine,) = engines
    assert set(engine.resident()) == {"replies@0001", "replies@0002"}
    with pytest.raises(GenerationError, match="closed"):
        engine.count_tokens("an engine of its own, freed at the end")
    assert "promote" in readable_judgement(record) and "live version" in readable_judgement(record)


def test_the_promise_in_the_raw_output_is_counted_although_nobody_sees_it(registry, tmp_path):
    record = service(registry, tmp_path, writes(BETTER)).judge("replies", None, 0, quiet)
    assert record["systems"]["candidate"]["inventions_raw"] == ROWS
    assert record["systems"]["candidate"]["inventions"] == 0


def test_examples_come_from_training_never_from_the_judged_rows(registry, tmp_path):
    prefix = service(registry, tmp_path, writes(BETTER)).judge("replies", None, 0, quiet)["few_shot"]
    assert prefix.count("Avaliação:") == SHOTS
    assert any(f"O {w} queimou." in prefix for w in WORDS[ROWS:])
    assert not any(f"Pedi {w}" in prefix for w in WORDS)


@pytest.mark.parametrize(
    ("check", "takes_up"),
    [
        ("off_domain", {"replies@0002": lambda i: False}),
        ("worse", {"replies@0002": lambda i: i % 4 == 0 or i == 1, "few_shot": lambda i: i % 8 == 0}),
        ("not_better", {"replies@0002": lambda i: i % 2 == 1}),
    ],
)
def test_a_bad_version_is_refused(registry, tmp_path, check, takes_up):
    record = service(registry, tmp_path, writes(BETTER | takes_up)).judge("replies", 2, 0, quiet)
    assert not record["verdict"]["promote"]
    assert record["figures"]["failed"] == [check]


def test_a_copy_of_the_live_version_is_refused(registry, tmp_path):
    script = writes(
        BETTER | {"replies@0002": BETTER["replies@0001"]}, MANNER | {"replies@0002": MANNER["replies@0001"]}
    )
    record = service(registry, tmp_path, script).judge("replies", 2, 0, quiet)
    assert record["figures"]["failed"] == ["copy_of_live"]


def test_a_version_without_effect_is_refused_by_the_engine_and_that_is_on_record(registry, tmp_path):
    record = service(registry, tmp_path, lambda request: " sempre o mesmo").judge("replies", 2, 0, quiet)
    assert record["verdict"]["promote"] is False and record["figures"]["failed"] == ["not_loaded"]
    assert "não muda nada" in record["verdict"]["reasons"][0]["pt"]
    assert "do not promote" in readable_judgement(record)


def test_an_over_trained_version_is_refused_for_what_it_forgets(registry, tmp_path):
    losses = {None: 3.0, "candidate": 6.0, "live": 3.1}
    record = service(registry, tmp_path, writes(BETTER), losses).judge("replies", 2, 0, quiet)
    assert record["figures"]["failed"] == ["forgetting"]


def test_the_first_version_is_compared_with_base_and_examples(registry, tmp_path):
    registry.activate("replies", 0)
    record = service(registry, tmp_path, writes(BETTER)).judge("replies", 2, 0, quiet)
    assert record["live"] is None and "live" not in record["systems"] and record["verdict"]["promote"]


def test_without_a_test_file_the_split_of_the_training_data_is_judged(registry, tmp_path):
    (registry.folder / "replies" / "recipe.toml").write_text(
        RECIPE.replace('test = "data/heldout.jsonl"\n', ""), "utf-8"
    )
    record = service(registry, tmp_path, writes(BETTER)).judge("replies", 2, 0, quiet)
    assert record["data"] == "split" and record["figures"]["failed"] == ["too_few_rows"]
    assert all(row["text"].endswith("queimou.") for row in record["side_by_side"])


def test_compare_is_a_table_of_the_same_rows(registry, tmp_path):
    judging = service(registry, tmp_path, writes(BETTER))
    record = judging.compare("replies", 5, quiet)
    table = readable_comparison(record).splitlines()
    assert table[0] == "| input | base | base + examples | live 0001-gemma3-270m | 0002-gemma3-270m |"
    assert len([line for line in table if line.startswith("| Pedi")]) == 5
    assert any(line.startswith("| aspect_coverage |") for line in table)
    assert re.fullmatch(r"\| newest preferred \|( \d of \d \(\d+%\), \d equal \|){3}  \|", table[-1])
    assert judging.verdict("replies", 2) is None, "nothing is decided"


def test_a_refused_version_goes_live_only_with_a_reason_on_record(registry, tmp_path):
    judging = service(registry, tmp_path, writes(BETTER | {"replies@0002": lambda i: False}))
    assert judging.permit("replies", 2) is None, "never judged: nothing to overrule"
    assert judging.permit("replies", 0) is None
    judging.judge("replies", 2, 0, quiet)
    with pytest.raises(AdapterError, match="not to go live") as refusal:
        judging.permit("replies", 2)
    assert "não deve ser ativada" in refusal.value.text("pt")
    record = judging.permit("replies", 2, "o cliente pediu")
    assert record["overruled"][0]["reason"] == "o cliente pediu" and record["overruled"][0]["time"]
    assert "o cliente pediu" in readable_verdict("replies@2", record)
    judging.judge("replies", 2, 0, quiet)
    assert judging.verdict("replies", 2)["overruled"], "judging again forgets no decision"


def test_what_cannot_be_judged_says_so(registry, tmp_path):
    judging = service(registry, tmp_path, writes(BETTER))
    with pytest.raises(AdapterNotFound, match="no version 9"):
        judging.judge("replies", 9, 0, quiet)
    version(registry, 3, base="falcon-7b")
    with pytest.raises(AdapterIncompatible, match="falcon-7b"):
        judging.judge("replies", 3, 0, quiet)
    (tmp_path / "var" / "judgements").mkdir(parents=True)
    (tmp_path / "var" / "judgements" / "replies-0002.json").write_text('{"verdict"', "utf-8")
    with pytest.raises(DataError, match="judge replies --version 2"):
        judging.permit("replies", 2)


@pytest.mark.slow
def test_the_shipped_adapter_is_judged_on_the_real_base(home, base_checkpoint):
    assistant = build(Settings.load(home=home, engine="llama_cpp"))
    live = assistant.registry.active("restaurant-replies")
    record = assistant.judgement.judge("restaurant-replies", live.number, 4, quiet)
    assistant.close()
    assert record["figures"]["failed"][0] == "too_few_rows" and record["rows"] == 4
    assert record["live"] is None, "the live version is not compared with itself"
    assert set(record["systems"]) == {"base", "few_shot", "candidate"}
    assert 2 < record["forgetting"]["base"] < 6, "nats per token of plain Portuguese"
    assert record["traffic"]["kept"] > 0.8 and record["traffic"]["taken"] < 0.05
    assert all(row["outputs"]["candidate"] for row in record["side_by_side"])
