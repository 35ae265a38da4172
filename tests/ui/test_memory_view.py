"""The table of memory: what is predicted, what is measured, and what is not known said so."""

from __future__ import annotations

import re

import pytest
from demo_assistant import DemoChat

from assistant.services.memory import Memory, Precision, Weights
from assistant.services.request import AskRequest
from assistant.stores.conversations import Exchange
from assistant.stores.manifests import Localized
from assistant.types import Answered
from assistant.ui import memory_view, system
from assistant.ui.formats import NO_BREAK
from assistant.ui.texts import texts

PT, EN = texts("pt"), texts("en")
KNOWN = Weights({Precision.FP32: 1072.4, Precision.BF16: 536.2, Precision.NF4: 387.0, Precision.GGUF: 253.1})


def rows(markup: str) -> list[str]:
    """Each row of the table as plain text."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", markup)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()).replace(NO_BREAK, " ") for row in found]


def test_every_precision_stands_beside_what_is_measured() -> None:
    shown = rows(memory_view.table(Memory("b", "B", KNOWN, Precision.GGUF, process_mb=1234.5), PT))
    assert shown[1].startswith("FP32") and shown[1].endswith("1.072 MB")
    assert shown[3].startswith("INT8") and shown[3].endswith(PT("memory_unknown"))
    assert "em uso" in shown[5] and sum("em uso" in row for row in shown) == 1
    assert shown[6].endswith("1.234 MB") and "modelo, contexto" in shown[6]
    assert rows(memory_view.table(Memory("b", "B", KNOWN), EN))[1].endswith("1,072 MB")


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (Memory("b", "B", KNOWN, None, process_mb=60.0), "este processo não carregou"),
        (Memory("b", "B", KNOWN, Precision.NF4, on_gpu=True, process_mb=60.0), "memória da GPU"),
        (Memory("b", "B", KNOWN, Precision.GGUF), "não medido"),
    ],
)
def test_what_is_not_in_the_measurement_is_said(memory: Memory, words: str) -> None:
    assert words in rows(memory_view.table(memory, PT))[-1]


def test_a_bound_is_called_one_and_its_reason_is_told_as_text() -> None:
    weights = Weights({Precision.INT8: 7217.0}, frozenset({Precision.INT8}), Localized("<b>falta</b>", "absent"))
    page = memory_view.table(Memory("falcon-7b", "<i>Falcon</i>", weights), PT)
    assert rows(page)[3].endswith("ao menos 7.217 MB")
    assert "&lt;b&gt;falta" in page and "<i>" not in page


def test_nothing_known_and_nothing_measured_is_a_table_all_the_same() -> None:
    shown = rows(memory_view.table(Memory("b", "B", Weights({})), EN))
    assert [row.endswith("not known") for row in shown[1:-2]] == [True] * 4 and shown[-2].endswith("no file here")


def test_the_speed_is_that_of_the_last_answer_that_wrote_something() -> None:
    answer = next(e.answer for e in DemoChat().ask(AskRequest("Qual?")) if isinstance(e, Answered))
    exchanges = (Exchange("q", answer), Exchange("p", error="falhou"))
    assert system.speed(exchanges, PT) == "16,5 tokens/s: 31 tokens em 1,9 s, contando a leitura do pedido"
    assert system.speed((Exchange("p", error="x"),), EN) == EN("no_last_answer") == system.speed((), EN)
