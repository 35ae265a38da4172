"""The command `corpora`: what the page of that name does, from a terminal, one action each.

Knows its arguments and how progress reads on a terminal. Refuses to change anything itself: the services do, and they
check every name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant import calibrate_command
from assistant.errors import DataError, PasswordNeeded
from assistant.terminal import answer, asked_passwords, password_in, reranked, say

if TYPE_CHECKING:
    from assistant.services.corpus_report import Work

ABOUT = "list the corpora, change them, bring documents in"
_Run = Callable[[Any, argparse.Namespace], int | None]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The actions; without one the corpora are listed. `--json` goes before or behind the action."""
    actions = command.add_subparsers(metavar="ACTION")

    def action(name: str, run: _Run, words: str, corpus: bool = True) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=words, description=words)
        sub.set_defaults(act=run)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
        if corpus:
            sub.add_argument("corpus", help="name of the corpus")
        return sub

    action("list", _list, "list the corpora", corpus=False)
    action("show", _show, "show a corpus with its documents")
    create = action("create", _create, "make an empty corpus")
    create.add_argument("--title", default="", help="what people read; the name if missing")
    rename = action("rename", _rename, "give a corpus another name; adapters that quote from it follow")
    rename.add_argument("name", help="the new name")
    describe = action("describe", _describe, "change title, description and age limit")
    for option in ("title", "title-en", "description", "description-en"):
        describe.add_argument(f"--{option}", metavar="TEXT", help="the English one follows where it is missing")
    describe.add_argument("--max-age-days", type=int, metavar="DAYS", help="older sources are marked; 0: never")
    describe.add_argument("--adapters", nargs="*", metavar="NAME", help="exactly these adapters quote from it")
    add = action("add", _add, "add files, folders or ZIPs, a text or a page of the web")
    add.add_argument("files", nargs="*", type=Path, help="files, folders, ZIPs")
    add.add_argument("--url", default="", help="fetch this address; public ones only")
    add.add_argument("--text", default="", help="add this text as a document; - reads standard input")
    add.add_argument("--title", default="", help="with --text: its title")
    add.add_argument("--date", default="", help="the date that they speak of: 2025, 2025-03 or 2025-03-11")
    add.add_argument("--password-file", type=Path, metavar="FILE", help="its first line opens what asks for one")
    add.add_argument("--replace", default="", metavar="DOCUMENT", help="put the one file in the place of this document")
    date = action("date", _date, "give a document a date, or take a given one away")
    date.add_argument("document", help="its file name")
    date.add_argument("date", nargs="?", default="", help="2025, 2025-03 or 2025-03-11; none: the document's own")
    remove = action("remove", _remove, "remove a document with its words and vectors")
    remove.add_argument("document", help="its file name")
    delete = action("delete", _delete, "remove a corpus for good")
    delete.add_argument("--confirm", default="", metavar="NAME", help="its name once more: this cannot be undone")
    calibrate = action("calibrate", calibrate_command.run, "find on questions from when on the corpus answers")
    calibrate_command.add_arguments(calibrate)
    search = action("search", _search, "search one corpus; every score is shown")
    search.add_argument("text", nargs="+", help="words or a question")
    search.add_argument("-k", type=int, default=5, help="number of passages")
    export = action("export", _export, "write a corpus to one file")
    export.add_argument("--to", type=Path, metavar="FILE", help="the ZIP; <corpus>.zip if missing")
    take = action("import", _import, "make a corpus of an exported file", corpus=False)
    take.add_argument("file", type=Path, help="the exported ZIP")
    take.add_argument("--name", default="", help="another name for it")
    action("report", _report, "say what became of the documents that were added last")


def run(assistant: Any, options: argparse.Namespace) -> int:
    """Do the action; exit status 1 where a document was refused."""
    act: _Run = getattr(options, "act", _list)
    return act(assistant, options) or 0


def _list(assistant: Any, options: argparse.Namespace) -> None:
    records = [_corpus_record(corpus) for corpus in assistant.corpora.list()]
    answer(
        options,
        records,
        lambda rows: "\n".join(f"{r['name']}\t{r['documents']} documents\t{r['passages']} passages" for r in rows),
    )


def _show(assistant: Any, options: argparse.Namespace) -> None:
    corpus = _one(assistant, options.corpus)
    grounded = [found.name for found in assistant.corpus_tools.grounding.of(options.corpus) if found.grounds]
    documents = [asdict(document) for document in assistant.corpora.documents(options.corpus)]
    dates = assistant.corpus_tools.dates.of(options.corpus)
    for document in documents:
        document["given_date"] = dates.get(document["name"])
    record = _corpus_record(corpus) | {
        "description": corpus.card.description.pt,
        "max_age_days": corpus.card.max_age_days,
        "abstention": calibrate_command.state_record(assistant.abstention.state(options.corpus)),
        "adapters": grounded,
        "documents_list": documents,
    }
    answer(options, record, _readable_corpus)


def _create(assistant: Any, options: argparse.Namespace) -> None:
    answer(options, _corpus_record(assistant.corpora.create(options.corpus, options.title)), lambda r: r["name"])


def _rename(assistant: Any, options: argparse.Namespace) -> int:
    tools = assistant.corpus_tools
    name = tools.upkeep.rename(options.corpus, options.name)
    return _followed(tools, tools.ingestions.index(name, forget=options.corpus), options)


def _describe(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.corpus_upkeep import CardWords
    from assistant.stores.manifests import Localized

    card, tools = assistant.corpora.card(options.corpus), assistant.corpus_tools

    def words(pt: str | None, en: str | None, now: Localized) -> Localized | None:
        return None if pt is None and en is None else Localized(now.pt if pt is None else pt, en or pt or now.en)

    title = words(options.title, options.title_en, card.title)
    description = words(options.description, options.description_en, card.description)
    tools.upkeep.describe(options.corpus, CardWords(title, description, options.max_age_days))
    if options.adapters is not None:
        tools.grounding.set(options.corpus, options.adapters)
    _show(assistant, options)


def _add(assistant: Any, options: argparse.Namespace) -> int:
    ingestions, corpus = assistant.corpus_tools.ingestions, options.corpus
    password = password_in(options.password_file) if options.password_file else ""
    given = [bool(options.files), bool(options.url), bool(options.text)]
    if sum(given) != 1:
        raise DataError("Give files, or --url, or --text: one of the three.")
    if options.replace:
        if len(options.files) != 1:
            raise DataError(f"--replace {options.replace!r} takes exactly one file in its place.")
        work = ingestions.replace(corpus, options.replace, options.files[0], options.date)
    elif options.url:
        work = ingestions.add_url(corpus, options.url, options.date)
    elif options.text:
        import sys

        text = sys.stdin.read() if options.text == "-" else options.text
        work = ingestions.add_text(corpus, options.title, text, options.date)
    else:
        work = ingestions.add_files(corpus, _unfolded(options.files), options.date)
    return _told(_opened(assistant.corpus_tools, _watched(assistant.corpus_tools, work), password), options)


def _date(assistant: Any, options: argparse.Namespace) -> None:
    kept = assistant.corpus_tools.upkeep.date(options.corpus, options.document, options.date)
    record = {"corpus": options.corpus, "document": options.document, "given_date": kept or None}
    answer(options, record, lambda r: f"{r['document']}: {r['given_date'] or 'its own date'}")


def _remove(assistant: Any, options: argparse.Namespace) -> None:
    assistant.corpus_tools.upkeep.remove(options.corpus, options.document)
    record = {"corpus": options.corpus, "removed": options.document}
    answer(options, record, lambda r: f"removed: {r['removed']}")


def _delete(assistant: Any, options: argparse.Namespace) -> None:
    assistant.corpus_tools.upkeep.delete(options.corpus, options.confirm)
    answer(options, {"deleted": options.corpus}, lambda r: f"deleted: {r['deleted']}")


def _search(assistant: Any, options: argparse.Namespace) -> None:
    from assistant.services.records import found_record

    assistant.corpora.card(options.corpus)
    assistant.index()
    found = assistant.retriever.retrieve(" ".join(options.text), corpora=[options.corpus], k=options.k)
    answer(options, [found_record(passage) for passage in found], _readable_found)


def _export(assistant: Any, options: argparse.Namespace) -> None:
    target = options.to or Path(f"{options.corpus}.zip")
    if target.exists():
        raise DataError(f"{target} is there already. Name another file with --to.")
    if not target.parent.is_dir():
        raise DataError(f"The folder {target.parent} is not there. Make it, or name another one with --to.")
    path = assistant.corpus_tools.transfer.export(options.corpus, target)
    answer(options, {"corpus": options.corpus, "file": str(path), "bytes": path.stat().st_size}, lambda r: r["file"])


def _import(assistant: Any, options: argparse.Namespace) -> int:
    if not options.file.is_file():
        raise DataError(f"There is no file {options.file}.")
    tools = assistant.corpus_tools
    name = tools.transfer.import_file(options.file, options.name)
    return _followed(tools, tools.ingestions.index(name), options)


def _report(assistant: Any, options: argparse.Namespace) -> None:
    assistant.corpora.card(options.corpus)
    works = assistant.corpus_tools.ingestions.works(options.corpus)
    answer(
        options,
        [work_record(work) for work in works],
        lambda rows: "\n\n".join(map(_readable_work, rows)) or "nothing was added to it yet",
    )


def _followed(tools: Any, work: Work, options: argparse.Namespace) -> int:
    return _told(_watched(tools, work), options)


def _opened(tools: Any, work: Work, password: str) -> Work:
    """The report with what became of the files that ask for a password, where one was given that opens them."""
    for locked in [file for file in work.files if file.state == "locked"]:
        for given in [password] if password else asked_passwords(locked.name):
            try:
                opening = tools.ingestions.unlock(work.corpus, locked.name, given)
            except PasswordNeeded as error:
                say(str(error))
                continue
            opened = _watched(tools, opening)
            files = tuple(opened.files[0] if file is locked else file for file in work.files)
            work = replace(work, files=files) if opened.state == "done" else replace(opened, files=files)
            break
        else:
            say(f"{locked.name} waits: give its password on the page Corpora, or add it again with --password-file")
    return work


def _watched(tools: Any, work: Work) -> Work:
    """Tell how a piece of work goes on, to its end. Ctrl+C stops it in order."""
    told: dict[str, str] = {}
    last = work
    try:
        for last in tools.ingestions.follow(work.id):
            for file in last.files:
                line = f"{file.name}: {file.state}" + (f" {file.embedded}/{file.chunks}" if file.embedded else "")
                if file.is_being_read:
                    line += f" {10 * (10 * file.page // file.pages)} % of {file.pages} pages"
                if told.get(file.name) != line:
                    told[file.name] = line
                    say(line)
    except KeyboardInterrupt:
        tools.ingestions.close()
        raise
    return last


def _told(work: Work, options: argparse.Namespace) -> int:
    """The report; 1 where the work failed or a file did not come in."""
    answer(options, work_record(work), _readable_work)
    out = any(file.state in ("refused", "stopped", "locked") for file in work.files)
    return 1 if out or work.state != "done" else 0


def work_record(work: Work) -> dict[str, Any]:
    """A report as JSON: a line for each file, warnings and reasons in English."""
    files = [
        {
            "name": f.name, "state": str(f.state), "origin": f.origin, "pages": f.pages, "chunks": f.chunks,
            "language": f.language, "as_of": f.as_of, "notes": [note.en for note in f.notes],
        }
        for f in work.files
    ]  # fmt: skip
    return {
        "id": work.id, "corpus": work.corpus, "task": str(work.task), "state": str(work.state),
        "created": work.created, "seconds": work.seconds, "error": work.error.en, "files": files,
    }  # fmt: skip


def _one(assistant: Any, name: str) -> Any:
    assistant.corpora.card(name)  # says that there is none
    return next(corpus for corpus in assistant.corpora.list() if corpus.card.name == name)


def _corpus_record(corpus: Any) -> dict[str, Any]:
    return {
        "name": corpus.card.name,
        "title": corpus.card.title.pt,
        "documents": corpus.stats.documents,
        "passages": corpus.stats.chunks,
        "oldest": corpus.stats.oldest,
        "newest": corpus.stats.newest,
        "problem": corpus.problem.en,
    }


def _readable_corpus(record: dict[str, Any]) -> str:
    span = f"{record['oldest'] or '-'} to {record['newest'] or '-'}"
    lines = [
        f"{record['name']}: {record['title']}",
        record["description"],
        f"{record['documents']} documents, {record['passages']} passages, {span}; old after {record['max_age_days']} "
        f"days; quoted by {', '.join(record['adapters']) or 'no adapter by name'}",
        f"answers from a relevance of {record['abstention']['threshold']:g} ({record['abstention']['holds']})",
    ]
    for d in record["documents_list"]:
        note = f" ({'; '.join(d['notes'])})" if d["notes"] else ""
        lines.append(f"  {d['name']}\t{d['as_of'] or 'no date'}\t{d['chunks']} passages\t{d['state']}{note}")
    return "\n".join(lines)


def _readable_found(rows: list[dict[str, Any]]) -> str:
    return "\n\n".join(
        f"{r['document']} ({r['as_of'] or 'no date'}) cosine {r['score']:.3f}, by meaning {r['dense_rank'] or '-'}, "
        f"by words {r['lexical_rank'] or '-'}, together {r['fused']:.3f}{reranked(r)}\n{r['text']}"
        for r in rows
    )


def _readable_work(record: dict[str, Any]) -> str:
    lines = [f"{record['created']} {record['task']}: {record['state']} in {record['seconds']:.0f} s {record['error']}"]
    for f in record["files"]:
        facts = f"{f['pages']} pages, {f['chunks']} passages, {f['language'] or '?'}, {f['as_of'] or 'no date'}"
        lines.append(f"  {f['name']}: {f['state']} ({facts})")
        lines += [f"    {note}" for note in f["notes"]]
    return "\n".join(lines)


def _unfolded(paths: list[Path]) -> list[Path]:
    """Files, and the files of folders and their folders; hidden ones are left out."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = (p for p in sorted(path.rglob("*")) if p.is_file())
        found += [p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    return found
