"""Training examples whose prompts list what their replies take up."""

from assistant.models.topics import Topics
from assistant.training.dataset import Example
from assistant.training.outlines import learned_topics, outlined

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
