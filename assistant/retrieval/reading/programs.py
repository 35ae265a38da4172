"""Programs beside this one, for OCR and for old formats: started without a shell, ended in time with all they started.

Refuses to know what a program is for.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress


def run(
    command: Sequence[str], *, seconds: float, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Its exit status and what it wrote to standard output; raises `subprocess.TimeoutExpired`."""
    process = subprocess.Popen(  # noqa: S603  # a list, no shell; no word of it comes from a document
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environment if environment is not None else os.environ),
        process_group=0,
    )
    try:
        out, _ = process.communicate(given, timeout=seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, out
