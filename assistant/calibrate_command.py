"""`corpora calibrate`: find from when on a corpus answers, from a terminal.

Knows its arguments and how the figures read. Refuses to find anything itself: the service does.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.terminal import answer, say

if TYPE_CHECKING:
    from assistant.retrieval.abstention import Point, Share
    from assistant.services.abstention import State

_EVERY = 50  # questions between two lines of progress
_POINTS = {"held_out": "held out", "default": "the default"}
_AIMS = {"answered_80": "at least 80 % answered", "false_10": "at most 10 % let through"}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The file, or the way back to the default."""
    given = command.add_mutually_exclusive_group()
    given.add_argument(
        "--questions", type=Path, metavar="FILE", help="JSON lines or CSV of question, answerable; else those it keeps"
    )
    given.add_argument("--default", action="store_true", help="take its own threshold away")


def run(assistant: Any, options: argparse.Namespace) -> None:
    """Calibrate, or go back to the default; then say where the corpus stands."""
    service = assistant.abstention
    if options.default:
        service.use_default(options.corpus)
    else:
        assistant.corpora.card_path(options.corpus)  # says that there is none before anything is indexed
        assistant.index()
        for progress in service.calibrate(options.corpus, options.questions):
            if progress.done % _EVERY == 0 or progress.done == progress.total:
                say(f"{progress.done} of {progress.total} questions")
    answer(options, {"corpus": options.corpus} | state_record(service.state(options.corpus)), _readable)


def state_record(state: State) -> dict[str, Any]:
    """Where a corpus stands as JSON: shares with their counts and 95 % intervals."""
    found: dict[str, Any] = {
        "threshold": state.threshold,
        "holds": "its own" if state.kept and not state.stale else "the default",
        "calibrated": asdict(state.kept) if state.kept else None,
    }
    if state.stale:
        found["note"] = "calibrated with another embedder: the default holds until it is calibrated again"
    if record := state.record:
        result = record.calibration
        found |= {
            "questions": {"answerable": record.answerable, "unanswerable": record.own, "drawn": record.drawn},
            "left_out": list(record.left_out),
            "held_out": _point(result.held_out) | {"false_of_own": _share(result.own)},
            "default": _point(result.default),
            "possible": result.possible,
        }
    return found


def _point(point: Point) -> dict[str, Any]:
    return {
        "threshold": point.threshold,
        "answered": _share(point.answered),
        "false_answers": _share(point.false),
        "aims": {"answered_80": point.answers_enough, "false_10": point.invents_little},
    }


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    found = {"share": share.value, "low": low, "high": high}
    return {"of": share.of} | {name: round(value, 4) for name, value in found.items()}


def _readable(record: dict[str, Any]) -> str:
    kept = record["calibrated"]
    lines = [f"{record['corpus']}: answers from a relevance of {record['threshold']:g} ({record['holds']})"]
    lines += [f"calibrated on {kept['date']} with {kept['questions']} questions"] if kept else []
    lines += [record["note"]] if "note" in record else []
    for name, words in _POINTS.items():
        if name in record:
            answered, false = record[name]["answered"], record[name]["false_answers"]
            lines.append(f"{words}: answers {_said(answered)}; lets through {_said(false)} that have no answer")
    if "held_out" in record:
        aims = record["held_out"]["aims"]
        lines.append("; ".join(f"{words}: {'holds' if aims[key] else 'does NOT hold'}" for key, words in _AIMS.items()))
    if record.get("left_out"):
        lines.append(f"left out, the corpus may answer them: {' | '.join(record['left_out'])}")
    return "\n".join(lines)


def _said(share: dict[str, Any]) -> str:
    return f"{share['share']:.1%} of {share['of']} ({share['low']:.0%} to {share['high']:.0%})"
