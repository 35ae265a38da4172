"""Do the exported forms of an adapter write the same? `python docs/measure_exports.py [--prompts N] [ADAPTER ...]`.

For each adapter (all with a live version unless named) the four forms are exported by the product's own makers, and N
of 50 real prompts are completed greedily (48 tokens) by each, alone, one after the other. Two settings:

like      one precision: transformers computes in fp32, llama.cpp reads files of 32-bit floats that hold the very
          weights of the checkpoint; what differs then, beyond the bf16 that `merged` is written in, is a defect.
          A fifth form, gguf-of-merged, is the merged folder as GGUF: it must write what `merged` writes.
shipped   as they leave the house: PEFT and merged in bf16, the adapter on the Q4_K_M base, the Q8_0 merged GGUF

One JSON object comes out: for each pair of forms the equal texts, the mean share of a text before the two part, and of
the texts that part the gap: the difference of the two first differing tokens in log-probability under PEFT in fp32. A
near tie has a gap of tenths; above 1.0 it counts as clear, as before an export is offered. disagreements.json in each
adapter's folder has prompt, texts and token ids.

Texts are kept for each adapter and form in WORK/<adapter>/<setting>-<form>.json: a killed run goes on, prompt by
prompt, and one with more prompts takes up what is there. Remove WORK after a version has changed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import mean, median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "var" / "measure-exports"
PROMPTS = 50
FORMS = {
    "like": ("peft", "merged", "gguf", "gguf-merged", "gguf-of-merged"),
    "shipped": ("peft", "merged", "gguf", "gguf-merged"),
}
PRECISION = {"like": "fp32", "shipped": "bf16"}
CONTEXT = 2048


class Bench:
    """One adapter: its live version, its prompts, and the folder in which its forms and texts lie."""

    def __init__(self, name: str, work: Path) -> None:
        from assistant.bootstrap import build
        from assistant.services.drafts import topics_of
        from assistant.services.export_forms import Workshop
        from assistant.services.parity import own_inputs
        from assistant.settings import Settings

        home = build(Settings.load(home=ROOT, engine="llama_cpp"), lambda line: None)
        live = home.adapters.live()[name]
        self.name, self.card, self.version = name, live.card, live.version
        self.folder, self.base_f32 = work / name, work / "base-f32.gguf"
        self.prompts = own_inputs(live.card, home.training, PROMPTS, topics_of(live.version)).prompts
        self.shop = Workshop(live.version, home.base, home.settings.var / "models", work / "scratch", note)
        self.folder.mkdir(parents=True, exist_ok=True)

    def first(self, count: int) -> list[str]:
        """`count` of the prompts, evenly spread."""
        from assistant.services.heldout import spread

        return list(spread(self.prompts, count))

    def made(self, setting: str, form: str) -> Path:
        """What a library loads of a form; made where it is not there yet."""
        from assistant.models.gguf_merge import merge_adapter_gguf
        from assistant.services.export_forms import Form

        if form in ("gguf-merged", "gguf-of-merged") and setting == "like":
            out = self.folder / f"{form}-f32.gguf"
            if not out.is_file() and form == "gguf-merged":
                merge_adapter_gguf(self.base(setting), self.made(setting, "gguf"), out)
            elif not out.is_file():
                unquantized(self.shop.base_gguf, self.made(setting, "merged"), out)
            return out
        folder = self.folder / form
        if not (folder / "whole").is_file():
            subprocess.run(["rm", "-rf", str(folder)], check=True)
            self.shop.make(Form(form), folder)
            (folder / "whole").touch()
        return next(iter(folder.glob("*.gguf")), folder)

    def base(self, setting: str) -> Path:
        """The GGUF below the adapter's."""
        if setting == "shipped":
            return self.shop.base_gguf
        if not self.base_f32.is_file():
            unquantized(self.shop.base_gguf, self.shop.checkpoint, self.base_f32)
        return self.base_f32

    def texts(self, setting: str, form: str) -> dict[str, list[Any]]:
        """The completions so far: prompt -> [text, whether it ended by itself]."""
        path = self.folder / f"{setting}-{form}.json"
        return dict(json.loads(path.read_text("utf-8"))["texts"]) if path.is_file() else {}


def unquantized(base: Path, checkpoint: Path, out: Path) -> None:
    """The checkpoint's weights as 32-bit floats, with the metadata and vocabulary of the GGUF it was unpacked from.

    llama.cpp's converter cannot: the tokenizer that transformers writes back has lost its vocabulary's scores.
    """
    import gguf
    import torch
    from safetensors.torch import load_file

    from assistant.models.gguf_merge import copy_metadata

    weights = {}
    for file in sorted(checkpoint.glob("*.safetensors")):
        weights |= load_file(file)
    source = gguf.GGUFReader(base)
    layers = int(source.get_field("gemma3.block_count").contents())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, layers)
    writer = gguf.GGUFWriter(out.with_suffix(".tmp"), "gemma3")
    writer.data_alignment = source.alignment
    copy_metadata(source, writer, int(gguf.LlamaFileType.ALL_F32))
    expected = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in source.tensors}
    if "output.weight" in expected:  # the same weights as the embedding's, in another quantization
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    for name, tensor in weights.items():
        ours = names.get_name(name, (".weight",))
        data = tensor.to(torch.float32).numpy()
        data = data + 1 if name.endswith("norm.weight") else data  # Gemma 3 adds it, a GGUF has it added
        if expected.pop(ours) != data.shape:
            sys.exit(f"{name}: {data.shape} is not the shape of {ours}")
        writer.add_tensor(ours, data)
    if expected:
        sys.exit(f"{checkpoint} lacks {', '.join(expected)}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    out.with_suffix(".tmp").rename(out)


def complete_all(name: str, setting: str, form: str, count: int, work: Path) -> None:
    """The texts of one form that are not there yet; run in a process of its own."""
    from assistant.engines.base import AdapterFiles, FinishReason, GenerationRequest, complete
    from assistant.services.parity import TOKENS

    bench = Bench(name, work)
    texts = bench.texts(setting, form)
    missing = [prompt for prompt in bench.first(count) if prompt not in texts]
    if not missing:
        return
    engine = _engine(bench, setting, form)
    key = None
    if form in ("peft", "gguf"):
        made = bench.made(setting, form)
        (key, probe) = (bench.version.key, missing[0])
        for failure in engine.set_adapters([AdapterFiles(key, made, made, probe)]):
            sys.exit(f"{form}: {failure.reason}")
    started = time.perf_counter()
    for done, prompt in enumerate(missing, start=1):
        request = GenerationRequest(prompt, key, max_tokens=TOKENS, stop=bench.card.stop)
        text, finished = complete(engine, request)
        texts[prompt] = [text, finished.reason is FinishReason.STOP]
        if done % 5 == 0 or done == len(missing):
            seconds = round(time.perf_counter() - started, 1)
            write(bench.folder / f"{setting}-{form}.json", {"seconds_last_run": seconds, "texts": texts})
            note(f"{name} {setting} {form}: {done}/{len(missing)}, {seconds} s")
    engine.close()


def _engine(bench: Bench, setting: str, form: str) -> Any:
    from assistant.engines.llama_cpp import LlamaCppEngine
    from assistant.engines.transformers_peft import TransformersPeftEngine

    threads = int(os.environ["OMP_NUM_THREADS"])
    if form in ("peft", "merged"):
        folder = bench.shop.checkpoint if form == "peft" else bench.made(setting, form)
        precision: Any = PRECISION[setting]
        return TransformersPeftEngine(
            folder, quantization=precision, device="cpu", threads=threads, context_size=CONTEXT
        )
    path = bench.base(setting) if form == "gguf" else bench.made(setting, form)
    return LlamaCppEngine(path, threads=threads, slots=1, context_size=CONTEXT)


def gaps(name: str, count: int, work: Path) -> None:
    """Look up, for every two texts that part, how far apart their first differing tokens are; kept in gaps.json."""
    from assistant.engines.base import AdapterFiles, GenerationRequest

    bench = Bench(name, work)
    path = bench.folder / "gaps.json"
    known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    wanted = [found for found in disagreements(bench, count) if found["key"] not in known]
    if not wanted:
        return
    engine = _engine(bench, "like", "peft")
    key, made = bench.version.key, bench.version.path
    for failure in engine.set_adapters([AdapterFiles(key, made, made, wanted[0]["prompt"])]):
        sys.exit(failure.reason)
    for found in wanted:
        (one, _), (other, _) = found["texts"]
        parting = engine.parting(GenerationRequest(found["prompt"], key, stop=bench.card.stop), (one, other))
        known[found["key"]] = parting and {"gap": round(parting.gap, 4), "tokens": parting.tokens}
    write(path, known)


def disagreements(bench: Bench, count: int) -> Iterator[dict[str, Any]]:
    """Every two forms' different texts, with a key that stands for prompt and texts."""
    for setting, forms in FORMS.items():
        texts = {form: bench.texts(setting, form) for form in forms}
        for a, b in combinations(forms, 2):
            for prompt in bench.first(count):
                both = [texts[form].get(prompt) for form in (a, b)]
                if both[0] and both[1] and both[0] != both[1]:
                    key = json.dumps([prompt, *sorted(map(str, both))], ensure_ascii=False)
                    yield {"setting": setting, "forms": f"{a} ~ {b}", "prompt": prompt, "texts": both, "key": key}


def report(name: str, count: int, work: Path) -> dict[str, Any]:
    """The figures of every pair of forms that have texts."""
    from assistant.services.parity import CLEAR, agreement

    bench = Bench(name, work)
    path = bench.folder / "gaps.json"
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    apart = [found | {"gap": known.get(found.pop("key"))} for found in disagreements(bench, count)]
    write(bench.folder / "disagreements.json", apart)
    figures: dict[str, Any] = {}
    for setting, forms in FORMS.items():
        texts = {form: bench.texts(setting, form) for form in forms}
        for a, b in combinations(forms, 2):
            shared = [prompt for prompt in bench.first(count) if prompt in texts[a] and prompt in texts[b]]
            if not shared:
                continue
            found = agreement([texts[a][p][0] for p in shared], [texts[b][p][0] for p in shared])
            pair = [f["gap"] for f in apart if (f["setting"], f["forms"]) == (setting, f"{a} ~ {b}") and f["gap"]]
            leads = [one["gap"] for one in pair]
            figures.setdefault(setting, {})[f"{a} ~ {b}"] = {
                "equal": round(found["identical"] * len(shared)),
                "of": len(shared),
                "common_prefix": found["common_prefix"],
                "empty": found["empty"],
                "gap_median": round(median(leads), 3) if leads else None,
                "gap_mean": round(mean(leads), 3) if leads else None,
                "gap_largest": max(leads, default=None),
                "clear": sum(lead > CLEAR for lead in leads),
            }
    return figures


def write(path: Path, value: object) -> None:
    """As JSON, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
    temporary.rename(path)


def note(line: str) -> None:
    """How far it is."""
    print(line, file=sys.stderr, flush=True)


def _in_own_process(options: argparse.Namespace, *step: str) -> None:
    command = [sys.executable, __file__, "--work", str(options.work), "--prompts", str(options.prompts)]
    threads = str(options.threads or len(os.sched_getaffinity(0)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads}
    subprocess.run([*command, "--step", *step], cwd=ROOT, check=True, env=environment)


def main() -> None:
    """Every form of every adapter, each in a process of its own; then the gaps, then the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapters", nargs="*", metavar="ADAPTER")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="of the 50, evenly spread")
    parser.add_argument("--setting", choices=FORMS, action="append", help="both unless named")
    parser.add_argument("--threads", type=int, default=0, help="of each process; 0: one for each core")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, *what = options.step
        if what:
            complete_all(name, what[0], what[1], options.prompts, options.work)
        else:
            gaps(name, options.prompts, options.work)
        return
    names = options.adapters or sorted(path.parent.name for path in (ROOT / "adapters").glob("*/card.toml"))
    for setting in options.setting or FORMS:
        for name in names:
            for form in FORMS[setting]:
                _in_own_process(options, name, setting, form)
    figures = {}
    for name in names:
        _in_own_process(options, name)
        figures[name] = report(name, options.prompts, options.work)
    write(options.work / "figures.json", figures)
    print(json.dumps(figures, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
