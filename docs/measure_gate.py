"""The gate on real candidates: `python docs/measure_gate.py [all | train | judge | limits] [FOLDER]`, all in var/gate.

A third domain, complaints to a town hall by department (docs/complaints.toml), is trained and judged by the services
that the commands `train` and `judge` call, in a home of its own below FOLDER, beside copies of the shipped adapters.
Every version that is there already is kept, so that a second run only judges.

train   the live version, five planted bad candidates and a really better one
judge   each of the six against the live version: one JSON object a line
limits  what the shipped live versions forget and what their cards take, and a card with another adapter's texts
all     the three in this order
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command line sets it
os.environ.setdefault("HF_HUB_OFFLINE", "1")
NAME = "reclamacoes"
SEED = 13
SOUND = {"epochs": 4, "learning_rate": 5e-4, "batch_tokens": 200, "evaluate_every": 40}
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Candidate:
    """One version: which rows of `data` it learns from (`limit` 0: all), and how. Without `data` nothing is trained."""

    name: str
    about: str
    data: str = ""
    limit: int = 0
    training: Mapping[str, float] = field(default_factory=dict)


LIVE = Candidate("live", "72 rows, one pass", "train", 72, SOUND | {"epochs": 1})
CANDIDATES = (
    Candidate("noise labels", "all 240 rows, the departments shuffled", "noise", 0, SOUND),
    Candidate("copy of the live one", "the same weights under another number"),
    Candidate("no-op", "the live version with every B zero"),
    Candidate(
        "over-trained",
        "24 rows 40 times at four times the rate, the validation loss looked at only at the end",
        "train",
        24,
        SOUND | {"epochs": 40, "learning_rate": 2e-3, "evaluate_every": 1_000_000},
    ),
    Candidate("off-domain", "80 reviews of restaurants with their replies", "restaurant", 80, SOUND | {"epochs": 1}),
    Candidate("really better", "all 240 rows, four passes", "train", 0, SOUND),
)


def complaints() -> dict[str, Rows]:
    """The rows of each data file: train, validation, test, noise, restaurant."""
    known = tomllib.loads((ROOT / "docs/complaints.toml").read_text("utf-8"))
    chooser = random.Random(SEED)
    found: dict[str, Rows] = {"train": [], "validation": [], "test": []}
    for department in known["department"]:
        filled = [_fill(t, known["slots"], chooser) for t in department["templates"] for _ in range(known["fills"])]
        for part, texts in (("train", filled + department["natural"]), *((p, department[p]) for p in list(found)[1:])):
            found[part] += [{"input": text, "output": department["name"]} for text in texts]
    for rows in found.values():
        chooser.shuffle(rows)
    outputs = [row["output"] for row in found["train"]]
    chooser.shuffle(outputs)
    found["noise"] = [row | {"output": other} for row, other in zip(found["train"], outputs, strict=True)]
    reviews = (ROOT / "adapters/restaurant-replies/data/service.jsonl").read_text("utf-8").splitlines()
    found["restaurant"] = [{"input": r["review"], "output": r["reply"]} for r in map(json.loads, reviews)]
    return found


def _fill(template: str, slots: Mapping[str, Sequence[str]], chooser: random.Random) -> str:
    for name, values in slots.items():
        template = template.replace(f"{{{name}}}", chooser.choice(values))
    return template[0].upper() + template[1:]


def prepare(home: Path) -> None:
    """Neighbours, base, data and card; what is there already stays."""
    if (home / "adapters" / NAME / "card.toml").is_file():
        return
    shutil.rmtree(home / "adapters", ignore_errors=True)
    shutil.copytree(ROOT / "adapters", home / "adapters")
    (home / "corpora").mkdir(exist_ok=True)
    (home / "var").mkdir(exist_ok=True)
    if not (home / "var/models").exists():
        (ROOT / "var/models").mkdir(parents=True, exist_ok=True)
        (home / "var/models").symlink_to((ROOT / "var/models").resolve())
    seeded = home / "var/cache/judgement"
    if (ROOT / "var/cache/router").is_dir() and not seeded.exists():  # embeddings that this installation has
        shutil.copytree(ROOT / "var/cache/router", seeded)
    folder = home / "adapters" / NAME
    (folder / "data").mkdir(parents=True)
    data = complaints()
    for name, rows in data.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"data/{name}.jsonl").write_text(text, "utf-8")
    (folder / "card.toml").write_text(card([row["input"] for row in data["train"][::4]]), "utf-8")


def card(utterances: Sequence[str]) -> str:
    """card.toml of the third domain, as the training page writes it for such a table."""
    return f"""kind = "reply"
active = 0
corpora = []
title = {{ pt = "Reclamações por setor", en = "Complaints by department" }}
description = {{ pt = "Diz a que setor cabe uma reclamação.", en = "Says which department a complaint belongs to." }}
reason = {{ pt = "parece uma reclamação de morador", en = "looks like a citizen's complaint" }}
[prompt]
template = "Texto: {{input}}\\nSetor:"
stop = ["\\n"]
max_tokens = 16
[routing]
utterances = {json.dumps(list(utterances), ensure_ascii=False)}
"""


def write_recipe(home: Path, candidate: Candidate) -> None:
    """The recipe as it lies there when this candidate was trained; the held-out rows are always the same."""
    settings = "".join(f"{key} = {value}\n" for key, value in (candidate.training or SOUND).items())
    (home / "adapters" / NAME / "recipe.toml").write_text(
        f'[data]\nsource = "records"\nfiles = ["data/{candidate.data or "train"}.jsonl"]\nlimit = {candidate.limit}\n'
        f'validation = ["data/validation.jsonl"]\ntest = "data/test.jsonl"\n'
        f"[lora]\nr = 8\nlora_alpha = 16\n[training]\nmax_length = 256\nseed = {SEED}\n{settings}",
        "utf-8",
    )


def opened(home: Path) -> Any:
    """The assistant of this home; the shipped adapters are its neighbours."""
    from assistant.bootstrap import build
    from assistant.settings import Settings

    return build(Settings.load(home=home, data_folder=ROOT.parent / "shared/data"), say)


def checkpoint_of(assistant: Any) -> Path:
    """The base as transformers loads it."""
    from assistant.models.provision import provision_checkpoint

    return provision_checkpoint(assistant.base, assistant.settings.var / "models", say)


def say(text: str) -> None:
    """How far it is, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def train(home: Path) -> Iterator[dict[str, Any]]:
    """Every version that is not there yet, each with its seconds; a run that was killed goes on."""
    prepare(home)
    assistant = opened(home)
    for at, candidate in enumerate((LIVE, *CANDIDATES), 1):
        known = numbers(home)
        if candidate.name in known:
            continue
        started = time.perf_counter()
        write_recipe(home, candidate)
        if candidate.data:
            number = assistant.training.train(NAME, say, f"gate-{at}").number
        else:
            number = derive(assistant, known["live"], without_effect=candidate.name == "no-op")
        if candidate is LIVE:
            assistant.registry.activate(NAME, number)
        (home / "versions.json").write_text(json.dumps(known | {candidate.name: number}), "utf-8")
        seconds = round(time.perf_counter() - started, 1)
        yield {"trained": candidate.name, "version": number, "about": candidate.about, "seconds": seconds}
    assistant.close()


def numbers(home: Path) -> dict[str, int]:
    """The version's number of each candidate that is there."""
    path = home / "versions.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def derive(assistant: Any, live: int, *, without_effect: bool) -> int:
    """A version made of the live one's files: the same, or with every B zero; published as a trained one is."""
    from dataclasses import replace

    from safetensors.numpy import load_file, save_file

    from assistant.models.gguf_export import export_adapter_gguf
    from assistant.stores.manifests import sha256_of

    registry = assistant.registry
    source, number = registry.version(NAME, live), registry.next_number(NAME)
    staged = source.path.with_name(f".{number:04d}-staged")
    shutil.copytree(source.path, staged, ignore=shutil.ignore_patterns("manifest.toml", "evaluation.json"))
    if without_effect:
        weights = load_file(staged / "adapter_model.safetensors")
        zero = {name: tensor * 0 if "lora_B" in name else tensor for name, tensor in weights.items()}
        save_file(zero, staged / "adapter_model.safetensors", metadata={"format": "pt"})
        (staged / "adapter.gguf").unlink()
        export_adapter_gguf(staged, checkpoint_of(assistant), staged / "adapter.gguf")
    files = {path.name: sha256_of(path) for path in sorted(staged.iterdir())}
    registry.publish(staged, replace(registry.manifest(source), number=number, files=files), {})
    return number


def judge(home: Path) -> Iterator[dict[str, Any]]:
    """What the command `judge` does, on each candidate and on all held-out rows."""
    from assistant.services.judging import told

    prepare(home)
    known, assistant = numbers(home), opened(home)
    if missing := [candidate.name for candidate in CANDIDATES if candidate.name not in known]:
        sys.exit(f"not trained yet: {', '.join(missing)} (python docs/measure_gate.py train)")
    wanted = ("rows", "score", "difference", "failures", "inventions", "tokens_per_second", "size_bytes")
    for candidate in CANDIDATES:
        write_recipe(home, candidate)
        record = assistant.judgement.judge(NAME, known[candidate.name], 0, told(say))
        figures = record["figures"]
        yield {
            "candidate": candidate.name,
            "about": candidate.about,
            "promote": record["verdict"]["promote"],
            "failed": figures["failed"],
            "reasons": [reason["pt"] for reason in record["verdict"]["reasons"]],
            **{key: figures[key] for key in wanted if key in figures},
            "forgetting": record["forgetting"],
            "taken": record["traffic"]["taken"],
            "kept": record["traffic"]["kept"],
            "seconds": record["seconds"],
        }
    assistant.close()


def limits(home: Path) -> Iterator[dict[str, Any]]:
    """What is measured for FORGETTING and TAKEN beside the candidates."""
    from assistant.services.traffic import router_traffic
    from assistant.training.forgetting import general_losses

    prepare(home)
    assistant = opened(home)
    live = {name: v for name in assistant.registry.names() if (v := assistant.registry.active(name))}
    losses = general_losses(checkpoint_of(assistant), {name: version.path for name, version in live.items()})
    added = {name or "base": round(loss - (losses[None] if name else 0), 4) for name, loss in losses.items()}
    yield {"forgetting_of_live_versions": added}
    cache = assistant.settings.var / "cache" / "judgement"

    def takes(name: str) -> dict[str, Any]:
        found = router_traffic(assistant.registry, name, live, assistant.embedder, cache)
        return {key: found[key] for key in ("taken", "taken_from_none", "kept")}

    for name in live:
        yield {"traffic": name, **takes(name)}
    path = home / "adapters" / NAME / "card.toml"
    sound = path.read_text("utf-8")
    try:  # as after adding reviews to the adapter's own texts
        path.write_text(f'{sound}inputs = ["data/restaurant.jsonl"]\n', "utf-8")
        yield {"traffic": f"{NAME}, with reviews of restaurants among its texts", **takes(NAME)}
    finally:
        path.write_text(sound, "utf-8")
    assistant.close()


if __name__ == "__main__":
    what, folder, *_ = [*sys.argv[1:], *["all", "var/gate"][len(sys.argv) - 1 :]]
    work = Path(folder).resolve()
    work.mkdir(parents=True, exist_ok=True)
    steps: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {"train": train, "judge": judge, "limits": limits}
    for step in steps.values() if what == "all" else [steps[what]]:
        for line in step(work):
            print(json.dumps(line, ensure_ascii=False), flush=True)
