"""The figures of the search: on paragraphs of a question set, and on the shipped corpora."""

import json

import pytest

from assistant.bootstrap import build
from assistant.errors import DataError
from assistant.services.bench_corpora import document_corpus
from assistant.services.retrieval_bench import (
    Labelled,
    number,
    own_questions,
    relevance_quality,
    search_quality,
    squad_corpus,
)
from assistant.settings import Settings

PARAGRAPHS = {
    "O mel das abelhas jataí cura na prateleira por noventa dias antes da venda.": "Por quanto tempo o mel cura?",
    "A ponte de Itaporã foi aberta ao trânsito em 1954, depois de seis anos de obra.": "Quando a ponte foi aberta?",
    "O farol da ilha funciona com energia solar e pisca a cada dez segundos.": "A cada quanto o farol pisca?",
}
ANSWERS = ("noventa dias", "1954", "dez segundos")


@pytest.fixture
def question_set(tmp_path):
    paragraphs = [
        {"context": context, "qas": [{"question": question, "answers": [{"text": answer, "answer_start": 0}]}]}
        for (context, question), answer in zip(PARAGRAPHS.items(), ANSWERS, strict=True)
    ]
    path = tmp_path / "perguntas.json"
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}), "utf-8")
    return path


def test_paragraphs_become_a_corpus_and_their_questions_find_them(question_set, tmp_path):
    labelled = squad_corpus(question_set, tmp_path / "corpora" / "paragraphs")
    assert [item.document for item in labelled] == ["00000.txt", "00001.txt", "00002.txt"]
    trial = build(Settings.load(home=tmp_path))
    trial.index()
    figures = search_quality(trial.store, trial.embedder, trial.retriever, labelled)
    trial.close()
    assert figures["questions"] == 3
    for name in ("hybrid", "dense", "bm25", "rank_fusion"):
        assert figures[name] == {"recall_at_5": 1.0, "ndcg_at_10": 1.0}


def test_a_passage_that_is_not_found_counts_nothing(demo):
    lost = Labelled("Quantas luas tem Saturno?", "nenhum-documento.md")
    found = Labelled("Quantas luas tem Saturno?", "luas-2025.md")
    figures = search_quality(demo.store, demo.embedder, demo.retriever, [lost, found])
    assert figures["hybrid"]["recall_at_5"] == 0.5
    assert 0 < figures["hybrid"]["ndcg_at_10"] <= 0.5


def test_relevance_is_judged_on_both_sides(demo):
    figures = relevance_quality(demo.retriever, ["Quantas luas tem Saturno?"], ["Quem ganhou a Copa de 2002?"], 3)
    assert figures == {"answerable_kept": 1.0, "unanswerable_stopped": 1.0, "answerable": 1, "unanswerable": 1}


def test_a_record_without_its_document_is_named(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"question": "x", "quote": "y"}), "utf-8")
    with pytest.raises(DataError, match="line 1: the field 'document' is missing"):
        own_questions(path)


ABOVE = "[ Lei das Pontes. | (Ementa) |"
PROVISIONS = {  # kind and words
    "CAP": f"{ABOVE} ] DAS PONTES",
    "ART": f"{ABOVE} DAS PONTES | ] Art. 1º Toda ponte terá guarda-corpo de um metro.",
    "CPT": f"{ABOVE} DAS PONTES | ] Toda ponte terá guarda-corpo.",
    "ART ": f"{ABOVE} DO PEDÁGIO | ] Art. 2º-A O pedágio é vedado aos domingos.",
}


@pytest.fixture
def norms(tmp_path):
    folder = tmp_path / "normas"
    folder.mkdir()
    rows = [f'{kind.strip()},lei_9999_20150706,1,2,"{words}",urn:lex:br' for kind, words in PROVISIONS.items()]
    lines = ("Tipo,Rotulo,Num_Inicio,Num_Final,Texto,urn", *rows)
    (folder / "lei_9999_20150706.csv").write_text("\n".join(lines), "utf-8")
    (folder / "lei_7_19990101.csv").write_text(
        "\ufeffTipo,Texto,urn\nART,Art. 1º Fica aberta a ponte.,urn:lex:br\n", "utf-8"
    )
    (folder / "precos.csv").write_text("ponte,pedágio\nItaporã,dois reais\n", "utf-8")
    return folder


def test_a_table_of_provisions_becomes_a_norm_whose_articles_are_found_by_number(norms, tmp_path):
    document_corpus(norms, tmp_path / "home" / "corpora" / "normas")
    written = tmp_path / "home" / "corpora" / "normas" / "documents"
    names = ["lei_7_19990101.md", "lei_9999_20150706.md", "precos.csv"]
    assert sorted(path.name for path in written.iterdir()) == names
    assert (written / names[0]).read_text("utf-8") == "# Lei nº 7, de 1999\n\nArt. 1º Fica aberta a ponte.\n"
    text = (written / "lei_9999_20150706.md").read_text("utf-8")
    assert text.startswith("# Lei nº 9.999, de 2015 (Lei das Pontes)\n")
    assert "## (Ementa) — DO PEDÁGIO\n\nArt. 2º-A O pedágio é vedado" in text
    assert "Toda ponte terá guarda-corpo.\n" not in text

    asked = tmp_path / "perguntas.jsonl"
    rows = [("Que altura tem o guarda-corpo?", "art. 1º"), ("Em que dia não se cobra pedágio?", "Art. 2-A")]
    lines = [{"question": q, "document": "lei_9999_20150706", "article": article} for q, article in rows]
    asked.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    trial = build(Settings.load(home=tmp_path / "home"))
    trial.index()
    figures = search_quality(trial.store, trial.embedder, trial.retriever, own_questions(asked))
    trial.close()
    assert figures["hybrid"] == {"recall_at_5": 1.0, "ndcg_at_10": 1.0}


def test_an_article_is_not_its_neighbour_with_a_letter():
    assert [number(article) for article in ("art. 2º", "Art. 2º-A", "1.046", "art. 100.", "caput")] == [
        "2", "2-A", "1046", "100", "",
    ]  # fmt: skip


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(DataError, match="nada is no folder"):
        document_corpus(tmp_path / "nada", tmp_path / "corpus")


def test_a_question_without_quote_and_article_is_named_with_its_line(tmp_path):
    asked = tmp_path / "perguntas.jsonl"
    asked.write_text('\n{"question": "Onde?", "document": "a.md"}\n', "utf-8")
    with pytest.raises(DataError, match="line 2: neither a quote nor the article"):
        own_questions(asked)
