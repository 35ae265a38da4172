"""Where files from browsers land before a page takes them, and when they go from there.

Knows the folder, which is this process's own and goes with it. A page forgets what it has taken or refused; Gradio
removes what no page took, and its copies of what it serves, after a day. Refuses to know what the files are.

Gradio names an upload by its content: who sends the same file shares one path, so uses are counted.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

UPLOAD_MB = 20  # of one data file; megabytes of 2^20 bytes
DOCUMENT_MB = 200  # of one document, ZIP or exported corpus
_VARIABLE = "GRADIO_TEMP_DIR"
_PREFIX = "assistant-uploads-"
_HALF_S = 600.0  # without a byte: nobody sends that file any more
KEPT_S = (3600, 86400)  # for Gradio: how often it looks, and the age of what it removes

_uses: Counter[Path] = Counter()  # of uploads, by everybody who still needs one
_lock = threading.Lock()


def own_folder() -> None:
    """Have uploads land in a private folder that is removed at the end, unless somebody named another one."""
    if _VARIABLE in os.environ:
        return
    _remove_orphans()
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    os.environ[_VARIABLE] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def taken(paths: Iterable[Path]) -> None:
    """Say that somebody needs these uploads until `forget`."""
    with _lock:
        _uses.update(path.resolve() for path in paths)


def forget(paths: Iterable[Path]) -> None:
    """Remove uploads that a page has taken or refused and nobody else needs, and what was sent half-way."""
    root = os.environ.get(_VARIABLE)
    folder = Path(root).resolve() if root else None
    with _lock:
        for path in map(Path.resolve, paths):
            _uses[path] -= 1
            if _uses[path] > 0:
                continue
            del _uses[path]
            if folder is not None and folder in path.parents:
                with suppress(OSError):
                    path.unlink()
                    path.parent.rmdir()
    if folder is not None and folder.name.startswith(_PREFIX):
        _sweep(folder)


def _sweep(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > _HALF_S:
                path.unlink()


def _remove_orphans() -> None:
    """Folders of processes that were killed."""
    import psutil

    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", path.name)
        if owner and not psutil.pid_exists(int(owner[1])):
            shutil.rmtree(path, ignore_errors=True)
