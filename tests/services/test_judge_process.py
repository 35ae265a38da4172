"""A judgement in a process of its own: one at a time, found again by another server, stopped, its faults told."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from assistant.errors import AdapterNotFound, ConfigurationError, DataError
from assistant.judge_command import add_arguments, run
from assistant.services.judge_process import Judgement, JudgeProcess, JudgeState
from assistant.services.judging import Judging, Stage, latest, logged, readable, told
from assistant.stores.manifests import Version

RECORD = '{"verdict": {"promote": true, "reasons": []}}'
ROWS = '{"event": "judging", "stage": "rows", "system": "base", "done": %d, "total": 40, "part": 1, "seconds": %d}'


class Two:
    """A source with two versions of one adapter."""

    def candidates(self) -> list[Version]:
        return [Version("replies", number, "gemma3-270m", Path("/nowhere")) for number in (2, 1)]


Make = Callable[..., JudgeProcess]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Processes over one folder, as of several servers; the command is a shell script."""
    made: list[JudgeProcess] = []

    def make_it(script: str = f"echo '{RECORD}'") -> JudgeProcess:
        fake = tmp_path / f"fake-{len(made)}"
        fake.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        fake.chmod(0o755)
        made.append(JudgeProcess(Two(), tmp_path / "judging", {"ASSISTANT_HOME": "/somewhere"}, str(fake)))
        return made[-1]

    yield make_it
    for process in made:
        process.stop()


def wait(process: JudgeProcess, condition: Callable[[Judgement], bool]) -> Judgement:
    """Until the condition holds; what was seen."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (now := process.now()) is not None and condition(now):
            return now
        time.sleep(0.02)
    pytest.fail(f"the condition did not come to hold: {process.now()}")


def ended(process: JudgeProcess) -> Judgement:
    return wait(process, lambda now: now.state is not JudgeState.RUNNING)


def test_the_command_is_the_one_of_a_terminal_and_its_record_ends_it(make: Make, tmp_path: Path) -> None:
    process = make(f"echo \"$ASSISTANT_HOME $@\" > {tmp_path}/asked; echo '{RECORD}'")
    assert process.now() is None
    process.start("replies", 2)
    now = ended(process)
    assert (now.key, now.state) == ("replies@0002", JudgeState.DONE)
    events = tmp_path / "judging" / "events.jsonl"
    assert (tmp_path / "asked").read_text("utf-8").split() == (
        f"/somewhere -m assistant judge replies --version 2 --json --events {events}"
    ).split()


def test_another_server_sees_how_far_it_is_and_stops_it(make: Make, tmp_path: Path) -> None:
    lines = f"echo '{ROWS % (0, 10)}' >> $9; echo '{ROWS % (10, 30)}' >> $9"
    first = make(f"{lines}; sleep 600 & wait")
    first.start("replies", 2)
    wait(first, lambda now: now.at is not None and now.at.done == 10)
    again = make()
    now = wait(again, lambda now: now.state is JudgeState.RUNNING)
    assert now.at == Judging(Stage.ROWS, "base", 10, 40, 1) and now.seconds_left == 60
    for other in (first, again):
        with pytest.raises(ConfigurationError, match="replies@0002 is being judged") as caught:
            other.start("replies", 1)
        assert "um julgamento de cada vez" in caught.value.text("pt")
    (pid,) = {json.loads((tmp_path / "judging" / "process.json").read_text("utf-8"))["pid"]}
    assert os.getsid(pid) == pid, "a session of its own: closing the terminal does not end it"
    (child,) = psutil.Process(pid).children()
    again.stop()
    assert ended(first).state is ended(again).state is JudgeState.STOPPED
    wait(first, lambda _: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)  # what it ran, too
    first.stop()
    assert ended(first).state is JudgeState.STOPPED, "stopping what has ended changes nothing"


def test_a_new_one_forgets_how_the_one_before_ended(make: Make) -> None:
    stopped = make("exec sleep 600")
    stopped.start("replies", 2)
    stopped.stop()
    assert ended(stopped).state is JudgeState.STOPPED
    good = make()
    good.start("replies", 1)
    assert (ended(good).key, ended(good).state) == ("replies@0001", JudgeState.DONE)


@pytest.mark.parametrize(
    ("script", "portuguese", "english"),
    [
        ('echo \'{"error": {"pt": "faltam linhas", "en": "no rows"}}\'; exit 1', "faltam linhas", "no rows"),
        ("echo Traceback >&2; echo 'OSError: no torch' >&2; exit 1", "OSError: no torch", "OSError: no torch"),
        ("echo 50/200 >&2; kill -9 $$", "acabou sem aviso", "without a word"),
        ("echo 'null'", "acabou sem aviso", "without a word"),
    ],
)
def test_why_there_is_no_verdict_is_told_in_both_languages(
    make: Make, script: str, portuguese: str, english: str
) -> None:
    process = make(script)
    process.start("replies", 1)
    now = ended(process)
    assert now.state is JudgeState.FAILED
    assert portuguese in now.error.pt and english in now.error.en


@pytest.mark.parametrize(("name", "number"), [("../replies", 1), ("--help", 1), ("replies", 3), ("", 0)])
def test_what_no_list_offers_starts_nothing(make: Make, tmp_path: Path, name: str, number: int) -> None:
    with pytest.raises(AdapterNotFound):
        make().start(name, number)
    assert not (tmp_path / "judging").exists()


class Judged:
    """The part of the assistant that the command calls."""

    def __init__(self, error: DataError | None = None) -> None:
        self._error = error

    @property
    def judgement(self) -> Judged:
        return self

    def judge(self, name: str, number: int | None, limit: int, tell: Any) -> dict[str, Any]:
        for done in (0, 7, 50):
            tell(Judging(Stage.ROWS, "candidate", done, 50, 1, 4))
        if self._error:
            raise self._error
        return {"verdict": {"promote": True}}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import argparse

    monkeypatch.setattr(os, "setpriority", lambda *_: None)  # it could not be taken back
    before = signal.getsignal(signal.SIGTERM)
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    add_arguments(parser)
    yield parser.parse_args(["replies", "--json", "--events", str(tmp_path / "events.jsonl")])
    signal.signal(signal.SIGTERM, before)


def test_the_command_writes_events_for_a_page_and_lines_for_a_terminal(
    options: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Judged(), options)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"verdict": {"promote": True}}
    assert err.splitlines() == ["50 prompts through candidate", "50/50"]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text("utf-8").splitlines()]
    assert [event["done"] for event in events] == [0, 7, 50]
    assert latest(events)[0] == Judging(Stage.ROWS, "candidate", 50, 50, 1, 4)


def test_an_error_of_the_command_goes_to_both_outputs(options: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError):
        run(Judged(DataError("no rows", pt="faltam linhas")), options)
    assert json.loads(capsys.readouterr().out) == {"error": {"pt": "faltam linhas", "en": "no rows"}}


def test_every_stage_has_a_line_and_a_log_of_another_version_is_read_over(tmp_path: Path) -> None:
    lines: list[str] = []
    with logged(None, told(lines.append)) as tell:
        for stage in Stage:
            tell(Judging(stage, "base", 0, 9))
    assert len(set(lines)) == len(Stage) and all(readable(Judging(stage, total=9)) for stage in Stage)
    assert latest([{"event": "judging", "stage": "dreaming"}]) == (None, None)
    assert latest([]) == (None, None)


def test_the_real_command_tells_in_both_languages_what_is_missing(tmp_path: Path) -> None:
    process = JudgeProcess(Two(), tmp_path / "judging", {"ASSISTANT_HOME": str(tmp_path)}, sys.executable)
    process.start("replies", 2)
    now = ended(process)
    assert now.state is JudgeState.FAILED
    assert "No adapter is called 'replies'" in now.error.en and "Nenhum adaptador" in now.error.pt


def test_the_real_command_judges_and_leaves_the_verdict_where_every_page_reads_it(tmp_path: Path) -> None:
    """With the scripted engine, which writes the same with and without an adapter: a verdict that says no."""
    from assistant.bootstrap import build
    from assistant.settings import Settings

    from .test_judgement import CARD, RECIPE, WORDS, lines, version

    folder = tmp_path / "adapters" / "replies"
    (folder / "data").mkdir(parents=True)
    (folder / "card.toml").write_text(CARD.replace("active = 1", "active = 0"), "utf-8")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    rows = [{"review": f"Pedi {word} e veio frio.", "reply": f"Perdão pelo {word}."} for word in WORDS]
    (folder / "data" / "heldout.jsonl").write_text(lines(rows[:30]), "utf-8")
    (folder / "data" / "train.jsonl").write_text(lines(rows[30:]), "utf-8")
    assistant = build(Settings.load(home=tmp_path, engine="scripted"))
    version(assistant.registry, 1)
    (candidate,) = assistant.judging.candidates()
    assistant.judging.start(candidate.adapter, candidate.number)
    deadline = time.monotonic() + 120
    while (now := assistant.judging.now()) is not None and now.state is JudgeState.RUNNING:
        assert time.monotonic() < deadline, now
        time.sleep(0.1)
    assert now is not None and now.state is JudgeState.DONE, (now, (tmp_path / "var/judging/stderr.txt").read_text())
    record = assistant.judgement.verdict("replies", 1)
    assert record is not None and record["figures"]["failed"] and record["version"] == candidate.label
    assistant.close()
