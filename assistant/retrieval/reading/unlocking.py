"""A file that opens with a password, as the same file without one.

Knows PDF and the documents of Office. Refuses to keep a password.
"""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

from assistant.retrieval.documents import Source
from assistant.retrieval.reading.archives import office_bytes


def unlocked(source: Source) -> bytes:
    """The bytes of the same document without protection; raises `PasswordNeeded` where the password is wrong."""
    if Path(source.name).suffix.lower() != ".pdf":
        return office_bytes(source.name, source.data, source.password)
    from pypdfium2 import raw

    from assistant.retrieval.reading.pdf import open_pdf

    out = io.BytesIO()
    with closing(open_pdf(source)) as document:
        document.save(out, flags=raw.FPDF_REMOVE_SECURITY)
    return out.getvalue()
