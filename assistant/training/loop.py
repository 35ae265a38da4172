"""Model and optimizer of a run: one step, one look at the validation loss, a few sample outputs.

Knows which tensors make up the state of a run. Refuses to know files, the order of the batches and
when to stop.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.engines.weights import load_options
from assistant.errors import DataError
from assistant.training import lora
from assistant.training.config import Recipe
from assistant.training.dataset import Encoded, batches
from assistant.training.objective import CandidateHead, batch_loss
from assistant.training.optimizer import Optimizer
from assistant.training.processes import here

if TYPE_CHECKING:
    import torch

_TRIM_EVERY = 20  # steps
SAMPLE_TOKENS = 40  # of a sample output; a look must stay cheap beside its validation loss


def threads() -> int:
    """Threads of a training: all of one or two cores, from three on one is left to the chat.

    Beside a process of lowest priority llama.cpp kept 84 to 100 % of its speed on two cores. The processes of
    `accelerate launch` on one machine divide them.
    """
    cores = len(os.sched_getaffinity(0))
    return max(1, (cores if cores <= 2 else cores - 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def load_tokenizer(checkpoint: Path) -> Any:
    """The tokenizer of a checkpoint."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(checkpoint))


def load(checkpoint: Path, recipe: Recipe, target_modules: Sequence[str], invocation: Sequence[int] = ()) -> Any:
    """The model with a fresh adapter, seeded, on the GPU where there is one; the base in bf16, for QLoRA in NF4.

    `invocation` are the token ids from which on an activated LoRA acts.
    """
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(recipe.training.seed)
    torch.set_num_threads(threads())  # the command line gives OpenMP one
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # each process of a launch has its own
    options = load_options("nf4" if recipe.lora.use_qlora else "bf16")
    base = AutoModelForCausalLM.from_pretrained(str(checkpoint), attn_implementation="sdpa", **options)
    if recipe.lora.use_qlora:
        _keep_gradients(base)
        if base.device.type == "cuda":
            spare_memory(base)
    return lora.attach(base, recipe.lora, target_modules, invocation)


def spare_memory(base: Any) -> None:
    """Have activations computed again on the way back: of QLoRA on a GPU, where memory is what is short."""
    base.activation_checkpointing_enable({"use_reentrant": False})
    base.enable_input_require_grads()


def _keep_gradients(base: Any) -> None:
    """Have bitsandbytes leave 4-bit weights on the CPU as they are.

    At the first look at a loss it would repack them for inference, and its product of repacked weights has no gradient:
    from then on only the last layers would learn.
    """
    for module in base.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _trim() -> None:
    """Give free memory back to the system, also what lies between pieces in use.

    Batches of many shapes leave holes that glibc keeps: on LeNER-Br 6.3 GB were resident, without a change within
    steps, where the tensors of a step take a fraction of it. Other C libraries have no such call.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Loop:
    """One model in training. The best weights are kept beside the current ones."""

    def __init__(self, model: Any, candidates: Sequence[int], recipe: Recipe, pad: int) -> None:
        """`candidates` are the token ids the loss works over."""
        self._model, self._base, self._settings, self._pad = model, model.get_base_model(), recipe.training, pad
        self._head = CandidateHead(self._base, candidates)
        self._processes = here()
        self._named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self._parameters = [p for _, p in self._named]
        self._best: dict[str, torch.Tensor] = {}
        self._steps = 0
        self._optimizer = Optimizer(self._named, recipe.training, eight_bit=recipe.lora.use_qlora)

    def step(self, batch: Sequence[Encoded], rate: float) -> float:
        """One optimizer step of all processes; returns the mean loss in nats per labelled token."""
        import torch

        self._model.train()
        loss = self._gradients(self._processes.share(batch), sum(item.labels for item in batch))
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.max_grad_norm)
        self._optimizer.step(rate)
        self._steps += 1
        if self._steps % _TRIM_EVERY == 0:
            _trim()
        return loss

    def _gradients(self, share: Sequence[Encoded], labels: int) -> float:
        """Leave the gradients of a whole batch, of which this process has a share; `labels` counts the batch's."""
        import torch

        loss = torch.zeros((), device=self._base.device)
        if share:
            with torch.autocast(self._base.device.type, dtype=torch.bfloat16), lora.invoked(self._model, share):
                total, _ = batch_loss(self._base, self._head, share, self._pad)
            loss = total / labels
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
            loss = loss.detach()
        if self._processes.count > 1:
            for parameter in self._parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            self._processes.add([loss, *(p.grad for p in self._parameters if p.grad is not None)])
        return float(loss)

    def evaluate(self, encoded: Sequence[Encoded]) -> float:
        """Mean loss over a set, nats per labelled token; the processes divide it."""
        import torch

        self._model.eval()
        sums = torch.zeros(2, dtype=torch.float64)  # loss, labels
        with torch.no_grad(), torch.autocast(self._base.device.type, dtype=torch.bfloat16):
            for batch in self._processes.share(batches(encoded, self._settings.batch_tokens, 0, 0)):
                with lora.invoked(self._model, batch):
                    loss, labels = batch_loss(self._base, self._head, batch, self._pad)
                sums += torch.tensor([float(loss), labels], dtype=torch.float64)
        self._processes.add([sums])
        return float(sums[0] / sums[1])

    def outputs(self, prompts: Sequence[Sequence[int]], end: int) -> list[list[int]]:
        """Greedy token ids after each prompt, at most `SAMPLE_TOKENS`, up to `end`; draws no random number."""
        import torch
        from transformers import GenerationConfig

        self._model.eval()
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.tensor([[self._pad] * (longest - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        config = GenerationConfig(
            max_new_tokens=SAMPLE_TOKENS, do_sample=False, eos_token_id=end, pad_token_id=self._pad
        )
        device = self._base.device
        with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16):
            out = self._model.generate(
                input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=config
            )
        rows: list[list[int]] = out[:, longest:].tolist()
        return [row[: row.index(end)] if end in row else row for row in rows]

    def keep_best(self) -> None:
        """Remember the weights of this moment as the best so far."""
        self._best = {name: parameter.detach().clone() for name, parameter in self._named}

    def save_best(self, folder: Path, base_name: str) -> Path:
        """Write the best weights, or the last where none were marked, as PEFT's files; returns the folder."""
        import torch

        with torch.no_grad():
            for name, parameter in self._named:
                if name in self._best:
                    parameter.copy_(self._best[name])
        lora.save(self._model, folder, base_name)
        return folder

    def state(self) -> dict[str, torch.Tensor]:
        """Every tensor that the next steps follow from: parameters, moments, best weights, random state."""
        import torch

        tensors: dict[str, torch.Tensor] = {"rng": torch.get_rng_state()}
        if self._on_gpu:
            tensors["rng_gpu"] = torch.cuda.get_rng_state()
        tensors |= {f"p/{name}": parameter.detach() for name, parameter in self._named}
        return tensors | self._optimizer.state() | {f"best/{name}": tensor for name, tensor in self._best.items()}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go back to a state; raises `DataError` when it is not one of this model."""
        import torch

        self._check(tensors)
        with torch.no_grad():
            for name, parameter in self._named:
                parameter.copy_(tensors[f"p/{name}"])
        self._optimizer.restore(tensors)
        names = [name for name, _ in self._named]
        self._best = {name: tensors[f"best/{name}"].clone() for name in names if f"best/{name}" in tensors}
        torch.set_rng_state(tensors["rng"])
        if self._on_gpu:
            torch.cuda.set_rng_state(tensors["rng_gpu"])

    @property
    def _on_gpu(self) -> bool:
        return bool(self._base.device.type == "cuda")

    def _check(self, tensors: Mapping[str, torch.Tensor]) -> None:
        shapes = {f"p/{name}": tuple(p.shape) for name, p in self._named} | self._optimizer.shapes()
        needed = {*shapes, "rng", *(["rng_gpu"] if self._on_gpu else [])}
        needed |= self._optimizer.further() & set(tensors)
        best = {f"best/{name}": tuple(p.shape) for name, p in self._named}
        present = needed | set(best) if set(best) & set(tensors) else needed
        wrong = present ^ set(tensors)
        wrong |= {
            name for name, shape in (shapes | best).items() if name in tensors and tuple(tensors[name].shape) != shape
        }
        if wrong:
            raise DataError(
                f"The checkpoint does not fit this model: {min(wrong)} is missing, foreign or of another shape. Remove "
                "the checkpoint folder to begin the job again.",
                pt=f"O ponto de retomada não serve para este modelo: {min(wrong)} falta, sobra ou tem outra forma. "
                "Remova a pasta checkpoint para recomeçar o treino.",
            )
