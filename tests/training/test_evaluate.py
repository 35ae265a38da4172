"""Metrics on cases that can be counted by hand."""

import pytest

from assistant.models.names import invented_names
from assistant.training import evaluate
from assistant.training.evaluate import Ratio


def test_chrf_is_one_for_the_same_text_and_blind_to_white_space():
    assert evaluate.chrf("Boa noite!", "Boa  noite!") == 1.0
    assert evaluate.chrf("abc", "xyz") == 0.0
    assert evaluate.chrf("", "algo") == 0.0


def test_chrf_by_hand():
    """ "ab" for "abc": orders 1 and 2, precision 1 and 1, recall 2/3 and 1/2, beta 2."""
    recall = (2 / 3 + 1 / 2) / 2
    assert evaluate.chrf("ab", "abc") == pytest.approx(5 * recall / (4 + recall))


def test_the_counts_of_sentences_sum_to_the_micro_f1():
    gold = [[("LOCAL", "Recife"), ("PESSOA", "Ana")], [], [("TEMPO", "2019")]]
    found = [[("LOCAL", "Recife"), ("LOCAL", "Recife")], [("TEMPO", "2020")], [("TEMPO", "2019")]]
    counts = [evaluate.entity_counts(g, f) for g, f in zip(gold, found, strict=True)]
    assert counts == [(1, 1, 1), (0, 1, 0), (1, 0, 0)]
    micro, _ = evaluate.entity_scores(gold, found)
    assert evaluate.total([evaluate.f1_ratio(c) for c in counts]) == pytest.approx(micro.f1)


def test_a_total_without_anything_to_find_is_zero():
    assert evaluate.total([Ratio(0.0, 0.0)]) == evaluate.total([]) == 0.0


@pytest.mark.parametrize(
    ("reply", "names"),
    [
        ("Olá! Agradecemos a visita. Lamentamos o atraso.", []),
        ("Obrigado, Marcos, por contar.", ["Marcos"]),
        ("A garçonete Júlia agradece.", []),
        ("Procure o gerente Paulo Souza.", ["Paulo", "Souza"]),
        ("Lamentamos muito, e a Equipe agradece.", []),
    ],
)
def test_names_that_nobody_gave_are_found(reply, names):
    assert invented_names(reply, "Avaliação: a JULIA atendeu bem") == names
