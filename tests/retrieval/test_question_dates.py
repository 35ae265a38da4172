from datetime import date

import pytest

from assistant.retrieval.question_dates import Moment, moment_of, undated

TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("question", "until"),
    [
        ("Qual planeta tinha mais luas em 2023?", "2023-12-31"),
        ("Quantas luas em março de 2023?", "2023-03-31"),
        ("E até 2010?", "2010-12-31"),
        ("o horário de 03/2025", "2025-03-31"),
        ("Na versão de 1995, quem nomeava os ministros?", "1995-12-31"),
        ("Como era antes de 2003?", "2002-12-31"),
        ("Como era antes de março de 2003?", "2003-02-28"),
        ("antes do ano de 2003", "2002-12-31"),
        ("O que valia em 5 de maio de 1999?", "1999-05-05"),
        ("O que valia no dia 1º de maio de 1999?", "1999-05-01"),
        ("O que valia em 05/05/1999?", "1999-05-05"),
        ("Em 1999-05-05 valia o quê?", "1999-05-05"),
        ("entre 1995 e 2000, qual era o prazo?", "2000-12-31"),
        ("No ano de 2001, o que dizia o art. 29, VI, da Constituição de 1988?", "2001-12-31"),
        ("nos anos 90, qual era o limite?", "1999-12-31"),
        ("na década de 1990", "1999-12-31"),
        ("no ano passado, quanto era?", "2025-12-31"),
        ("há 10 anos, qual era o prazo?", "2016-06-01"),
        ("Who led in 2023?", "2023-12-31"),
        ("before 2003, who named them?", "2002-12-31"),
        ("2010: qual era o prazo?", "2010-12-31"),
        ("Qual era a redação original do art. 40?", ""),
        ("o texto original dizia o quê?", ""),
    ],
)
def test_a_question_names_a_past_time(question, until):
    assert moment_of(question, TODAY) == Moment(until)


@pytest.mark.parametrize(
    "question",
    [
        "Qual planeta tem mais luas?",
        "O que diz a Lei 8.078/1990?",
        "O que diz a Lei nº 8.078, de 11 de setembro de 1990?",
        "O que diz o Decreto-Lei nº 4.657 de 1942?",
        "O que diz a Constituição de 1988 sobre férias?",
        "O que diz a Constituição Federal de 1988 sobre férias?",
        "O que mudou com a Emenda Constitucional nº 45, de 2004?",
        "O que mudou com a EC 45/2004?",
        "Hoje, qual é o prazo que em 2010 era de 5 dias?",
        "Atualmente quantas luas tem Saturno?",
        "Desde 2003, qual é a regra?",
        "a partir de 2003 vale o quê?",
        "Em 2026, qual é o limite?",
        "Em 2050, quem vence?",
        "em 31/02/2010",
        "Comprei 2000 parafusos e 1950 porcas",
        "",
    ],
)
def test_a_question_about_now_names_none(question):
    assert moment_of(question, TODAY) is None


def test_a_document_speaks_of_a_time_it_does_not_come_after():
    assert Moment("2010-12-31").covers("2010-07-13")
    assert Moment("2010-12-31").covers("2010")
    assert not Moment("2010-12-31").covers("2011")
    assert not Moment("2010-12-31").covers(None)
    assert not Moment("").covers("1988-10-05")


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("Em 1998, qual era o prazo?", ", qual era o prazo?"),
        ("Qual era o prazo em 5 de maio de 1999?", "qual era o prazo ?"),
        ("Qual era o prazo da Lei 8.078/1990 antes de 2003?", "qual era o prazo da lei 8.078/1990 ?"),
        ("Nos anos 90, o que dizia a Constituição de 1988?", "nos , o que dizia a constituicao de 1988?"),
        ("Qual é o prazo?", "qual e o prazo?"),
    ],
)
def test_a_question_without_its_time(question, rest):
    assert undated(question) == rest
