"""Trainings as processes: queue, stop, kill, resume and failure, seen through the files they leave.

Where only the processes are under test, `python` is a script that takes its turn and its signals as the real
command does, but "trains" by writing steps until it is let go. The real command runs on a tiny base below.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from assistant.errors import AdapterNotFound, ConfigurationError, DataError
from assistant.models import catalog
from assistant.services.job_files import JobFolder, JobState, Phase
from assistant.services.jobs import JobsService
from assistant.services.training import TrainingService
from assistant.stores.registry import AdapterRegistry

from ..conftest import ROOT

RECIPE = """
[data]
source = "pairs"
files = ["data/pairs.jsonl"]
[lora]
r = 2
lora_alpha = 4
[training]
epochs = 40
learning_rate = 0.01
batch_tokens = 256
max_length = 256
checkpoint_every = 10
evaluate_every = 1000
"""
FAKE = """
import json, sys, time
from pathlib import Path
from assistant.errors import AssistantError, DataError, TrainingStopped
from assistant.services.job_files import Phase
from assistant.services.job_process import run_job
from assistant.stores.manifests import Version

JOBS = Path(sys.argv[1])
_, _, command, adapter, _, job = sys.argv[2:]

class Trainer:
    def train(self, name, progress, job, overrides, control):
        if overrides.get("seed") == 666:
            raise DataError("line 812 of pairs.jsonl is no JSON", pt="a linha 812 de pairs.jsonl não é JSON")
        control.phase(Phase.TRAINING)
        log = JOBS / job / "events.jsonl"
        step = len(log.read_text().splitlines()) if log.is_file() else 0
        started = time.monotonic()
        while not (JOBS / "let-go").exists():
            if control.should_stop():
                raise TrainingStopped(f"stopped at step {step}")
            step += 1
            event = {"event": "step", "step": step, "steps": 1000, "loss": 1.0, "learning_rate": 1e-3,
                     "tokens_per_second": 640.0, "seconds": time.monotonic() - started}
            with log.open("a") as file:
                file.write(json.dumps(event) + "\\n")
            time.sleep(0.02)
        control.phase(Phase.JUDGING)
        return Version(name, 7, "gemma3-270m", JOBS)

try:
    run_job(Trainer(), JOBS, adapter, job, lambda line: print(line, file=sys.stderr))
except AssistantError as error:
    sys.exit(str(error))
"""


def wait(condition, seconds=120):
    """Until the condition holds; what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail("the condition did not come to hold")


@pytest.fixture
def small_home(tmp_path):
    """Two adapters with a recipe and 40 pairs each."""
    for name in ("first", "second"):
        folder = tmp_path / "adapters" / name
        (folder / "data").mkdir(parents=True)
        shutil.copyfile(ROOT / "adapters" / "restaurant-replies" / "card.toml", folder / "card.toml")
        (folder / "recipe.toml").write_text(RECIPE, "utf-8")
        rows = [{"review": f"O prato {i} veio frio.", "reply": f"Desculpe pelo prato {i}."} for i in range(40)]
        (folder / "data" / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return tmp_path


def training_service(home, base):
    return TrainingService(
        AdapterRegistry(home / "adapters"), base, home / "var", home / "public", lambda candidate, data: {}
    )


@pytest.fixture
def make_service(small_home, base):
    """Services over the same folder, as after a restart of the app; their processes end with the test."""
    jobs = small_home / "var" / "jobs"
    script, python = small_home / "fake.py", small_home / "python"
    script.write_text(FAKE, "utf-8")
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {jobs} "$@"\n', "utf-8")
    python.chmod(0o755)
    made = []

    def make():
        made.append(JobsService(training_service(small_home, base), jobs, str(python)))
        return made[-1]

    yield make
    if jobs.is_dir():
        (jobs / "let-go").touch()
    for service in made:
        for child in list(service._children.values()):
            child.wait(60)


def running(service, job, steps=1):
    return wait(lambda: (j := service.job(job)).state is JobState.RUNNING and j.step >= steps and j)


def ended(service, job, state):
    return wait(lambda: (j := service.job(job)).state is state and j)


def test_the_job_asked_for_first_goes_first_even_where_its_process_is_up_last(make_service, small_home):
    jobs = small_home / "var" / "jobs"
    python = small_home / "python"
    late = f'[ "$4" = first ] && while [ ! -e {jobs}/late ]; do sleep 0.05; done\n'
    python.write_text(python.read_text("utf-8").replace("exec", f"{late}exec"), "utf-8")
    service = make_service()
    first, second = service.start("first", {}), service.start("second", {})
    wait(lambda: "before this one" in (jobs / second / "stderr.txt").read_text("utf-8"))
    assert service.job(first).state is service.job(second).state is JobState.QUEUED
    (jobs / "late").touch()
    running(service, first)
    assert service.job(second).state is JobState.QUEUED
    service.stop(first)
    running(service, second)


def test_a_job_runs_stops_resumes_and_is_done_with_its_version(make_service):
    service = make_service()
    job = service.start("first", {"epochs": 2})
    now = running(service, job, 3)
    assert (now.adapter, now.phase, now.steps, now.tokens_per_second) == ("first", Phase.TRAINING, 1000, 640.0)
    assert now.overrides == {"epochs": 2}
    assert now.seconds_left > 0 and now.memory_mb > 0
    process = psutil.Process(JobFolder.of(service._folder, job).process()[0])
    assert os.getsid(process.pid) == process.pid, "a session of its own: the terminal's Ctrl+C is not for it"
    assert process.environ()["OMP_WAIT_POLICY"] == "passive"
    with pytest.raises(ConfigurationError, match="is running"):
        service.resume(job)
    service.stop(job)
    stopped = ended(service, job, JobState.STOPPED)
    assert stopped.seconds_left is None and stopped.phase is None
    service.resume(job)
    running(service, job, stopped.step + 2)
    (service._folder / "let-go").touch()
    done = ended(service, job, JobState.DONE)
    assert done.version == "0007-gemma3-270m" and done.memory_mb > 0
    steps = [event["step"] for event in service.events(job)]
    assert steps == list(range(1, len(steps) + 1))
    with pytest.raises(ConfigurationError, match="is done"):
        service.resume(job)
    assert service.stop(job).state is JobState.DONE


def test_killing_a_job_is_seen_and_it_can_go_on_after_a_restart_of_the_app(make_service):
    service = make_service()
    job = service.start("first", {})
    before = running(service, job, 3)
    again = make_service()
    assert running(again, job).state is JobState.RUNNING, "another app reads the same files"
    os.kill(JobFolder.of(service._folder, job).process()[0], signal.SIGKILL)
    ended(again, job, JobState.INTERRUPTED)
    ended(service, job, JobState.INTERRUPTED)
    again.resume(job)
    assert running(again, job, before.step + 1)
    again.stop(job)
    ended(again, job, JobState.STOPPED)


def test_a_process_id_that_belongs_to_somebody_else_now_is_not_the_job(make_service):
    service = make_service()
    folder = JobFolder.of(service._folder, "one")
    folder.open("first", {})
    folder.begin(os.getpid())
    folder.set_phase(os.getpid(), Phase.TRAINING)
    assert service.job("one").state is JobState.RUNNING
    path = folder.path / "process.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"started": 1.0}))
    assert service.job("one").state is JobState.INTERRUPTED, "this machine was started again"


def test_one_at_a_time_and_the_second_begins_by_itself(make_service):
    service = make_service()
    first = service.start("first", {})
    running(service, first)
    second = service.start("second", {})
    third = service.start("second", {})
    for job in (second, third):
        wait(lambda job=job: JobFolder.of(service._folder, job).process())
        assert service.job(job).state is JobState.QUEUED
    assert [job.id for job in service.jobs()] == [third, second, first]
    service.stop(third)
    ended(service, third, JobState.STOPPED)
    service.stop(first)
    ended(service, first, JobState.STOPPED)
    running(service, second)
    assert service.job(third).state is JobState.STOPPED
    service.stop(second)
    ended(service, second, JobState.STOPPED)


def test_a_failure_tells_its_words_in_both_languages(make_service):
    service = make_service()
    job = service.start("first", {"seed": 666})
    failed = ended(service, job, JobState.FAILED)
    assert failed.error.pt == "a linha 812 de pairs.jsonl não é JSON"
    assert "line 812" in failed.error.en
    service.resume(job)
    wait(lambda: service.job(job).state is JobState.FAILED)


@pytest.mark.parametrize("name", ["../first", "..", "/etc", "first/../second", "", "nobody"])
def test_names_from_a_browser_are_refused_before_anything_is_written(make_service, name):
    service = make_service()
    with pytest.raises(AdapterNotFound):
        service.start(name, {})
    for call in (service.job, service.stop, service.resume, service.events):
        with pytest.raises(ConfigurationError):
            call(name)
    assert not service._folder.exists()


def test_settings_out_of_range_start_nothing(make_service):
    service = make_service()
    with pytest.raises(ConfigurationError, match="epochs = 0 is outside"):
        service.start("first", {"epochs": 0, "files": ["/etc/passwd"]})
    assert service.jobs() == []


def test_the_command_refuses_a_job_of_another_adapter_and_one_that_is_done(make_service):
    service = make_service()
    service._folder.mkdir(parents=True)
    (service._folder / "let-go").touch()
    job = service.start("first", {})
    ended(service, job, JobState.DONE)
    folder = JobFolder.of(service._folder, job)
    from assistant.services.job_process import run_job

    for adapter, words in (("second", "trains 'first'"), ("first", "is done")):
        with pytest.raises(ConfigurationError, match=words):
            run_job(None, service._folder, adapter, job, print)
    assert service.job(job).state is JobState.DONE
    assert folder.outcome().version == "0007-gemma3-270m"


def test_damaged_and_foreign_files_never_break_the_list(make_service):
    service = make_service()
    for name, files in {
        "half": {"request.json": '{"adapter": "fir', "events.jsonl": '{"event": "step", "step": 3, "steps": 9}\n{"ev'},
        "odd": {"request.json": "[]", "process.json": '{"pid": "x"}', "outcome.json": '{"state": "great"}'},
        "old": {"job.json": '{"adapter": "first"}', "events.jsonl": "\xff\n[1]\n"},
    }.items():
        (service._folder / name).mkdir(parents=True)
        for file, text in files.items():
            (service._folder / name / file).write_text(text, "latin-1")
    (service._folder / "old" / "adapter").mkdir()
    (service._folder / "empty").mkdir()
    found = {job.id: job for job in service.jobs()}
    assert set(found) == {"half", "odd", "old"}
    assert (found["half"].state, found["half"].step, found["half"].steps) == (JobState.INTERRUPTED, 3, 9)
    assert (found["old"].state, found["old"].adapter) == (JobState.DONE, "first")


def test_the_forecast_counts_tokens_and_takes_the_speed_of_the_last_job_here(make_service, base_checkpoint):
    service = make_service()
    plain = service.forecast("first", {})
    assert not plain.counted and not plain.measured
    assert plain.examples == 38, "a twentieth is held out to draw the curve"
    assert service.forecast("first", {"epochs": 20}).tokens * 2 == plain.tokens
    models = service._folder.parent / "models"
    models.mkdir(parents=True)
    (models / base_checkpoint.name).symlink_to(base_checkpoint)
    (service._folder / "past").mkdir(parents=True)
    step = {"event": "step", "step": 50, "steps": 100, "tokens_per_second": 50.0, "seconds": 60.0}
    (service._folder / "past" / "events.jsonl").write_text(json.dumps(step) + "\n")
    (service._folder / "past" / "outcome.json").write_text('{"state": "done", "memory_mb": 3210}')
    counted = service.forecast("first", {})
    assert counted.counted and counted.measured and counted.memory_mb == 3210
    assert counted.seconds > counted.tokens / 50
    assert service.forecast("first", {"limit": 10}).steps < counted.steps
    with pytest.raises(DataError, match="max_length = 16"):
        service.forecast("first", {"max_length": 16})


def test_the_forecast_never_asks_the_network(make_service, small_home, monkeypatch):
    recipe = small_home / "adapters" / "first" / "recipe.toml"
    text = recipe.read_text("utf-8").replace("data/pairs.jsonl", "public:lener-br/train.conll")
    recipe.write_text(text.replace('"pairs"', '"conll"'), "utf-8")

    def asked(*args, **options):
        pytest.fail(f"the network was asked for {args}")

    monkeypatch.setattr("urllib.request.urlopen", asked)
    with pytest.raises(DataError, match="fetched when the training starts") as caught:
        make_service().forecast("first", {})
    assert "buscados na rede quando o treino começar" in caught.value.text("pt")
    assert not (small_home / "var" / "data").exists()


def test_the_real_command_killed_and_resumed_gives_the_weights_of_an_unbroken_run(small_home, tiny_checkpoint):
    """`python -m assistant train` as the page starts it, on a tiny base in a folder."""
    environment = {
        "ASSISTANT_HOME": str(small_home), "ASSISTANT_BASE_MODEL": str(tiny_checkpoint),
        "ASSISTANT_ENGINE": "scripted", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    training = training_service(small_home, catalog.find(str(tiny_checkpoint)))
    service = JobsService(training, small_home / "var" / "jobs", environment=environment)

    def state_of(job, wanted):
        def look():
            now = service.job(job)
            assert now.state is wanted or now.active, (now, _stderr(service, job))
            return now if now.state is wanted else None

        return wait(look, 400)

    whole = service.start("first", {"epochs": 30})
    first = state_of(whole, JobState.DONE)
    broken = service.start("first", {"epochs": 30})
    wait(lambda: service.job(broken).step >= 25, 200)
    child = service._children[broken]
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19, "the chat goes first"
    child.kill()
    child.wait(60)
    assert service.job(broken).state is JobState.INTERRUPTED
    service.resume(broken)
    second = state_of(broken, JobState.DONE)
    assert (first.version[:4], second.version[:4]) == ("0001", "0002")
    versions = [small_home / "adapters" / "first" / "versions" / job.version for job in (first, second)]
    ours, theirs = ((folder / "adapter_model.safetensors").read_bytes() for folder in versions)
    assert ours == theirs
    steps = [event["step"] for event in service.events(broken) if event["event"] == "step"]
    assert steps == list(range(1, second.steps + 1)), "steps gone through again are there once"
    for child in service._children.values():
        child.wait(60)


def _stderr(service, job):
    return Path(service._folder / job / "stderr.txt").read_text()[-3000:]
