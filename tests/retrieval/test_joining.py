"""Neighbours that belong together are one passage: its text, its path, its chunks; nothing else is joined."""

from datetime import date

import pytest

from assistant.generation.citations import check
from assistant.generation.prompt import sources_of
from assistant.retrieval import lexical
from assistant.retrieval.joining import LONGEST, goes_on, join
from assistant.retrieval.retriever import Retriever
from assistant.retrieval.splitting import CHUNK_CHARS
from assistant.services.corpora import CorporaService
from assistant.stores.passages import PassageStore
from assistant.stores.rows import StoredChunk
from assistant.types import Outcome

from ..word_embedder import WordEmbedder


def chunks(*texts, heading="", headings=None, pages=None):
    """A document of these chunks, in reading order."""
    return [
        StoredChunk(
            f"c{at}", "x", "d.txt", at, text, (headings or {}).get(at, heading), (pages or {}).get(at), "D", "2024"
        )
        for at, text in enumerate(texts)
    ]


def near(document):
    return lambda chunk: [c for c in document if abs(c.position - chunk.position) <= 2]


def ids(passages):
    return [[c.chunk_id for c in one.chunks] for one in passages]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("O prazo começa na data da entrega,", "da qual se dá recibo.", True),
        ("O prazo de recesso é de trinta", "dias, em julho.", True),
        ("Levar ao balcão,", "Senhor Paulo, os papéis.", True),
        ("São documentos: o título;", "a certidão de quitação;", True),
        ("São documentos:", "- título de eleitor", True),
        ("- título de eleitor", "- certidão", True),
        ("a) o título;", "b) a certidão.", True),
        ("O prazo é de trinta dias.", "da entrega se dá recibo", False),
        ("A carta dizia:", "O autor discorda dessa leitura.", False),
        ("Tabela de preços", "Feijoada 40", False),
        ("«O prazo é de trinta dias.»", "e depois", False),
        ("Ele disse (em 1990)", "que viria.", True),
    ],
)
def test_what_goes_on_over_the_border_of_two_chunks(one, other, expected):
    assert goes_on(one, other) is expected


def test_a_cut_sentence_is_whole_whichever_half_was_found():
    document = chunks(
        "O dia abriu.", "A matrícula depende do pagamento,", "que se faz no banco. Depois há o recibo.", "Fim."
    )
    whole = "A matrícula depende do pagamento, que se faz no banco. Depois há o recibo."
    for found in (1, 2):
        (passage,) = join([document[found]], near(document))
        assert (passage.text, ids([passage])) == (whole, [["c1", "c2"]])
        assert passage.found is document[found]


def test_both_halves_found_are_one_passage_in_the_place_of_the_better_one():
    document = chunks("A taxa é de dez", "reais por mês.", "O resto é outra coisa.")
    passages = join([document[1], document[2], document[0]], near(document))
    assert ids(passages) == [["c0", "c1"], ["c2"]]
    assert passages[0].text == "A taxa é de dez reais por mês."


def test_whole_neighbours_are_no_one_passage_though_both_were_found():
    document = chunks("A taxa é de dez reais.", "O prazo é de um mês.")
    assert ids(join(document, near(document))) == [["c0"], ["c1"]]


def test_nothing_is_joined_over_a_page_or_a_heading():
    cut = ("A taxa é de dez", "reais por mês.")
    other_page = chunks(*cut, pages={0: 1, 1: 2})
    other_heading = chunks(*cut, headings={0: "Taxas", 1: "Prazos"})
    for document in (other_page, other_heading):
        assert ids(join([document[0]], near(document))) == [["c0"]]


def test_no_passage_is_longer_than_two_chunks():
    piece = ("palavra " * 87).strip() + ","
    document = chunks(piece, piece, piece, piece)
    passages = join(document, near(document))
    assert ids(passages) == [["c0", "c1"], ["c2", "c3"]]
    assert all(len(one.text) <= LONGEST for one in passages)
    assert LONGEST == 2 * CHUNK_CHARS


ARTICLE = {0: "T > CDC, art. 6º, caput, I a IV", 1: "T > CDC, art. 6º, V a X", 2: "T > CDC, art. 7º, caput"}


def test_found_pieces_of_one_article_are_one_passage_under_what_both_hold():
    document = chunks("Art. 6º São direitos: I - a vida;", "V - a revisão.", "Art. 7º Os direitos.", headings=ARTICLE)
    passages = join([document[2], document[1], document[0]], near(document))
    assert ids(passages) == [["c2"], ["c0", "c1"]]
    assert passages[1].heading == "T > CDC, art. 6º, caput, I a IV; V a X"
    assert passages[1].text == "Art. 6º São direitos: I - a vida;\nV - a revisão."


def test_the_rest_of_an_article_that_was_not_found_is_left_out():
    document = chunks("Art. 6º São direitos: I - a vida;", "V - a revisão.", headings=ARTICLE)
    assert ids(join([document[0]], near(document))) == [["c0"]]


# --- through the search ---------------------------------------------------------------------------------------------

_FILLER = "Esta parte do guia descreve a vida no campus com palavras comuns e sem pressa alguma"
GUIDE = (
    "# Guia do campus\n\n"
    + f"{_FILLER}, e conta também a história antiga do prédio, " * 4
    + "e descreve com calma os jardins do campus, "
    + "e por fim diz que a carteirinha de estudante vale por dezoito meses a contar da emissão, "
    + "e que a segunda via custa vinte e dois reais na secretaria geral do campus, "
    + "onde o atendimento é feito por ordem de chegada.\n\n"
    + "A biblioteca abre às oito horas.\n"
)
RULES = """# Regimento da Biblioteca Municipal

Art. 1º A biblioteca abre de segunda a sexta-feira.

Art. 2º São deveres do leitor:
{items}

Art. 3º É vedado comer nas salas de leitura.
"""
DUTIES = (
    "zelar pelo acervo raro",
    "devolver os livros no prazo",
    "calar nas salas de leitura",
    "apresentar a carteira",
)


def rules(day):
    """Article 2 takes two chunks."""
    items = "\n".join(
        f"{'I' * at if at < 4 else 'IV'} - {duty}, na forma do aviso de {day} afixado na portaria do edifício sede, "
        f"{'com atenção às instruções da direção, ' * 4}sob pena de advertência;"
        for at, duty in enumerate(DUTIES, 1)
    )
    return RULES.format(items=items)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("joining")
    embedder = WordEmbedder()
    store = PassageStore(folder / "index", embedder.name, embedder.dimension, lexical.terms)
    service = CorporaService(folder / "corpora", store, embedder)
    service.create("campus", "Campus")
    service.add_document("campus", "guia-2024.md", GUIDE.encode())
    service.add_document("campus", "regimento-2010-05-01.md", rules("maio").encode())
    service.add_document("campus", "regimento-2020-05-01.md", rules("junho").encode())
    for _ in service.ingest():
        pass
    yield store
    store.close()


@pytest.fixture(scope="module")
def retriever(store):
    return Retriever(store, WordEmbedder(), today=lambda: date(2026, 6, 1))


def test_the_passage_of_a_search_holds_the_whole_sentence_and_its_citation_is_checked(retriever, store):
    found = retriever.retrieve("Por quantos meses vale a carteirinha de estudante e quanto custa a segunda via?", k=3)
    first = found[0]
    assert "dezoito meses a contar da emissão, e que a segunda via custa vinte e dois reais" in first.text
    assert len(first.joined) == 2 and first.chunk_id in first.joined and first.chunk_ids == first.joined
    parts = store.get(first.joined)
    assert all(" ".join(parts[c].text.split()) in " ".join(first.text.split()) for c in first.joined)
    assert {(parts[c].document, parts[c].as_of) for c in first.joined} == {("guia-2024.md", first.as_of)}
    shown = [c for passage in found for c in passage.chunk_ids]
    assert len(shown) == len(set(shown))
    quote = "dezoito meses a contar da emissão, e que a segunda via custa vinte e dois reais"
    checked = check(f"«{quote}» [1]\nVale dezoito meses [1].", sources_of(found))
    (cited,) = [source for source in checked.sources if source.quote]
    assert checked.outcome is Outcome.GROUNDED and cited.passage.text[cited.start : cited.end] == cited.quote


def test_a_joined_passage_leaves_room_for_another_one(retriever):
    found = retriever.retrieve("carteirinha de estudante, segunda via, biblioteca, carteira do leitor", k=3)
    assert len(found) == 3


def test_pieces_of_the_article_in_force_are_joined_with_each_other_only(retriever):
    question = "Quais são os deveres do leitor: zelar pelo acervo, devolver livros, apresentar a carteira?"
    now = next(p for p in retriever.retrieve(question, k=3) if "art. 2º" in p.heading)
    assert len(now.joined) == 2
    assert (now.document, now.as_of) == ("regimento-2020-05-01.md", "2020-05-01")
    assert "aviso de junho" in now.text and "aviso de maio" not in now.text
    assert "art. 2º" in now.heading and ";" in now.heading
    then = next(p for p in retriever.retrieve(f"Em 2015, {question}", k=3) if "art. 2º" in p.heading)
    assert len(then.joined) == 2 and then.as_of == "2010-05-01" and "aviso de junho" not in then.text
    older = retriever.earlier(now)
    assert {p.as_of for p in older} == {"2010-05-01"}
    assert len({p.chunk_id for p in older}) == len(older) >= 2
