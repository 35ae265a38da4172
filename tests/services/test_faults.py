"""A few of the runs of docs/measure_faults.py, which proves the same in a hundred."""

import json
import subprocess
import sys

from ..conftest import ROOT


def test_processes_killed_while_they_ingest_lose_nothing_and_leave_nothing_half():
    command = [sys.executable, "docs/measure_faults.py", "--runs", "8", "--seed", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["runs"], result["faults"]) == (8, [])
    assert sum(result["killed_after"].values()) == 8
