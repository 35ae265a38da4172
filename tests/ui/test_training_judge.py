"""The last step of Treino: a version is judged in the background, its verdict is read, it goes live with or without."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr
import pytest
from conftest import loops_left_open
from demo_assistant import DemoAssistant

from assistant.services.job_files import Job, JobState
from assistant.services.judge_process import Judgement, JudgeState
from assistant.services.judging import Judging, Stage
from assistant.stores.manifests import Localized
from assistant.ui import judgement_view
from assistant.ui.session import Session
from assistant.ui.texts import texts
from assistant.ui.training_judge import JudgeStep, Seen, status
from assistant.ui.words import Words

PT, EN = texts("pt"), texts("en")
ANA = Session(visitor="visitor-of-the-tests-ana")
EVIL = "<script>alert(1)</script>"
RECORD = {
    "adapter": "replies", "version": "0002-gemma3-270m", "live": "0001-gemma3-270m", "created": "2025-11-20T10:00:00",
    "rows": 200, "overruled": [],
    "verdict": {"promote": False, "reasons": [{"pt": f"Inventa mais {EVIL}", "en": "It invents more"}]},
    "figures": {
        "score": {"base": 0.0, "few_shot": 0.25, "live": 0.5, "candidate": 0.8754},
        "difference": {"live": {"value": 0.3754, "low": 0.2, "high": 0.5}, "base": {"value": None}},
        "failures": {"base": 31, "candidate": 2}, "inventions": {"live": 4, "candidate": 12},
        "tokens_per_second": {"base": 40.4, "candidate": 38.0}, "size_bytes": {"candidate": 7_600_000},
        "taken": 0.0123, "forgetting": 0.214,
    },
    "side_by_side": [
        {"text": f"A sopa {EVIL}", "expected": ["sopa"], "outputs": {"base": "Pena", "candidate": f"Perdão {EVIL}"}},
        {"text": "x" * 900, "expected": None, "outputs": {"base": "", "candidate": "y"}},
    ],
}  # fmt: skip


def test_a_judgement_in_full_names_every_system_its_price_and_rows_as_text() -> None:
    shown = judgement_view.full(RECORD, PT)
    for words in (
        "julgada: não promover", "Inventa mais", "em 200 exemplos reservados · 20/11/2025", "versão julgada 0002",
        "versão no ar 0001", "87,5\u00a0%", "+37,5 (+20,0 a +50,0)", ">12<", ">31<", "1,2\u00a0%",
        "0,21 nats por token",
        "versão julgada 0002: 38 tokens/s", "7,6 MB", "2 exemplos lado a lado", "Perdão &lt;script&gt;", ">sopa<",
    ):  # fmt: skip
        assert words in shown, words
    assert "<script>" not in shown and "x" * 700 not in shown
    assert "It invents more" in judgement_view.full(RECORD, EN)
    bare = {"verdict": {"promote": True}, "figures": {"taken": None}, "side_by_side": [1, {"outputs": "x"}], "rows": 2}
    assert "não medido" in judgement_view.full(bare, PT)
    assert judgement_view.full({}, PT) == "" and judgement_view.folded({"verdict": {"promote": True}}, PT) is None
    assert "O julgamento inteiro" in (judgement_view.folded(RECORD, PT) or "")


def test_how_far_it_is_stands_there_in_words() -> None:
    titles = {"replies@0002": "Respostas · 0002"}
    now = Judgement("replies", 2, JudgeState.RUNNING, "2025-11-20T10:00:00+00:00")
    assert "Preparando." in status(now, None, titles, PT)
    rows = replace(now, at=Judging(Stage.ROWS, "few_shot", 1_050, 2_100, 2, 4), seconds_left=90.0)
    shown = status(rows, None, titles, PT)
    for words in (
        "Julgando Respostas · 0002", 'value="38"', "Parte 2 de 4, modelo base com exemplos: 1.050 de 2.100 textos.",
        "Faltam cerca de 2 min",
    ):  # fmt: skip
        assert words in shown, words
    for stage in Stage:
        assert status(replace(now, at=Judging(stage, total=0)), None, titles, EN)
    stopped = replace(now, state=JudgeState.STOPPED)
    failed = replace(now, state=JudgeState.FAILED, error=Localized(f"faltam linhas {EVIL}", "no rows"))
    assert "Julgamento parado" in status(stopped, "replies@0002", titles, PT)
    assert "faltam linhas &lt;" in status(failed, "replies@0002", titles, PT)
    assert "no rows" in status(failed, "replies@0002", titles, EN)
    assert status(failed, "replies@0001", titles, PT) == "", "what is said is said of the version it is about"
    assert status(None, None, titles, PT) == ""


@pytest.fixture
def step(assistant: DemoAssistant) -> Iterator[JudgeStep]:
    """The step without a page around it."""
    with loops_left_open(), gr.Blocks():
        made = JudgeStep(assistant, Words(PT), gr.State(ANA))
        made.build()
    yield made
    with loops_left_open():
        gc.collect()


def trained(assistant: DemoAssistant, version: str) -> None:
    job = Job("one", "legal-ner", JobState.DONE, created="2025-11-20T10:00:00+00:00", version=version)
    assistant.jobs.known["one"] = job


def test_what_a_training_made_is_chosen_judged_and_watched(step: JudgeStep, assistant: DemoAssistant) -> None:
    first = step.look(ANA, None, Seen())
    assert first[step._version]["value"] == first[step._version]["choices"][0][1], "the newest, before any training"
    trained(assistant, "0001-gemma3-270m")
    shown = step.look(ANA, first[step._version]["value"], first[step._seen])
    seen = shown[step._seen]
    assert shown[step._version]["value"] == "legal-ner@0001" and seen.made == "legal-ner@0001"
    assert "Pior que a versão ativa." in shown[step._found] and shown[step._live]["visible"]
    again = step.look(ANA, "legal-ner@0001", seen)
    assert step._version not in again and step._found not in again, "nothing is painted that has not changed"
    other = step.look(ANA, "legal-ner@0002", seen)
    assert step._version not in other, "who chose another one keeps it"
    assert other[step._live]["visible"] is False, "it is live"
    running = step.judge(ANA, "legal-ner@0001", seen)
    assert assistant.judging.current is not None and assistant.judging.current.key == "legal-ner@0001"
    assert running[step._start]["interactive"] is False and running[step._stop]["visible"]
    assert "Julgando Entidades jurídicas · 0001" in running[step._now]
    reloaded = step.look(Session(ANA.visitor, "en"), None, Seen())
    assert "Judging " in reloaded[step._now] and reloaded[step._version]["value"] == "legal-ner@0001"
    stopped = step.stop(ANA, "legal-ner@0001", seen)
    assert "Julgamento parado" in stopped[step._now] and stopped[step._start]["interactive"]


@pytest.mark.parametrize(
    "key", [None, "", "legal-ner", "legal-ner@9", "../legal-ner@1", "legal-ner@-1", "@1", "x@" + "9" * 30]
)
def test_what_no_list_offers_is_refused(step: JudgeStep, assistant: DemoAssistant, key: str | None) -> None:
    shown = step.judge(ANA, key, Seen())
    assert 'class="failure"' in shown[step._note] and assistant.judging.current is None
    *_, shown = step.activate(ANA, key, Seen())
    assert 'class="failure"' in shown[step._note]


def test_a_refused_version_goes_live_only_with_a_reason(step: JudgeStep, assistant: DemoAssistant) -> None:
    def live() -> int:
        return assistant.adapters.live()["legal-ner"].version.number

    working, shown = step.activate(ANA, "legal-ner@0001", Seen())
    assert "Um momento" in working[step._note] and "não deve ser ativada" in shown[step._note]
    assert shown[step._overrule]["visible"] and live() == 2
    *_, shown = step.overrule(ANA, "legal-ner@0001", Seen(), "  ")
    assert shown[step._overrule]["visible"] and live() == 2, "blanks are no reason"
    *_, shown = step.overrule(ANA, "legal-ner@0001", Seen(), "o cliente pediu")
    assert "Versão 0001 no ar" in shown[step._note] and live() == 1
    assert shown[step._overrule]["visible"] is False and shown[step._live]["visible"] is False
    assert assistant.judgement.overruled == ["o cliente pediu"]
    *_, shown = step.activate(ANA, "legal-ner@0002", Seen())
    assert "Versão 0002 no ar" in shown[step._note] and live() == 2, "a promoted one needs none"
