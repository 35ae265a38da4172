"""Every kind of adapter is told by the figures that matter for it, in words of the page's language."""

from __future__ import annotations

from dataclasses import replace

import pytest
from demo_adapters import demo_adapters
from demo_assistant import ADAPTERS

from assistant.services.adapters import AdapterInfo
from assistant.types import AdapterKind
from assistant.ui import adapter_view, figures
from assistant.ui.formats import NO_BREAK, percent, points
from assistant.ui.texts import texts

PT, EN = texts("pt"), texts("en")
EXTRACT = {"micro_f1": 0.7526, "precision": 0.7312, "recall": 0.7752, "parse_failures": 0.0, "n": 392.0}
REPLY = {"aspect_coverage": 0.6786, "removed_sentences": 1.0, "inventions": 2.0, "distinct_2": 0.58, "n": 42.0}
CHAT = {"token_f1": 0.312, "answered": 0.8431, "false_answers": 0.075, "citation_precision": 0.6512, "n": 142.0}


def said(parts: list[str]) -> str:
    return " · ".join(parts).replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("kind", "scores", "pt", "en"),
    [
        (AdapterKind.EXTRACT, EXTRACT, "F1 75,3 %", "F1 75.3%"),
        (AdapterKind.REPLY, REPLY, "aspectos retomados 67,9 %", "aspects taken up 67.9%"),
        (AdapterKind.REPLY, {"accuracy": 0.9, "n": 60.0}, "classes certas 90,0 %", "right classes 90.0%"),
        (AdapterKind.REPLY, {"chrf": 0.41}, "semelhança com a resposta de referência 41,0 %", None),
        (AdapterKind.CHAT, CHAT, "respondidas 84,3 % · respostas falsas 7,5 %", "answered 84.3% · false answers 7.5%"),
        (AdapterKind.CHAT, {"token_f1": 0.312, "n": 142.0}, "", ""),
    ],
)
def test_an_adapter_is_known_by_one_or_two_figures(
    kind: AdapterKind, scores: dict[str, float], pt: str, en: str | None
) -> None:
    assert said(figures.lead(kind, scores, PT)) == pt
    assert en is None or said(figures.lead(kind, scores, EN)) == en


@pytest.mark.parametrize(
    ("kind", "scores", "words"),
    [
        (AdapterKind.EXTRACT, EXTRACT, "F1 75,3 % · precisão 73,1 % · cobertura 77,5 % · 392 exemplos"),
        (AdapterKind.REPLY, REPLY, "aspectos retomados 67,9 % · frases inventadas 2 · 42 exemplos"),
        (AdapterKind.REPLY, {"removed_sentences": 1.0, "n": 1.0}, "frases inventadas e retiradas 1 · 1 exemplo"),
        (
            AdapterKind.CHAT,
            CHAT,
            "respondidas 84,3 % · respostas falsas 7,5 % · citação contém a resposta 65,1 % · 142 exemplos",
        ),
        (AdapterKind.CHAT, {"n": 142.0, "seconds": 3.0}, ""),
    ],
)
def test_a_version_tells_what_matters_for_its_kind(kind: AdapterKind, scores: dict[str, float], words: str) -> None:
    assert said(figures.listed(kind, scores, PT)) == words


@pytest.mark.parametrize("info", ADAPTERS, ids=lambda info: info.name)
def test_no_raw_name_of_a_figure_reaches_the_page(info: AdapterInfo) -> None:
    shown = demo_adapters(ADAPTERS).detail(info.name)
    for t in (PT, EN):
        page = adapter_view.detail(shown, {}, t) + adapter_view.listing([info], t)
        raw = [key for key in EXTRACT | REPLY | CHAT if "_" in key]
        assert not [key for key in raw if key in page or (t is PT and key.replace("_", " ") in page)]
        assert t is EN or not [word for word in ("precision", "recall", "answered", "invention") if word in page]


def test_without_a_test_file_the_judgement_tells_how_good_a_version_is() -> None:
    shown = demo_adapters(ADAPTERS).detail("legal-ner")
    bare = replace(shown, versions=tuple(replace(version, scores={}) for version in shown.versions))
    record = {"systems": {"candidate": {**EXTRACT, "by_class": {}}}}
    assert f"cobertura{NO_BREAK}77,5" in adapter_view.detail(bare, {2: record}, PT)
    assert PT("no_scores") in adapter_view.detail(bare, {2: {"systems": {"candidate": [1]}}}, PT)
    assert PT("figures_of_extract") not in adapter_view.detail(bare, {}, PT)


def test_shares_and_differences_as_in_brazil() -> None:
    assert (percent(0.843, PT), percent(0.843, EN)) == (f"84,3{NO_BREAK}%", "84.3%")
    assert (points(0.031, PT), points(-0.0121, PT), points(0.0, EN)) == ("+3,1", "-1,2", "0.0")
