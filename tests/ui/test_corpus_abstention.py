"""When a corpus does not answer, on its page: markup, events over the real service, and a visit in a browser."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from conftest import loops_left_open
from demo_assistant import DemoAssistant

from assistant.retrieval.abstention import Calibration, Point, Share
from assistant.services.abstention import Progress, State
from assistant.services.abstention_record import Record
from assistant.services.corpus_card import Abstention
from assistant.ui.abstention_view import progress, state
from assistant.ui.corpus_abstention import CorpusAbstention
from assistant.ui.formats import NO_BREAK
from assistant.ui.looking import Looking
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.words import Words
from tests.services.lighthouses import ANSWERABLE, CLOSE, DOCUMENT, question_file

PT, EN = texts("pt"), texts("en")
EVIL = "<script>alert(1)</script>"
ANA = Session(visitor="visitor-of-the-tests-ana")
KEPT = Abstention(0.4137, 101, "2026-11-26", "e5")
HELD_OUT = Point(0.4137, Share(46.0, 50), Share(3.9, 51))
RECORD = Record(
    Calibration(
        0.4137, HELD_OUT, Share(3.9, 21), Point(0.35, Share(48, 50), Share(8, 51)),
        (Point(0.0, Share(50, 50), Share(51, 51)), HELD_OUT, Point(1.0, Share(0, 50), Share(0, 51))),
    ),
    50, 21, 30, (EVIL,),
)  # fmt: skip


def said(markup: str) -> str:
    return markup.replace(NO_BREAK, " ")


def test_it_says_which_threshold_holds_and_what_it_does_on_questions_kept_apart() -> None:
    assert "chega a 0,35: o limiar padrão" in state(State(0.35), PT)
    shown = said(state(State(0.4137, KEPT, record=RECORD), PT))
    for words in (
        "0,41: o limiar dele, calibrado em 26/11/2026 com 101 perguntas",
        "responde a 92,0 % (provavelmente entre 81 e 97 %; 50 perguntas) das que os documentos respondem",
        "deixa passar 7,6 % (provavelmente entre 3 e 18 %; 51 perguntas) das que eles não respondem",
        "As duas metas valem",
        "Com o limiar padrão, responderia a 96,0 %",
        "30 das perguntas sem resposta vieram de outros assuntos",
        "passam 18,6 % (provavelmente entre 7 e 39 %; 21 perguntas)",
        "1 pergunta de outro assunto ficou de fora",
    ):
        assert words in shown
    assert EVIL not in shown and "&lt;script&gt;" in shown
    assert "answers 92.0% (probably 81 to 97%; 50 questions)" in state(State(0.4137, KEPT, record=RECORD), EN)


@pytest.mark.parametrize(
    ("answered", "false", "words"),
    [
        (20, 2, "As duas metas valem"),
        (20, 3, "ainda responde ao que não sabe"),
        (19, 2, "ainda se cala diante do que sabe"),
        (19, 3, "Nenhuma das duas metas vale"),
    ],
)
def test_it_says_clearly_which_aim_does_not_hold(answered: int, false: int, words: str) -> None:
    found = replace(RECORD.calibration, held_out=Point(0.4, Share(answered, 25), Share(false, 26)))
    shown = state(State(0.4, KEPT, record=replace(RECORD, calibration=found)), PT)
    assert words in shown and "Nenhum limiar cumpre" not in shown
    poor = replace(found, curve=(Point(0.0, Share(50, 50), Share(51, 51)), Point(1.0, Share(0, 50), Share(0, 51))))
    assert "Nenhum limiar cumpre" in state(State(0.4, KEPT, record=replace(RECORD, calibration=poor)), PT)


def test_the_curve_has_both_shares_the_chosen_point_and_the_default() -> None:
    shown = state(State(0.4137, KEPT, record=RECORD), PT)
    answered, false = (part.split('"')[0] for part in shown.split('<polyline points="')[1:])
    # the left edge is threshold 0, the right one 1; both shares begin with everything and end with nothing
    assert answered.startswith("52.0,8.0 ") and false.endswith(" 632.0,196.0")
    assert 'class="line cut"' in shown and 'class="line rate"' in shown
    assert "limiar deste corpus (0,41)" in shown and "padrão (0,35)" in shown


def test_a_threshold_of_another_embedder_is_told_and_not_claimed() -> None:
    shown = state(State(0.35, replace(KEPT, embedder=EVIL), stale=True), PT)
    assert "limiar padrão" in shown and "outro modelo de busca (&lt;script&gt;" in shown and "0,41" not in shown
    assert "25 de 120" in progress(Progress(25, 120), PT)


@pytest.fixture
def part(assistant: DemoAssistant) -> Iterator[CorpusAbstention]:
    with loops_left_open(), gr.Blocks():
        made = CorpusAbstention(assistant, Words(PT))
        made.build()
    with loops_left_open():
        gc.collect()
    yield made
    with loops_left_open():
        gc.collect()


def test_questions_that_come_in_calibrate_and_the_default_comes_back(
    part: CorpusAbstention, assistant: DemoAssistant, tmp_path: Path
) -> None:
    assistant.corpora.add_document("direito", "farois.md", DOCUMENT.encode())
    for _ in assistant.corpora.ingest():
        pass
    looking = Looking("direito")
    before = part.paint(looking, PT)
    assert before[part._again]["visible"] is before[part._default]["visible"] is False
    file = question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)
    *steps, done = part.bring(ANA, looking, str(file))
    assert "1 de 48" in steps[0][part._note] and "Calibrado" in done[part._note]
    assert "o limiar dele" in done[part._state] and "<svg" in done[part._state]
    assert done[part._again]["visible"] and done[part._default]["visible"]
    assert assistant.retriever.is_relevant(ANSWERABLE[2], assistant.retriever.retrieve(ANSWERABLE[2]))
    *_, again = part.again(ANA, looking)
    assert again[part._state] == done[part._state]
    default = part.use_default(ANA, looking)
    assert "voltou ao limiar padrão" in default[part._note] and "igual para todo corpus" in default[part._state]
    assert default[part._again]["visible"] and not default[part._default]["visible"]


def test_what_cannot_be_is_said_in_words_and_changes_nothing(
    part: CorpusAbstention, assistant: DemoAssistant, tmp_path: Path
) -> None:
    few = question_file(tmp_path / "q.csv", ANSWERABLE[:5], [])
    for corpus, path, words in (
        ("direito", str(few), "Há 5 perguntas"),
        ("../x", str(few), "failure"),
        ("nada", str(few), "Nenhum corpus se chama"),
        ("direito", "/etc/passwd", "de um tipo que não é lido"),
    ):
        *_, refused = part.bring(ANA, Looking(corpus), path)
        assert words in refused[part._note]
    *_, refused = part.again(ANA, Looking("direito"))
    assert "ainda não tem perguntas" in refused[part._note]
    assert "failure" in part.use_default(ANA, Looking("../x"))[part._note]
    assert list(part.bring(ANA, Looking("direito"), None)) == []
    assert assistant.abstention.state("direito").kept is None


Open = Callable[..., Any]


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_visitor_calibrates_a_corpus_and_goes_back(open_page: Open, served: Any, tmp_path: Path) -> None:
    served.assistant.corpora.add_document("direito", "farois.md", DOCUMENT.encode())
    for _ in served.assistant.corpora.ingest():
        pass
    page = open_page(viewport={"width": 390, "height": 780})
    page.click("button[role=tab]:has-text('Corpora')")
    page.click("#corpora-list >> text=Direito brasileiro")
    page.wait_for_selector("#corpus-head >> text=Direito brasileiro")
    page.click("#corpus-settings button")
    page.wait_for_selector("#abstention-state >> text=igual para todo corpus")
    wrong = tmp_path / "errado.jsonl"
    wrong.write_text('{"question": "a?", "answerable": "talvez"}\n', "utf-8")
    page.set_input_files("#abstention-questions input[type=file]", str(wrong))
    page.wait_for_selector("#abstention-note >> text=errado.jsonl, linha 1")
    file = question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)
    page.set_input_files("#abstention-questions input[type=file]", str(file))
    page.wait_for_selector("#abstention-note >> text=Calibrado")
    page.wait_for_selector("#abstention-state svg[role=img]")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("#abstention-default")
    page.wait_for_selector("#abstention-state >> text=igual para todo corpus")
    assert served.assistant.abstention.state("direito").asked == 48
