"""Where files from browsers land before a page takes them, and how nothing of them stays there.

Knows the folder, which is this process's own and goes with it. Refuses to know what the files are.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

UPLOAD_MB = 20  # of one file; megabytes of 2^20 bytes
_VARIABLE = "GRADIO_TEMP_DIR"
_PREFIX = "assistant-uploads-"
_HALF_S = 600.0  # without a byte: nobody sends that file any more


def own_folder() -> None:
    """Have uploads land in a private folder that is removed at the end, unless somebody named another one."""
    if _VARIABLE in os.environ:
        return
    _remove_orphans()
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    os.environ[_VARIABLE] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def forget(paths: Iterable[Path]) -> None:
    """Remove uploads that a page has taken or refused, and what was sent half-way and given up."""
    root = os.environ.get(_VARIABLE)
    folder = Path(root).resolve() if root else None
    for path in paths:
        if folder is not None and folder in path.resolve().parents:
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
