"""How soon changes take effect while eight visitors stream: `python docs/measure_live.py [VISITORS]`.

On the real base, in a home of its own that is removed afterwards, with the watcher that `serve` runs. JSON comes out:

seconds   register      a folder is renamed into adapters/, as another process would -> its version may answer
          refit         the same -> the router, which nobody calls, sends it a question that it did not send before
          activate, roll_back, delete_version   the calls of the page, from click to return
          retire, delete                        the new adapter goes again
visitors  answers in all, most and fewest of one visitor, failed requests, and answers mixed of two versions: the
          weights of the second version are legal-ner's, which write "nenhuma" below a review, and the first one never
load      load averages before; a busy machine is slow
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from assistant.bootstrap import Assistant, build
from assistant.services.request import AskRequest
from assistant.services.watch import Watcher
from assistant.settings import Settings
from assistant.stores.registry import AdapterRegistry
from assistant.types import Routed, TokenDelta

ROOT = Path(__file__).resolve().parents[1]
NAME, SOURCE, NEW = "restaurant-replies", "legal-ner", "weather-places"
FOREIGN = "nenhuma"  # what legal-ner writes below a review
REVIEW = "A moqueca {n} veio fria, o garçom sumiu e a conta trouxe uma cerveja que eu não pedi."
LIMIT = 600.0  # seconds until a change counts as lost
WEATHER = [
    "Frente fria avança pelo litoral gaúcho e derruba a temperatura em Porto Alegre na quinta-feira.",
    "Sol entre nuvens em Recife, com máxima de 31 graus e ventos fracos de sudeste.",
    "Alerta de geada para a serra catarinense: mínima de dois graus negativos em Urupema.",
    "Pancadas de chuva à tarde em Manaus; umidade do ar em 92 por cento.",
    "Previsão do tempo: tempestade com granizo no oeste do Paraná até o fim da noite.",
    "Massa de ar seco mantém a umidade abaixo de 20 por cento em Brasília e Goiânia.",
    "Ciclone extratropical se afasta da costa, e o mar segue agitado em Florianópolis.",
    "Nevoeiro ao amanhecer em Curitiba e céu claro no resto do dia.",
    "Onda de calor: termômetros passam dos 40 graus em Cuiabá pelo terceiro dia.",
    "Chuva acumulada de 80 milímetros em Salvador nas últimas 24 horas.",
    "Ventos de até 90 quilômetros por hora na fronteira com o Uruguai.",
    "Temperatura em queda no fim de semana em São Paulo, com garoa e mínima de 12 graus.",
]
PROBE = "Tempo firme em Fortaleza, com rajadas de vento à tarde, máxima de 32 graus e pouca chuva no interior."


@dataclass
class Visitor:
    """One who asks again and again; `answers` are (version, text)."""

    question: str
    answers: list[tuple[str | None, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def visit(self, assistant: Assistant, until: threading.Event) -> None:
        """Ask until told to end; a failed request is kept, and the next one is asked."""
        while not until.is_set():
            version, text = None, ""
            try:
                for event in assistant.chat.ask(AskRequest(self.question, adapter=NAME, max_tokens=24)):
                    if isinstance(event, Routed):
                        version = event.route.version
                    elif isinstance(event, TokenDelta):
                        text += event.text
                self.answers.append((version, text.strip()))
            except Exception as error:  # noqa: BLE001  # whatever a visitor would see is what is counted
                self.faults.append(repr(error))


def second_version(registry: AdapterRegistry) -> int:
    """A version of NAME with the weights of SOURCE."""
    foreign = registry.active(SOURCE)
    assert foreign is not None
    number = registry.next_number(NAME)
    staged = registry.folder / NAME / "versions" / f".{number:04d}-staged"
    shutil.copytree(foreign.path, staged)
    _retell(staged / "manifest.toml", adapter=NAME, number=number)
    staged.rename(staged.with_name(f"{number:04d}-{foreign.base}"))
    return number


def new_adapter(registry: AdapterRegistry, aside: Path) -> Path:
    """A whole adapter beside the registry: SOURCE's version under a new name, for texts of another kind."""
    foreign = registry.active(SOURCE)
    assert foreign is not None
    folder = aside / NEW
    shutil.copytree(foreign.path, folder / "versions" / foreign.path.name)
    shutil.copyfile(registry.folder / SOURCE / "card.toml", folder / "card.toml")
    _retell(folder / "versions" / foreign.path.name / "manifest.toml", adapter=NEW)
    _retell(folder / "card.toml", routing={"utterances": WEATHER})
    return folder


def _retell(path: Path, **changes: Any) -> None:
    document = tomlkit.parse(path.read_text("utf-8"))
    document.update(changes)
    path.write_text(tomlkit.dumps(document), "utf-8")


def wait_for(fact: Callable[[], bool]) -> float:
    """Seconds until it is so."""
    started = time.perf_counter()
    while not fact():
        if time.perf_counter() - started > LIMIT:
            sys.exit(f"it did not come about in {LIMIT:.0f} s")
        time.sleep(0.01)
    return time.perf_counter() - started


def changes(assistant: Assistant, aside: Path, between: Callable[[], None]) -> dict[str, float]:
    """Seconds of each change; `between` waits until every visitor was answered meanwhile."""
    service, route = assistant.adapters, assistant.routing.route
    seconds: dict[str, float] = {}

    def timed(what: str, change: Callable[[], object]) -> None:
        between()
        started = time.perf_counter()
        change()
        seconds[what] = round(time.perf_counter() - started, 2)

    second = second_version(service.registry)
    folder = new_adapter(service.registry, aside)
    wait_for(lambda: not service.outdated())  # the second version was noticed
    between()
    if route(PROBE).adapter == NEW:
        sys.exit(f"{NEW} is routed to before it is there")
    folder.rename(service.registry.folder / NEW)
    started = time.perf_counter()
    wait_for(lambda: NEW in service.live())
    seconds["register"] = round(time.perf_counter() - started, 2)
    wait_for(lambda: route(PROBE).adapter == NEW)
    seconds["refit"] = round(time.perf_counter() - started, 2)
    timed("activate", lambda: service.activate(NAME, second))
    timed("roll_back", lambda: service.roll_back(NAME))
    timed("delete_version", lambda: service.delete_version(NAME, second))
    timed("retire", lambda: service.retire(NEW))
    if route(PROBE).adapter == NEW:
        sys.exit(f"{NEW} is still routed to")
    timed("delete", lambda: service.delete(NEW))
    between()
    return seconds


def live(visitors: int = 8) -> dict[str, Any]:
    """The figures of the module's docstring."""
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as name:
        home, aside = Path(name) / "home", Path(name) / "aside"
        aside.mkdir()
        for part in ("adapters", "corpora"):
            shutil.copytree(ROOT / part, home / part)
        (home / "var").mkdir()
        (home / "var" / "models").symlink_to((ROOT / "var" / "models").resolve())
        assistant = build(Settings.load(home=home, engine="llama_cpp"), lambda line: None)
        _ = assistant.chat
        assistant.routing.refit()
        first = assistant.adapters.live()[NAME].version.label
        there = [Visitor(REVIEW.format(n=n)) for n in range(visitors)]
        until = threading.Event()
        threads = [threading.Thread(target=visitor.visit, args=(assistant, until)) for visitor in there]
        try:
            with Watcher(assistant.adapters):
                for thread in threads:
                    thread.start()
                seconds = changes(assistant, aside, lambda: _all_answered(there))
        finally:
            until.set()
            for thread in threads:
                thread.join()
            assistant.close()
    counts = [len(visitor.answers) for visitor in there]
    mixed = [a for v in there for a in v.answers if (a[0] != first) != (a[1] == FOREIGN)]
    return {
        "seconds": seconds,
        "visitors": {
            "count": visitors,
            "answers": sum(counts),
            "most_and_fewest": [max(counts), min(counts)],
            "failed": [fault for visitor in there for fault in visitor.faults],
            "mixed": mixed,
            "by_version": {str(key): sum(a[0] == key for v in there for a in v.answers) for key in _versions(there)},
        },
        "load": [round(value, 1) for value in load],
        "cores": len(os.sched_getaffinity(0)),
    }


def _all_answered(visitors: list[Visitor]) -> None:
    """Wait until each one has been answered once more, so that every change meets streams of all."""
    seen = [len(visitor.answers) + len(visitor.faults) for visitor in visitors]
    wait_for(lambda: all(len(v.answers) + len(v.faults) > n for v, n in zip(visitors, seen, strict=True)))


def _versions(visitors: list[Visitor]) -> list[str | None]:
    return sorted({version for visitor in visitors for version, _ in visitor.answers}, key=str)


if __name__ == "__main__":
    print(json.dumps(live(*map(int, sys.argv[1:])), ensure_ascii=False))
