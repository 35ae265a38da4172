"""What an answer says of dates: what was before, of which time it speaks, that a source is old."""

from datetime import date

import pytest

from assistant.engines.base import GenerationRequest
from assistant.engines.scripted import ScriptedEngine
from assistant.retrieval.retriever import Retriever
from assistant.services.chat import ChatOptions, ChatService
from assistant.services.dating import dated
from assistant.services.records import answer_record
from assistant.services.request import AskRequest
from assistant.terminal import readable_answer
from assistant.types import Answered, Outcome, Passage, Source, TokenDelta

MOST = "Qual o planeta com mais luas no sistema solar?"


def quoting(words: str):
    """A script that quotes these words from whichever passage holds them, as the adapter would."""

    def script(request: GenerationRequest) -> str:
        prompt = str(request.prompt)
        before = prompt.rpartition(words)[0]
        if not before:
            return " Os documentos não respondem a isso." if "Documentos:" in prompt else str(request.adapter)
        marker = before.rpartition("\n[")[2].partition("]")[0]
        return f" «{words}» [{marker}]\n{words} [{marker}]."

    return script


def ask(demo, words, question, today=date(2026, 6, 1), **more):
    engine = ScriptedEngine(quoting(words))
    demo.adapters.refresh()
    demo.adapters.attach(engine)
    retriever = Retriever(demo.store, demo.embedder, lambda corpus: 730, lambda: today)
    chat = ChatService(engine, demo.routing, retriever, demo.adapters, ChatOptions())
    *events, last = chat.ask(AskRequest(question, adapter="grounded-chat", corpora=("sistema-solar",), **more))
    assert isinstance(last, Answered)
    streamed = "".join(event.text for event in events if isinstance(event, TokenDelta))
    return last.answer, streamed


def test_a_newer_fact_wins_and_the_answer_says_what_was_before(demo):
    answer, streamed = ask(demo, "Saturno passou a ter 274 luas confirmadas", MOST)
    assert answer.outcome is Outcome.GROUNDED
    assert "Até 02/2023 era «Em fevereiro de 2023, Júpiter é o planeta com mais luas" in answer.text
    assert "desde 11/03/2025" in answer.text
    assert answer.text.count("Em março de 2025, Saturno passou a ter 274 luas") == 1  # said once, not twice
    assert streamed.strip().endswith(answer.text[-60:])
    quoted = [source for source in answer.sources if source.quote]
    assert {source.passage.document for source in quoted} == {"luas-2025.md", "luas-2023.md"}
    for source in quoted:
        assert source.passage.text[source.start : source.end] == source.quote
        assert f"[{source.marker}]" in answer.text
    assert len({source.marker for source in answer.sources}) == len(answer.sources)


def test_a_question_about_the_past_says_of_which_date_its_text_is(demo):
    answer, _ = ask(
        demo, "Júpiter é o planeta com mais luas conhecidas", "Qual planeta tinha mais luas em março de 2023?"
    )
    (cited,) = [source for source in answer.sources if source.quote]
    assert cited.passage.document == "luas-2023.md"
    assert answer.text.endswith(f"É o que dizia o texto de 02/2023 [{cited.marker}].")
    assert "Até" not in answer.text
    english, _ = ask(
        demo, "Júpiter é o planeta com mais luas conhecidas", "Which planet had most luas in 2023, luas?", language="en"
    )
    assert "So said the text of 2023-02" in english.text


def test_a_source_beyond_its_corpus_limit_is_marked_in_answer_json_and_on_the_terminal(demo):
    question, words = "Quem descobriu as novas luas de Netuno?", "Netuno passou a ter 16 luas conhecidas"
    answer, _ = ask(demo, words, question)
    (cited,) = [source for source in answer.sources if source.quote]
    assert f"A fonte [{cited.marker}] é de 23/02/2024 e pode estar desatualizada." in answer.text
    record = answer_record(answer)
    assert record["sources"][cited.marker - 1]["outdated"] is True
    assert "2024-02-23, possibly out of date" in readable_answer(record)
    fresh, _ = ask(demo, words, question, today=date(2024, 6, 1))
    assert "desatualizada" not in fresh.text
    assert answer_record(fresh)["sources"][cited.marker - 1]["outdated"] is False


class Nothing:
    """A retrieval without older versions."""

    def earlier(self, passage, others):
        return ()


@pytest.mark.parametrize(
    ("as_of", "until", "language", "words"),
    [
        (None, "2010-12-31", "pt", "O documento [1] não tem data."),
        (None, "2010-12-31", "en", "Document [1] has no date."),
        ("2025-03", "2010-12-31", "pt", "O documento [1] é de 03/2025, posterior à época perguntada."),
        ("2025-03", "2010-12-31", "en", "Document [1] is of 2025-03, later than the time asked about."),
        ("1988-10-05", "", "pt", "É o que dizia o texto de 05/10/1988 [1]."),
    ],
)
def test_what_a_document_can_say_of_a_time_is_said_plainly(as_of, until, language, words):
    from assistant.retrieval.question_dates import Moment

    source = Source(1, Passage("c", "c", "d.md", "Um texto.", 0.9, as_of=as_of), "Um texto", 0, 8)
    assert dated(Nothing(), (source,), Moment(until), language).words == words


def test_an_answer_without_a_quote_says_nothing_of_dates():
    source = Source(1, Passage("c", "c", "d.md", "Um texto.", 0.9, as_of="1990", outdated=True))
    assert dated(Nothing(), (source,), None, "pt").words == ""
