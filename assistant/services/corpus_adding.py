"""A piece of work on a corpus, done: documents brought in, one replaced, or an index brought in step.

Knows the order of the steps and what becomes of a document that is not read to its end: an older one is kept until the
newer one is committed, and what was refused or stopped leaves nothing. Refuses to know threads and pages.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from assistant.errors import AssistantError, DocumentRefused, PasswordNeeded, StoreBusy
from assistant.services.corpus_locked import LockedFile
from assistant.services.corpus_order import Order, Place
from assistant.services.corpus_pace import Pace
from assistant.services.corpus_reading import by_page
from assistant.services.corpus_report import ENDED, FileReport, FileState, Task, Work, WorkState
from assistant.services.ingestion import Progress, Stage, content_of
from assistant.services.web_page import Limits, fetch
from assistant.stores.manifests import NO_TEXT, Localized, sha256_of
from assistant.training.language import language_of

_RETRY_S = 2.0  # between two looks whether another process still writes
_SAMPLE = 6  # chunks that tell a document's language
_STAGES = {
    Stage.READING: FileState.READING,
    Stage.EMBEDDING: FileState.INDEXING,
    Stage.DONE: FileState.DONE,
    Stage.UNCHANGED: FileState.UNCHANGED,
    Stage.REFUSED: FileState.REFUSED,
}
_IN = frozenset({FileState.DONE, FileState.UNCHANGED})
OPENED = Localized(
    "A senha abriu o arquivo e não foi guardada. No corpus fica uma cópia sem proteção, para que o índice possa ser "
    "refeito sem a senha; uma assinatura digital não passa para ela: fique com o original.",
    "The password opened the file and was not kept. In the corpus lies a copy without protection, so that the index "
    "can be made again without it; a digital signature does not pass on to it: keep the original.",
)
WAITS = Localized(
    "Outro processo está gravando o índice; o trabalho começa quando ele terminar.",
    "Another process writes to the index; the work begins when it has finished.",
)


class Adding:
    """One piece of work; `run` yields the report after each step."""

    def __init__(self, place: Place, work: Work, order: Order, wait: Callable[[float], bool]) -> None:
        """`wait` lets seconds pass and says whether somebody stopped the work; 0 only asks."""
        self._place = place
        self._order = order
        self._wait = wait
        self._work = replace(work, state=WorkState.RUNNING)
        self._pace = Pace()
        self._before = set(self._names())
        self._kept: list[str] = []  # brought in by this work
        self._contents: dict[str, str] = {}  # names by SHA-256

    def run(self) -> Iterator[Work]:
        """Do it. The last report has ended; errors are in it, and nothing is left of what was not read."""
        state, error = WorkState.DONE, NO_TEXT
        try:
            yield from self._steps()
            if self._wait(0):
                state = WorkState.STOPPED
        except AssistantError as failed:
            state, error = WorkState.FAILED, Localized.of(failed)
        finally:
            self._undo(state)
            shutil.rmtree(self._order.folder, ignore_errors=True)
        yield replace(self._now(), state=state, error=error, seconds_left=None, waits=NO_TEXT)

    def _steps(self) -> Iterator[Work]:
        yield self._now()
        if self._order.url:
            yield from self._fetched()
        if self._order.files:
            documents = self._place.store.documents(self._work.corpus)
            self._contents = {content_of(d.sha256): d.name for d in documents if d.state == "ready"}
        for name, path in list(self._order.files.items()):
            if self._wait(0):
                return
            self._line(name, state=FileState.CHECKING)
            yield self._now()
            yield from self._take(name, path)
        yield from self._indexed()
        self._let_go_of_empty()
        if self._work.task is Task.REPLACE and not self._wait(0):
            self._let_go_of_old()
        if self._order.forget:
            self._forget(self._order.forget)

    # Bringing in

    def _fetched(self) -> Iterator[Work]:
        url = self._order.url
        (line,) = self._work.files
        self._work = replace(self._work, files=(replace(line, state=FileState.FETCHING),))
        yield self._now()
        folder = self._order.folder / "web"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            got = fetch(url, folder, Limits(self._place.max_bytes), self._place.network)
        except DocumentRefused as error:
            self._refuse(line.name, error)
            return
        self._order.files[got.path.name] = got.path
        known = FileReport(got.path.name, origin=got.url, size=got.path.stat().st_size)
        self._work = replace(self._work, files=(known,))

    def _take(self, name: str, path: Path) -> Iterator[Work]:
        """Put a brought file among the documents, or say why not; a long one is told page by page."""
        corpus = self._work.corpus
        try:
            if self._work.task is Task.REPLACE:
                self._check_free(name)
            notes = self._twin(name, path)
            before = self._backup(name) if name in self._before else None
            self._kept.append(name)  # from now on it is taken back if this does not end well
            yield from self._read(name, path)
        except PasswordNeeded as error:
            self._have_wait(name, path, error)
            return
        except DocumentRefused as error:
            self._refuse(name, error)
            return
        if self._wait(0):
            return
        if self._order.date:
            self._place.dates.set(corpus, name, self._order.date)
        if self._order.opened == name:
            notes += (OPENED,)
        if before is not None and self._work.task is Task.ADD and sha256_of(before) != sha256_of(path):
            notes += (Localized("Substituiu o documento de mesmo nome.", "Took the place of the one of that name."),)
        self._line(name, state=FileState.KEPT, notes=notes, rate=0.0, seconds_left=None)

    def _read(self, name: str, path: Path) -> Iterator[Work]:
        """Have a file read and put among the documents; somebody who stops the work need not wait for its last page."""

        def tell(page: int, of: int) -> Work:
            self._line(name, **self._pace.read(page, of))
            return self._now()

        corpora, corpus = self._place.corpora, self._work.corpus
        self._pace.opened()
        reading = by_page(lambda on_page: corpora.add_document(corpus, name, path, on_page=on_page), tell)
        try:
            for now in reading:
                yield now
                if self._wait(0):
                    return
        finally:
            reading.close()

    def _have_wait(self, name: str, path: Path, error: PasswordNeeded) -> None:
        """Keep a file that asks for a password until somebody gives it."""
        order, line = self._order, self._work.file(name)
        origin = line.origin if line else ""
        waiting = LockedFile(
            self._work.corpus, name, path.stat().st_size, date=order.date, replaces=self._work.replaces, origin=origin
        )
        try:
            self._place.locked.put(waiting, path)
        except DocumentRefused as full:
            self._refuse(name, full)
            return
        self._not_kept(name)
        self._line(name, state=FileState.LOCKED, notes=(Localized.of(error),), seconds_left=None)

    def _check_free(self, name: str) -> None:
        if name in self._before and name != self._work.replaces:
            raise DocumentRefused(
                f"The corpus has another document {name!r}, which would be lost. Rename the file first.",
                pt=f"O corpus já tem outro documento chamado {name!r}, que se perderia. Dê outro nome ao arquivo.",
            )

    def _twin(self, name: str, path: Path) -> tuple[Localized, ...]:
        """A warning where another document has the very same content."""
        twin = self._contents.setdefault(sha256_of(path), name)
        if twin in (name, self._work.replaces):
            return ()
        return (
            Localized(
                f"O conteúdo é o mesmo de {twin}; um dos dois pode ser apagado.",
                f"The content is that of {twin}; one of the two can be deleted.",
            ),
        )

    def _backup(self, name: str) -> Path:
        """A copy of the document that is about to be overwritten."""
        copy = self._order.folder / "before" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._place.corpora.path_of(self._work.corpus, name), copy)
        return copy

    # Indexing

    def _indexed(self) -> Iterator[Work]:
        """Ingest until every file has been looked at, giving way between documents to whoever changes something."""
        if not self._kept and self._work.task is not Task.INDEX:
            return
        done = False
        while not done and not self._wait(0):
            with self._place.turns.last():
                steps = self._place.corpora.ingest([self._work.corpus])
                try:
                    done = yield from self._followed(steps)
                except StoreBusy:
                    self._work = replace(self._work, waits=WAITS)
                finally:
                    steps.close()  # type: ignore[attr-defined]  # what is committed stays
            if self._work.waits:
                yield self._now()
                self._wait(_RETRY_S)
                self._work = replace(self._work, waits=NO_TEXT)

    def _followed(self, steps: Iterator[Progress]) -> Generator[Work, None, bool]:
        for step in steps:
            self._reached(step)
            yield self._now()
            ended = _STAGES.get(step.stage) in ENDED
            if self._wait(0) or (ended and self._place.turns.wanted):
                return False
        return True

    def _reached(self, step: Progress) -> None:
        state = _STAGES.get(step.stage)
        if state is None or (self._work.file(step.document) is None and state is FileState.UNCHANGED):
            return
        if self._work.file(step.document) is None:  # put there by somebody else, or part of an import
            self._work = replace(self._work, files=(*self._work.files, FileReport(step.document)))
        line = self._work.file(step.document)
        if line is None or line.state in ENDED:  # looked at again after giving way
            return
        if state is FileState.INDEXING:
            self._line(step.document, state=state, **self._pace.embedded(line, step))
            return
        self._pace.stepped()
        if step.page:
            self._line(step.document, state=state, **self._pace.read(step.page, step.pages))
            return
        self._pace.opened()
        self._line(step.document, state=state, embedded=step.embedded, chunks=step.chunks, seconds_left=None)
        if state in ENDED:
            self._line(step.document, **self._facts(step, line.notes))

    def _facts(self, step: Progress, notes: Sequence[Localized]) -> dict[str, object]:
        """What the index knows of a document now."""
        store, corpus = self._place.store, self._work.corpus
        record = next((d for d in store.documents(corpus) if d.name == step.document), None)
        sample = " ".join(chunk.text for chunk in store.chunks_of(corpus, step.document)[:_SAMPLE])
        said = step.warnings or (() if record is None else tuple(Localized(n, n) for n in record.notes))
        facts: dict[str, object] = {"notes": (*notes, *said), "language": language_of(sample)}
        return facts | ({"pages": record.pages, "chunks": record.chunks, "as_of": record.as_of} if record else {})

    # Ending

    def _let_go_of_empty(self) -> None:
        """What could be read but held nothing to index is taken back; the index forgets its refusal."""
        empty = [name for name in self._kept if self._work.file(name) is None]
        if empty:
            self._take_back(empty)
            with self._place.turns.last():
                for _ in self._place.corpora.ingest([self._work.corpus]):
                    pass

    def _let_go_of_old(self) -> None:
        """The newer document is committed: the older one goes, with its date."""
        old, corpus = self._work.replaces, self._work.corpus
        ready = [f for f in self._work.files if f.state in _IN]
        if ready and old not in {f.name for f in ready}:
            with self._place.turns.last():
                self._place.corpora.remove_document(corpus, old)
                self._place.dates.forget(corpus, old)

    def _forget(self, corpus: str) -> None:
        """Remove what the index holds under a corpus's old name; its vectors have served the new one."""
        with self._place.turns.last(), self._place.store.writing() as writer:
            for document in self._place.store.documents(corpus):
                writer.remove(corpus, document.name)

    def _undo(self, state: WorkState) -> None:
        """Take back what was brought and not committed: nothing is half-done."""
        lines = ((name, self._work.file(name)) for name in self._kept)
        self._take_back([name for name, line in lines if line is None or line.state not in _IN])
        ended = FileState.STOPPED if state is not WorkState.DONE else FileState.REFUSED
        for line in self._work.files:
            if line.state not in ENDED:
                self._line(line.name, state=ended, seconds_left=None)
        self._let_go_of_locked()

    def _let_go_of_locked(self) -> None:
        """What is in the corpus, or was opened and then refused, waits for a password no more."""
        for line in self._work.files:
            if line.state in _IN or (line.state is FileState.REFUSED and line.name == self._order.opened):
                self._place.locked.remove(self._work.corpus, line.name)

    def _take_back(self, names: Sequence[str]) -> None:
        for name in names:
            self._kept.remove(name)
            before = self._order.folder / "before" / name
            with suppress(AssistantError, OSError):
                target = self._place.corpora.path_of(self._work.corpus, name)
                if before.is_file():
                    shutil.move(before, target)
                else:
                    target.unlink(missing_ok=True)

    def _refuse(self, name: str, error: DocumentRefused) -> None:
        self._not_kept(name)
        self._line(name, state=FileState.REFUSED, notes=(Localized.of(error),), seconds_left=None)

    def _not_kept(self, name: str) -> None:
        with suppress(ValueError):
            self._kept.remove(name)

    def _line(self, name: str, **changes: object) -> None:
        self._work = self._work.with_file(name, **changes)

    def _names(self) -> Sequence[str]:
        with suppress(AssistantError):
            return [path.name for path in self._place.corpora.paths(self._work.corpus)]
        return []

    def _now(self) -> Work:
        return self._pace.told(self._work)
