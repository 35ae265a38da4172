"""The command `dataset`: examine a file, show what the model will see, add it to an adapter or begin one with it.

Knows its arguments and the order of its steps. Refuses to read data and to ask the hub: the services do.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DataError
from assistant.terminal import answer, readable_report, say

if TYPE_CHECKING:
    from assistant.services.hub_data import Origin

ABOUT = "examine a data set, add it to an adapter or begin a new one with it"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command; `--json` is everybody's."""
    command.add_argument(
        "file",
        help="JSONL, JSON, CSV, TSV, XLSX, CoNLL, brat (folder or .zip); or hub:owner/name[@config][#split], a data "
        "set of the Hugging Face hub, which needs the network",
    )
    command.add_argument("--kind", choices=("reply", "extract", "chat"), default="reply", help="what it is to teach")
    command.add_argument("--adapter", metavar="NAME", help="examine it as data of this adapter")
    command.add_argument("--adopt", action="store_true", help="with --adapter: add it to the adapter's recipe")
    command.add_argument("--create", metavar="NAME", help="make a new adapter of --kind from it")
    command.add_argument("--title", default="", help="with --create: what people read")
    command.add_argument("--input", default="", metavar="COLUMN", help="the column with what comes in")
    command.add_argument("--output", default="", metavar="COLUMN", help="the column with what should come out")
    command.add_argument("--group", default="", metavar="COLUMN", help="rows of one group stay together in the split")


def run(assistant: Any, options: argparse.Namespace) -> int:
    """Print the report; exit status 1 when the data cannot be used as it is."""
    from assistant.services.records import report_record
    from assistant.stores.manifests import Localized
    from assistant.training.drafts import NewAdapter
    from assistant.training.records import Mapping
    from assistant.types import AdapterKind

    _check(options)
    path, origin = _source(assistant, options.file)
    mapping = Mapping(options.input, options.output, options.group) if options.input else None
    kind = AdapterKind(options.kind)
    service, made = assistant.datasets, None
    if options.create:
        title = options.title or options.create
        words = Localized(title, title)
        new = NewAdapter(options.create, kind, words, words, source=origin.words.en if origin else "")
        made = service.create(new, path, mapping)
    elif options.adopt:
        made = service.adopt(options.adapter, path, mapping)
    target = options.create or options.adapter or kind
    report = made.report if made else service.examine(target, path, mapping)
    shown = service.preview(target, path, mapping) if report.ok else ()
    record = report_record(path.name, report, shown) | {"written": [str(file) for file in made.files] if made else []}
    if origin:
        record["origin"] = asdict(origin) | {"words": origin.words.en, "path": str(path)}
    answer(options, record, readable_report)
    return 0 if report.ok else 1


def _source(assistant: Any, text: str) -> tuple[Path, Origin | None]:
    """The file that is meant; of a data set of the hub, the one that its rows were written to, and where from."""
    from assistant.services.hub_data import read_origin
    from assistant.training.hub_name import hub_name, is_hub_name

    if not is_hub_name(text):
        return Path(text), None
    steps = assistant.intake.fetched(str(hub_name(text)))
    while True:
        try:
            step = next(steps)
        except StopIteration as done:
            return done.value, read_origin(done.value.parents[1])
        say(f"{step.name}: {step.rows:,} rows" if step.rows else f"asking the hub for {step.name}")


def _check(options: argparse.Namespace) -> None:
    """Raise `DataError` for options that contradict each other."""
    if options.create and options.adapter:
        raise DataError("--create makes a new adapter and --adapter means one that is there: give only one of them.")
    if options.adopt and not options.adapter:
        raise DataError("--adopt adds the file to an adapter: say which one with --adapter NAME.")
    if bool(options.input) != bool(options.output):
        raise DataError("--input and --output name two columns of the file: give both or neither.")
