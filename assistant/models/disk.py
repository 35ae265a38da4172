"""What the disk says while weights are written, in words that name the way out.

Knows which of its errors a person can mend. Refuses to write.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.errors import StorageError


def require_space(
    folder: Path,
    needed: int,
    elsewhere: tuple[str, str] = ("set ASSISTANT_HOME to another disk", "aponte ASSISTANT_HOME para outro disco"),
) -> None:
    """Raise `StorageError` unless `needed` bytes are free where `folder` lies.

    `elsewhere` is the way to another disk, in English and in Portuguese.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{folder} has {free // 1_000_000} MB free and {needed // 1_000_000} MB are needed. "
            f"Free some space or {elsewhere[0]}.",
            pt=f"{folder} tem {free // 1_000_000} MB livres, e são necessários {needed // 1_000_000} MB. Libere "
            f"espaço ou {elsewhere[1]}.",
        )


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Translate what the disk says; other operating system errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM}:
            raise StorageError(
                f"{target} cannot be written: {error.strerror}. Free some space, check the permissions or "
                "set ASSISTANT_HOME to another disk.",
                pt=f"Não foi possível gravar {target}. Libere espaço, confira as permissões ou aponte ASSISTANT_HOME "
                "para outro disco.",
            ) from error
        raise
