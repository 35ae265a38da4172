"""The loss: cross entropy on labelled positions only, over the candidate vocabulary.

Half the time of a plain step goes into logits over 262,144 tokens at positions nobody grades. Here
hidden states are taken first, the labelled ones picked, and the output layer is applied to those
and to the tokens that occur in the data. The softmax is exact over these candidates; tokens that
never occur in the data are neither raised nor lowered except through the shared hidden states.
Refuses to know batching and optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assistant.training.dataset import Encoded

if TYPE_CHECKING:
    import torch


class CandidateHead:
    """The output layer restricted to the candidate tokens; weights are copied once, frozen.

    For a hidden state h (hidden,) and candidate rows W (candidates, hidden) the logits are W h,
    capped as the base caps them (`final_logit_softcapping`, Gemma 2).
    """

    def __init__(self, model: Any, candidates: Sequence[int]) -> None:
        import torch

        weight = model.get_output_embeddings().weight.detach()
        index = torch.tensor(candidates, dtype=torch.long, device=weight.device)
        self._weight = weight.index_select(0, index)
        self._cap = getattr(model.config, "final_logit_softcapping", None)
        self._position = torch.full((weight.shape[0],), -1, dtype=torch.long, device=weight.device)
        self._position[index] = torch.arange(len(candidates), device=weight.device)

    def loss(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Sum of the cross entropy. `hidden` (n, hidden size) predicts `labels` (n,), token ids."""
        import torch

        logits = torch.nn.functional.linear(hidden.to(self._weight.dtype), self._weight).float()
        if self._cap:
            logits = torch.tanh(logits / self._cap) * self._cap
        return torch.nn.functional.cross_entropy(logits, self._position[labels], reduction="sum")


def batch_loss(model: Any, head: CandidateHead, batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, int]:
    """Summed loss of a batch and the number of labelled tokens.

    `model` is the causal language model; its decoder gives hidden states (batch, length, hidden).
    The state at position t predicts token t + 1.
    """
    import torch

    device = model.get_input_embeddings().weight.device
    length = max(len(item.ids) for item in batch)
    ids = torch.full((len(batch), length), pad, dtype=torch.long)
    mask = torch.zeros((len(batch), length), dtype=torch.long)
    labelled = torch.zeros((len(batch), length), dtype=torch.bool)
    for row, item in enumerate(batch):
        ids[row, : len(item.ids)] = torch.tensor(item.ids)
        mask[row, : len(item.ids)] = 1
        labelled[row, item.start : len(item.ids)] = True
    ids, mask, labelled = ids.to(device), mask.to(device), labelled.to(device)
    hidden = model.get_decoder()(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    picked = hidden[:, :-1][labelled[:, 1:]]
    labels = ids[:, 1:][labelled[:, 1:]]
    return head.loss(picked, labels), int(labels.numel())
