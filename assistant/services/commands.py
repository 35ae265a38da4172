"""Commands of this very program as processes of their own: where they find it, and what they said at their end.

Knows the environment and the error that a command with `--json` leaves on its standard output. Refuses to know
what a command does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from assistant.stores.manifests import Localized

_ROOT = str(Path(__file__).resolve().parents[2])  # the folder of the package, wherever the server was started
_LAST_CHARS = 300  # of what a process that broke down said last


def environment(settings: Mapping[str, str], **more: str) -> dict[str, str]:
    """This process's variables with the settings and what else is given; the package is found from anywhere.

    Waiting threads sleep instead of spinning: a second busy OpenMP pool starves the one that answers.
    """
    found = {**os.environ, **settings, **more, "OMP_WAIT_POLICY": "passive"}
    found["PYTHONPATH"] = os.pathsep.join(filter(None, (_ROOT, found.get("PYTHONPATH"))))
    return found


def error_in(said: str) -> Localized | None:
    """The error that a command wrote to its standard output before it ended, None where it wrote none."""
    try:
        error = json.loads(said)["error"]
        return Localized(str(error["pt"]), str(error["en"]))
    except (ValueError, KeyError, TypeError):
        return None


def last_line(complained: str) -> str:
    """The last line of standard error, at most 300 characters; "-" where there is none."""
    lines = (line.strip() for line in reversed(complained.splitlines()))
    return next((line for line in lines if line), "-")[:_LAST_CHARS]
