"""Which language a text is in: Portuguese, English or Spanish, told by their commonest words.

A count of words that only one of the three has; enough to say that a data set is in another language
than one thinks, no more: related languages (French, Galician) are taken for the nearest of the three.
Refuses to know data sets.
"""

from __future__ import annotations

import re

OTHER = "other"
UNSURE = ""
_ENOUGH = 8  # words of a text in which one of the three languages would show itself
_WORDS = re.compile(r"[^\W\d_]+")
_COMMON = {
    "pt": "não nao um uma com em do da na os ao dos das nos nas é foi muito você voce mais também são mas meu minha "
    "isso pra pelo pela veio estava ou sem o e à às já até seu sua está tem ele ela",
    "es": "el la los las una con en del al es muy fue pero y más también lo está este esta yo mi su sus hay han había "
    "porque sin ya usted ustedes ellos pedí estaba",
    "en": "the and of to in is was it for with that this on you my we not are but were have had at from they be an",
}
_SHARED = frozenset(_WORDS.findall("a de que se por para no como me te si an as so"))  # no sign of any other language
_STOP = {language: frozenset(_WORDS.findall(words)) for language, words in _COMMON.items()}


def language_of(text: str) -> str:
    """The code "pt", "en" or "es"; `OTHER` for none of them; `UNSURE` for a text that is too short or undecided."""
    words = _WORDS.findall(text.lower())
    letters = "".join(words)
    if letters and sum(ord(letter) > 0x24F for letter in letters) > len(letters) / 2:  # beyond Latin letters
        return OTHER
    hits = {language: sum(word in common for word in words) for language, common in _STOP.items()}
    best, second = sorted(hits, key=lambda language: -hits[language])[:2]
    if hits[best] > hits[second]:
        return best
    foreign = len(words) >= _ENOUGH and not hits[best] and _SHARED.isdisjoint(words)
    return OTHER if foreign else UNSURE
