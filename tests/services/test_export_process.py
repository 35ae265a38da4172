"""An export in a process of its own: it says how long it takes, stops when told, and tells faults in both languages."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assistant.errors import AdapterError, ConfigurationError, InputRejected
from assistant.services.export import Order
from assistant.services.export_process import ExportProcess, Ready, Stopped, Working


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def order(tmp_path: Path, name: str = "replies", form: str = "peft", number: int | None = 1) -> Order:
    return Order(name, form, tmp_path / "out.zip", number=number)


def test_the_command_gets_what_was_ordered(tmp_path: Path) -> None:
    fake = program(
        tmp_path / "fake",
        f'echo "$ASSISTANT_LANGUAGE $ASSISTANT_HOME $@" > {tmp_path}/asked; printf 12345 > {tmp_path}/out.zip',
    )
    told = list(ExportProcess({"ASSISTANT_HOME": "/somewhere"}, fake).run(order(tmp_path), threading.Event()))
    assert told[-1] == Ready(tmp_path / "out.zip", 5) and all(isinstance(event, Working) for event in told[:-1])
    assert (tmp_path / "asked").read_text("utf-8").split() == (
        f"pt /somewhere -m assistant adapters export replies --version 1 --form peft --to {tmp_path}/out.zip "
        "--prompts 50 --json"
    ).split()


def test_it_is_stopped_when_told(tmp_path: Path) -> None:
    fake = program(tmp_path / "fake", f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600")
    cancel = threading.Event()
    running = ExportProcess({}, fake).run(order(tmp_path), cancel)
    first = next(running)
    assert isinstance(first, Working) and first.seconds >= 0
    while not (tmp_path / "pid").is_file():
        next(running)
    cancel.set()
    assert list(running) == [Stopped()]
    number = int((tmp_path / "pid").read_text("utf-8"))
    assert not Path(f"/proc/{number}").exists()


@pytest.mark.parametrize(
    ("words", "english", "portuguese"),
    [
        ("kill -9 $$", "memory", "memória"),
        ("exit 0", "status 0", "código 0"),
        ('echo "{}"', "status 0", "código 0"),
        (
            "echo Traceback >&2; echo 'OSError: no torch' >&2; exit 1",
            "status 1: OSError: no torch",
            "OSError: no torch",
        ),
    ],
)
def test_a_process_that_dies_or_leaves_no_file_is_told(
    tmp_path: Path, words: str, english: str, portuguese: str
) -> None:
    fake = program(tmp_path / "fake", words)
    with pytest.raises(AdapterError, match=english) as caught:
        list(ExportProcess({}, fake).run(order(tmp_path), threading.Event()))
    assert portuguese in caught.value.text("pt")


def test_a_fault_of_the_real_command_comes_in_both_languages(tmp_path: Path) -> None:
    running = ExportProcess({"ASSISTANT_HOME": str(tmp_path)}).run(order(tmp_path), threading.Event())
    with pytest.raises(AdapterError, match="No adapter is called") as caught:
        list(running)
    assert "adaptador" in caught.value.text("pt")


@pytest.mark.parametrize(
    ("name", "form", "number", "error"),
    [
        ("--help", "peft", 1, ConfigurationError),
        ("replies", "--json", 1, InputRejected),
        ("replies", "peft", None, InputRejected),
        ("replies", "peft", 0, InputRejected),
    ],
)
def test_nothing_is_started_for_what_cannot_be(
    tmp_path: Path, name: str, form: str, number: int | None, error: type[Exception]
) -> None:
    fake = program(tmp_path / "fake", f"touch {tmp_path}/started")
    with pytest.raises(error):
        list(ExportProcess({}, fake).run(order(tmp_path, name, form, number), threading.Event()))
    assert not (tmp_path / "started").exists()
