"""How well texts answer a question, by a sentence-transformers CrossEncoder from a checked folder.

Loaded at the first use and kept; one lock, so that two questions never share its memory. Refuses to find the folder
(`models.rerankers`) and to know passages.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assistant.engines.embedder import clean
from assistant.errors import AssistantError, GenerationError, ModelUnavailable

_QUESTION_CHARS = 1_000  # of a question; a longer one would leave no room for the passage
_AT_ONCE = 8  # pairs of one batch


class CrossEncoderReranker:
    """A `Reranker`; `locate` gives the folder of its files, and `longest` the tokens that a pair may have there.

    `threads` 0 leaves torch's own number. A load that failed is not tried again: its error comes at once.
    """

    def __init__(self, name: str, locate: Callable[[], Path], longest: Callable[[Path], int], threads: int = 0) -> None:
        self._name = name
        self._locate = locate
        self._longest = longest
        self._threads = threads
        self._lock = threading.Lock()
        self._model: Any = None
        self._failure: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._name

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score for each text, in order; raises `ModelUnavailable` or `GenerationError`."""
        if not texts:
            return []
        pairs = [(clean(question)[:_QUESTION_CHARS], clean(text)) for text in texts]
        with self._lock:
            model = self._loaded()
            try:
                found = model.predict(pairs, batch_size=_AT_ONCE, show_progress_bar=False, convert_to_numpy=True)
            except Exception as error:  # torch, tokenizers and transformers raise many types
                raise self._failed(f"{type(error).__name__}: {error}") from error
        values = [float(value) for value in found]
        if len(values) != len(texts) or not all(map(math.isfinite, values)):
            raise self._failed("a score is no number")
        return values

    def _loaded(self) -> Any:
        if self._failure is not None:
            raise ModelUnavailable(self._failure[0], pt=self._failure[1])
        if self._model is None:
            try:
                self._model = self._open()
            except AssistantError as error:
                self._failure = (str(error), error.text("pt"))
                raise
        return self._model

    def _open(self) -> Any:
        try:
            folder = self._locate()
            import torch
            from sentence_transformers import CrossEncoder

            if self._threads:
                torch.set_num_threads(self._threads)
            return CrossEncoder(
                str(folder),
                trust_remote_code=False,
                local_files_only=True,
                max_length=self._longest(folder),
                model_kwargs={"use_safetensors": True},
            )
        except AssistantError:
            raise
        except Exception as error:  # what damaged files raise in four libraries has no common type
            detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ModelUnavailable(
                f"The reranker {self._name!r} cannot be loaded ({detail}). Fetch its files again, or leave "
                "ASSISTANT_RERANKER empty: the search works without one.",
                pt=f"O reordenador {self._name!r} não pode ser carregado. Obtenha os arquivos de novo ou deixe "
                "ASSISTANT_RERANKER vazia: a busca funciona sem ele.",
            ) from error

    def _failed(self, detail: str) -> GenerationError:
        return GenerationError(
            f"The reranker {self._name!r} failed ({' '.join(detail.split())[:200]}). Start again, or leave "
            "ASSISTANT_RERANKER empty.",
            pt=f"O reordenador {self._name!r} falhou. Inicie de novo ou deixe ASSISTANT_RERANKER vazia.",
        )
