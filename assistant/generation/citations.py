"""Is each quote really in the passage that it cites? Checked by code, never by the model.

An answer of a chat adapter is «quote» [marker] on its first lines, then the answer with markers.
Comparison folds white space, case, accents and typographic quotes; offsets refer to the passage as
stored. Refuses to know engines and prompts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from assistant.models.prompt_format import ABSTENTION, brazilian_date
from assistant.types import Outcome, Source

SHORTEST_QUOTE = 8  # letters and digits; a shorter quote proves nothing

SHORTEST_ANSWER = 4  # words; a shorter one is shown as the sentence it was taken from
LONGEST_SENTENCE = 320  # characters of a sentence that is shown as an answer
SUPPORTED = 0.9  # share of an answer's longer words that its sources must hold, by their first five letters

_LINE_MARKS = " \t\n-*#|>•"  # of lists, headings and tables before a sentence
_LONG_WORD = re.compile(r"[a-z]{4,}")
# "Pelo art. 49 do CDC" is one sentence
_SENTENCE_END = re.compile(r"(?<!\b[Aa]rt)(?<!\b[Aa]rts)(?<!\b[Ii]nc)(?<!\b[Nn])[.!?](?:\s+|$)|\n{2,}")
_QUOTE = re.compile(r"«([^»]*)»\s*((?:\[\d+\]\s*)*)")
_MARKER = re.compile(r"\s*\[(\d+)\]")
_OPEN_MARKER = re.compile(r"(?:\[\d*)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SIGNS = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "–": "-", "—": "-"})


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer after the check.

    `text` is what may be shown; `brief` the model's own wording of it, for metrics; `dropped` counts
    quotes that no passage holds.
    """

    text: str
    outcome: Outcome
    sources: tuple[Source, ...]
    dropped: int
    brief: str = ""


def fold(text: str) -> tuple[str, list[int]]:
    """The text for comparison, and for each of its characters the offset in `text`.

    Lower case, no accents, one blank for any white space, plain quotation marks.
    """
    folded: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text.translate(_SIGNS)):
        if character.isspace():
            if folded and folded[-1] == " ":
                continue
            character = " "
        for part in unicodedata.normalize("NFKD", character).lower():
            if not unicodedata.combining(part):
                folded.append(part)
                offsets.append(offset)
    return "".join(folded), offsets


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Offsets in `text` of the wording of `quote`, or None when it does not occur there."""
    wanted = fold(quote.strip(" .;,"))[0].strip()
    if sum(c.isalnum() for c in wanted) < SHORTEST_QUOTE:
        return None
    folded, offsets = fold(text)
    at = folded.find(wanted)
    if at < 0:
        return None
    return offsets[at], offsets[at + len(wanted) - 1] + 1


def quoted_source(quote: str, sources: Sequence[Source]) -> Source | None:
    """The first source that holds the quote, None where none does."""
    return next((source for source in sources if find_quote(quote, source.passage.text)), None)


def verified(source: Source, quote: str) -> Source:
    """The source with the quote and its offsets; as it was where the quote is not in it."""
    span = find_quote(quote, source.passage.text)
    if span is None:
        return source
    start, end = span
    return replace(source, quote=source.passage.text[start:end], start=start, end=end)


def check(output: str, sources: Sequence[Source], question: str = "") -> Checked:
    """Verify the output of a chat adapter against the sources in its prompt.

    Grounded only when a quote is verbatim in a passage. The model's wording is kept where it says no
    more than the quoted sentences and the question do; else, and where it is a mere fragment, the
    quoted sentences themselves are the answer. An answer all of whose quotes fail is withheld.
    """
    if not sources:
        return _without_sources(output)
    found, dropped, renumbered = _verify_quotes(output, sources)
    body = _MARKER.sub(lambda m: _renamed(m, renumbered, found), _QUOTE.sub("", output)).strip()
    if fold(ABSTENTION)[0].rstrip(".") in fold(output)[0]:
        return Checked(ABSTENTION, Outcome.ABSTAINED, tuple(sources), dropped)
    if not found:
        if "«" in output or _MARKER.search(output):
            return Checked(ABSTENTION, Outcome.ABSTAINED, tuple(sources), dropped)
        return Checked(body, Outcome.UNGROUNDED, tuple(sources), dropped)
    brief = _MARKER.sub("", body)
    sentences = {marker: sentence_around(source) for marker, source in found.items()}
    if not _is_supported(brief, found.values(), [question, *sentences.values()]):
        body = " ".join(f"{_sentence(text)} [{marker}]." for marker, text in sentences.items())
    elif not _MARKER.search(body):
        body = f"{body.rstrip('.')} {''.join(f'[{m}]' for m in found)}."
    cited = tuple(found.get(source.marker, source) for source in sources)
    return Checked(body, Outcome.GROUNDED, cited, dropped, brief)


def in_whole(source: Source) -> Source:
    """The source with its verified quote widened to the sentences it stands in, where these are not too long.

    A small base often quotes a piece beside the words that answer: of 97 questions of FaQuAD that it was not trained
    on, 76 % of the quotes hold the answer so widened, 59 % as they were.
    """
    text, start, end = source.passage.text, source.start, source.end
    if start is None or end is None:
        return source
    left = max((m.end() for m in _SENTENCE_END.finditer(text) if m.end() <= start), default=0)
    after = _SENTENCE_END.search(text, max(end - 1, 0))
    right = after.start() if after else len(text)
    left += len(text[left:start]) - len(text[left:start].lstrip(_LINE_MARKS))
    if right - left > LONGEST_SENTENCE:
        return source
    right = left + len(text[left:right].rstrip())
    return replace(source, quote=text[left:right], start=left, end=right)


def sentence_around(source: Source) -> str:
    """The whole sentence that a verified quote stands in, on one line; the quote alone where that is too long."""
    return " ".join((in_whole(source).quote or "").split())


def _is_supported(body: str, sources: Iterable[Source], known: Sequence[str]) -> bool:
    """Whether an answer says no more than what is known, and is more than a fragment.

    Numbers must stand in a quoted passage or its date; of the longer words at least SUPPORTED.
    """
    if len(body.split()) < SHORTEST_ANSWER or not _numbers_hold(body, sources):
        return False
    stems = {word[:5] for text in known for word in _LONG_WORD.findall(fold(text)[0])}
    words = _LONG_WORD.findall(fold(body)[0])
    return sum(word[:5] in stems for word in words) >= SUPPORTED * len(words)


def _without_sources(output: str) -> Checked:
    if fold(ABSTENTION)[0].rstrip(".") in fold(output)[0] or "«" in output:
        return Checked(ABSTENTION, Outcome.ABSTAINED, (), output.count("«"))
    return Checked(_MARKER.sub("", output).strip(), Outcome.UNGROUNDED, (), 0)


def _verify_quotes(output: str, sources: Sequence[Source]) -> tuple[dict[int, Source], int, dict[int, int]]:
    """Sources with their verified quote by marker, failures, and markers that had to be corrected."""
    found: dict[int, Source] = {}
    renumbered: dict[int, int] = {}
    dropped = 0
    for match in _QUOTE.finditer(output):
        claimed = [int(n) for n in re.findall(r"\d+", match[2])]
        ordered = sorted(sources, key=lambda s: s.marker not in claimed)
        for source in ordered:
            cited = verified(source, match[1])
            if cited is not source:
                found[source.marker] = in_whole(cited)
                renumbered.update(dict.fromkeys(claimed, source.marker))
                break
        else:
            dropped += 1
    return found, dropped, renumbered


def _renamed(match: re.Match[str], renumbered: dict[int, int], found: dict[int, Source]) -> str:
    """A marker as it may stay in the answer: corrected, or removed where nothing was verified."""
    marker = int(match[1])
    marker = renumbered.get(marker, marker)
    return f" [{marker}]" if marker in found else ""


def _numbers_hold(body: str, sources: Iterable[Source]) -> bool:
    """Whether every number of the answer stands in a quoted passage or is part of its date."""
    known: set[str] = set()
    for source in sources:
        known.update(_NUMBER.findall(source.passage.text))
        known.update(re.findall(r"\d+", brazilian_date(source.passage.as_of)))
        known.update(re.findall(r"\d+", source.passage.text))
    return all(number in known for number in _NUMBER.findall(_MARKER.sub("", body)))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(" .;,")


class QuoteGate:
    """Holds back quotes while an answer streams: an unchecked quote is never shown.

    Text outside of « » passes at once, markers that follow a quote do not.
    """

    def __init__(self) -> None:
        self._held = ""
        self._started = False

    def hold(self, delta: str) -> str:
        """Keep a delta of which nothing may be shown yet."""
        self._held += delta
        return ""

    def feed(self, delta: str) -> str:
        """The part of the text so far that may be shown now and was not before."""
        self._held += delta
        shown = ""
        while self._held:
            before, opening, rest = self._held.partition("«")
            shown += before
            self._held = opening + rest
            if not opening:
                break
            match = _QUOTE.match(self._held)
            if match is None or _OPEN_MARKER.fullmatch(self._held, match.end()):
                break  # the quote, or the markers behind it, may still go on
            self._held = self._held[match.end() :]
        if not self._started:
            shown = shown.lstrip()
        self._started = self._started or bool(shown)
        return shown

    def flush(self) -> str:
        """What is left at the end: nothing, unless the text ended outside of a quote."""
        rest, self._held = ("" if self._held.startswith("«") else self._held), ""
        return rest
