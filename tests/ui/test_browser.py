from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from demo_assistant import LAW

from assistant.models.style import Manner, Style

Open = Callable[..., Any]
pytestmark = [
    pytest.mark.browser,
    # gradio's queue statistics use options of pandas that pandas is about to drop
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]
QUESTION = "Qual o planeta com mais luas no sistema solar?"


def ask(page: Any, question: str) -> None:
    page.fill("#box textarea", question)
    page.keyboard.press("Enter")


def finished(page: Any) -> None:
    page.wait_for_selector("#live .actions [data-event=edit]")


def test_an_example_card_runs_and_its_sources_stand_before_the_first_token(open_page: Open, served: Any) -> None:
    served.hold()
    page = open_page()
    page.click(".example >> nth=0")
    page.wait_for_selector("#live .badge.chosen")
    assert "Resposta com documentos" in page.inner_text("#live .badge")
    assert page.locator("#live .answer-text").count() == 0
    served.release()
    finished(page)
    assert "Saturno, com 274 luas confirmadas" in page.inner_text("#live .answer-text")
    assert page.locator("#sources mark").all_inner_texts() == ["274 luas confirmadas", "Júpiter tem 92 luas"]
    assert "sistema-solar · 11/03/2025 · 0,91" in page.inner_text("#sources")
    assert "p. 2 · 02/2023" in page.inner_text("#sources")
    assert "possivelmente antiga" in page.inner_text("#sources")
    assert "✓ 2 citações conferidas" in page.inner_text("#live .outcome")


def test_the_page_asks_nothing_of_the_internet(chromium: Any, served: Any) -> None:
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.url)
    page.click(".example >> nth=0")
    finished(page)
    outside = [url for url in asked if not url.startswith((served.url, "data:", "blob:"))]
    context.close()
    assert outside == []


def test_stop_keeps_what_is_written(open_page: Open, served: Any) -> None:
    page = open_page()
    served.hold()
    served.assistant.chat.cancelled.clear()
    ask(page, QUESTION)
    page.wait_for_selector("#live .badge")
    page.click("#stop")
    finished(page)
    assert served.assistant.chat.cancelled.is_set()
    assert "interrompida por você" in page.inner_text("#live .outcome")
    assert page.is_visible("#send")


def test_a_visitor_who_leaves_stops_the_answer(open_page: Open, served: Any) -> None:
    page = open_page()
    served.hold()
    served.assistant.chat.cancelled.clear()
    ask(page, QUESTION)
    page.wait_for_selector("#live .badge")
    page.close()
    assert served.assistant.chat.cancelled.wait(30)


def test_two_visitors_stream_at_once_and_see_only_their_own(open_page: Open, served: Any) -> None:
    first, second = open_page(), open_page()
    served.hold()
    ask(first, QUESTION)
    ask(second, "Horrível! Restaurante vazio e frango frio.")
    first.wait_for_selector("#live .badge")
    second.wait_for_selector("#live .badge")
    assert "Respostas a avaliações" in second.inner_text("#live .badge")
    served.release()
    finished(first)
    finished(second)
    assert "Saturno" in first.inner_text("#live") and "Saturno" not in second.inner_text("body")
    assert first.locator(".conversation").all_inner_texts() == [QUESTION]
    assert second.locator(".conversation").count() == 1


def test_changing_the_adapter_asks_again_with_it(open_page: Open, served: Any) -> None:
    page = open_page()
    ask(page, QUESTION)
    finished(page)
    page.select_option("#live .chooser", "none")
    page.wait_for_selector("#live .badge.pinned")
    finished(page)
    assert served.assistant.chat.requests[-1].adapter == "none"
    assert served.assistant.chat.requests[-1].question == QUESTION
    assert page.locator(".turn").count() == 1


def test_style_and_signature_are_offered_with_the_adapter_that_learned_them(open_page: Open, served: Any) -> None:
    page = open_page()
    assert not page.locator("#manner input").is_visible()
    page.click("#adapter input")
    page.click("[role=option]:has-text('Respostas a avaliações')")
    page.wait_for_selector("#manner input")
    page.click("#manner input")
    page.click("[role=option]:has-text('caloroso')")
    page.fill("#signature input, #signature textarea", "Equipe <b>do</b> Cantinho")
    for review in ("Comida fria e cara.", "Bolo seco e café morno."):  # what is chosen stays for the next question
        ask(page, review)
        page.wait_for_selector(f"#live .bubble:has-text('{review}')")  # the answer before it is no longer there
        finished(page)
        page.wait_for_selector("#manner input")
    for request in served.assistant.chat.requests[-2:]:
        assert (request.style, request.signature) == (Style(Manner.WARM), "Equipe <b>do</b> Cantinho")
    page.click("#adapter input")
    page.click("[role=option]:has-text('Entidades jurídicas')")
    page.wait_for_selector("#manner input", state="hidden")


def test_abstaining_offers_to_ask_without_documents(open_page: Open, served: Any) -> None:
    page = open_page()
    ask(page, "Qual a capital da Mongólia?")
    page.wait_for_selector("#live .abstained-box")
    assert "luas-2025.md" in page.inner_text("#live .abstained-box")
    page.click("text=Perguntar sem documentos")
    page.wait_for_selector("#live .answer.ungrounded")
    assert served.assistant.chat.requests[-1].corpora == ()


def test_an_extraction_can_be_filtered_and_downloaded(open_page: Open) -> None:
    page = open_page()
    page.click(".example >> nth=1")
    finished(page)
    assert LAW in page.inner_text("#live .entity >> nth=0")
    page.click("#live .legend >> text=JURISPRUDENCIA")
    assert page.locator("#live tbody tr:visible").count() == 2
    with page.expect_download() as waiting:
        page.click("text=Baixar CSV")
    assert waiting.value.suggested_filename == "entidades.csv"
    assert f"LEGISLACAO;{LAW};33;82" in waiting.value.path().read_text("utf-8-sig")


def test_comparing_fills_four_columns(open_page: Open, served: Any) -> None:
    page = open_page()
    ask(page, QUESTION)
    finished(page)
    page.click("#live >> text=Comparar")
    page.wait_for_selector("[data-column=column_both] .outcome")
    assert page.locator(".compared .outcome").count() == 4
    asked = [(r.adapter, r.corpora) for r in served.assistant.chat.requests[-4:]]
    assert asked == [("none", ()), ("grounded-chat", ()), ("none", None), ("grounded-chat", None)]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>window.hacked=1</script>",
        "<img src=x onerror=window.hacked=1>",
        "![x](http://evil.example/x.png) [clique](javascript:window.hacked=1)",
        "${window.hacked=1} {{constructor.constructor('window.hacked=1')()}}",
        "\"><svg onload=window.hacked=1> '`${window.hacked=1}`",
    ],
)
def test_markup_in_questions_answers_and_documents_stays_text(open_page: Open, attack: str) -> None:
    page = open_page()
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if "evil" in request.url else None)
    ask(page, attack)
    finished(page)
    page.reload()
    page.click(".conversation")
    finished(page)
    assert attack in page.inner_text("#live .bubble")
    assert attack in page.inner_text("#sources mark >> nth=0")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#live img, #live svg, #live script, #live a, #sources img, #sources a").count() == 0
    assert outside == []


def test_conversations_outlive_a_reload_and_can_be_deleted(open_page: Open) -> None:
    page = open_page()
    ask(page, QUESTION)
    finished(page)
    page.reload()
    page.wait_for_selector(".example")
    page.click(".conversation")
    finished(page)
    assert "274" in page.inner_text("#live")
    page.hover("#conversations li")
    page.click(".remove")
    page.wait_for_selector(".example")
    assert page.locator(".conversation").count() == 0


def test_editing_replaces_the_last_question(open_page: Open) -> None:
    page = open_page()
    ask(page, QUESTION)
    finished(page)
    page.click("#live [data-event=edit]")
    page.wait_for_selector("#note .note")
    assert page.input_value("#box textarea") == QUESTION
    ask(page, "E qual tem menos luas?")
    page.wait_for_selector("text=E qual tem menos luas?")
    finished(page)
    assert page.locator(".turn").count() == 1


def test_an_error_is_a_calm_message_and_the_chat_goes_on(open_page: Open) -> None:
    page = open_page()
    ask(page, "quebre agora")
    page.wait_for_selector("#live .failure")
    assert "O modelo parou no meio da resposta" in page.inner_text("#live .failure")
    ask(page, QUESTION)
    page.wait_for_selector("#live .answer.grounded")


def test_empty_and_too_long_questions_are_told_so(open_page: Open) -> None:
    page = open_page()
    page.click("#send")
    page.wait_for_selector("#note >> text=Escreva uma pergunta")
    ask(page, "a" * 20_001)
    page.wait_for_selector("#note >> text=o limite é 20000")
    assert page.locator(".turn").count() == 0


def test_english_at_a_switch_without_losing_the_conversation(open_page: Open) -> None:
    page = open_page()
    ask(page, QUESTION)
    finished(page)
    page.click(".switch >> text=EN")
    page.wait_for_selector("#live >> text=2 quotes checked")
    assert "Sources" in page.inner_text("#sources")
    assert page.inner_text("#send") == "Send"
    assert "11 Mar 2025" in page.inner_text("#sources")
    page.reload()
    page.wait_for_selector("text=What would you like to know?")


def test_a_phone_shows_no_sideways_scrolling_and_opens_sources_as_a_drawer(open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 740})
    ask(page, QUESTION)
    finished(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert not page.is_visible("#sources mark >> nth=0")
    page.click("#live .marker >> nth=1")
    page.wait_for_selector("#sources .source.wanted[data-source='2']")
    assert page.is_visible("#sources mark >> nth=1")
    page.keyboard.press("Escape")
    page.wait_for_selector("#sources mark >> nth=1", state="hidden")


def test_the_keyboard_reaches_everything_with_a_visible_focus(open_page: Open) -> None:
    page = open_page()
    seen = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(24):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " return [e.id || e.className || e.innerText, s.outlineStyle !== 'none']; })()"
            ).__str__()
        )
    assert any("example" in item for item in seen) and any("send" in item for item in seen)
    assert any("switch" in item for item in seen)
    page.focus(".example >> nth=0")
    page.keyboard.press("Enter")
    finished(page)


def test_the_theme_can_be_switched_and_is_kept(open_page: Open) -> None:
    page = open_page(color_scheme="light")
    page.click("[data-drawer=theme]")
    assert page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    page.wait_for_selector(".example")
    assert page.evaluate("document.body.classList.contains('dark')")


def test_the_other_pages_tell_state_and_remedy(open_page: Open) -> None:
    page = open_page()
    page.click("button[role=tab]:has-text('Adaptadores')")
    page.wait_for_selector("#adapters-list >> text=outra base")
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#training-list >> text=Nenhum treino")
    page.click("button[role=tab]:has-text('Sistema')")
    page.click("#run-checks")
    page.wait_for_selector("#checks >> text=python -m assistant ingest")
