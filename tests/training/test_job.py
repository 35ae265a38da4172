"""The training loop on a tiny model of the base's family: it learns, resumes bit by bit, and stops on NaN."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from assistant.errors import ConfigurationError, DataError
from assistant.training import lora
from assistant.training.config import DataConfig, LoraSettings, Recipe, TrainingSettings, read_recipe
from assistant.training.dataset import Example
from assistant.training.job import Step, TrainingRun, Validation, learning_rate

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
WORDS = [f"palavra{i}" for i in range(40)]
EXAMPLES = [Example(f"{WORDS[i]} {WORDS[(3 * i) % 40]}", f" {WORDS[(i + 1) % 40]}") for i in range(32)]
SETTINGS = TrainingSettings(
    epochs=3, learning_rate=0.02, batch_tokens=128, max_length=64, checkpoint_every=4, evaluate_every=10
)
RECIPE = Recipe(DataConfig("pairs", ("x",)), LoraSettings(r=4, lora_alpha=8, lora_dropout=0.1), SETTINGS)


class Killed(Exception):
    """Stands for a process that ends in the middle of a run."""


def train(checkpoint, folder, recipe=RECIPE, kill_at=0, examples=EXAMPLES):
    events = []

    def report(event):
        events.append(event)
        if isinstance(event, Step) and event.step == kill_at:
            raise Killed

    run = TrainingRun(folder, checkpoint, recipe, TARGETS, report)
    return run.run(examples, EXAMPLES[:8], "tiny"), events


def test_the_loss_falls_and_peft_files_in_half_precision_are_left(tiny_checkpoint, tmp_path):
    trained, events = train(tiny_checkpoint, tmp_path)
    steps = [e for e in events if isinstance(e, Step)]
    assert steps[-1].step == steps[-1].steps
    assert sum(s.loss for s in steps[-5:]) < sum(s.loss for s in steps[:5])
    assert isinstance(events[-1], Validation)
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


def test_a_killed_run_goes_on_to_the_very_same_weights(tiny_checkpoint, tmp_path):
    whole, _ = train(tiny_checkpoint, tmp_path / "whole")
    with pytest.raises(Killed):
        train(tiny_checkpoint, tmp_path / "killed", kill_at=7)
    resumed, events = train(tiny_checkpoint, tmp_path / "killed")
    assert events[0].step == 5, "the last checkpoint was written after step 4"
    ours, theirs = (load_file(f / "adapter_model.safetensors") for f in (resumed, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


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
