from __future__ import annotations

from datetime import date

import pytest
from demo_assistant import MOONS_2025, passage, quoting

from assistant.stores.conversations import Exchange
from assistant.types import Answer, Entity, Outcome, Passage, Redrafting, Route, RouteOrigin, Source, Timings
from assistant.ui import entities, formats, render, sources
from assistant.ui.markup import Safe, tag
from assistant.ui.texts import texts
from assistant.ui.view import Progress, View

PT, EN = texts("pt"), texts("en")
ROUTE = Route("legal-ner", "0001", 0.934, 0.5, False, {"legal-ner": 0.934}, "parece jurídico", RouteOrigin.LEARNED)


def test_foreign_text_never_becomes_markup() -> None:
    assert tag("p", "<b>&", class_='"x') == '<p class="&quot;x">&lt;b&gt;&amp;</p>'
    assert tag("p", tag("b", "x"), None, data_turn=0, hidden=True, open=False) == '<p data-turn="0" hidden><b>x</b></p>'


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("script", {}), ("iframe", {}), ("p><p", {}), ("p", {"onclick": "x"}), ("p", {"style": "x"}),
        ("a", {"href": "javascript:x"}), ("a", {"href": "http://x"}), ("a", {"href": "data:text/html,x"}),
        ("p", {'x"y': "1"}),
    ],
)  # fmt: skip
def test_ways_out_of_the_escaping_are_refused(name: str, attributes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"pages are built from|leads out"):
        tag(name, **attributes)


def test_a_running_turn_shows_badge_before_text(view: View) -> None:
    assert "badge" not in render.progress(Progress("q"), view)
    routed = render.progress(Progress("q", ROUTE), view)
    assert "badge chosen" in routed and "answer-text" not in routed
    assert "<b>" not in render.progress(Progress("q", ROUTE, (), "<b>oi</b>"), view)


def test_a_draft_that_lacks_words_stays_readable_and_names_the_first_three(view: View) -> None:
    shown = render.progress(Progress("q", ROUTE, (), "Desculpe.", Redrafting(("demora", "<b>", "peixe", "nojo"))), view)
    assert "Desculpe." in shown and "«demora», «&lt;b&gt;», «peixe»" in shown and "nojo" not in shown
    off = render.progress(Progress("q", ROUTE, (), "Que bom!", Redrafting((), off_tone=True)), view)
    assert PT("redrafting_tone") in off


def test_a_card_says_how_its_passage_was_found() -> None:
    found = Passage("c", "x", "a.md", "texto", 0.912, fused=0.75, dense_rank=1)
    shown = sources.card(Source(1, found), PT)
    for words in ("significado 1º", "palavras —", "conjunta 0,75", "proximidade 0,91"):
        assert words in shown
    other = sources.card(Source(1, Passage("c", "x", "a.md", "texto", 0.0, fused=0.75)), PT)
    assert "outra data do mesmo texto" in other and "significado" not in other and "proximidade" not in other
    before = quoting(1, passage("luas.md", MOONS_2025, 0.9, "2025-03-11"), "274 luas")
    assert "ranks" not in sources.card(before, PT), "an answer of before this was kept"
    assert PT("found_scores") in sources.panel([Source(1, found)], PT)
    assert PT("found_scores") not in sources.panel([before], PT)


def test_only_known_markers_become_buttons(view: View) -> None:
    found = quoting(1, passage("luas.md", MOONS_2025, 0.9, "2025-03-11"), "274 luas")
    answer = Answer("q", "Saturno [1], não [7].", Outcome.GROUNDED, ROUTE, (found,), timings=Timings(total=1912))
    markup = render.exchange(Exchange("q", answer), 0, view, last=True)
    assert markup.count('class="marker"') == 1 and "não [7]." in markup
    assert "✓ 1 citação conferida · há 8 meses · 1,9 s" in markup


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.UNGROUNDED, "palavras do próprio modelo"),
        (Outcome.REPLIED, "rascunho"),
        (Outcome.ABSTAINED, "Perguntar sem documentos"),
        (Outcome.EXTRACTED, "Nenhuma entidade"),
    ],
)
def test_every_outcome_has_a_look_of_its_own(outcome: Outcome, words: str, view: View) -> None:
    markup = render.exchange(Exchange("q", Answer("q", "texto", outcome, ROUTE)), 0, view, last=True)
    assert words in markup and f"answer {outcome}" in markup


def test_dropped_and_stopped_are_told(view: View) -> None:
    answer = Answer("q", "", Outcome.UNGROUNDED, ROUTE, dropped=2, stopped=True)
    markup = render.exchange(Exchange("q", answer), 0, view, last=True)
    assert "2 trechos retirados" in markup and "interrompida por você" in markup and "primeira palavra" in markup


def test_only_the_last_turn_can_be_changed(view: View) -> None:
    item = Exchange("q", Answer("q", "a", Outcome.UNGROUNDED, ROUTE))
    assert "data-event" in render.exchange(item, 0, view, last=True)
    assert 'data-event="edit"' not in render.history([item], view)
    assert "chooser" not in render.history([item], view)


def test_quotes_are_marked_in_place_and_bad_offsets_mark_nothing() -> None:
    found = passage("luas.md", "a <b> c", 0.9, "2025")
    assert "".join(sources.quoted(Source(1, found, "<b>", 2, 5))) == "a <mark>&lt;b&gt;</mark> c"
    assert sources.quoted(Source(1, found, "x", 5, 99)) == ("a <b> c",)


def test_a_source_tells_document_page_date_and_age() -> None:
    found = passage("luas.md", "texto", 0.8412, "2023-02", page=3, outdated=True)
    markup = sources.card(Source(2, found), PT)
    assert "sistema-solar · p. 3 · 02/2023 · 0,84" in markup and "possivelmente antiga" in markup
    assert " open" not in markup
    assert " open" in sources.card(Source(2, found), PT, marker=2)
    older = passage("luas.md", "texto", 0.0, "2023-02")
    assert "sistema-solar · 02/2023<" in sources.card(Source(3, older), PT), "no search asked for it: no score"


def test_formulas_in_entities_are_defused() -> None:
    rows = [
        Entity(label, text, 0, 1, 0.9876)
        for label, text in (("A", "=1+1"), ("B", "+5"), ("C", "-2"), ("D", "@x"), ("E", " =1"))
    ]
    lines = entities.to_csv(rows, PT).splitlines()
    assert lines[0] == "\ufefflabel;text;start;end;confidence"
    assert lines[1:] == [f"{row};0;1;0,9876" for row in ("A;'=1+1", "B;'+5", "C;'-2", "D;'@x", "E;' =1")]
    assert entities.to_csv(rows, EN).splitlines()[1] == "A,'=1+1,0,1,0.9876"


def test_overlapping_entities_stand_in_the_table_only() -> None:
    text = "Lei 12.376/2010"
    found = [Entity("LEGISLACAO", text, 0, 15, 0.9999), Entity("TEMPO", "2010", 11, 15)]
    markup = entities.extraction(text, found, PT)
    assert "99 %" in markup and "100 %" not in markup, "what is shown as 100 % is certain"
    assert markup.count('class="entity colour') == 1
    assert markup.count("<tr") == 3


@pytest.mark.parametrize(
    ("as_of", "pt", "en"),
    [
        ("2023", "2023", "2023"), ("2023-02", "02/2023", "Feb 2023"), ("2023-02-14", "14/02/2023", "14 Feb 2023"),
        (None, "sem data", "no date"),
    ],
)  # fmt: skip
def test_dates_keep_their_precision(as_of: str | None, pt: str, en: str) -> None:
    assert (formats.day(as_of, PT), formats.day(as_of, EN)) == (pt, en)


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("2025", "deste ano"), ("2024", "há 1 ano"), ("2025-11", "deste mês"), ("2025-10", "há 1 mês"),
        ("2025-10-21", "deste mês"), ("2025-03-11", "há 8 meses"), ("2023-11-21", "há 23 meses"),
        ("2021-01-01", "há 4 anos"), ("2030-01-01", "deste mês"),
    ],
)  # fmt: skip
def test_ages_are_no_finer_than_the_date(as_of: str, words: str) -> None:
    assert formats.age(as_of, date(2025, 11, 20), PT) == words


def test_numbers_as_in_brazil() -> None:
    assert formats.number(1234.5, PT, 1) == "1.234,5"
    assert formats.number(1234.5, EN, 1) == "1,234.5"
    assert formats.size(7_600_000, PT) == "7,6 MB" and formats.size(25_300_000_000, PT) == "25,3 GB"


def test_safe_text_is_not_escaped_twice() -> None:
    assert tag("p", Safe("<b>x</b>")) == "<p><b>x</b></p>"
