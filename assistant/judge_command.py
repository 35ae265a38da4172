"""The commands `judge` and `compare`: a version against what answers today, with a verdict or only side by side.

Knows their arguments and what is printed while they run. Refuses to judge: the service does.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from assistant.terminal import answer, errors_told, readable_comparison, readable_judgement, say

ABOUT = "judge a trained version against what answers today"
_STOPPED = 128 + signal.SIGTERM
ABOUT_COMPARE = "show base, few-shot prompt, live and newest version side by side"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of `judge`; `--json` is everybody's."""
    command.add_argument("name", help="the adapter")
    command.add_argument("--version", type=int, metavar="N", help="the version; the newest of this base if missing")
    command.add_argument("--limit", type=int, default=200, metavar="ROWS", help="held-out rows; 0 takes all")
    command.add_argument("--events", type=Path, metavar="FILE", help="append how far it is, one JSON object a line")


def add_compare_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of `compare`; `--json` is everybody's."""
    command.add_argument("name", help="the adapter")
    command.add_argument("--limit", type=int, default=10, metavar="ROWS", help="held-out rows; 0 takes all")


def run(assistant: Any, options: argparse.Namespace) -> None:
    """Judge a version and print the record."""
    from assistant.services.judging import logged, told

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_STOPPED))  # an exit tidies up; the signal alone would not
    os.setpriority(os.PRIO_PROCESS, 0, 19)  # the chat goes first
    with errors_told(options), logged(options.events, told(say)) as tell:
        record = assistant.judgement.judge(options.name, options.version, options.limit, tell)
    answer(options, record, readable_judgement)


def compare(assistant: Any, options: argparse.Namespace) -> None:
    """Print the rows as each system writes them; nothing is decided."""
    from assistant.services.judging import told

    os.setpriority(os.PRIO_PROCESS, 0, 19)  # the chat goes first
    record = assistant.judgement.compare(options.name, options.limit, told(say))
    answer(options, record, readable_comparison)
