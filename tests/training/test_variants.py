"""Kinds of LoRA on a tiny model: QLoRA learns over a base in 4 bits, an activated LoRA acts from its words on."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from test_job import ENDING, EXAMPLES, RECIPE, TARGETS, train

from assistant.errors import ConfigurationError
from assistant.training import lora
from assistant.training.config import LoraSettings, changed, read_recipe
from assistant.training.dataset import Encoded, Example, encode, invocation
from assistant.training.job import Step
from assistant.training.loop import load, load_tokenizer, spare_memory
from assistant.training.objective import CandidateHead, batch_loss


def with_effect(model):
    """The model with a B that is not zero."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.2, generator=torch.Generator().manual_seed(parameter.numel()))
    return model


def states(model, items):
    """The decoder's output for a padded batch, as the loop asks for it."""
    longest = max(len(item.ids) for item in items)
    ids = torch.tensor([[*item.ids, *[0] * (longest - len(item.ids))] for item in items])
    mask = torch.tensor([[1] * len(item.ids) + [0] * (longest - len(item.ids)) for item in items])
    with torch.no_grad(), lora.invoked(model, items):
        return model.get_base_model().get_decoder()(input_ids=ids, attention_mask=mask).last_hidden_state


@pytest.mark.parametrize("kind", ["use_alora", "use_qlora"])
def test_the_loss_falls(tiny_checkpoint, tmp_path, kind):
    _, events = train(tiny_checkpoint, tmp_path, changed(RECIPE, {kind: True}))
    steps = [e for e in events if isinstance(e, Step)]
    assert sum(s.loss for s in steps[-5:]) < sum(s.loss for s in steps[:5])


def test_qlora_holds_the_base_in_four_bits_and_the_optimizer_of_bitsandbytes(tiny_checkpoint, tmp_path):
    recipe = changed(RECIPE, {"use_qlora": True})
    model = load(tiny_checkpoint, recipe, TARGETS)
    layer = model.get_base_model().get_decoder().layers[0].self_attn.q_proj
    assert type(layer.base_layer).__name__ == "Linear4bit"
    assert layer.lora_A["default"].weight.dtype == torch.float32
    train(tiny_checkpoint, tmp_path, recipe)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model.eval()(input_ids=torch.tensor([[1, 2, 3]]))  # bitsandbytes would repack the weights here
    assert not getattr(layer.base_layer.weight.quant_state, "packing_format_for_cpu", False)
    kept = {name.partition("/")[0] for name in load_file(tmp_path / "checkpoint" / "state.safetensors")}
    assert {"state1", "state2"} <= kept and "exp_avg" not in kept


def test_memory_is_spared_without_changing_a_gradient(tiny_checkpoint):
    def gradients(spared):
        model = with_effect(load(tiny_checkpoint, RECIPE, TARGETS))
        base = model.get_base_model()
        if spared:
            spare_memory(base)
        model.train()
        loss, _ = batch_loss(base, CandidateHead(base, range(60)), [Encoded(tuple(range(2, 40)), 20)], 0)
        loss.backward()
        return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}

    recomputed = gradients(True)
    for name, gradient in gradients(False).items():
        assert torch.allclose(recomputed[name], gradient, rtol=1e-3, atol=1e-6), name


def test_an_activated_lora_acts_from_its_words_on_and_as_peft_does(tiny_checkpoint):
    tokenizer = load_tokenizer(tiny_checkpoint)
    recipe = replace(RECIPE, lora=LoraSettings(r=4, lora_alpha=8, use_alora=True))
    items, _ = encode([EXAMPLES[0], EXAMPLES[11]], tokenizer, 64)
    words = invocation(items, tokenizer(ENDING, add_special_tokens=False)["input_ids"])
    model = with_effect(load(tiny_checkpoint, recipe, TARGETS, words)).eval()
    changed_states = states(model, items)
    with model.disable_adapter():
        plain = states(model, items)
    for row, item in enumerate(items):
        begins = item.start - len(words)
        assert torch.equal(changed_states[row, :begins], plain[row, :begins])
        assert not torch.allclose(changed_states[row, begins : item.start], plain[row, begins : item.start], atol=1e-2)
    with torch.no_grad():  # PEFT looks for the words by itself
        peft = model(input_ids=torch.tensor([items[0].ids]), output_hidden_states=True).hidden_states[-1]
    own = states(model, items[:1])
    assert torch.allclose(peft, own, atol=1e-2)


def test_only_words_that_every_prompt_ends_with_begin_an_activated_lora():
    items = [Encoded((9, 4, 5, 6, 70), 4), Encoded((8, 8, 5, 6, 71, 72), 4)]
    assert invocation(items, (4, 5, 6)) == (5, 6)
    assert invocation(items, (5, 7)) == ()
    assert invocation(items, ()) == ()


def test_a_prompt_without_words_of_its_own_at_its_end_is_refused(tiny_checkpoint, tmp_path):
    bare = [Example(e.prompt.removesuffix(ENDING), e.completion) for e in EXAMPLES]
    with pytest.raises(ConfigurationError, match=r"prompt\.template") as caught:
        train(tiny_checkpoint, tmp_path, changed(RECIPE, {"use_alora": True}), examples=bare)
    assert "Resposta:" in caught.value.text("pt")


def test_activated_and_dora_do_not_go_together(tmp_path):
    with pytest.raises(ConfigurationError, match="do not go together"):
        changed(RECIPE, {"use_alora": True, "use_dora": True})
    path = tmp_path / "recipe.toml"
    path.write_text('[data]\nsource = "pairs"\nfiles = ["x"]\n[lora]\nuse_alora = true\nuse_dora = true\n')
    with pytest.raises(ConfigurationError, match="do not go together"):
        read_recipe(path)
