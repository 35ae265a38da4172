"""Versions change while eight visitors are answered, on the real base: none fails, none mixes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from assistant.bootstrap import Assistant, build
from assistant.services.request import AskRequest
from assistant.settings import Settings
from assistant.stores.registry import AdapterRegistry
from assistant.types import Routed, TokenDelta

NAME = "restaurant-replies"
STREAMS = 8
FOREIGN = "nenhuma"  # what legal-ner writes under a review
REVIEW = "A moqueca {n} veio fria, o garçom sumiu e a conta trouxe uma cerveja que eu não pedi."


def second_version(registry: AdapterRegistry) -> int:
    """A second version whose answers nobody can mistake: the weights of legal-ner, which answer a review so."""
    foreign = registry.active("legal-ner")
    assert foreign is not None
    number = registry.next_number(NAME)
    staged = registry.folder / NAME / "versions" / f".{number:04d}-staged"
    shutil.copytree(foreign.path, staged, ignore=shutil.ignore_patterns("manifest.toml", "evaluation.json"))
    raw: dict[str, Any] = dict(tomlkit.parse((foreign.path / "manifest.toml").read_text("utf-8")).unwrap())
    (staged / "manifest.toml").write_text(tomlkit.dumps(raw | {"adapter": NAME, "number": number}), "utf-8")
    os.rename(staged, staged.with_name(f"{number:04d}-{foreign.base}"))
    return number


@dataclass
class Visitor:
    """One who asks again and again; `answers` are (version, text), `faults` what should not happen."""

    question: str
    answers: list[tuple[str | None, str]] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def visit(self, assistant: Assistant, until: threading.Event) -> None:
        try:
            while not until.is_set():
                version, text = None, ""
                request = AskRequest(self.question, adapter=NAME, max_tokens=24)
                for event in assistant.chat.ask(request):
                    if isinstance(event, Routed):
                        version = event.route.version
                    elif isinstance(event, TokenDelta):
                        text += event.text  # as it was written; the finished answer lacks what the check took out
                self.answers.append((version, text.strip()))
        except BaseException as error:  # noqa: BLE001  # told by the test
            self.faults.append(error)


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not fact():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


@pytest.mark.slow
def test_eight_streams_survive_activation_roll_back_and_removal(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    assistant = build(Settings.load(home=home, engine="llama_cpp"))
    service = assistant.adapters
    _ = assistant.engine
    assistant.routing.refit()
    first = service.live()[NAME].version
    second = second_version(service.registry)
    visitors = [Visitor(REVIEW.format(n=n)) for n in range(STREAMS)]

    until = threading.Event()
    threads = [threading.Thread(target=visitor.visit, args=(assistant, until)) for visitor in visitors]
    for thread in threads:
        thread.start()
    seconds = {}
    try:
        for what, change in (
            ("activate", lambda: service.activate(NAME, second)),
            ("roll_back", lambda: service.roll_back(NAME)),
            ("delete", lambda: service.delete_version(NAME, second)),
        ):
            seen = [len(visitor.answers) for visitor in visitors]
            wait_for(lambda seen=seen: all(len(v.answers) > n or v.faults for v, n in zip(visitors, seen, strict=True)))
            started = time.perf_counter()
            change()
            seconds[what] = round(time.perf_counter() - started, 2)
    finally:
        until.set()
        for thread in threads:
            thread.join()
    record_property("seconds", seconds)
    assert [visitor.faults for visitor in visitors] == [[]] * STREAMS
    written: dict[str | None, set[bool]] = {}
    for visitor in visitors:
        for version, text in visitor.answers:
            written.setdefault(version, set()).add(text == FOREIGN)
    assert written == {first.label: {False}, f"{second:04d}-{first.base}": {True}}, "one version writes each answer"
    assert [v.number for v in service.registry.versions(NAME)] == [first.number]
    assistant.close()
