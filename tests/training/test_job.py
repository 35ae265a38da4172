"""The training loop on a tiny model of the base's family: it learns, resumes bit by bit, stops and ends early."""

import json
import shutil
from dataclasses import fields, replace

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from assistant.errors import ConfigurationError, DataError, StorageError, TrainingStopped
from assistant.training import lora
from assistant.training.config import (
    RANGES,
    DataConfig,
    LoraSettings,
    Recipe,
    TrainingSettings,
    changed,
    read_recipe,
)
from assistant.training.curve import Curve
from assistant.training.dataset import Example
from assistant.training.fields import FIELDS, PRESETS, overrides
from assistant.training.job import Reach, Sample, Step, TrainingRun, Validation, learning_rate, never

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ENDING = " Resposta:"
WORDS = [f"palavra{i}" for i in range(40)]
EXAMPLES = [Example(f"{WORDS[i]} {WORDS[(3 * i) % 40]}{ENDING}", f" {WORDS[(i + 1) % 40]}") for i in range(32)]
UNSEEN = [
    Example(f"{WORDS[i]} outra coisa{ENDING}", " 0123456789 ÇÇÇÇ") for i in range(8)
]  # learning EXAMPLES makes it worse
SETTINGS = TrainingSettings(
    epochs=3, learning_rate=0.02, batch_tokens=128, max_length=64, checkpoint_every=4, evaluate_every=10
)
RECIPE = Recipe(DataConfig("pairs", ("x",)), LoraSettings(r=4, lora_alpha=8, lora_dropout=0.1), SETTINGS)


class Killed(Exception):
    """Stands for a process that ends in the middle of a run."""


def stop_after(steps):
    """A `should_stop` that says yes when so many steps are done."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= steps


def weights(folder):
    state = load_file(folder / "adapter_model.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in state.items()}


def train(checkpoint, folder, recipe=RECIPE, kill_at=0, examples=EXAMPLES, validation=EXAMPLES[:8], should_stop=never):
    events = []

    def report(event):
        events.append(event)
        if isinstance(event, Step) and event.step == kill_at:
            raise Killed

    run = TrainingRun(folder, checkpoint, recipe, Reach(TARGETS, ENDING), report)
    return run.run(examples, validation, "tiny", should_stop), events


def test_the_loss_falls_and_peft_files_in_half_precision_are_left(tiny_checkpoint, tmp_path):
    trained, events = train(tiny_checkpoint, tmp_path)
    steps = [e for e in events if isinstance(e, Step)]
    assert steps[-1].step == steps[-1].steps
    assert sum(s.loss for s in steps[-5:]) < sum(s.loss for s in steps[:5])
    assert isinstance(events[-1], Sample)
    state = load_file(trained / "adapter_model.safetensors")
    assert {t.dtype for t in state.values()} == {torch.float16}
    assert len(state) == 2 * 2 * len(TARGETS)
    config = json.loads((trained / "adapter_config.json").read_text())
    assert (config["r"], config["base_model_name_or_path"]) == (4, "tiny")


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_fused_forward_is_pefts_own(tiny_checkpoint, kind):
    """Outputs and gradients agree with PEFT's forward; in bf16 up to the roundings that fusing leaves out."""
    base = AutoModelForCausalLM.from_pretrained(str(tiny_checkpoint), dtype=kind)
    model = lora.attach(base, LoraSettings(r=4, lora_alpha=8), TARGETS)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.normal_(0, 0.05, generator=torch.Generator().manual_seed(parameter.numel()))
    ids = torch.arange(3, 35).reshape(2, 16)

    def run():
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=kind is torch.bfloat16):
            out = model(ids).logits.float()
        out.square().mean().backward()
        return out.detach(), {name: p.grad.clone() for name, p in parameters.items()}

    fused, fused_gradients = run()
    for module in model.modules():
        if hasattr(module, "lora_variant"):
            module.lora_variant.clear()
            module.cast_input_dtype_enabled = True
    plain, gradients = run()
    share = 1e-5 if kind is torch.float32 else 0.05
    assert (fused - plain).norm() <= share * plain.norm()
    for name, gradient in gradients.items():
        assert (fused_gradients[name] - gradient).norm() <= share * gradient.norm(), name


@pytest.mark.parametrize("kind", ["", "use_rslora", "use_dora", "use_alora", "use_qlora"])
def test_a_killed_run_goes_on_to_the_very_same_weights(tiny_checkpoint, tmp_path, kind):
    recipe = changed(RECIPE, {kind: True} if kind else {})
    whole, _ = train(tiny_checkpoint, tmp_path / "whole", recipe)
    with pytest.raises(Killed):
        train(tiny_checkpoint, tmp_path / "killed", recipe, kill_at=7)
    resumed, events = train(tiny_checkpoint, tmp_path / "killed", recipe)
    assert events[0].step == 5, "the last checkpoint was written after step 4"
    assert weights(resumed) == weights(whole)


def test_a_checkpoint_of_other_settings_is_refused(tiny_checkpoint, tmp_path):
    with pytest.raises(Killed):
        train(tiny_checkpoint, tmp_path, kill_at=7)
    other = replace(RECIPE, training=replace(SETTINGS, learning_rate=0.001))
    with pytest.raises(DataError, match="other settings"):
        train(tiny_checkpoint, tmp_path, other)


def test_divergence_stops_the_run_with_advice(tiny_checkpoint, tmp_path):
    wild = replace(RECIPE, training=replace(SETTINGS, learning_rate=1e30, warmup=0.0, max_grad_norm=1e3))
    with pytest.raises(DataError, match="Lower learning_rate"):
        train(tiny_checkpoint, tmp_path, wild)
    assert not (tmp_path / "adapter").exists()


def test_the_rate_warms_up_and_falls_to_a_tenth():
    settings = TrainingSettings(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_all_faults_of_a_recipe_are_reported_at_once(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[lora]\nr = 0\nrank = 3\n[training]\nlearning_rate = 5\n")
    with pytest.raises(ConfigurationError) as caught:
        read_recipe(path)
    for fault in ("data.source", "r = 0 is outside 1 to 256", "rank is no field", "learning_rate = 5"):
        assert fault in str(caught.value)


def test_the_shipped_recipes_can_be_read(registry):
    for name in registry.names():
        recipe = read_recipe(registry.folder / name / "recipe.toml")
        assert recipe.data.files


def test_a_stop_between_two_steps_writes_a_checkpoint_and_the_run_goes_on_to_the_same_weights(
    tiny_checkpoint, tmp_path
):
    whole, _ = train(tiny_checkpoint, tmp_path / "whole")
    asked = iter([False] * 6 + [True])
    with pytest.raises(TrainingStopped, match="at step 6 of"):
        train(tiny_checkpoint, tmp_path / "stopped", should_stop=lambda: next(asked))
    resumed, events = train(tiny_checkpoint, tmp_path / "stopped")
    assert events[0].step == 7, "stopping writes a checkpoint of its own"
    assert weights(resumed) == weights(whole)


def test_a_stop_before_the_first_step_leaves_a_job_that_can_begin(tiny_checkpoint, tmp_path):
    with pytest.raises(TrainingStopped):
        train(tiny_checkpoint, tmp_path, should_stop=lambda: True)
    _, events = train(tiny_checkpoint, tmp_path)
    assert events[0].step == 1


OVERFITTING = replace(
    RECIPE, training=replace(SETTINGS, epochs=12, learning_rate=0.05, evaluate_every=3, patience=3, samples=0)
)


def test_training_ends_early_and_the_best_weights_are_the_ones_saved(tiny_checkpoint, tmp_path):
    trained, events = train(tiny_checkpoint, tmp_path / "patient", OVERFITTING, validation=UNSEEN)
    looks = [e for e in events if isinstance(e, Validation)]
    best = min(looks, key=lambda e: e.loss)
    last = [e for e in events if isinstance(e, Step)][-1]
    assert last.step < last.steps, "it ended before the last step"
    assert len(looks) - 1 - looks.index(best) == 3, "three looks without a lower loss"
    assert [e.best for e in looks[:1]] == [True] and not looks[-1].best
    to_best = replace(OVERFITTING, training=replace(OVERFITTING.training, patience=0))
    with pytest.raises(TrainingStopped):
        train(tiny_checkpoint, tmp_path / "to-best", to_best, validation=UNSEEN, should_stop=stop_after(best.step))
    state = load_file(tmp_path / "to-best" / "checkpoint" / "state.safetensors")
    saved = load_file(trained / "adapter_model.safetensors")
    name = next(iter(saved))
    key = f"p/{name.replace('.weight', '.default.weight')}"
    assert torch.equal(saved[name], state[key].to(torch.float16))


def test_best_weights_and_patience_survive_a_kill_bit_by_bit(tiny_checkpoint, tmp_path):
    whole, events = train(tiny_checkpoint, tmp_path / "whole", OVERFITTING, validation=UNSEEN)
    end = [e for e in events if isinstance(e, Step)][-1].step
    with pytest.raises(Killed):
        train(tiny_checkpoint, tmp_path / "killed", OVERFITTING, kill_at=end - 1, validation=UNSEEN)
    resumed, more = train(tiny_checkpoint, tmp_path / "killed", OVERFITTING, validation=UNSEEN)
    assert [e for e in more if isinstance(e, Step)][-1].step == end
    assert weights(resumed) == weights(whole)
    again, none = train(tiny_checkpoint, tmp_path / "killed", OVERFITTING, validation=UNSEEN)
    assert none == [], "a run that has ended makes no further step"
    assert weights(again) == weights(whole)


def test_each_look_shows_what_the_model_writes_and_changes_nothing(tiny_checkpoint, tmp_path):
    shown, events = train(tiny_checkpoint, tmp_path / "shown")
    samples = [e for e in events if isinstance(e, Sample)]
    assert {e.step for e in samples} == {e.step for e in events if isinstance(e, Validation)}
    assert samples[0].prompt == EXAMPLES[0].prompt and samples[0].expected == EXAMPLES[0].completion
    silent = replace(RECIPE, training=replace(SETTINGS, samples=0))
    plain, events = train(tiny_checkpoint, tmp_path / "plain", silent)
    assert not [e for e in events if isinstance(e, Sample)]
    assert weights(shown) == weights(plain)


def test_a_loss_that_rises_far_above_its_start_stops_the_run():
    curve = Curve()
    for number in range(1, 30):
        curve.step(number, 1.0, SETTINGS)
    for number in range(30, 33):
        curve.step(number, 4.0, SETTINGS)  # three wild batches are no trend yet
    with pytest.raises(DataError, match="diverged") as caught:
        curve.step(33, 4.0, SETTINGS)
    assert "learning_rate" in caught.value.text("pt")
    steady = Curve()
    for number in range(1, 200):
        steady.step(number, 0.2 + 0.6 * (number % 2), SETTINGS)


def test_a_foreign_checkpoint_is_refused(tiny_checkpoint, tmp_path):
    for name, examples in (("ours", EXAMPLES), ("theirs", EXAMPLES[4:])):
        with pytest.raises(Killed):
            train(tiny_checkpoint, tmp_path / name, kill_at=7, examples=examples)
    ours = tmp_path / "ours" / "checkpoint"
    shutil.copytree(ours, tmp_path / "kept")
    shutil.rmtree(ours)
    shutil.copytree(tmp_path / "theirs" / "checkpoint", ours)
    with pytest.raises(DataError, match="other data"):
        train(tiny_checkpoint, tmp_path / "ours")
    shutil.copyfile(tmp_path / "kept" / "position.json", ours / "position.json")
    state = load_file(ours / "state.safetensors")
    state.pop(next(name for name in state if name.startswith("p/")))
    save_file(state, ours / "state.safetensors")
    with pytest.raises(DataError, match="does not fit"):
        train(tiny_checkpoint, tmp_path / "ours")
    torch.save({"p": torch.zeros(2)}, ours / "state.safetensors")  # a pickle under our name
    with pytest.raises(DataError, match="did not write it"):
        train(tiny_checkpoint, tmp_path / "ours")
    (ours / "position.json").write_text('{"step": 4}')
    with pytest.raises(DataError, match="did not write it"):
        train(tiny_checkpoint, tmp_path / "ours")


def test_a_kill_between_the_two_renames_leaves_the_checkpoint_before(tiny_checkpoint, tmp_path):
    whole, _ = train(tiny_checkpoint, tmp_path / "whole")
    with pytest.raises(Killed):
        train(tiny_checkpoint, tmp_path / "job", kill_at=7)
    (tmp_path / "job" / "checkpoint").rename(tmp_path / "job" / "checkpoint.old")
    resumed, events = train(tiny_checkpoint, tmp_path / "job")
    assert events[0].step == 5
    assert weights(resumed) == weights(whole)


def test_a_full_disk_in_mid_checkpoint_leaves_the_one_before(tiny_checkpoint, tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("No space left on device")

    with pytest.raises(Killed):
        train(tiny_checkpoint, tmp_path, kill_at=7)
    with monkeypatch.context() as patched:
        patched.setattr("safetensors.torch.save_file", full)
        with pytest.raises(StorageError, match="Free space"):
            train(tiny_checkpoint, tmp_path)
    _, events = train(tiny_checkpoint, tmp_path)
    assert events[0].step == 5


def test_single_settings_replace_those_of_a_recipe_and_all_faults_are_told():
    wanted = changed(RECIPE, {"epochs": 2.0, "limit": 5, "r": 16, "use_rslora": True})
    assert (wanted.training.epochs, wanted.data.limit, wanted.lora.r, wanted.lora.use_rslora) == (2, 5, 16, True)
    assert isinstance(wanted.training.epochs, int)
    assert overrides(RECIPE, wanted) == {"epochs": 2, "limit": 5, "r": 16, "use_rslora": True}
    with pytest.raises(ConfigurationError) as caught:
        changed(RECIPE, {"epochs": 1.5, "r": 0, "files": "/etc/passwd", "use_dora": 1, "learning_rate": float("nan")})
    message = caught.value.text("pt")
    for fault in (
        "epochs = 1.5 precisa",
        "r = 0 está fora",
        "files não é um campo",
        "use_dora = 1",
        "learning_rate = nan",
    ):
        assert fault in message


def test_every_field_of_a_recipe_has_its_meaning_and_range():
    names = {"limit", *(f.name for f in fields(LoraSettings)), *(f.name for f in fields(TrainingSettings))}
    assert set(FIELDS) == names
    assert all(meaning.pt and meaning.en for meaning in FIELDS.values())
    assert names - {"use_rslora", "use_dora", "use_alora", "use_qlora"} == set(RANGES)


def test_presets_stay_within_the_ranges_and_balanced_is_the_recipe(registry):
    for name in registry.names():
        recipe = read_recipe(registry.folder / name / "recipe.toml")
        for preset in PRESETS.values():
            assert changed(recipe, overrides(recipe, preset(recipe))) == preset(recipe)
        assert PRESETS["balanced"](recipe) == recipe
        assert PRESETS["quick"](recipe).data.limit == 400
        assert PRESETS["thorough"](recipe).training.epochs >= 3
