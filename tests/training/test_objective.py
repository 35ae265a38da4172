"""The candidate objective equals plain cross entropy on its vocabulary, gradients too."""

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from assistant.training.config import LoraSettings
from assistant.training.dataset import Encoded, candidate_vocabulary
from assistant.training.lora import attach
from assistant.training.objective import CandidateHead, batch_loss

TARGETS = ("q_proj", "v_proj", "down_proj")


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=8,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    return Gemma3ForCausalLM(config)


def test_loss_and_gradients_equal_the_plain_ones_over_the_whole_vocabulary(model):
    peft_model = attach(model, LoraSettings(r=4, lora_alpha=8), TARGETS)
    for name, parameter in peft_model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    batch = [Encoded((2, 7, 8, 9, 1), 3), Encoded((2, 11, 12, 1), 2), Encoded(tuple(range(3, 40)), 10)]
    head = CandidateHead(model, list(range(50)))
    total, count = batch_loss(model, head, batch, pad=0)
    (total / count).backward()
    ours = {n: p.grad.clone() for n, p in peft_model.named_parameters() if p.grad is not None}
    peft_model.zero_grad()

    plain = torch.zeros(())
    for item in batch:
        ids = torch.tensor([item.ids])
        labels = ids.clone()
        labels[:, : item.start] = -100
        logits = model(input_ids=ids).logits[:, :-1]
        plain = plain + torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum"
        )
    (plain / count).backward()
    assert count == sum(len(item.ids) - item.start for item in batch)
    torch.testing.assert_close(total, plain, rtol=1e-4, atol=1e-4)
    for name, parameter in peft_model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-3, atol=1e-5)


def test_the_candidates_softmax_is_exact_over_the_candidates(model):
    batch = [Encoded((2, 7, 8, 9, 1), 3)]
    candidates = candidate_vocabulary(batch, 1)
    total, count = batch_loss(model, CandidateHead(model, candidates), batch, pad=0)
    logits = model(input_ids=torch.tensor([batch[0].ids])).logits[0, 2:4][:, candidates]
    wanted = torch.tensor([candidates.index(9), candidates.index(1)])
    expected = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
    assert count == 2
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-5)
