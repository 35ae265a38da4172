"""The commands of README and docs run as they stand; every setting and link is real."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from assistant.settings import Settings

from ..conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "README.pt-BR.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands():
    """Every line of a fenced block marked sh; other blocks are not for running in a test."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            found += [line for line in block.splitlines() if line.strip()]
    return sorted(set(found))


def test_there_are_commands_to_run():
    assert len(commands()) >= 10


@pytest.mark.parametrize("line", commands())
def test_a_documented_command_succeeds(line, indexed_home, tmp_path):
    program, *arguments = shlex.split(line)
    assert program == "python"
    if "--to" in arguments:  # what a command writes goes to the test's own folder
        at = arguments.index("--to") + 1
        arguments[at] = str(tmp_path / arguments[at])
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=400,
        env={**os.environ, "ASSISTANT_HOME": str(indexed_home), "ASSISTANT_ENGINE": "llama_cpp"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_setting_is_documented_with_its_meaning():
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `ASSISTANT_{name.upper()}` |" in page
        assert field.description in page


def test_every_link_between_pages_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} -> {target}"
