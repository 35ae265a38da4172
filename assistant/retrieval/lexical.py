"""Words as the full-text search sees them: folded, stemmed Portuguese terms.

Knows tokens, accents, stems and stop words. Refuses to know the index: it gives lists of terms, and
the store quotes them. The same function prepares chunks and questions, so both always agree.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

import Stemmer

# "4º", "4.o" and "2ª" are the number; "4.657" and "12.376/2010" are one number without its dots
_ORDINAL = re.compile(r"(\d)\.?[ºª°]|(\d)\.?[oa]\b")
_TOKEN = re.compile(r"\d+(?:[.,]\d{3})+|[^\W_]+")
_PLURALS: Mapping[str, str] = {"oes": "ao", "aes": "ao", "ais": "al", "eis": "el", "ns": "m"}
_LONGEST_TERM = 40
_COMMON_CODES = 0x2500  # Latin, Greek, Cyrillic, other alphabets, punctuation and signs lie below

_STOP_TEXT = """
a o as os um uma uns umas de da do das dos em na no nas nos num numa por pela pelo pelas pelos para pra
pro com sem sob sobre ate desde entre ao aos e ou mas nem que se porque pois como quando onde quem qual
quais quanto quanta quantos quantas cujo cuja isto isso aquilo este esta estes estas esse essa esses essas
aquele aquela aqueles aquelas ele ela eles elas eu tu voce voces me te lhe lhes meu minha meus
minhas seu sua seus suas dele dela deles delas ser sao foi foram era eram fui sou estar estava
estao ter tem tinha ha havia houve ja mais muito muita muitos muitas tambem so ainda entao
aqui ali la existe existem fazer faz pode podem posso
the of and to in is are what which who how
"""
_STOP_WORDS = frozenset(_STOP_TEXT.split())
# folding turns "é" into "e" and "está" into "esta"; both are already in the list

_stemmers = threading.local()  # a PyStemmer object may be used by one thread at a time


class _Folding(dict[int, str]):
    """Each character folded; those of alphabets in daily use are kept, so that `str.translate` finds them at once."""

    def __missing__(self, code: int) -> str:
        # twice: some signs decompose into capitals, some capitals fold into composed letters
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        folded = "".join(c for c in decomposed if not unicodedata.combining(c))
        if code < _COMMON_CODES:
            self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Lower case without accents: "Órbita" -> "orbita"."""
    return text.translate(_FOLDING)


def words(text: str) -> list[str]:
    """Folded tokens in order, stop words included."""
    text = _ORDINAL.sub(lambda m: (m[1] or m[2]) + " ", text)
    return [t.replace(".", "").replace(",", "") for t in _TOKEN.findall(fold(text))]


def terms(text: str) -> list[str]:
    """Stems of the content words in order, repeated where the text repeats them."""
    return [_stem(w) for w in words(text) if w not in _STOP_WORDS and len(w) <= _LONGEST_TERM]


def question_terms(text: str) -> list[str]:
    """Distinct stems of a question, in order; empty where it has only stop words."""
    return list(dict.fromkeys(terms(text)))


@lru_cache(maxsize=1 << 16)  # a language has few words, and a text repeats them
def _stem(word: str) -> str:
    stem: str = _stemmer().stemWord(_singular(word))
    return stem


def _singular(word: str) -> str:
    # Snowball's Portuguese rules expect the accents that folding took ("ções", "ais")
    for ending, singular in _PLURALS.items():
        if word.endswith(ending) and len(word) >= len(ending) + 2:
            return word[: -len(ending)] + singular
    # short words keep their plural in Snowball ("luas")
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] in "aeiou" else word


def _stemmer() -> Stemmer.Stemmer:
    stemmer: Stemmer.Stemmer | None = getattr(_stemmers, "portuguese", None)
    if stemmer is None:
        stemmer = _stemmers.portuguese = Stemmer.Stemmer("portuguese")
    return stemmer
