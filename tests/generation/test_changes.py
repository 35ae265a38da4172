"""What was said before is told by code, in both documents' own words."""

import pytest

from assistant.generation.changes import LONGEST, changed
from assistant.generation.citations import verified
from assistant.types import Passage, Source

ARTICLE = "Regimento, art. 2º, caput e §§ 1º e 2º"


def passage(text, as_of, heading=ARTICLE):
    return Passage(f"c-{as_of}", "c", f"r-{as_of}.md", text, 0.9, as_of=as_of, heading=heading)


def law(days, as_of, fine="dez centavos"):
    text = f"§ 1º O prazo de devolução é de {days} dias, contados do empréstimo.\n§ 2º A multa é de {fine} por dia."
    return passage(text, as_of)


def quoted(newest, quote):
    source = verified(Source(1, newest), quote)
    assert source.quote
    return source


def test_the_older_wording_of_a_provision_lasted_until_the_newer_text():
    newest = law("vinte e um", "2019-02-10")
    change = changed(quoted(newest, "O prazo de devolução é de vinte e um dias"), [law("quinze", "2004-06-15")], 2)
    assert change.told() == (
        "Até 10/02/2019 era «§ 1º O prazo de devolução é de quinze dias, contados do empréstimo» [2]; "
        "desde 10/02/2019, «§ 1º O prazo de devolução é de vinte e um dias, contados do empréstimo» [1]."
    )
    old = change.older
    assert old.passage.text[old.start : old.end] == old.quote


def test_since_is_the_first_text_that_has_the_newer_wording():
    earlier = [law("vinte e um", "2010-01-01"), law("sete", "2004-06-15"), law("cinco", "1995-03-01")]
    change = changed(quoted(law("vinte e um", "2019-02-10"), "vinte e um dias"), earlier, 2)
    assert (change.until, change.since) == ("2010-01-01", "2010-01-01")
    assert "sete dias" in change.older.quote


def test_a_change_beside_what_is_quoted_is_not_told():
    newest = law("sete", "2019-02-10", fine="cinquenta centavos")
    earlier = [law("sete", "2004-06-15")]
    assert changed(quoted(newest, "O prazo de devolução é de sete dias"), earlier, 2) is None
    assert "dez centavos" in changed(quoted(newest, "cinquenta centavos por dia"), earlier, 2).older.quote


@pytest.mark.parametrize(
    "was",
    [
        "I - o voto é secreto e direto, de igual valor para todos;",
        "III – o voto é secreto e direto, de igual valor para todos; (Redação dada pela Emenda nº 4, de 1993)",
    ],
)
def test_another_number_or_note_of_the_same_words_is_no_change(was):
    newest = passage("II - o voto é secreto e direto, de igual valor para todos;", "2019-02-10")
    assert changed(quoted(newest, "o voto é secreto e direto"), [passage(was, "1995-03-01")], 2) is None


def test_a_provision_written_anew_is_known_by_its_label():
    newest = passage("§ 1º O prazo é de sete dias.\n§ 2º A multa por atraso na devolução é de um real por dia.", "2019")
    older = passage("§ 1º O prazo é de sete dias.\n§ 2º Pelo atraso o leitor paga multa de dez centavos.", "2004")
    change = changed(quoted(newest, "A multa por atraso na devolução é de um real"), [older], 2)
    assert change.older.quote == "§ 2º Pelo atraso o leitor paga multa de dez centavos."
    unrelated = passage("§ 1º O prazo é de sete dias.\n§ 2º Animais ficam fora.", "2004")
    assert changed(quoted(newest, "A multa por atraso na devolução é de um real"), [unrelated], 2) is None


NEW_MOONS = "Em março de 2025, Saturno passou a ter 274 luas confirmadas e é o planeta com mais luas do Sistema Solar."
OLD_MOONS = (
    "Em fevereiro de 2023, Júpiter é o planeta com mais luas conhecidas do Sistema Solar: são 92, contra 83 de Saturno."
)


def test_notes_are_told_with_the_date_of_each():
    newest = passage(NEW_MOONS, "2025-03-11", "Quem tem mais luas")
    older = passage(f"Uma nota. {OLD_MOONS} Antes era outro.", "2023-02", "Quem tem mais luas")
    change = changed(quoted(newest, "Saturno passou a ter 274 luas confirmadas"), [older], 3)
    assert change.told().startswith("Até 02/2023 era «Em fevereiro de 2023, Júpiter é o planeta")
    assert "[3]; desde 11/03/2025, «Em março de 2025, Saturno" in change.told()
    assert change.told("en").startswith("Until 2023-02 it was «")
    assert change.told(said=f"{NEW_MOONS} [1].").endswith("[3]; desde 11/03/2025 é o que se lê acima [1].")
    assert change.told("en", f"{NEW_MOONS} [1].").endswith("[3]; since 2025-03-11 it is as above [1].")


@pytest.mark.parametrize(
    ("older", "as_of"),
    [
        ("As luas de Saturno são pequenas, escuras e irregulares.", "2023-02"),
        ("No Sistema Solar, Saturno passou a ter 274 luas e é o planeta com mais luas confirmadas.", "2023-02"),
        (OLD_MOONS, "2026-01"),
        (OLD_MOONS, None),
    ],
)
def test_other_matters_the_same_facts_and_later_or_undated_notes_are_no_change(older, as_of):
    newest = passage(NEW_MOONS, "2025-03-11", "Luas")
    assert changed(quoted(newest, "274 luas confirmadas"), [passage(older, as_of, "Luas")], 2) is None


def test_a_long_wording_is_quoted_around_what_differs():
    beginning = "A polícia federal, instituída por lei como órgão permanente da União, estruturada em carreira, e com "
    middle = "todas as atribuições que a lei lhe der, em todo o território nacional e em cada uma das suas partes, "
    old, new = (f"{beginning}{middle}destina-se a {what}, na forma da lei." for what in ("prevenir", "apurar e punir"))
    change = changed(quoted(passage(new, "2019"), "apurar e punir"), [passage(old, "1995")], 2)
    assert "destina-se a prevenir" in change.older.quote
    assert len(change.older.quote) <= LONGEST
    assert "apurar e punir" in change.wording
    assert change.wording in new


def test_without_a_quote_nothing_is_told():
    assert changed(Source(1, law("sete", "2019")), [law("cinco", "1995")], 2) is None
