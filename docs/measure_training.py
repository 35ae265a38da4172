"""Figures of training: `python docs/measure_training.py speed | variants | vocabulary | processes [OPTIONS]`.

speed       tokens/s and peak memory of this project's training and of TRL's SFTTrainer with its defaults; with --f1
            SENTENCES also the micro-F1 of both adapters on so many sentences of the recipe's test file
variants    LoRA, rsLoRA, DoRA, activated LoRA and QLoRA (NF4) on the same steps: validation loss, tokens/s, memory
vocabulary  the loss over the candidate vocabulary against the loss over the whole one, on the same steps
processes   the losses of one process and of two under `accelerate launch`, each step's

Every system is a process of its own on the same first rows, as many as fill --steps of our steps. They work in turns,
--block tokens each, so that whatever else the machine does slows all of them: their ratio can be trusted where the
speeds cannot. Tokens are those of the rows, padding is not counted.
"""

from __future__ import annotations

import argparse
import bisect
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from training_systems import VARIANTS, Plan

ROOT = Path(__file__).resolve().parents[1]
TRL = """trl is not installed; it is no part of this project. Put it beside, not into the environment:
  python -m pip install --no-deps --target /tmp/trl trl==1.16.0 datasets==5.2.0 dill==0.4.1 multiprocess==0.70.19
  PYTHONPATH=/tmp/trl python docs/measure_training.py speed"""
SYSTEMS = str(ROOT / "docs" / "training_systems.py")


def plan(options: argparse.Namespace, folder: Path) -> Plan:
    """The first rows of an adapter's data that fill the wanted steps."""
    from transformers import AutoTokenizer

    from assistant.bootstrap import build
    from assistant.models.provision import provision_checkpoint
    from assistant.settings import Settings
    from assistant.training.dataset import batches, encode

    assistant = build(Settings.load(), say)
    wanted: dict[str, object] = {"epochs": options.epochs, "patience": 0, "samples": 0}
    recipe, data = assistant.training.recipe(options.adapter, wanted), assistant.training.data(options.adapter)
    checkpoint = provision_checkpoint(assistant.base, assistant.settings.var / "models", say)
    tokenizer, settings = AutoTokenizer.from_pretrained(str(checkpoint)), recipe.training
    rows = len(data.train)
    if options.steps:
        encoded = [encode([example], tokenizer, 10**6)[0][0] for example in data.train[: 40 * options.steps]]

        def steps(count: int) -> int:
            fitting = [item for item in encoded[:count] if len(item.ids) <= settings.max_length]
            return len(batches(fitting, settings.batch_tokens, 0, 0)) * settings.epochs

        rows = bisect.bisect_left(range(1, len(encoded)), options.steps, key=steps) + 1
    assistant.close()
    return Plan(
        str(checkpoint),
        list(assistant.base.target_modules),
        json.loads(json.dumps(asdict(recipe))),
        [[e.prompt, e.completion] for e in data.train[:rows]],
        [[e.prompt, e.completion] for e in data.validation[: options.validation]],
        str(folder),
        options.block,
        assistant.registry.card(options.adapter).template.rpartition("}")[2],
    )


def in_turns(kinds: Sequence[str], work: Plan) -> dict[str, dict[str, Any]]:
    """Run a child of each kind, one at a time, and return their figures."""
    folder = Path(work.folder)
    (folder / "plan.json").write_text(json.dumps(asdict(work)), "utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "HF_HUB_OFFLINE": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    children = {}
    for kind in kinds:
        command = [sys.executable, SYSTEMS, kind, str(folder / "plan.json")]
        children[kind] = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    for kind, child in children.items():
        heard(kind, child)  # ready
    turns: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    waiting = list(kinds)
    while waiting:
        for kind in list(waiting):
            said = go(kind, children[kind])
            turns[kind].append(said)
            if said["end"]:
                waiting.remove(kind)
        say(" | ".join(f"{kind} {sum(t['tokens'] for t in turns[kind])} tokens" for kind in kinds))
    found = {kind: figures(turns[kind]) | go(kind, children[kind]) for kind in kinds}
    for child in children.values():
        child.wait()
    return found


def go(kind: str, child: subprocess.Popen[str]) -> dict[str, Any]:
    """Give a child its turn; returns what it says after it."""
    assert child.stdin
    child.stdin.write("\n")
    child.stdin.flush()
    return heard(kind, child)


def heard(kind: str, child: subprocess.Popen[str]) -> dict[str, Any]:
    assert child.stdout
    line = child.stdout.readline()
    if not line:
        sys.exit(f"the process of {kind} ended with status {child.wait()}")
    said: dict[str, Any] = json.loads(line)
    return said


def figures(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tokens, seconds = sum(t["tokens"] for t in turns), sum(t["seconds"] for t in turns)
    rates = [t["tokens"] / t["seconds"] for t in turns[:-1]] or [tokens / seconds]  # the last turn may be a short one
    return {
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds, 1),
        "turns": [round(rate, 1) for rate in rates],
    }


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Ours against TRL, and against TRL without its gradient checkpointing."""
    if importlib.util.find_spec("trl") is None:
        sys.exit(TRL)
    kinds = ["ours", "trl"] + (["trl_no_checkpointing"] if options.no_checkpointing else [])
    with tempfile.TemporaryDirectory() as name:
        work = plan(options, Path(name))
        found: dict[str, Any] = {"rows": len(work.train), "epochs": options.epochs} | in_turns(kinds, work)
        for kind in kinds[1:]:
            pairs = zip(found["ours"]["turns"], found[kind]["turns"], strict=False)
            found[f"ratio_to_{kind}"] = {
                "whole_run": round(found["ours"]["tokens_per_second"] / found[kind]["tokens_per_second"], 2),
                "median_of_turns": round(median(ours / theirs for ours, theirs in pairs), 2),
            }
        for kind in kinds:
            found[kind]["validation_loss"] = told("loss", kind, name)["full"]
            if options.f1:
                found[kind] |= quality(options, work, Path(name) / kind / "adapter")
    return found


def told(*arguments: str) -> dict[str, float]:
    """The answer of a child that takes no turns."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, SYSTEMS, *arguments[:2], str(Path(arguments[2]) / "plan.json")],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def quality(options: argparse.Namespace, work: Plan, folder: Path) -> dict[str, Any]:
    """Micro-F1 of an adapter's files through llama.cpp, as a version is judged."""
    from assistant.bootstrap import build
    from assistant.models.gguf_export import export_adapter_gguf
    from assistant.services.evaluation import progress_lines
    from assistant.services.residence import LiveAdapter, files_of
    from assistant.settings import Settings
    from assistant.stores.manifests import Version

    assistant = build(Settings.load(engine="llama_cpp"), say)
    card = assistant.registry.card(options.adapter)
    candidate = LiveAdapter(card, Version(options.adapter, 9999, assistant.base.name, folder))
    export_adapter_gguf(folder, Path(work.checkpoint), folder / "adapter.gguf")
    try:
        for failure in assistant.engine.set_adapters([files_of(candidate)]):
            return {"f1_fails": failure.reason}
        test = assistant.training.test_file(options.adapter)
        assert test
        judged = assistant.evaluation.evaluate(candidate, test, progress_lines(say), options.f1)
    finally:
        assistant.close()
    return {key: judged[key] for key in ("micro_f1", "precision", "recall", "parse_failures", "n")}


def variants(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        work = plan(options, Path(name))
        return {"rows": len(work.train)} | in_turns(options.only or VARIANTS, work)


def vocabulary(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        work = plan(options, Path(name))
        found: dict[str, Any] = {"rows": len(work.train)} | in_turns(["lora", "full"], work)
    ratio = found["lora"]["tokens_per_second"] / found["full"]["tokens_per_second"]
    return found | {"ratio": round(ratio, 2)}


def processes(options: argparse.Namespace) -> dict[str, Any]:
    """The losses of every step and look, one process against two; needs nothing but accelerate."""
    launch = [
        "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no",
    ]  # fmt: skip
    curves = []
    with tempfile.TemporaryDirectory() as name:
        work = plan(options, Path(name))
        for start in ([], launch):
            folder = Path(name) / f"{len(curves)}"
            folder.mkdir()
            (folder / "plan.json").write_text(json.dumps(asdict(replace(work, folder=str(folder)))), "utf-8")
            command = [sys.executable, *start, SYSTEMS, "curve", str(folder / "plan.json")]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
            curves.append(json.loads((folder / "curve.json").read_text("utf-8")))
    one, two = curves
    apart = [abs(a - b) / a for a, b in zip(one["losses"], two["losses"], strict=True)]
    return {"one": one, "two": two, "largest_relative_difference": max(apart), "mean": sum(apart) / len(apart)}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["speed", "variants", "vocabulary", "processes"])
    parser.add_argument("--adapter", default="legal-ner", help="whose recipe and data")
    parser.add_argument("--steps", type=int, default=60, help="steps of ours that the rows fill; 0: all rows")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--validation", type=int, default=60, help="examples for the validation loss, at most 150")
    parser.add_argument("--block", type=int, default=4000, help="tokens of a turn")
    parser.add_argument("--f1", type=int, default=0, metavar="SENTENCES", help="speed: judge both adapters on these")
    parser.add_argument(
        "--no-checkpointing", action="store_true", help="speed: TRL without gradient checkpointing, too"
    )
    parser.add_argument("--only", nargs="*", choices=VARIANTS, help="variants: these")
    options = parser.parse_args()
    commands = {"speed": speed, "variants": variants, "vocabulary": vocabulary, "processes": processes}
    print(json.dumps(commands[options.command](options), ensure_ascii=False))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
