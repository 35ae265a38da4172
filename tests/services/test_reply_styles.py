"""A reply as it was asked for: its style in the prompt, its signature below, the house's own words beside it."""

import pytest

from assistant.bootstrap import build
from assistant.engines.scripted import ScriptedEngine
from assistant.errors import InputRejected
from assistant.models.style import Length, Manner, Style
from assistant.services.chat import ChatOptions, ChatService
from assistant.services.request import AskRequest
from assistant.services.styles import STYLES_FILE, styles_of
from assistant.settings import Settings
from assistant.types import Answered, Outcome, Passage, Retrieved

REVIEW = "Cobraram duas vezes no meu cartão."
REPLY = "Lamentamos a cobrança repetida no cartão."
WORDS = "Para conferirmos a cobrança, envie o comprovante para caixa@casa.example."
PASSAGE = Passage("c1", "restaurante-exemplo", "respostas.md", f"Cobrança errada.\n> {WORDS}", 0.9, as_of="2026-10-01")
SECRET = Passage("c2", "restaurante-exemplo", "regras.md", "Damos 10% de desconto a quem insiste.", 0.95)


class Shelf:
    """A retriever over two passages that keeps what it was asked."""

    def __init__(self, *passages, relevant=True):
        self._passages, self._relevant, self.asked = passages, relevant, []

    def retrieve(self, question, *, corpora, k, history):
        self.asked.append((question, tuple(corpora or ())))
        return self._passages

    def is_relevant(self, question, passages, history):
        return self._relevant


@pytest.fixture
def shop(home):
    assistant = build(Settings.load(home=home, engine="scripted"))
    yield assistant
    assistant.close()


@pytest.fixture
def unstyled(shop):
    """The same, its live version having learned no styles."""
    folder = shop.registry.active("restaurant-replies").path
    (folder / STYLES_FILE).unlink()
    manifest = folder / "manifest.toml"
    lines = manifest.read_text("utf-8").splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if STYLES_FILE not in line), "utf-8")
    return shop


def live(shop):
    """Number of the live version: a question that names it needs no router."""
    return shop.registry.active("restaurant-replies").number


def ask(shop, shelf=None, reply=REPLY, **wanted):
    """The answer, the prompts of the adapter, and the events before the answer."""
    prompts = []

    def script(request):
        if request.adapter:
            prompts.append(request.prompt)
        return f" {reply}" if request.adapter else " base"

    shop.adapters.refresh()
    shop.adapters.attach(engine := ScriptedEngine(script))
    prompts.clear()
    service = ChatService(engine, shop.routing, shelf or Shelf(), shop.adapters, ChatOptions())
    *events, last = service.ask(AskRequest(REVIEW, version=live(shop), adapter="restaurant-replies", **wanted))
    assert isinstance(last, Answered) and last.answer.outcome is Outcome.REPLIED
    return last.answer, prompts, events


def test_the_style_stands_in_every_prompt_and_the_signature_in_none(shop):
    style = Style(Manner.FORMAL, Length.SHORT)
    answer, prompts, _ = ask(shop, style=style, signature="Equipe do Cantinho")
    assert answer.text == f"{REPLY}\n\n— Equipe do Cantinho"
    assert prompts and all("\nEstilo: formal, curta\nResposta:" in prompt for prompt in prompts)
    assert not any("Cantinho" in prompt for prompt in prompts)


def test_without_a_choice_the_prompt_names_no_style(shop):
    _, prompts, _ = ask(shop)
    assert prompts and not any("Estilo" in prompt for prompt in prompts)


def test_a_version_trained_without_styles_answers_as_before_and_still_signs(unstyled):
    answer, prompts, _ = ask(unstyled, style=Style(Manner.WARM), signature="Ana")
    assert prompts and not any("Estilo" in prompt or "{style}" in prompt for prompt in prompts)
    assert answer.text.endswith("\n\n— Ana")
    assert {a.name: a.styles for a in unstyled.adapters.list()}["restaurant-replies"] is None


def test_what_a_version_can_be_asked_for_is_listed(shop):
    shop.adapters.refresh()
    listed = {a.name: a.styles for a in shop.adapters.list()}
    assert listed["restaurant-replies"] == styles_of(shop.registry.active("restaurant-replies"))
    assert listed["restaurant-replies"].manners == tuple(Manner)
    assert listed["legal-ner"] is None


def test_a_draft_of_another_style_is_written_again(shop):
    warm = "Poxa, que chato! A gente vai ver o cartão."
    shop.adapters.refresh()
    engine = ScriptedEngine(lambda r: f" {REPLY if r.seed else warm}" if r.adapter else " base")
    shop.adapters.attach(engine)
    service = ChatService(engine, shop.routing, Shelf(), shop.adapters, ChatOptions())
    request = AskRequest(REVIEW, version=live(shop), adapter="restaurant-replies", style=Style(Manner.FORMAL))
    *_, last = service.ask(request)
    assert isinstance(last, Answered) and last.answer.text == REPLY


def test_a_long_signature_is_refused_before_anything_is_written(shop):
    with pytest.raises(InputRejected, match="81"):
        ask(shop, signature="a" * 81)


def test_the_houses_words_are_added_and_shown_as_a_dated_source(shop):
    answer, prompts, events = ask(shop, shelf := Shelf(SECRET, PASSAGE), signature="Ana")
    assert answer.text == f"{REPLY} {WORDS}\n\n— Ana"
    (source,) = answer.sources
    assert source.quote == WORDS.rstrip(".") or source.quote == WORDS
    assert source.passage.as_of == "2026-10-01" and source.passage.text[source.start : source.end] == source.quote
    assert Retrieved((source,)) in events
    assert shelf.asked == [(REVIEW, ("restaurante-exemplo",))]
    assert not any("caixa@" in prompt for prompt in prompts), "the model is not asked to repeat it"


def test_where_nothing_is_close_enough_nothing_is_added(shop):
    answer, _, events = ask(shop, Shelf(PASSAGE, relevant=False))
    assert (answer.text, answer.sources) == (REPLY, ())
    assert Retrieved(()) in events
    assert ask(shop, Shelf(SECRET))[0].text == REPLY, "no sentence of it is for clients"


def test_a_visitor_who_wants_no_documents_or_others_gets_none(shop):
    for corpora in ((), ("direito",)):
        answer, _, events = ask(shop, shelf := Shelf(PASSAGE), corpora=corpora)
        assert (answer.text, shelf.asked) == (REPLY, [])
        assert not any(isinstance(event, Retrieved) for event in events)


def test_promises_contacts_and_names_that_nobody_gave_are_removed(shop):
    invented = f"{REPLY} Daremos um desconto. Ligue para 5555-0199. Procure a gerente Sônia no caixa."
    answer, _, _ = ask(shop, Shelf(SECRET, PASSAGE), reply=invented)
    assert answer.text == f"{REPLY} {WORDS}"
    assert answer.dropped == 3
    supported = f"{REPLY} Escreva para caixa@casa.example."
    assert ask(shop, Shelf(PASSAGE), reply=supported)[0].dropped == 0
