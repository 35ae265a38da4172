"""The systems that `measure_training.py` compares, each in a process of its own: `training_systems.py KIND PLAN`.

Knows how each one trains on a plan's rows and when it is its turn. Refuses to compare.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

VARIANTS = ("lora", "rslora", "dora", "alora", "nf4")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a child trains on; `folder` is where it leaves its adapter, `block` the tokens of a turn.

    `ending` are the words that every prompt ends with.
    """

    checkpoint: str
    targets: list[str]
    recipe: dict[str, Any]
    train: list[list[str]]
    valid: list[list[str]]
    folder: str
    block: int
    ending: str

    def examples(self, part: str) -> list[Any]:
        from assistant.training.dataset import Example

        return [Example(prompt, completion) for prompt, completion in getattr(self, part)]

    def settings(self) -> Any:
        """The recipe as the product knows it."""
        from assistant.training.config import DataConfig, LoraSettings, Recipe, TrainingSettings

        parts = self.recipe
        return Recipe(DataConfig(**parts["data"]), LoraSettings(**parts["lora"]), TrainingSettings(**parts["training"]))


class Turns:
    """A child's side: work for `block` tokens, say so, wait for the next turn."""

    def __init__(self, block: int) -> None:
        self._out, self._block = os.fdopen(os.dup(1), "w"), block
        os.dup2(2, 1)  # libraries print
        self._tokens, self._since = 0, 0.0

    def begin(self) -> None:
        """Everything is loaded."""
        self._tell({"ready": True})

    def made(self, tokens: int) -> None:
        """Count a step."""
        self._tokens += tokens
        if self._tokens >= self._block:
            self._turn(False)

    def end(self, figures: Callable[[], dict[str, Any]]) -> None:
        """Every step is made; `figures` are taken when all other systems have ended, too."""
        self._turn(True)
        peak = round(peak_mb())  # of the training alone
        self._tell({"peak_memory_mb": peak} | figures(), wait=False)

    def _turn(self, end: bool) -> None:
        tokens, seconds = self._tokens, time.perf_counter() - self._since
        self._tokens = 0
        self._tell({"tokens": tokens, "seconds": seconds, "end": end})

    def _tell(self, said: dict[str, Any], wait: bool = True) -> None:
        self._out.write(json.dumps(said) + "\n")
        self._out.flush()
        if wait and not sys.stdin.readline():
            sys.exit("nobody waits for these figures any more")
        self._since = time.perf_counter()


def peak_mb() -> float:
    """Highest resident memory of this process so far, of its own address space."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


def ours(work: Plan, turns: Turns) -> None:
    """The product's own run: loop, checkpoints, event log."""
    from assistant.training.job import Reach, Step, TrainingRun

    before, begun = 0, False

    def report(event: Any) -> None:
        nonlocal before
        if isinstance(event, Step):
            tokens = round(event.tokens_per_second * event.seconds)
            turns.made(tokens - before)
            before = tokens

    def ready() -> bool:
        """Asked before the first step, when the model is loaded."""
        nonlocal begun
        if not begun:
            turns.begin()
        begun = True
        return False

    folder = Path(work.folder) / "ours"
    run = TrainingRun(folder, Path(work.checkpoint), work.settings(), Reach(work.targets, work.ending), report)
    run.run(work.examples("train"), [], "measured", ready)
    turns.end(dict)


def trl(work: Plan, turns: Turns, **changes: Any) -> None:
    """SFTTrainer on the very same token ids; its own defaults but for adapter, learning rate, epochs and seed."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from assistant.training.dataset import encode

    recipe, folder = work.settings(), Path(work.folder) / ("trl_no_checkpointing" if changes else "trl")
    tokenizer = AutoTokenizer.from_pretrained(work.checkpoint)
    encoded, _ = encode(work.examples("train"), tokenizer, recipe.training.max_length)
    rows = [
        {"input_ids": list(item.ids), "completion_mask": [int(at >= item.start) for at in range(len(item.ids))]}
        for item in encoded
    ]

    class Teller(TrainerCallback):  # type: ignore[misc]
        seen = 0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            turns.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            turns.made(trainer._total_train_tokens - self.seen)
            self.seen = trainer._total_train_tokens

    config = SFTConfig(
        output_dir=str(folder),
        learning_rate=recipe.training.learning_rate,
        num_train_epochs=recipe.training.epochs,
        seed=recipe.training.seed,
        report_to="none",
        use_cpu=True,
        **changes,
    )
    adapter = LoraConfig(
        r=recipe.lora.r, lora_alpha=recipe.lora.lora_alpha, target_modules=work.targets, task_type="CAUSAL_LM"
    )
    trainer = SFTTrainer(
        work.checkpoint, config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, peft_config=adapter
    )
    trainer.add_callback(Teller())
    trainer.train()
    trainer.model.save_pretrained(folder / "adapter")
    turns.end(lambda: {"batch_rows": config.per_device_train_batch_size, "steps": trainer.state.global_step})


def variant(kind: str, work: Plan, turns: Turns) -> None:
    """One kind of adapter, or the whole vocabulary, in the product's loop."""
    from assistant.training.dataset import batches, candidate_vocabulary, encode, invocation
    from assistant.training.job import learning_rate
    from assistant.training.loop import Loop, load, load_tokenizer

    recipe = work.settings()
    settings = recipe.training
    recipe = replace(recipe, lora=replace(recipe.lora, **SWITCHES.get(kind, {})))
    tokenizer = load_tokenizer(Path(work.checkpoint))
    train, _ = encode(work.examples("train"), tokenizer, settings.max_length)
    valid, _ = encode(work.examples("valid"), tokenizer, settings.max_length)
    ending = invocation(train, tokenizer(work.ending, add_special_tokens=False)["input_ids"])
    model = load(Path(work.checkpoint), recipe, work.targets, ending)
    everything = range(model.get_base_model().get_output_embeddings().weight.shape[0])
    candidates = everything if kind == "full" else candidate_vocabulary([*train, *valid], tokenizer.eos_token_id)
    loop = Loop(model, candidates, recipe, tokenizer.pad_token_id or 0)
    steps = [b for e in range(settings.epochs) for b in batches(train, settings.batch_tokens, settings.seed, e)]
    turns.begin()
    for number, batch in enumerate(steps):
        loop.step(batch, learning_rate(number, len(steps), settings))
        turns.made(sum(len(item.ids) for item in batch))
    turns.end(
        lambda: (
            {"steps": len(steps), "candidates": len(candidates)}
            | losses(model, valid, candidates, settings.batch_tokens)
        )
    )


SWITCHES: dict[str, dict[str, bool]] = {
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "alora": {"use_alora": True},
    "nf4": {"use_qlora": True},
}


def losses(model: Any, valid: Sequence[Any], candidates: Sequence[int], batch_tokens: int) -> dict[str, float]:
    """Validation loss in nats per labelled token, over the candidates and over the whole vocabulary."""
    import torch

    from assistant.training import lora
    from assistant.training.dataset import batches
    from assistant.training.objective import CandidateHead, batch_loss

    model.eval()
    base, found = model.get_base_model(), {}
    everything = range(base.get_output_embeddings().weight.shape[0])
    for name, ids in (("candidates", candidates), ("full", everything)):
        head, total, count = CandidateHead(base, ids), 0.0, 0
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            for batch in batches(valid, batch_tokens, 0, 0):
                with lora.invoked(model, batch):
                    loss, labels = batch_loss(base, head, batch, 0)
                total, count = total + float(loss), count + labels
        found[f"validation_loss_{name}"] = round(total / count, 4)
    return found


def loss(kind: str, work: Plan) -> dict[str, float]:
    """The validation loss of the adapter that a system has left."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from assistant.training.dataset import candidate_vocabulary, encode

    base = AutoModelForCausalLM.from_pretrained(work.checkpoint, dtype=torch.bfloat16, attn_implementation="sdpa")
    model = PeftModel.from_pretrained(base, Path(work.folder) / kind / "adapter")
    settings = work.settings().training
    tokenizer = AutoTokenizer.from_pretrained(work.checkpoint)
    valid, _ = encode(work.examples("valid"), tokenizer, settings.max_length)
    candidates = candidate_vocabulary(valid, tokenizer.eos_token_id)
    return {"full": losses(model, valid, candidates, settings.batch_tokens)["validation_loss_full"]}


def curve(work: Plan) -> None:
    """Every loss of the product's run; of several processes only the first one reports."""
    from assistant.training.job import Reach, Step, TrainingRun, Validation

    events: list[Any] = []
    run = TrainingRun(
        Path(work.folder), Path(work.checkpoint), work.settings(), Reach(work.targets, work.ending), events.append
    )
    run.run(work.examples("train"), work.examples("valid"), "measured")
    if events:
        steps = [e for e in events if isinstance(e, Step)]
        record = {
            "losses": [e.loss for e in steps],
            "validation": [e.loss for e in events if isinstance(e, Validation)],
            "tokens_per_second": round(steps[-1].tokens_per_second, 1),
        }
        (Path(work.folder) / "curve.json").write_text(json.dumps(record), "utf-8")


def main(arguments: Sequence[str]) -> None:
    """One system: `KIND PLAN`, or `loss KIND PLAN`."""
    kind = arguments[0]
    work = Plan(**json.loads(Path(arguments[-1]).read_text("utf-8")))
    if kind == "loss":
        print(json.dumps(loss(arguments[1], work)))
    elif kind == "curve":
        curve(work)
    elif kind == "ours":
        ours(work, Turns(work.block))
    elif kind.startswith("trl"):
        trl(work, Turns(work.block), **({} if kind == "trl" else {"gradient_checkpointing": False}))
    else:
        variant(kind, work, Turns(work.block))


if __name__ == "__main__":
    main(sys.argv[1:])
