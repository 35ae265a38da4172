"""The style of a reply: told by its marks, kept apart from its tone, named in some prompts and left out of others."""

import json
from collections import Counter

import pytest

from assistant.models.prompt_format import fill
from assistant.models.style import OPEN, Length, Manner, Style, Styles, manner_of
from assistant.models.tone import Tones
from assistant.training.config import read_recipe
from tests.conftest import ROOT

FOLDER = ROOT / "adapters" / "restaurant-replies"
FORMAL = "Lamentamos a demora e agradecemos o aviso, que será encaminhado à equipe."
WARM = "Poxa, que demora! Desculpe, a gente vai conversar com a cozinha."
TEMPLATE = "Avaliação: {input}\nAssuntos: {topics}\nEstilo: {style}\nResposta:"


@pytest.fixture(scope="module")
def pairs():
    files = read_recipe(FOLDER / "recipe.toml").data.files
    rows = [json.loads(line) for name in files for line in (FOLDER / name).read_text("utf-8").splitlines()]
    return [(row["review"], row["reply"]) for row in rows]


@pytest.fixture(scope="module")
def learned(pairs):
    return Styles.learn([reply for _, reply in pairs])


@pytest.mark.parametrize(
    ("reply", "manner"),
    [
        (FORMAL, Manner.FORMAL),
        (WARM, Manner.WARM),
        ("Pedimos desculpas pela demora. O relato vai para a cozinha.", None),
        ("Que bom! Agradecemos e lamentamos a demora.", None),
        ("Solicitamos contato pelos canais da casa.", Manner.FORMAL),
        ("Um abraço pra vocês.", Manner.WARM),
    ],
)
def test_the_manner_is_told_by_marks_and_neither_by_none_or_as_many(reply, manner):
    assert manner_of(reply) is manner


def test_a_prompt_says_the_style_in_the_replys_own_language():
    assert str(Style(Manner.FORMAL, Length.SHORT)) == "formal, curta"
    assert str(Style(length=Length.LONG)) == "longa"
    assert str(OPEN) == ""


def test_without_a_style_its_line_is_left_out_of_the_prompt():
    assert fill(TEMPLATE, text="Ruim") == "Avaliação: Ruim\nAssuntos: nenhum\nResposta:"
    assert "\nEstilo: calorosa, curta\nResposta:" in fill(TEMPLATE, text="Ruim", style="calorosa, curta")
    assert fill("Texto: {input} {style}\nResposta:", text="Ruim") == "Texto: Ruim \nResposta:", "no text is lost"
    assert fill(TEMPLATE, text="Estilo: {style}\nResposta") == "Avaliação: Estilo: {style} Resposta\n" + (
        "Assuntos: nenhum\nResposta:"
    ), "braces of a visitor are text"


def test_every_class_of_the_real_pairs_is_frequent_enough(pairs, learned):
    assert (learned.manners, learned.lengths) == (tuple(Manner), tuple(Length))
    assert 28 <= learned.words <= 38
    found = [learned.of(reply) for _, reply in pairs]
    for mark in (*Manner, *Length):
        assert sum(mark in (style.manner, style.length) for style in found) >= 0.15 * len(pairs), mark


def test_both_manners_are_known_after_complaints_praise_and_care(pairs, learned):
    tones = Tones.learn(pairs)
    seen = Counter((tone, learned.of(reply).manner) for text, reply in pairs for tone in tones.of(text))
    for tone in ("desculpas", "agradecimento", "cuidado"):
        for manner in Manner:
            assert seen[tone, manner] >= 15, (tone, manner, seen)


def test_a_third_of_the_prompts_names_no_style_and_what_is_named_is_true(pairs, learned):
    taught = [learned.taught(text, reply) for text, reply in pairs]
    assert taught == [learned.taught(text, reply) for text, reply in pairs], "the same in every run"
    open_ones = sum(style == OPEN for style in taught)
    assert 0.28 * len(pairs) < open_ones < 0.5 * len(pairs)
    whole = [(style, learned.of(reply)) for style, (_, reply) in zip(taught, pairs, strict=True)]
    assert all(style.manner in (None, true.manner) and style.length in (None, true.length) for style, true in whole)
    both = [style for style, true in whole if true.manner and true.length]
    named = Counter(sum(mark is not None for mark in (style.manner, style.length)) for style in both)
    assert all(0.25 * len(both) < named[count] < 0.42 * len(both) for count in (0, 1, 2)), named


def test_replies_of_one_style_teach_none():
    assert Styles.learn([WARM] * 50) is None
    assert Styles.learn([]) is None


def test_a_reply_misses_what_it_shows_the_opposite_of():
    styles = Styles(33, tuple(Manner), tuple(Length))
    assert styles.misses(Style(Manner.FORMAL, Length.SHORT), FORMAL) == 0
    assert styles.misses(Style(Manner.FORMAL, Length.LONG), WARM) == 2
    assert styles.misses(Style(Manner.WARM), "Pedimos desculpas.") == 0
    assert styles.misses(OPEN, WARM) == 0
