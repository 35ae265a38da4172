"""The tone that a text asks of its reply: an apology, thanks, care, or several of them.

Learned from pairs of text and reply: the reply's own words tell its tone, and a logistic regression over the stems of
the text foretells it. A small base that writes freely thanks for a complaint that begins like praise. Refuses to know
prompts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from assistant.models.care import needs_care
from assistant.models.words import folded, stems

CARE = "cuidado"
THANKS = "agradecimento"
# What a reply of each tone says (folded), in the order in which a prompt names them.
_MARKS = {
    CARE: re.compile(r"\bapur|seriedade|\bmedic|canais da casa|\bsaude\b|muito serio|\bgrave\b"),
    "desculpas": re.compile(
        r"\bdesculp|\blament|\bsentimos\b|\bsinto muito|\bfrustr|\binaceit|\bdecepc|\bincomod|insatisf"
    ),
    THANKS: re.compile(
        r"\balegr|que bom\b|\bfeli[zc]|\bcontent|\belogi|\bagrad(?:ou|aram)|\bcarinho|\bprazer|\borgulh|\bgostou\b"
        r"|\bobrigad[oa]s? pel[oa]|\bfestej|\bsorri"
    ),
}
TONES = tuple(_MARKS)
_LIKELY = 0.5  # probability from which a tone is named
_SURE = 0.15  # probability below which a tone is out of place; replies written by hand have it in 9 % of such cases
_FOLDS = 5
_FEWEST = 20  # replies with and without a tone that it takes to learn it
_STRENGTH = 0.5  # inverse regularization of scikit-learn's logistic regression, on stems that are there or not


@dataclass(frozen=True, slots=True)
class Tones:
    """For each tone that could be learned: the bias and the weight of each stem (log-odds)."""

    biases: Mapping[str, float]
    weights: Mapping[str, Mapping[str, float]]

    @classmethod
    def learn(cls, pairs: Sequence[tuple[str, str]]) -> Tones:
        """Fit one regression a tone over (text, reply) pairs."""
        biases, weights = {}, {}
        texts = [stems(text).keys() for text, _ in pairs]
        for tone, has in _labels(pairs).items():
            biases[tone], weights[tone] = _fit(texts, has)
        return cls(biases, weights)

    @classmethod
    def foretold(cls, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
        """The tones of each pair as models that have not seen it foretell them.

        In training such tones stand in the prompt, not the true ones: a model must learn how far they can be trusted.
        """
        told: list[tuple[str, ...]] = [()] * len(pairs)
        for fold in range(_FOLDS):
            known = cls.learn([pair for at, pair in enumerate(pairs) if at % _FOLDS != fold])
            for at in range(fold, len(pairs), _FOLDS):
                told[at] = known.of(pairs[at][0])
        return told

    def of(self, text: str) -> tuple[str, ...]:
        """The tones that a reply to this text is likely to have."""
        return tuple(tone for tone, chance in self._chances(text).items() if chance >= _LIKELY)

    def wanted(self, text: str) -> tuple[str, ...]:
        """The tones that a prompt names: the likely ones, and care where the text needs it and it was learned."""
        likely = self.of(text)
        return (CARE, *likely) if self.needs_care(text) and CARE not in likely else likely

    def needs_care(self, text: str) -> bool:
        """Whether a text must be answered with care, where care was learned; plain praise needs none."""
        return CARE in self.biases and needs_care(text) and self.of(text) != (THANKS,)

    def misplaced(self, reply: str, text: str) -> int:
        """How many tones the reply has that hardly any reply to such a text has."""
        wanted = self.wanted(text)
        return sum(
            chance < _SURE and tone not in wanted and has_tone(tone, reply)
            for tone, chance in self._chances(text).items()
        )

    def _chances(self, text: str) -> dict[str, float]:
        known = stems(text).keys()
        sums = {
            tone: bias + sum(self.weights[tone].get(stem, 0.0) for stem in known) for tone, bias in self.biases.items()
        }
        return {tone: 1 / (1 + math.exp(-value)) for tone, value in sums.items()}


def has_tone(tone: str, reply: str) -> bool:
    """Whether a reply says what replies of this tone say."""
    return _MARKS[tone].search(folded(reply)) is not None


def _labels(pairs: Sequence[tuple[str, str]]) -> dict[str, list[bool]]:
    """For each tone with enough examples on both sides, whether each reply has it."""
    labels = {tone: [has_tone(tone, reply) for _, reply in pairs] for tone in TONES}
    return {tone: has for tone, has in labels.items() if _FEWEST <= sum(has) <= len(has) - _FEWEST}


def _fit(texts: Sequence[Collection[str]], has: Sequence[bool]) -> tuple[float, dict[str, float]]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = DictVectorizer()
    rows = vectorizer.fit_transform([dict.fromkeys(text, 1.0) for text in texts])
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000).fit(rows, list(has))
    weights = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    kept = {str(stem): round(float(weight), 2) for stem, weight in weights if abs(weight) >= 0.01}
    return round(float(model.intercept_[0]), 3), kept
