"""Chroma's graph files behind their last record: wiped, because they hold whatever was in memory before.

hnswlib keeps room for more records than there are and writes it as it was allocated. What a process had in memory,
words and vectors of a removed document among it, would so come back to the disk. Refuses to know what the records are.
"""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path

# of hnswlib's header: version, offset of the first level, room, records, bytes of a record
_HEADER = struct.Struct("<iQQQQ")
_VERSION = 1
_LENGTH_BYTES = 4  # of a record in length.bin
_log = logging.getLogger(__name__)


def wipe_unused(folder: Path) -> None:
    """Fill with zeros what lies behind the last record of each index below `folder`; nothing may have it open to write.

    Files of a layout that this does not know are left, with a line in the log. Raises `OSError`.
    """
    for header in sorted(folder.glob("*/header.bin")):
        fields = header.read_bytes()[: _HEADER.size]
        version, first, _, records, size = _HEADER.unpack(fields) if len(fields) == _HEADER.size else (0, 0, 0, 0, 0)
        if version != _VERSION or first:
            _log.warning("%s is of a layout that is not known; what lies behind its records stays.", header)
            continue
        _wipe(header.with_name("data_level0.bin"), records * size)
        _wipe(header.with_name("length.bin"), records * _LENGTH_BYTES)


def _wipe(path: Path, used: int) -> None:
    left = path.stat().st_size - used
    if left > 0:
        with path.open("r+b") as file:
            file.seek(used)
            file.write(bytes(left))
            file.flush()
            os.fsync(file.fileno())
