"""The version in force answers: the newest by default, the one of its time where the question names a date."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from assistant.retrieval import lexical
from assistant.retrieval.retriever import Retriever
from assistant.retrieval.versions import likeness, matter_of
from assistant.services.corpora import CorporaService
from assistant.stores.passages import PassageStore
from assistant.types import Passage, Turn

LAW = """# Regimento da Biblioteca Municipal

Art. 1º A biblioteca abre de segunda a sexta-feira, das {hours}.

Art. 2º O leitor pode levar até {books} livros por vez para casa.
§ 1º O prazo de devolução é de {days} dias, contados do empréstimo.
§ 2º O atraso na devolução sujeita o leitor à multa de {fine} por dia e por livro.

Art. 3º É vedado comer e beber nas salas de leitura.
"""
NEWEST = "\nArt. 4º É obrigatório o silêncio absoluto nas salas de leitura.\n"
VERSIONS = {
    "1995-03-01": {"hours": "8 às 17 horas", "books": "dois", "days": "sete", "fine": "dez centavos"},
    "2004-06-15": {"hours": "8 às 20 horas", "books": "três", "days": "quinze", "fine": "dez centavos"},
    "2019-02-10": {"hours": "9 às 20 horas", "books": "cinco", "days": "vinte e um", "fine": "cinquenta centavos"},
}
NOTES = {
    "vagas-2021.md": "# Estacionamento\n\n## Vagas\n\nO prédio tem 40 vagas para carros e 10 para motos no subsolo.\n",
    "vagas-2024.md": "# Estacionamento\n\n## Vagas\n\nO prédio tem 55 vagas para carros e 12 para motos no subsolo.\n",
    "bicicletas-2023.md": "# Bicicletas\n\nAs bicicletas ficam no bicicletário do térreo, com cadeado próprio.\n",
    "entrega-centro-2023.md": "A entrega no bairro Centro custa 5 reais e leva 30 minutos em média.\n",
    "entrega-jardim-2024.md": "A entrega no bairro Jardim custa 8 reais e leva 30 minutos em média.\n",
    "melhor-2021.md": "O melhor vendedor da loja do prédio é o senhor Paulo, com a maior meta da equipe.\n",
    "melhor-2024.md": "O melhor vendedor da loja do prédio é o senhor Mauro, com a maior meta da equipe.\n",
    "ata-2024-03.md": "# Ata de março de 2024\n\nOs moradores decidiram trocar o elevador social e pintar o muro.\n",
    "ata-2024-08.md": "# Ata de agosto de 2024\n\nOs moradores decidiram contratar um jardineiro e limpar o muro.\n",
    "sem-data.md": "# Elevadores\n\nO prédio tem 3 elevadores e uma escada de emergência.\n",
}
DEADLINE = "Qual é o prazo para devolver um livro da biblioteca?"


@pytest.fixture(scope="module")
def retriever(tmp_path_factory, embedder):
    folder: Path = tmp_path_factory.mktemp("versions")
    store = PassageStore(folder / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(folder / "corpora", store, embedder)
    service.create("biblioteca", "Biblioteca")
    service.create("predio", "Prédio")
    for as_of, words in VERSIONS.items():
        text = LAW.format(**words) + (NEWEST if as_of == max(VERSIONS) else "")
        service.add_document("biblioteca", f"regimento-{as_of}.md", text.encode())
    for name, text in NOTES.items():
        service.add_document("predio", name, text.encode())
    for _ in service.ingest():
        pass
    yield Retriever(store, embedder, today=lambda: date(2026, 6, 1))
    store.close()


@pytest.fixture
def ask(retriever) -> Callable[..., tuple[Passage, ...]]:
    return lambda question, **more: retriever.retrieve(question, **more)


def test_the_newest_version_answers_and_no_older_one_takes_a_place(ask):
    passages = ask(DEADLINE, corpora=["biblioteca"])
    assert "vinte e um dias" in passages[0].text
    assert {p.as_of for p in passages} == {"2019-02-10"}
    assert len({p.heading for p in passages}) == 3, "the places go to other articles"


@pytest.mark.parametrize(
    ("question", "as_of"),
    [
        (f"Em 2010, {DEADLINE.lower()}", "2004-06-15"),
        ("Antes de 2004, qual era o prazo de devolução de um livro?", "1995-03-01"),
        ("Na versão de 1998, qual era o prazo de devolução?", "1995-03-01"),
        ("Qual era o prazo de devolução em 14/06/2004?", "1995-03-01"),
        ("Qual era o prazo de devolução em 15/06/2004?", "2004-06-15"),
        ("Qual era a redação original do prazo de devolução?", "1995-03-01"),
        ("Hoje, qual é o prazo de devolução?", "2019-02-10"),
        ("Qual é o prazo de devolução em 2030?", "2019-02-10"),
        ("O que diz o art. 2º, § 1º, do Regimento da Biblioteca?", "2019-02-10"),
    ],
)
def test_a_dated_question_finds_the_version_of_its_time(ask, question, as_of):
    assert ask(question, corpora=["biblioteca"])[0].as_of == as_of


def test_a_date_before_the_first_version_keeps_what_there_is(ask):
    assert ask("Em 1980, qual era o prazo de devolução de um livro?", corpora=["biblioteca"])


def test_a_provision_that_there_was_not_yet_comes_after_those_that_there_were(ask):
    question = "Em 2010, era obrigatório o silêncio absoluto nas salas de leitura?"
    found = [(p.heading.rpartition(", ")[2], p.as_of) for p in ask(question, corpora=["biblioteca"], k=5)]
    assert found[-1] == ("art. 4º", "2019-02-10")
    assert {as_of for _, as_of in found[:-1]} == {"2004-06-15"}
    assert ask("É obrigatório o silêncio absoluto?", corpora=["biblioteca"])[0].heading.endswith("art. 4º")


def test_a_follow_up_keeps_the_time_of_the_question_before(ask):
    history = [Turn("Em 2010, quantos livros o leitor podia levar?", "três")]
    assert ask("e qual era o prazo de devolução deles?", history=history)[0].as_of == "2004-06-15"
    assert ask("e em 1996?", history=history)[0].as_of == "1995-03-01"


def test_a_note_that_says_the_same_with_other_numbers_stands_for_the_older_one(ask):
    passages = ask("Quantas vagas para carros tem o prédio?", corpora=["predio"])
    assert passages[0].document == "vagas-2024.md"
    assert "vagas-2021.md" not in {p.document for p in passages}
    assert ask("Quantas vagas para carros tinha o prédio em 2022?")[0].document == "vagas-2021.md"


def test_another_name_makes_another_matter_only_where_the_question_says_the_name(ask):
    assert ask("Quanto custa a entrega no bairro Centro?")[0].document == "entrega-centro-2023.md"
    assert ask("Quanto custa a entrega no bairro Jardim?")[0].document == "entrega-jardim-2024.md"
    best = ask("Quem é o melhor vendedor da loja?", corpora=["predio"])
    assert best[0].document == "melhor-2024.md"
    assert "melhor-2021.md" not in {p.document for p in best}
    assert ask("Quem era o melhor vendedor da loja em 2022?", corpora=["predio"])[0].document == "melhor-2021.md"


def test_minutes_of_one_name_are_no_versions_where_the_newer_one_lacks_what_is_asked(ask):
    assert ask("O que os moradores decidiram sobre o elevador?", corpora=["predio"])[0].document == "ata-2024-03.md"
    assert ask("O que os moradores decidiram sobre o muro?", corpora=["predio"])[0].document == "ata-2024-08.md"


def test_documents_without_a_date_or_about_something_else_are_left_alone(ask):
    assert ask("Quantos elevadores tem o prédio?")[0].document == "sem-data.md"
    assert ask("Em 2022, onde ficavam as bicicletas?")[0].document == "bicicletas-2023.md"


def test_the_older_versions_of_a_passage_can_be_asked_for(retriever, ask):
    newest = ask(DEADLINE, corpora=["biblioteca"])[0]
    assert [p.as_of for p in retriever.earlier(newest)] == ["2004-06-15", "1995-03-01"]
    oldest = ask("Na versão de 1998, qual era o prazo de devolução?")[0]
    assert retriever.earlier(oldest) == ()


def test_a_place_found_for_an_older_version_keeps_its_rank_and_has_its_own_score(ask):
    passages = ask("Na versão de 1998, qual era o prazo de devolução?", corpora=["biblioteca"], k=5)
    assert [p.fused for p in passages] == sorted((p.fused for p in passages), reverse=True)
    assert all(0.5 < p.score <= 1 for p in passages)


@pytest.mark.parametrize(
    ("title", "heading", "matter"),
    [
        ("Lei 8.078", "Das Vendas > CDC, art. 49, caput e parágrafo único", "cdc, art. 49"),
        ("Luas em 2023", "Luas em fevereiro de 2023 > Contagem", "luas > contagem"),
        ("Luas em 2025", "Luas em 11/03/2025 > Contagem", "luas > contagem"),
        ("ata 2024 03", "", "ata"),
        ("Processo 123/2024", "", "processo 123"),
    ],
)
def test_a_matter_is_an_article_or_a_path_without_dates(title, heading, matter):
    assert matter_of(title, heading) == matter


def test_texts_are_alike_whatever_their_numbers_and_months():
    assert likeness("Em março de 2023 há 83 luas.", "Em maio de 2025 há 274 luas.") == 1.0
    assert likeness("Saturno lidera a lista.", "As bicicletas ficam no térreo.") == 0.0
    assert likeness("", "") == 1.0
