"""Articles of the Constitution as they were: the newest text answers, and the right older one to a dated question."""

import csv
from datetime import date
from pathlib import Path

import pytest

from assistant.generation.changes import changed
from assistant.generation.citations import verified
from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever
from assistant.services.corpora import CorporaService
from assistant.stores.passages import PassageStore
from assistant.types import Source

TEXTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "constituicao" / "csv"
VERSIONS = {"1988-10-05": "19881005_ORIGINAL", "1998-06-04": "19980604_EMC19", "2020-08-26": "20200826_EMC108"}
ARTICLES = ("6", "41", "144", "228")
STABLE = "São estáveis após quantos anos os servidores nomeados em virtude de concurso público?"

pytestmark = pytest.mark.skipif(not TEXTS.is_dir(), reason="../shared/data/constituicao is not there")


@pytest.fixture(scope="module")
def retriever(tmp_path_factory, embedder):
    folder = tmp_path_factory.mktemp("constitution")
    store = PassageStore(folder / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(folder / "corpora", store, embedder)
    service.create("constituicao", "Constituição")
    for as_of, name in VERSIONS.items():
        with (TEXTS / f"{name}.csv").open(encoding="utf-8") as file:
            rows = [
                row for row in csv.DictReader(file) if row["artigo"] in ARTICLES and row["titulo"] not in ("NA", "10")
            ]
        text = "\n\n".join(row["texto"] for row in rows)
        content = f"---\ntitle: Constituição da República\nas_of: {as_of}\n---\n{text}\n"
        service.add_document("constituicao", f"constituicao-{as_of}.md", content.encode())
    for _ in service.ingest():
        pass
    yield Retriever(store, embedder, today=lambda: date(2026, 6, 1))
    store.close()


@pytest.mark.parametrize(
    ("question", "as_of", "words"),
    [
        (STABLE, "2020-08-26", "três anos"),
        ("O que diz o art. 41 da Constituição?", "2020-08-26", "três anos"),
        (f"Em 1995, {STABLE.lower()}", "1988-10-05", "dois anos"),
        ("Antes de junho de 1998, o que dizia o art. 41 da Constituição?", "1988-10-05", "dois anos"),
        ("Na versão de 2001, o que dizia o art. 41 da Constituição de 1988?", "1998-06-04", "três anos"),
        ("Qual era a redação original do art. 6º da Constituição?", "1988-10-05", "São direitos sociais"),
    ],
)
def test_the_text_in_force_answers(retriever, question, as_of, words):
    first = retriever.retrieve(question)[0]
    assert first.as_of == as_of
    assert words in first.text


def test_the_date_of_a_question_need_not_stand_in_the_text_that_answers(retriever):
    asked = f"Em 1995, {STABLE.lower()}"
    passages = retriever.retrieve(asked)
    assert not any("1995" in p.text for p in passages)
    assert retriever.is_relevant(asked, passages)


def test_what_was_before_is_told_with_the_date_of_the_amendment(retriever):
    first = retriever.retrieve(STABLE)[0]
    cited = verified(Source(1, first), "São estáveis após três anos")
    change = changed(cited, retriever.earlier(first), 2)
    assert change.told().startswith("Até 04/06/1998 era «Art. 41. São estáveis, após dois anos")
    assert "desde 04/06/1998, «Art. 41. São estáveis após três anos" in change.told()
