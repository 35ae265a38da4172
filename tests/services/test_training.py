"""From a recipe to a live version on the real base, in two steps of training."""

import json

import pytest

from assistant.bootstrap import build
from assistant.errors import ConfigurationError
from assistant.services.training import event_log
from assistant.settings import Settings
from assistant.training.job import Step

RECIPE = """
[data]
source = "pairs"
files = ["data/heldout.jsonl"]
test = "data/few.jsonl"
limit = 4
[lora]
r = 2
lora_alpha = 4
[training]
learning_rate = 2e-3
batch_tokens = 128
evaluate_every = 100
"""


@pytest.mark.slow
def test_training_leaves_a_new_version_that_can_go_live(home, base_checkpoint):
    assistant = build(Settings.load(home=home, engine="llama_cpp"))
    (home / "adapters" / "restaurant-replies" / "recipe.toml").write_text(RECIPE, "utf-8")
    few = home / "adapters" / "restaurant-replies" / "data" / "few.jsonl"
    few.write_text(
        json.dumps({"review": "A sopa veio fria.", "reply": "Desculpe.", "aspects": ["sopa"]}) + "\n", "utf-8"
    )
    before = assistant.registry.active("restaurant-replies")
    lines = []
    version = assistant.training.train("restaurant-replies", lines.append)
    assert version.number == before.number + 1
    assert assistant.registry.active("restaurant-replies") == before, "a new version is not live by itself"
    assistant.registry.verify(version)
    manifest = assistant.registry.manifest(version)
    assert manifest.base_fingerprint == assistant.base.sha256
    assert set(manifest.files) == {"adapter_config.json", "adapter_model.safetensors", "adapter.gguf", "topics.json"}
    assert manifest.scores["n"] == 1.0, "a version is judged before it is published"
    judged = json.loads((version.path / "evaluation.json").read_text("utf-8"))
    assert judged["version"] == version.label and judged["outputs"][0]["review"] == "A sopa veio fria."
    (job,) = assistant.training.jobs()
    events = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events] == ["step"] * len(events) and events
    assistant.registry.activate("restaurant-replies", version.number)
    assistant.adapters.refresh()
    assert assistant.adapters.live()["restaurant-replies"].version == version
    assert version.key in assistant.engine.resident()
    assistant.close()


def test_the_time_left_of_a_resumed_job_counts_from_its_new_start():
    written, lines = [], []
    report = event_log(lambda line: written.append(json.loads(line)) or len(line), lines.append)
    for step in range(101, 121):  # 100 steps were made before the stop; each takes 6 s
        report(Step(step, 200, 0.5, 1e-4, 600.0, 6.0 * (step - 100)))
    assert [row["step"] for row in written] == list(range(101, 121))
    assert lines == [
        "step 110/200 loss 0.5000 lr 1.0e-04 600 tokens/s, 9 min left",
        "step 120/200 loss 0.5000 lr 1.0e-04 600 tokens/s, 8 min left",
    ]


@pytest.mark.parametrize("file", ["../../../etc/passwd", "/etc/passwd", "public:../x"])
def test_a_recipe_reads_only_below_its_folders(home, file):
    assistant = build(Settings.load(home=home))
    (home / "adapters" / "restaurant-replies" / "recipe.toml").write_text(
        RECIPE.replace("data/heldout.jsonl", file), "utf-8"
    )
    with pytest.raises(ConfigurationError, match="below its folder"):
        assistant.training.data("restaurant-replies")
