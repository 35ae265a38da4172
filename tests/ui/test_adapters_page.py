"""The adapters page: what it shows, what it changes, and that nothing from a browser is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from demo_adapters import demo_adapters
from demo_assistant import ADAPTERS

from assistant.errors import InputRejected
from assistant.services.adapters import AdapterState
from assistant.stores.activations import Activation
from assistant.ui import adapter_view
from assistant.ui.adapter_card import changes_of, lines_of, texts_of
from assistant.ui.texts import texts

PT = texts("pt")
Open = Callable[..., Any]
browser = [
    pytest.mark.browser,
    # gradio's queue statistics use options of pandas that pandas is about to drop
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]
FORM = ["T", "T", "D", "D", "R", "R", "{input}", "\\n", 64, ["*"], "um\n\n dois\\ne meio "]


@pytest.mark.parametrize("kept", [("a\nb", "c\\n", "\t d"), (), ("\\",), ("\n",)])
def test_texts_survive_their_way_through_a_box(kept: tuple[str, ...]) -> None:
    assert texts_of(lines_of(kept)) == kept


def test_the_form_becomes_changes() -> None:
    changes = changes_of(FORM)
    assert changes.utterances == ("um", " dois\ne meio ")
    assert (changes.stop, changes.max_tokens, changes.corpora) == (("\n",), 64, ("*",))


def test_what_no_widget_sends_is_refused_or_harmless() -> None:
    with pytest.raises(InputRejected, match="Load the page again"):
        changes_of(FORM[:-1])
    odd = changes_of(["T\ud83d", None, 3, {}, "R\r\n", "R", None, None, "x", "direito", None])
    assert (odd.title.pt, odd.max_tokens, odd.corpora) == ("T?", 0, ())


def test_markup_in_cards_and_judgements_stays_text() -> None:
    evil = "<img src=x onerror=alert(1)>"
    shown = demo_adapters(ADAPTERS).detail("legal-ner")
    info = replace(shown.info, title=replace(shown.info.title, pt=evil), corpora=(evil,))
    judgement = {"verdict": {"promote": False, "reasons": [{"pt": evil}]}, "overruled": [evil]}
    entry = Activation(evil, evil, evil, 1, 0)
    page = adapter_view.detail(replace(shown, info=info, history=(entry,)), {1: judgement}, PT)
    assert "<img" not in page and "&lt;img" in page
    assert "<img" not in adapter_view.listing([info], PT)


@pytest.mark.parametrize(
    "judgement",
    [
        {},
        {"verdict": 1},
        {"verdict": {"promote": "yes"}, "figures": [], "overruled": None},
        {"verdict": {"reasons": 3}},
    ],
)
def test_a_judgement_may_lack_any_field(judgement: dict[str, Any]) -> None:
    assert "0001" in adapter_view.detail(demo_adapters(ADAPTERS).detail("legal-ner"), {1: judgement}, PT)


def test_an_interval_is_shown_with_its_difference() -> None:
    judgement = {
        "verdict": {"promote": True},
        "figures": {"difference": {"live": {"value": 0.031, "low": 0.012, "high": 0.05}, "base": {"value": None}}},
    }
    page = adapter_view.detail(demo_adapters(ADAPTERS).detail("legal-ner"), {2: judgement}, PT)
    assert "diferença para a ativa: +3,1 pontos (+1,2 a +5,0)" in page


@pytest.mark.parametrize(
    ("state", "trainable", "fits", "offered"),
    [
        (AdapterState.BY_EXAMPLES, True, False, True),
        (AdapterState.OTHER_BASE, True, False, True),
        (AdapterState.BY_EXAMPLES, False, False, False),
        (AdapterState.BY_EXAMPLES, True, True, False),
        (AdapterState.LIVE, True, False, False),
    ],
)
def test_training_again_is_offered_where_no_version_is_of_this_base(
    state: AdapterState, trainable: bool, fits: bool, offered: bool
) -> None:
    shown = demo_adapters(ADAPTERS).detail("old-notes")
    versions = tuple(replace(version, fits=fits) for version in shown.versions)
    page = adapter_view.detail(
        replace(shown, info=replace(shown.info, state=state), versions=versions), {}, PT, None, trainable
    )
    assert ("Treinar de novo neste modelo base" in page) == offered
    assert ('data-action="train"' in page) == offered


def test_an_adapter_that_answers_by_examples_is_listed_as_such() -> None:
    info = replace(ADAPTERS[-1], state=AdapterState.BY_EXAMPLES)
    assert '<span class="chip warn">por exemplos</span>' in adapter_view.listing([info], PT)
    assert '<span class="chip warn">by examples</span>' in adapter_view.listing([info], texts("en"))


def open_adapters(page: Any, title: str) -> None:
    page.click("button[role=tab]:has-text('Adaptadores')")
    page.click(f".adapter-row:has-text('{title}')")
    page.wait_for_selector(f"#adapter-detail h2:has-text('{title}')")


class TestInTheBrowser:
    pytestmark = browser

    def test_a_version_is_overruled_rolled_back_and_retired(self, open_page: Open, served: Any) -> None:
        service = served.assistant.adapters
        page = open_page()
        open_adapters(page, "Entidades jurídicas")
        page.click("[data-version='1'] >> text=Ativar")
        page.wait_for_selector("#adapter-note >> text=não deve ser ativada")
        assert service.live()["legal-ner"].version.number == 2
        page.fill("#overrule-reason textarea, #overrule-reason input", "quero comparar com clientes")
        page.click("#overrule-go")
        page.wait_for_selector("#adapter-note >> text=Versão 0001 no ar")
        assert service.live()["legal-ner"].version.number == 1
        assert served.assistant.judgement.overruled == ["quero comparar com clientes"]
        assert not page.is_visible("#overrule-go")
        page.click("text=Voltar para a 0002")
        page.wait_for_selector("[data-version='2'].now")
        assert service.live()["legal-ner"].version.number == 2
        page.click("[data-version='2'] >> text=Retirar do ar")
        page.wait_for_selector(".adapter-row[aria-current] >> text=em teste")
        assert "legal-ner" not in service.live()
        page.click("text=Voltar para a 0002")
        page.wait_for_selector("[data-version='2'].now")
        page.click("#adapter-detail summary >> text=Histórico")
        assert "versão 0002 retirada do ar · pela página" in page.inner_text(".history")

    def test_utterances_are_edited_and_faults_are_told_together(self, open_page: Open, served: Any) -> None:
        page = open_page()
        open_adapters(page, "Respostas a avaliações")
        page.click("#card button.label-wrap")
        assert page.input_value("#card-utterances textarea") == "um exemplo\noutro exemplo\\nde duas linhas"
        page.fill("#card-utterances textarea", "A sopa veio fria.\nNunca mais!\\nCaro")
        page.fill("#card-template textarea", "sem campo {x}")
        page.fill("#card-title_en textarea, #card-title_en input", "")
        page.click("#card-save")
        page.wait_for_selector("#card-note .failure >> text={x}")
        assert served.assistant.adapters.detail("restaurant-replies").card.utterances[0] == "um exemplo"
        page.fill("#card-template textarea", "Avaliação: {input}\nResposta:")
        page.fill("#card-title_en textarea, #card-title_en input", "Replies")
        page.click("#card-corpora >> text=Sistema Solar")
        page.click("#card-save")
        page.wait_for_selector("#card-note >> text=Cartão salvo")
        card = served.assistant.adapters.detail("restaurant-replies").card
        assert card.utterances == ("A sopa veio fria.", "Nunca mais!\nCaro")
        assert (card.title.en, card.corpora) == ("Replies", ("sistema-solar",))
        page.fill("#card-utterances textarea", "outra coisa")
        page.click("#card-undo")
        page.wait_for_function("document.querySelector('#card-utterances textarea').value.startsWith('A sopa')")

    def test_any_version_is_tried_in_a_scratch_chat(self, open_page: Open, served: Any) -> None:
        page = open_page()
        open_adapters(page, "Entidades jurídicas")
        page.click("[data-version='1'] >> text=Experimentar")
        page.wait_for_function("document.querySelector('#scratch-version input').value.startsWith('0001')")
        page.fill("#scratch-box textarea", "conforme o art. 4.o, <b>Restaurante</b>")
        page.click("#scratch-send")
        page.wait_for_selector("#scratch-answer .outcome")
        asked = served.assistant.chat.requests[-1]
        assert (asked.adapter, asked.version, asked.history) == ("legal-ner", 1, ())
        assert page.locator("#scratch-answer b").count() == 0
        assert page.is_visible("#scratch-send")
        page.fill("#scratch-box textarea", " ")
        page.click("#scratch-send")
        page.wait_for_selector("#scratch-answer >> text=Escolha uma versão")

    def test_training_again_starts_one_job_from_the_recipe(self, open_page: Open, served: Any) -> None:
        page = open_page()
        open_adapters(page, "Notas antigas")
        page.click("#adapter-detail >> text=Treinar de novo neste modelo base")
        page.wait_for_selector("#adapter-note >> text=Treino iniciado")
        page.click("#adapter-detail >> text=Treinar de novo neste modelo base")
        page.wait_for_selector("#adapter-note >> text=já está na fila")
        assert [(job.adapter, job.overrides) for job in served.assistant.jobs.jobs()] == [("old-notes", {})]
        open_adapters(page, "Entidades jurídicas")
        assert page.locator("#adapter-detail >> text=Treinar de novo").count() == 0

    def test_deleting_asks_again_and_spares_what_is_live(self, open_page: Open, served: Any) -> None:
        page = open_page()
        open_adapters(page, "Entidades jurídicas")
        assert page.locator(".versions .now >> text=Apagar").count() == 0
        page.click("[data-version='1'] >> text=Apagar")
        page.click("[data-version='1'] >> text=Cancelar")
        page.wait_for_selector(".confirmation", state="detached")
        page.click("[data-version='1'] >> text=Apagar")
        page.click("[data-version='1'] >> text=Sim, apagar")
        page.wait_for_selector("#adapter-note >> text=Apagado")
        assert [v.number for v in served.assistant.adapters.detail("legal-ner").versions] == [2]

    def test_a_phone_and_a_keyboard_are_enough(self, open_page: Open) -> None:
        page = open_page(viewport={"width": 360, "height": 740})
        page.click(".overflow-menu > button")
        page.click(".overflow-dropdown button:has-text('Adaptadores')")
        page.focus(".adapter-row:has-text('Notas antigas')")
        page.keyboard.press("Enter")
        page.wait_for_selector("#adapter-detail h2:has-text('Notas antigas')")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
