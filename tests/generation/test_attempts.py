"""Few passages first, more when they do not answer, newer ones when the quote is from an older document."""

import pytest

from assistant.generation.attempts import Attempt, Verdict, after, attempts, judge
from assistant.types import Passage, Source


def source(marker, text, fused, as_of, corpus="astro"):
    return Source(marker, Passage(f"c{marker}", corpus, f"{marker}.md", text, 0.9, as_of=as_of, fused=fused))


OLD = source(1, "Em 2023, Júpiter liderava com 92 luas conhecidas.", 0.6, "2023-02")
NEW = source(2, "Em 2025, Saturno lidera com 274 luas confirmadas.", 0.3, "2025-03-11")
MIDDLE = source(3, "Em 2024, Saturno liderava com 146 luas conhecidas.", 0.09, "2024-01")
FAR = source(4, "Mercúrio e Vênus não têm nenhuma lua.", 0.005, "2026-01")
ALL = (OLD, NEW, MIDDLE, FAR)
FROM_OLD = "«Júpiter liderava com 92 luas» [1]\n"


def test_the_closest_passages_are_shown_first_then_all():
    assert attempts(ALL) == [Attempt((OLD, NEW, MIDDLE)), Attempt(ALL)]
    assert attempts(ALL[:3]) == [Attempt(ALL[:3])]


@pytest.mark.parametrize("size", range(len("Os documentos não resp")))
def test_nothing_is_decided_while_it_may_still_be_an_abstention(size):
    assert judge(" Os documentos não resp"[: size + 1], Attempt(ALL), ALL) is Verdict.OPEN


def test_a_quote_from_an_older_document_gives_way_to_the_newest_about_the_same():
    attempt = Attempt((OLD, NEW, MIDDLE))
    assert judge("«Júpiter liderava com", attempt, ALL) is Verdict.OPEN
    assert judge(FROM_OLD, attempt, ALL) is Verdict.SUPERSEDED
    left = after(Verdict.SUPERSEDED, FROM_OLD, attempt, ALL, [Attempt(ALL)])
    assert left == [Attempt((NEW,), settled=True), Attempt(attempt.sources, settled=True)]


def test_a_settled_attempt_keeps_its_older_quote():
    assert judge(FROM_OLD, Attempt(ALL, settled=True), ALL) is Verdict.GOOD


def test_a_newer_document_about_something_else_or_of_another_corpus_is_no_rival():
    other = source(5, "Texto novo.", 0.6, "2026-01", corpus="direito")
    assert judge(FROM_OLD, Attempt((OLD,)), (OLD, FAR, other)) is Verdict.GOOD


def test_silence_and_invented_quotes_lead_to_the_next_attempt():
    rest = [Attempt(ALL)]
    for output in (" Os documentos não respondem a isso.", "«Marte tem 300 luas confirmadas»"):
        assert judge(output, Attempt((OLD,)), ALL) is Verdict.SILENT
        assert after(Verdict.SILENT, output, Attempt((OLD,)), ALL, rest) == rest


def test_small_talk_is_shown_at_once():
    assert judge(" Olá", Attempt(ALL), ALL) is Verdict.GOOD
