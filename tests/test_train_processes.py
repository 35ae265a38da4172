"""Training under `accelerate launch`: two processes make the steps of one; one of them leaves files. On a tiny base."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from assistant.services import job_events
from assistant.training.processes import Processes

from .conftest import ROOT
from .test_train_command import small_home  # noqa: F401  # a fixture

LAUNCH = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1")
LAUNCH += ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0")


@pytest.fixture
def start(small_home, tiny_checkpoint):  # noqa: F811
    """Start a training of a job by this name; returns its process."""
    recipe = small_home / "adapters" / "first" / "recipe.toml"
    recipe.write_text(recipe.read_text("utf-8") + "evaluate_every = 3\ncheckpoint_every = 2\n", "utf-8")
    started = []

    def begin(job, *launch):
        command = [sys.executable, *launch, "-m", "assistant", "train", "first", "--job", job, "--json"]
        variables = {"ASSISTANT_HOME": str(small_home), "ASSISTANT_ENGINE": "scripted"}
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **variables, "ASSISTANT_BASE_MODEL": str(tiny_checkpoint)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def curve(home, job):
    """Losses of every step and look, in order."""
    events = job_events.read(home / "var" / "jobs" / job / "events.jsonl")
    return [(e["event"], e["step"], e["loss"]) for e in events if e["event"] != "sample"]


def finished(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_two_processes_draw_the_curve_of_one_and_leave_one_version(start, small_home):  # noqa: F811
    for job, launch in (("alone", ()), ("together", LAUNCH)):
        status, out, err = finished(start(job, *launch))
        assert status == 0, err
        assert len(out.splitlines()) == 1, "one process answers"
    alone, together = curve(small_home, "alone"), curve(small_home, "together")
    assert len(alone) >= 5 and alone[0][2] > alone[-1][2]
    assert [(kind, step) for kind, step, _ in together] == [(kind, step) for kind, step, _ in alone]
    assert [loss for *_, loss in together] == pytest.approx([loss for *_, loss in alone], rel=2e-3)
    assert sorted(p.name[:4] for p in (small_home / "adapters" / "first" / "versions").iterdir()) == ["0001", "0002"]
    outcome = json.loads((small_home / "var" / "jobs" / "together" / "outcome.json").read_text("utf-8"))
    assert outcome["state"] == "done"


def test_two_processes_that_are_stopped_go_on_as_one(start, small_home):  # noqa: F811
    recipe = small_home / "adapters" / "first" / "recipe.toml"
    recipe.write_text(recipe.read_text("utf-8").replace("epochs = 1", "epochs = 40"), "utf-8")
    process = start("halved", *LAUNCH)
    limit = time.monotonic() + 300
    while not curve(small_home, "halved"):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # the launcher hands it to both
    status, _, err = finished(process)
    stopped = curve(small_home, "halved")
    assert status != 0 and "was stopped at step" in err
    assert stopped[-1][1] < 160
    status, _, err = finished(start("halved"))
    assert status == 0, err
    whole = curve(small_home, "halved")
    assert whole[: len(stopped)] == stopped, "no step is made again"
    steps = [step for kind, step, _ in whole if kind == "step"]
    assert steps == list(range(1, steps[-1] + 1))


def test_shares_are_disjoint_and_whole():
    items = list(range(7))
    shares = [Processes(index, 3).share(items) for index in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert [Processes(index, 3).share([1]) for index in range(3)] == [[1], [], []]
