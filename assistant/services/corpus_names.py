"""Names of documents that come from elsewhere: from a ZIP, from an address, from a title.

Knows which characters a document's name may have and how a foreign one is made into such a name. Refuses to
repair a name that leads somewhere: that one is refused by whoever reads it.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

_STRANGE = re.compile(r"[^\w .,()+-]+")
_LONGEST = 110  # characters; a corpus takes 120
_DEFAULT = "documento"


def safe_document_name(name: str) -> str:
    """A name that a corpus takes, as near to `name` as can be; its ending stays as it is, in lower case."""
    path = PurePosixPath(unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()))
    suffix = _STRANGE.sub("", path.suffix.lower())[:12]
    return f"{_tidy(path.stem)[: _LONGEST - len(suffix)].rstrip(' .')}{suffix}"


def document_name_of(title: str, suffix: str) -> str:
    """A name for a document that has only a title; dots in the title are no ending."""
    return f"{_tidy(title.replace('.', ' '))[: _LONGEST - len(suffix)].strip()}{suffix}"


def _tidy(stem: str) -> str:
    plain = re.sub(r"\.{2,}", ".", _STRANGE.sub("-", unicodedata.normalize("NFC", stem)))
    return " ".join(plain.split()).lstrip(" .,()+-") or _DEFAULT
