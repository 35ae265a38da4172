"""The path of a question with the scripted engine: order of events, outcomes, bad input."""

import threading

import pytest

from assistant.engines.base import GenerationRequest
from assistant.engines.scripted import ScriptedEngine
from assistant.errors import AdapterNotFound, InputRejected
from assistant.services.chat import ChatOptions, ChatService
from assistant.services.request import AskRequest
from assistant.types import Answered, Outcome, Retrieved, Routed, RouteOrigin, TokenDelta, Turn

MOONS = "Qual o planeta com mais luas no sistema solar?"
RULING = (
    "conforme autoriza o art. 4.o, da Lei de Introdução às Normas do Direito Brasileiro, com redação determinada "
    "pela Lei 12.376/2010 (Dec.-lei 4.657/1942)."
)
REVIEW = "Horrível! Restaurante vazio e o atendimento ainda demora. Pedi um frango e veio com gosto de peixe. Nojo!"


def chat(demo, script, **options) -> ChatService:
    engine = ScriptedEngine(script)
    demo.adapters.refresh()
    demo.adapters.attach(engine)
    return ChatService(engine, demo.routing, demo.retriever, demo.adapters, ChatOptions(**options))


def answer_of(events):
    *_, last = events
    assert isinstance(last, Answered)
    return last.answer


def test_badge_and_sources_come_before_the_first_token(demo):
    events = list(demo.chat.ask(AskRequest(MOONS)))
    kinds = [type(e) for e in events]
    assert kinds[:2] == [Routed, Retrieved]
    assert set(kinds[2:-1]) == {TokenDelta}
    assert kinds[-1] is Answered


def test_a_quoted_answer_is_grounded_in_the_dated_document(demo):
    def script(request: GenerationRequest) -> str:
        if "Documentos:" not in request.prompt:
            return str(request.adapter)  # the engine looks whether an adapter changes anything
        assert "luas-2025.md (11/03/2025)" in request.prompt
        marker = request.prompt.split("] luas-2025.md")[0].rsplit("[", 1)[1]
        return f" «Saturno passou a ter 274 luas confirmadas» [{marker}]\nSaturno, com 274 luas [{marker}]."

    answer = answer_of(chat(demo, script).ask(AskRequest(MOONS)))
    assert answer.outcome is Outcome.GROUNDED
    cited = next(s for s in answer.sources if s.quote)
    assert (cited.passage.document, cited.passage.as_of) == ("luas-2025.md", "2025-03-11")
    assert cited.passage.text[cited.start : cited.end] == cited.quote


@pytest.mark.parametrize(
    ("wording", "text"),
    [
        ("Saturno, com 274 luas confirmadas [1].", "Saturno, com 274 luas confirmadas [{m}]."),
        ("Netuno, com 900 luas confirmadas [1].", "Em março de 2025, Saturno passou a ter 274 luas confirmadas"),
        ("", "Em março de 2025, Saturno passou a ter 274 luas confirmadas"),
    ],
)
def test_a_sentence_that_code_chose_is_worded_by_the_model_and_checked(demo, wording, text):
    def script(request: GenerationRequest) -> str:
        prompt = str(request.prompt)
        if "Documentos:" not in prompt:
            return str(request.adapter)
        marker = prompt.split("] luas-2025.md")[0].rsplit("[", 1)[1]
        begun = prompt.rpartition("Resposta:")[2]
        if "274 luas" in begun:  # asked again behind the sentence
            return wording.replace("[1]", f"[{marker}]")
        beside = prompt.partition("luas-2025.md")[2].partition("): ")[2].split(". ")[1]
        return f" «{beside}» [{marker}]\nNão sei [{marker}]."

    answer = answer_of(chat(demo, script).ask(AskRequest(MOONS, adapter="grounded-chat", corpora=("sistema-solar",))))
    cited = next(s for s in answer.sources if s.quote and "274 luas" in s.quote)
    assert answer.outcome is Outcome.GROUNDED
    assert answer.text.startswith(text.replace("{m}", str(cited.marker)))


def test_an_invented_quote_never_reaches_the_visitor(demo):
    lie = " «Marte tem 300 luas confirmadas» [1]\nMarte, com 300 luas [1]."
    events = list(chat(demo, lambda request: lie).ask(AskRequest(MOONS)))
    answer = answer_of(events)
    assert answer.outcome is Outcome.ABSTAINED
    assert answer.sources, "the nearest passages are offered instead"
    assert not any("«" in e.text for e in events if isinstance(e, TokenDelta))


def test_without_documents_nothing_is_retrieved_and_the_answer_is_ungrounded(demo):
    service = chat(demo, lambda request: " o Sol")
    events = list(service.ask(AskRequest(MOONS, corpora=(), adapter="none")))
    assert not any(isinstance(e, Retrieved) for e in events)
    answer = answer_of(events)
    assert (answer.outcome, answer.text, answer.sources) == (Outcome.UNGROUNDED, "o Sol", ())
    assert answer.route.origin is RouteOrigin.PINNED
    assert answer.route.adapter is None


def test_unwanted_documents_give_the_bases_own_guess_instead_of_an_abstention(demo):
    def script(request: GenerationRequest) -> str:
        return " o Sol" if request.adapter is None else " Os documentos não respondem a isso."

    events = list(chat(demo, script).ask(AskRequest(MOONS, corpora=())))
    answer = answer_of(events)
    assert (answer.outcome, answer.text) == (Outcome.UNGROUNDED, "o Sol")
    assert "".join(e.text for e in events if isinstance(e, TokenDelta)).strip() == "o Sol"


def test_entities_come_with_offsets_and_inventions_are_dropped(demo):
    script = {"Entidades:": " LEGISLACAO: Lei 12.376/2010 | LEGISLACAO: Lei 99.999/2099"}
    answer = answer_of(chat(demo, script).ask(AskRequest(RULING)))
    assert answer.outcome is Outcome.EXTRACTED
    (entity,) = answer.entities
    assert RULING[entity.start : entity.end] == entity.text == "Lei 12.376/2010"
    assert answer.dropped == 1


def test_a_reply_loses_what_it_promises(demo):
    script = {"Resposta:": " Lamentamos a demora e o frango. Oferecemos um desconto na próxima visita."}
    answer = answer_of(chat(demo, script).ask(AskRequest(REVIEW)))
    assert (answer.outcome, answer.text, answer.dropped) == (Outcome.REPLIED, "Lamentamos a demora e o frango.", 1)


@pytest.mark.parametrize("text", ["", "   \n\t", "?!...", "\x00\x1b", "🙂🙂"])
def test_nothing_to_answer_is_said_so(demo, text):
    with pytest.raises(InputRejected, match="empty"):
        list(demo.chat.ask(AskRequest(text)))


def test_a_text_beyond_the_limit_is_refused_with_both_numbers(demo):
    with pytest.raises(InputRejected, match=r"100000 characters and the limit is 20000"):
        list(demo.chat.ask(AskRequest("a" * 100_000)))


def test_a_pin_on_an_unknown_adapter_is_refused(demo):
    with pytest.raises(AdapterNotFound, match=r"\.\./etc"):
        list(demo.chat.ask(AskRequest("oi", adapter="../etc")))


def test_cancelling_stops_the_answer_and_says_so(demo):
    cancel = threading.Event()
    service = chat(demo, lambda request: " palavra" * 200)
    events = []
    for event in service.ask(AskRequest(REVIEW, adapter="restaurant-replies"), cancel):
        events.append(event)
        if sum(isinstance(e, TokenDelta) for e in events) == 3:
            cancel.set()
    assert answer_of(events).stopped
    assert sum(isinstance(e, TokenDelta) for e in events) < 10


def test_a_follow_up_keeps_its_conversations_adapter(demo):
    history = (Turn(REVIEW, "Lamentamos.", "restaurant-replies"),)
    first = next(iter(demo.chat.ask(AskRequest("mais curto, por favor", history=history))))
    assert (first.route.adapter, first.route.origin) == ("restaurant-replies", RouteOrigin.FOLLOW_UP)


def test_two_visitors_at_once_get_their_own_answers(demo):
    service = chat(demo, lambda request: " resposta à avaliação" if request.adapter else " palpite da base")
    results = {}

    def visit(name, text, adapter):
        for _ in range(20):
            results.setdefault(name, set()).add(answer_of(service.ask(AskRequest(text, adapter=adapter))).text)

    threads = [
        threading.Thread(target=visit, args=("a", "Boa comida", "restaurant-replies")),
        threading.Thread(target=visit, args=("b", "Boa tarde", "none")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"a": {"resposta à avaliação"}, "b": {"palpite da base"}}
