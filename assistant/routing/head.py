"""The learned part of the router: a linear head over the features, fitted, stored and applied.

Knows how to fit it (scikit-learn, only then) and how to apply it (numpy). Refuses to know histories,
pins and fallbacks. A fitted head is one .npz file without pickled objects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.routing.calibration import Calibration, calibrate, probabilities
from assistant.routing.features import FORM_NAMES, Lexicon, form, load_arrays, save_arrays

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

_FOLDS = 5
_INVERSE_REGULARISATION = 10.0  # flat between 3 and 100 in cross-validation on the training texts
_FORM_WEIGHT = 0.5  # of 0, 0.5 and 1 the best out-of-fold recall at 95 % acceptance
_ARRAYS = ("coefficients", "intercepts", "idf", "centre", "text")


@dataclass(frozen=True)
class Head:
    """A fitted head.

    `classes` are the adapters, then "" for the texts that fit none (when there were any).
    `coefficients` has shape (classes, dimension + terms + form facts), `intercepts` (classes,).
    An embedding e enters as (e - centre) / spread.
    """

    classes: tuple[str, ...]
    coefficients: Floats
    intercepts: Floats
    lexicon: Lexicon
    centre: Floats
    spread: float
    calibration: Calibration

    @property
    def null(self) -> int | None:
        """The column of "fits none", None when the head was fitted without such texts."""
        return len(self.classes) - 1 if self.classes[-1] == "" else None

    def chances(self, text: str, embedding: Floats) -> dict[str, float]:
        """Calibrated probability of each class for one text."""
        size = len(self.centre)
        columns, weights = self.lexicon.transform(text)
        logits = (
            self.coefficients[:, :size] @ ((embedding - self.centre) / self.spread)
            + self.coefficients[:, size + columns] @ weights
            + self.coefficients[:, -len(FORM_NAMES) :] @ (form(text) * _FORM_WEIGHT)
            + self.intercepts
        )
        found = probabilities(logits.astype(np.float64), self.calibration.temperature)
        return {name: float(p) for name, p in zip(self.classes, found, strict=True)}

    def save(self, path: Path) -> None:
        """Write the head as .npz."""
        text = {
            "classes": self.classes,
            "spread": self.spread,
            "calibration": asdict(self.calibration),
            "terms": list(self.lexicon.index),
        }
        encoded = json.dumps(text, ensure_ascii=True).encode("ascii")
        arrays: dict[str, NDArray[np.generic]] = {
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
            "idf": self.lexicon.idf,
            "centre": self.centre,
            "text": np.frombuffer(encoded, dtype=np.uint8),
        }
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> Head | None:
        """The head in `path`, None when the file is missing, damaged or does not fit together."""
        arrays = load_arrays(path, _ARRAYS)
        if arrays is None:
            return None
        try:
            text = json.loads(arrays["text"].tobytes())
            index = {term: number for number, term in enumerate(text["terms"])}
            head = cls(
                classes=tuple(text["classes"]),
                coefficients=arrays["coefficients"].astype(np.float32),
                intercepts=arrays["intercepts"].astype(np.float32),
                lexicon=Lexicon(index, arrays["idf"].astype(np.float32)),
                centre=arrays["centre"].astype(np.float32),
                spread=float(text["spread"]),
                calibration=Calibration(**text["calibration"]),
            )
        except (ValueError, KeyError, TypeError):
            return None
        width = len(head.centre) + len(index) + len(FORM_NAMES)
        fits = head.coefficients.shape == (len(head.classes), width) and len(head.lexicon.idf) == len(index)
        return head if fits else None


def fit_head(texts: Sequence[str], names: Sequence[str], embeddings: Floats) -> Head:
    """Fit a head on texts with their class names ("" = fits none); needs two different names.

    Multinomial logistic regression with balanced class weights; temperature and threshold come from
    five-fold out-of-fold predictions. About two seconds for 1,000 texts on one core. One BLAS
    thread: with more, threads that wait for a busy core made it a hundred times slower.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    classes = (*sorted(set(names) - {""}), *([""] if "" in names else []))
    labels = np.asarray([classes.index(name) for name in names], dtype=np.int64)
    lexicon = Lexicon.fit(texts)
    centre = embeddings.mean(axis=0)
    spread = float(np.sqrt(((embeddings - centre) ** 2).sum(axis=1).mean())) or 1.0
    matrix = _matrix(texts, lexicon, (embeddings - centre) / spread)
    with threadpool_limits(1):
        held_out = _out_of_fold(matrix, labels, len(classes))
        coefficients, intercepts = _logistic(matrix, labels, len(classes))
    return Head(
        classes=classes,
        coefficients=coefficients.astype(np.float32),
        intercepts=intercepts.astype(np.float32),
        lexicon=lexicon,
        centre=centre.astype(np.float32),
        spread=spread,
        calibration=calibrate(held_out, labels, len(classes) - 1 if classes[-1] == "" else None),
    )


def _matrix(texts: Sequence[str], lexicon: Lexicon, embeddings: Floats) -> NDArray[np.generic]:
    """Sparse features, shape (n, dimension + terms + form facts)."""
    from scipy.sparse import csr_matrix, hstack

    found = [lexicon.transform(text) for text in texts]
    ends = np.cumsum([0, *(len(columns) for columns, _ in found)])
    lexical = csr_matrix(
        (np.concatenate([w for _, w in found]), np.concatenate([c for c, _ in found]), ends),
        shape=(len(texts), len(lexicon.idf)),
    )
    forms = np.stack([form(text) for text in texts]) * _FORM_WEIGHT
    stacked: NDArray[np.generic] = hstack([csr_matrix(embeddings), lexical, csr_matrix(forms)]).tocsr()
    return stacked


def _logistic(
    matrix: NDArray[np.generic], labels: Labels, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (classes, features) and intercepts (classes,); absent classes get a low intercept."""
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    coefficients = np.zeros((classes, matrix.shape[1]))
    intercepts = np.full(classes, -10.0)
    if len(present) == 1:
        intercepts[present] = 0.0
        return coefficients, intercepts
    model = LogisticRegression(C=_INVERSE_REGULARISATION, class_weight="balanced", max_iter=1000)
    model.fit(matrix, labels)
    if len(present) == 2:  # scikit-learn gives one row: the log odds of the second class
        coefficients[present] = np.concatenate([-model.coef_, model.coef_]) / 2
        intercepts[present] = np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        coefficients[present], intercepts[present] = model.coef_, model.intercept_
    return coefficients, intercepts


def _out_of_fold(matrix: NDArray[np.generic], labels: Labels, classes: int) -> NDArray[np.float64]:
    """Logits (n, classes) of each text by a head that was fitted without its fold."""
    folds = np.zeros(len(labels), dtype=np.int64)
    generator = np.random.default_rng(0)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        folds[generator.permutation(members)] = np.arange(len(members)) % _FOLDS
    logits = np.zeros((len(labels), classes))
    for fold in range(_FOLDS):
        inside = folds == fold
        if inside.any() and not inside.all():
            coefficients, intercepts = _logistic(matrix[~inside], labels[~inside], classes)
            logits[inside] = matrix[inside] @ coefficients.T + intercepts
    return logits
