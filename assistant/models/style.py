"""The style of a reply: its manner, formal or warm, and its length, short or long.

Every training reply tells its own style by measurable marks, and a prompt names the style where somebody chose one.
Of the 2,797 pairs of `restaurant-replies` 1,239 are formal, 584 warm, 974 neither; 846 are short, 962 long, and 989
lie about the median of 33 words. 134 of them were written for it: before, only 10 of 428 words of care were warm, and
the model is to learn a manner, not which tone it goes with. Shared by what trains an adapter and
by what questions it, so that both see the same characters. Refuses to know where styles are kept and who chooses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TypeVar

from assistant.models.words import folded

# Marks of either manner (folded). What replies of every manner say, such as "pedimos desculpas", is none.
_WARM = re.compile(
    r"!|\ba gente\b|\babracos?\b|\bpr[ao]s?\b|\bta\b|\bne\b|\bvaleu\b|\bp[uo]xa\b|\bcoracao\b|\bsorri|\bador(?:a|o)\w*"
    r"|\bque (?:bom|alegria|delicia|carinho|maravilha|pena|susto|presente|honra|orgulho|prazer|noite|historia)\b"
    r"|\bfeli[zc]\w*|\bdesculpe\b|\bmil desculpas\b|\bmuito obrigad[oa]|\bate (?:a proxima|breve|logo)\b|\bde doer\b"
    r"|\bchatead[oa]s?\b|\btomara\b|\bnao da mesmo\b"
)
_FORMAL = re.compile(
    r"\bagradec\w+|\blament\w+|\bprezad[oa]|\bsolicit\w+|\bpermanec\w+|\bo senhor\b|\ba senhora\b|\bregistr\w+"
    r"|\bapura\w*|\bencaminh\w+|\bgostariamos\b|\bpedimos que\b|\bocorrido\b|\bverifica\w*|\bcompreend\w+"
    r"|\breconhec\w+|\btransmit\w+|\bsinceras desculpas\b|\bsera[o]? (?:\w+ )?\w+[dt][oa]s?\b"
)

_NEAR = 0.1  # distance from the median, as a share of it, within which a reply is neither short nor long
_FEWEST = 20  # replies of a style that it takes to learn it
_SHARE = 0.1  # and their share of all replies
T = TypeVar("T", bound=StrEnum)


class Manner(StrEnum):
    """How a reply speaks; the value is what a prompt says."""

    FORMAL = "formal"
    WARM = "calorosa"


class Length(StrEnum):
    """How much a reply says; the value is what a prompt says."""

    SHORT = "curta"
    LONG = "longa"


@dataclass(frozen=True, slots=True)
class Style:
    """A manner and a length; None where it is left open."""

    manner: Manner | None = None
    length: Length | None = None

    def __str__(self) -> str:
        """What a prompt says, as in "formal, curta"; "" for an open style."""
        return ", ".join(mark for mark in (self.manner, self.length) if mark)


OPEN = Style()


@dataclass(frozen=True, slots=True)
class Styles:
    """What an adapter learned to be asked for.

    `words` is the median length of its training replies; `manners` and `lengths` are those that enough of them have.
    """

    words: float
    manners: tuple[Manner, ...] = ()
    lengths: tuple[Length, ...] = ()

    @classmethod
    def learn(cls, replies: Sequence[str]) -> Styles | None:
        """Measure training replies; None where no style is frequent enough to be learned."""
        if not replies:
            return None
        words = float(median(len(reply.split()) for reply in replies))
        manners = _frequent(Manner, [manner_of(reply) for reply in replies])
        lengths = _frequent(Length, [_length(reply, words) for reply in replies])
        return cls(words, manners, lengths) if manners or lengths else None

    def of(self, reply: str) -> Style:
        """The style that a reply has, as far as it was learned."""
        return self.offered(Style(manner_of(reply), _length(reply, self.words)))

    def offered(self, style: Style) -> Style:
        """The part of a style that was learned."""
        manner, length = style.manner, style.length
        return Style(manner if manner in self.manners else None, length if length in self.lengths else None)

    def taught(self, text: str, reply: str) -> Style:
        """The style that the prompt of a training pair names: all of it, one mark, or none, a third of the pairs each.

        Drawn from the pair's text, so that it is the same in every run. Without such gaps a model would not know
        what to write where nothing was chosen.
        """
        style, drawn = self.of(reply), hashlib.sha256(text.encode()).digest()
        marks = [mark for mark in (style.manner, style.length) if mark]
        match drawn[0] % 3:
            case 0:
                return OPEN
            case 1 if len(marks) > 1:
                return Style(manner=style.manner) if drawn[1] % 2 else Style(length=style.length)
        return style

    def misses(self, wanted: Style, reply: str) -> int:
        """How many of the wanted marks a reply does not have; one that stands between two is no miss."""
        has = self.of(reply)
        pairs = ((wanted.manner, has.manner), (wanted.length, has.length))
        return sum(bool(asked and found and asked is not found) for asked, found in pairs)


def manner_of(reply: str) -> Manner | None:
    """The manner whose marks a reply has more of; None where neither has."""
    said = folded(reply)
    warm, formal = len(_WARM.findall(said)), len(_FORMAL.findall(said))
    if warm == formal:
        return None
    return Manner.WARM if warm > formal else Manner.FORMAL


def _length(reply: str, words: float) -> Length | None:
    """Short or long against the median; None near it, where neither word would say anything."""
    share = len(reply.split()) / words if words else 1.0
    if abs(share - 1) < _NEAR:
        return None
    return Length.SHORT if share < 1 else Length.LONG


def _frequent(values: Iterable[T], found: Sequence[T | None]) -> tuple[T, ...]:
    """All values where each of them is frequent enough to be told from the others, else none."""
    kept = tuple(values)
    return kept if all(found.count(value) >= max(_FEWEST, _SHARE * len(found)) for value in kept) else ()
