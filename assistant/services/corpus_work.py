"""Work on the corpora in the background: one piece after the other, seen by everybody, found again after a reload.

Knows the queue, its one thread and the reports. Refuses to know what is done (`corpus_adding`) and what files are
(`corpus_intake`).
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from assistant.errors import AssistantError, InputRejected, StorageError
from assistant.retrieval.loading import unlock
from assistant.services.corpus_adding import Adding
from assistant.services.corpus_dates import checked_date
from assistant.services.corpus_intake import Laid, lay_files, lay_text
from assistant.services.corpus_locked import LockedFile
from assistant.services.corpus_order import Order, Place
from assistant.services.corpus_report import FileReport, Reports, Task, Work, WorkState
from assistant.stores.manifests import Localized

_WAITING = 100  # pieces of work in the queue
_WRITE_S = 1.0  # between two writes of a report that goes on; longer for one of thousands of files
_STALE_S = 86_400.0  # brought files that no report speaks of
_LONGEST_PASSWORD = 1_000  # characters
_END_S = 20.0  # for a document that is being embedded when the program ends
_log = logging.getLogger(__name__)
_Lay = Callable[[Path, str], Laid]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for beside the files; see `Work` and `Order`."""

    date: str = ""
    url: str = ""
    task: Task = Task.ADD
    replaces: str = ""
    forget: str = ""
    opened: str = ""


class Ingestions:
    """Brings documents into corpora. Safe to call from any thread; names and files are checked by each call."""

    def __init__(self, place: Place, reports: Reports, folder: Path) -> None:
        """`folder` is where brought files lie until they are in their corpus."""
        self._place = place
        self._reports = reports
        self._folder = folder
        self._changed = threading.Condition()
        self._works: dict[str, Work] = {}
        self._stops: dict[str, threading.Event] = {}
        self._queue: deque[tuple[Work, Order]] = deque()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._unwritten: set[str] = set()  # on a full disk
        self._swept = False

    # Bringing

    def add_files(self, corpus: str, files: Sequence[Path], date: str = "") -> Work:
        """Put files, and the documents in ZIPs, into a corpus; raises `AssistantError` before anything is kept."""
        return self._submit(corpus, lambda folder, _: lay_files(files, folder, self._place.max_bytes), _Wish(date))

    def add_text(self, corpus: str, title: str, text: str, date: str = "") -> Work:
        """Put a pasted text into a corpus as a Markdown document of its title."""

        def lay(folder: Path, day: str) -> Laid:
            taken = {path.name for path in self._place.corpora.paths(corpus)}
            return lay_text(title, text, day, folder, taken)

        return self._submit(corpus, lay, _Wish(date))

    def add_url(self, corpus: str, url: str, date: str = "") -> Work:
        """Fetch a page or a file from the web into a corpus."""
        if not url.strip():
            raise InputRejected("There is no address. Paste it first.", pt="Não há endereço. Cole-o antes de buscar.")
        address = url.strip()[:2000]
        return self._submit(corpus, lambda *_: Laid(lines=[FileReport(address)]), _Wish(date, address))

    def replace(self, corpus: str, document: str, file: Path, date: str = "") -> Work:
        """Put a newer document in the place of one; the older one stays until the newer one is committed."""
        old = self._place.corpora.path_of(corpus, document).name
        if file.suffix.lower() == ".zip":
            raise InputRejected(
                f"{file.name} is a ZIP; one document takes the place of one. Send the document itself.",
                pt=f"{file.name} é um ZIP; um documento é trocado por um documento. Envie o próprio arquivo.",
            )
        wish = _Wish(date, task=Task.REPLACE, replaces=old)
        return self._submit(corpus, lambda folder, _: lay_files([file], folder, self._place.max_bytes), wish)

    def unlock(self, corpus: str, document: str, password: str) -> Work:
        """Open a document that waits for its password, and bring it in as was asked for when it came.

        The password is used here and now: neither the queue nor a report has it. Raises `PasswordNeeded` where it is a
        wrong one, `InputRejected` where there is none or no such document waits; the document waits on then.
        """
        file, locked = self._place.locked.find(corpus, document)
        if not password:
            raise InputRejected("Type the password first.", pt="Digite a senha antes de abrir.")

        def lay(folder: Path, _: str) -> Laid:
            folder.mkdir(parents=True)
            laid, path = Laid(), folder / file.name
            unlock(locked, path, password[:_LONGEST_PASSWORD], max_bytes=self._place.max_bytes, name=file.name)
            laid.take(file.name, path, file.origin)
            return laid

        there = {path.name for path in self._place.corpora.paths(corpus)}
        old = file.replaces if file.replaces in there else ""  # it may have gone meanwhile
        task = Task.REPLACE if old else Task.ADD
        return self._submit(corpus, lay, _Wish(file.date, task=task, replaces=old, opened=file.name))

    def give_up(self, corpus: str, document: str) -> None:
        """Let go of a document that waits for its password."""
        file, _ = self._place.locked.find(corpus, document)
        self._place.locked.remove(corpus, file.name)

    def index(self, corpus: str, forget: str = "") -> Work:
        """Bring the index in step with a corpus; then it forgets the corpus's old name."""
        lines = [FileReport(p.name, size=p.stat().st_size) for p in self._place.corpora.paths(corpus)]
        return self._submit(corpus, lambda *_: Laid(lines=lines), _Wish(task=Task.INDEX, forget=forget))

    # Watching

    def locked(self, corpus: str) -> list[LockedFile]:
        """Documents of a corpus that wait for their password; those that are being opened just now are left out."""
        busy = {line.name for work in self.works(corpus) if work.active for line in work.files}
        return [file for file in self._place.locked.of(corpus) if file.name not in busy]

    def works(self, corpus: str | None = None) -> list[Work]:
        """Every piece of work, latest first, those of other processes included."""
        found = {work.id: work for work in self._reports.all(corpus)}
        with self._changed:  # what goes on here is newer than its report
            own = [w for w in self._works.values() if w.active or w.id in self._unwritten]
        found |= {work.id: work for work in own if corpus in (None, work.corpus)}
        return [found[key] for key in sorted(found, reverse=True)]

    def follow(self, work: str) -> Iterator[Work]:
        """A piece of work of this process as it goes on, until it has ended."""
        seen: Work | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda before=seen: self._works.get(work) is not before, 1.0)  # type: ignore[misc]
                now = self._works.get(work)
            if now is None:
                yield from (known for known in self._reports.all() if known.id == work)
                return
            if now is not seen:
                yield now
            seen = now
            if not now.active:
                return

    def stop(self, work: str) -> None:
        """Stop a piece of work after what it is at; documents that are committed stay."""
        with self._changed:
            known = self._stops.get(work)
        if known is None:
            raise InputRejected(
                f"No work {work[:60]!r} goes on here. Look at the page again.",
                pt="Este trabalho já terminou ou pertence a outro processo. Veja a página de novo.",
            )
        known.set()

    def close(self) -> None:
        """Stop everything and wait for the document that is being embedded; what still waits is given up."""
        with self._changed:
            self._ending = True
            for stop in self._stops.values():
                stop.set()
            waiting, thread = list(self._queue), self._thread
            self._queue.clear()
            self._changed.notify_all()
        for work, order in waiting:
            shutil.rmtree(order.folder, ignore_errors=True)
            self._write(replace(work, state=WorkState.STOPPED))
        if thread is not None:
            thread.join(_END_S)

    # How

    def _submit(self, corpus: str, lay: _Lay, wish: _Wish) -> Work:
        """Lay the files ready and queue the work."""
        self._place.corpora.card_path(corpus)  # says that there is none
        day = checked_date(wish.date) if wish.date.strip() else ""
        with self._changed:
            if len(self._queue) >= _WAITING:
                raise InputRejected(
                    f"{_WAITING} uploads wait already. Wait until some are done.",
                    pt=f"Já há {_WAITING} envios na fila. Espere alguns terminarem.",
                )
        self._sweep()
        now = datetime.now(UTC)
        name = f"{now:%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:6]}"
        folder = self._folder / name
        try:
            laid = lay(folder, day)
        except BaseException:  # whatever it was: nothing of what was brought stays
            shutil.rmtree(folder, ignore_errors=True)
            raise
        work = Work(
            name, corpus, wish.task, now.isoformat(timespec="seconds"), files=tuple(laid.lines), replaces=wish.replaces,
        )  # fmt: skip
        order = Order(folder, laid.files, wish.url, day, wish.forget, wish.opened)
        self._write(work)
        with self._changed:
            self._works[name], self._stops[name] = work, threading.Event()
            self._queue.append((work, order))
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._labour, name="ingestion", daemon=True)
                self._thread.start()
        return work

    def _labour(self) -> None:
        # one thread for good: the ledger keeps a connection for each thread that ever asked it
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._ending)
                if self._ending:
                    return
                work, order = self._queue.popleft()
                stop = self._stops[work.id]
            self._do(work, order, stop)

    def _do(self, work: Work, order: Order, stop: threading.Event) -> None:
        written = 0.0
        try:
            for now in Adding(self._place, work, order, stop.wait).run():
                if not now.active or time.monotonic() - written > _WRITE_S * (1 + len(now.files) / 500):
                    self._write(now)  # first: who sees the end finds it on the disk
                    written = time.monotonic()
                self._show(now)
        # the entrance of a job: whatever breaks one piece of work must not end the thread for all others
        except Exception as error:  # noqa: BLE001
            _log.exception("The work %s broke down.", work.id)
            said = Localized(
                f"O trabalho parou por um erro inesperado ({type(error).__name__}). Envie os arquivos de novo.",
                f"The work broke down ({type(error).__name__}: {error}). Send the files again.",
            )
            broken = replace(self._works[work.id], state=WorkState.FAILED, error=said, seconds_left=None)
            self._write(broken)
            self._show(broken)
        finally:
            with self._changed:
                self._stops.pop(work.id, None)
            self._reports.prune(work.corpus)
            self._forget_old()

    def _show(self, work: Work) -> None:
        with self._changed:
            self._works[work.id] = work
            self._changed.notify_all()

    def _forget_old(self) -> None:
        """What has ended is told by its report; only the latest stay in memory, for those who follow them."""
        with self._changed:
            ended = [key for key, work in sorted(self._works.items()) if not work.active]
            for key in ended[:-1]:
                del self._works[key]

    def _write(self, work: Work) -> None:
        try:
            self._reports.write(work)
            self._unwritten.discard(work.id)
        except StorageError:  # the page shows it from memory; a full disk is told where documents are kept
            self._unwritten.add(work.id)

    def _sweep(self) -> None:
        """Remove what killed processes left."""
        if self._swept:
            return
        self._swept = True
        ended = {work.id for work in self._reports.all() if not work.active}
        for path in self._folder.glob("*"):
            if path == self._place.locked.folder:  # has its own time
                continue
            with suppress(OSError, AssistantError):
                if path.name in ended or time.time() - path.stat().st_mtime > _STALE_S:
                    shutil.rmtree(path, ignore_errors=True)
