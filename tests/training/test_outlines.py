"""Training examples whose prompts list what their replies take up."""

from dataclasses import replace

from assistant.models.style import Length, Manner, Styles
from assistant.models.topics import Topics
from assistant.training.dataset import Example
from assistant.training.outlines import learned_styles, learned_topics, outlined

DISHES = ("frango", "peixe", "arroz", "feijão", "queijo", "torta")
PAIRS = [(f"Pedi {dish} frio. Foi uma demora.", f" Desculpe pela demora com {dish}.") for dish in DISHES]


def examples(card, pairs):
    return [Example(card.template.replace("{input}", text), reply, text=text) for text, reply in pairs]


def test_topics_are_learned_from_texts_and_replies(registry):
    card = registry.card("restaurant-replies")
    assert learned_topics(card, examples(card, PAIRS)) == Topics.learn(PAIRS)


def test_classes_take_nothing_up_and_entities_neither(registry):
    card = registry.card("restaurant-replies")
    rows = [(f"Reclamação {n}: ônibus atrasado.", " Transportes") for n in range(9)]
    assert learned_topics(card, examples(card, rows)) is None
    assert learned_topics(registry.card("legal-ner"), examples(card, PAIRS)) is None


def test_a_prompt_lists_exactly_what_its_reply_takes_up(registry):
    card = registry.card("restaurant-replies")
    topics = Topics.learn(PAIRS)
    (shown,) = outlined(card, examples(card, [("Pedi torta e peixe. Foi uma demora.", " Lamentamos a torta.")]), topics)
    assert "\nAssuntos: torta\n" in shown.prompt
    assert shown.completion == " Lamentamos a torta."


def test_a_template_without_topics_stays_as_it_is(registry):
    card = registry.card("legal-ner")
    given = examples(card, PAIRS)
    assert outlined(card, given, Topics.learn(PAIRS)) == given


def test_styles_are_learned_where_the_template_names_one(registry):
    card = registry.card("restaurant-replies")
    replies = [f" Poxa, {dish} frio!" for dish in DISHES] + [
        f" Lamentamos {dish} e a espera, e muito." for dish in DISHES
    ]
    rows = examples(card, [(f"Pedi {n}", f"{reply} Caso {n}.") for n, reply in enumerate(replies * 4)])
    found = learned_styles(card, rows)
    assert found is not None and (found.manners, found.lengths) == (tuple(Manner), tuple(Length))
    assert learned_styles(replace(card, template="{input}"), rows) is None
    assert learned_styles(card, rows[:9]) is None


def test_some_prompts_name_the_style_of_their_reply_and_others_none(registry):
    card = registry.card("restaurant-replies")
    rows = examples(card, [(f"Pedi {n} tortas", " Poxa, que pena!") for n in range(60)])
    styles = Styles(10.0, tuple(Manner), tuple(Length))
    prompts = [e.prompt for e in outlined(card, rows, Topics.learn(PAIRS), styles)]
    for line in ("", "Estilo: calorosa\n", "Estilo: curta\n", "Estilo: calorosa, curta\n"):
        assert any(f"\nAssuntos: nenhum\n{line}Resposta:" in prompt for prompt in prompts), line
    assert not any("{" in prompt or "formal" in prompt or "longa" in prompt for prompt in prompts)
