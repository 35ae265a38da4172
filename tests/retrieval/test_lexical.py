import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.lexical import fold, question_terms, terms, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lua", "luas"),
        ("anel", "anéis"),
        ("alteração", "ALTERAÇÕES"),
        ("planeta", "planetas"),
        ("órbita", "orbitas"),
        ("jornal", "jornais"),
        ("cachorro", "cachorros"),
        ("reserva", "reservas"),
    ],
)
def test_forms_of_a_word_become_one_term(one, other):
    assert terms(one) == terms(other)


@pytest.mark.parametrize("written", ["art. 4º", "art. 4.o", "art. 4o", "art. 4"])
def test_an_article_number_is_found_however_it_is_written(written):
    assert terms(written) == terms("art. 4")


def test_a_number_of_a_law_is_one_term_with_or_without_dots():
    assert "4657" in terms("Decreto-Lei nº 4.657")
    assert terms("12.376/2010") == ["12376", "2010"]


def test_stop_words_are_no_terms():
    assert question_terms("Qual é o que de quantas são?") == []
    assert question_terms("Qual é o planeta do planeta?") == terms("planeta")


def test_folding_takes_case_and_accents():
    assert fold("ÓRBITA Ção") == "orbita cao"


@given(st.text())
def test_any_text_gives_plain_terms(text):
    assert all(term and term.isalnum() for term in terms(text))
    assert not any(word.isascii() and word.isupper() for word in words(text))


def test_threads_stem_alike():
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(terms("alterações dos planetas"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 8
