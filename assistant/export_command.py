"""The command `adapters export`: a version as files that other programs load.

Knows its arguments and what is printed. Refuses to know how exports are made: the service does.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from assistant.errors import InputRejected
from assistant.terminal import answer, errors_told, say

ABOUT = "export a version: a PEFT folder, a merged model, a GGUF adapter or a merged GGUF"
_FORMS = ("peft", "merged", "gguf", "gguf-merged")
_STOPPED = 128 + signal.SIGTERM
_CHANGES = ("activate", "anyway", "roll_back", "retire", "delete")


def add_to(adapters: argparse.ArgumentParser) -> None:
    """Make `export` a command below `adapters`."""
    command = adapters.add_subparsers(metavar="export").add_parser("export", help=ABOUT, description=ABOUT)
    command.set_defaults(run=run)
    command.add_argument("name", help="the adapter")
    command.add_argument("--version", type=int, metavar="N", help="the live one if missing, else the newest")
    command.add_argument("--form", choices=_FORMS, required=True, help="what to make of it")
    command.add_argument("--to", type=Path, required=True, metavar="PATH", help="a new folder, or a new .zip")
    command.add_argument("--prompts", type=int, default=50, metavar="N", help="inputs that the forms are compared on")
    command.add_argument("--this-form", action="store_true", help="compare what is exported, not all four forms")
    command.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def run(assistant: Any, options: argparse.Namespace) -> None:
    """Export and print the record."""
    from assistant.services.export import Order

    change = next((name for name in _CHANGES if getattr(options, name)), "")
    if change:
        option = f"--{change.replace('_', '-')}"
        raise InputRejected(
            f"{option} and export are two commands: give one of them at a time.",
            pt=f"{option} e export são dois comandos: use um de cada vez.",
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_STOPPED))  # an exit tidies up; the signal alone would not
    os.setpriority(os.PRIO_PROCESS, 0, 19)  # the chat goes first
    order = Order(
        options.name,
        options.form,
        options.to,
        number=options.version,
        prompts=options.prompts,
        every_form=not options.this_form,
        language=assistant.settings.language,
    )
    with errors_told(options):
        answer(options, assistant.exports.export(order, say), readable_export)


def readable_export(record: dict[str, Any]) -> str:
    """Where it lies, and how far each form writes what the adapter writes."""
    lines = [f"{record['path']} ({record['bytes'] / 1e6:.1f} MB, {record['adapter']} {record['version']})"]
    for name, found in record["forms"].items():
        if name == record["reference"]:
            continue
        lines.append(
            f"{name}: {found['identical']:.0%} of {found['prompts']:.0f} texts equal to {record['reference']}'s, "
            f"common prefix {found['common_prefix']:.0%}, {found['clear']:.0f} clear differences"
        )
    return "\n".join(lines)
