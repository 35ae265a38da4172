"""The command `adapters`: list them, and decide which version answers; `train --activate` decides the same way.

Knows its arguments and the order of its steps. Refuses to decide: a recorded verdict is asked first.
"""

from __future__ import annotations

import argparse
from typing import Any

from assistant import export_command
from assistant.errors import DataError
from assistant.terminal import answer, readable_verdict, say

ABOUT = "list the adapters"
ANYWAY = "overrule a verdict against it, on the record"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command; `--json` is everybody's."""
    command.add_argument("--activate", metavar="NAME@NUMBER", help="make a version live; number 0 retires the adapter")
    command.add_argument("--anyway", default="", metavar="REASON", help=ANYWAY)
    command.add_argument("--roll-back", metavar="NAME", help="make the version live that was live before")
    command.add_argument("--retire", metavar="NAME", help="let no version answer; the versions stay")
    command.add_argument("--delete", metavar="NAME@NUMBER", help="remove a version that is not live, for good")
    export_command.add_to(command)


def run(assistant: Any, options: argparse.Namespace) -> None:
    """Do what was asked for, then print every adapter."""
    check_reason(options)
    if options.activate:
        name, number = _version("--activate", options.activate)
        if number:
            activate(assistant, name, number, options.anyway)
        else:
            assistant.adapters.retire(name)
    if options.roll_back:
        say(f"{assistant.adapters.roll_back(options.roll_back).key} is live")
    if options.retire:
        assistant.adapters.retire(options.retire)
    if options.delete:
        assistant.adapters.delete_version(*_version("--delete", options.delete))
    records = [_record(info) for info in assistant.adapters.list()]
    answer(
        options,
        records,
        lambda rows: "\n".join(
            f"{r['name']}\t{r['kind']}\t{r['active'] or '-'}\t{'live' if r['live'] else r['note']}" for r in rows
        ),
    )


def activate(assistant: Any, name: str, number: int, anyway: str) -> None:
    """Make a version live unless its verdict says no; `anyway` is a reason to overrule that, which is recorded.

    Raises `AdapterError` where the verdict stands.
    """
    verdict = assistant.judgement.permit(name, number, anyway)
    say(readable_verdict(f"{name}@{number}", verdict))
    assistant.adapters.activate(name, number)


def check_reason(options: argparse.Namespace) -> None:
    """Raise `DataError` for a reason to activate where nothing is to be activated."""
    if options.anyway and not options.activate:
        raise DataError(f"--anyway {options.anyway!r} overrules a verdict: say what goes live with --activate.")


def _version(option: str, value: str) -> tuple[str, int]:
    name, _, number = value.partition("@")
    if not number.isdigit():
        raise DataError(f"{option} is {value!r}; give NAME@NUMBER, for example legal-ner@1.")
    return name, int(number)


def _record(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "kind": str(info.kind),
        "base": info.base,
        "active": info.active,
        "versions": list(info.versions),
        "state": str(info.state),
        "live": str(info.state) == "live",
        "scores": dict(info.scores),
        "note": info.note.en,
    }
