"""A tiny cross-encoder of random weights scores pairs as transformers does; broken ones say so."""

import threading

import pytest

from assistant.engines.cross_encoder import CrossEncoderReranker
from assistant.errors import GenerationError, ModelUnavailable
from assistant.models.rerankers import longest_input, ready_reranker

from ..tiny import write_tiny_cross_encoder

QUESTION = "Qual é o prazo?"
TEXTS = ["O prazo é de sete dias.", "A praia fechou.", "O prazo corre da entrega do produto, não do pedido."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_cross_encoder(tmp_path_factory.mktemp("reranker") / "tiny")


def reranker(folder):
    return CrossEncoderReranker(str(folder), lambda: ready_reranker(str(folder)), longest_input)


def test_scores_are_those_of_the_model_itself(folder):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    expected = []
    for text in TEXTS:
        with torch.no_grad():
            logit = model(**tokenizer(QUESTION, text, return_tensors="pt")).logits[0, 0]
        expected.append(torch.sigmoid(logit).item())
    found = reranker(folder).scores(QUESTION, TEXTS)
    assert found == pytest.approx(expected, abs=1e-5)
    assert len(set(found)) == 3


def test_no_length_and_no_sign_is_too_much(folder):
    ours = reranker(folder)
    found = ours.scores("prazo? " * 3000, ["palavra " * 3000, "nul \x00 e \ud800 solto", ""])
    assert len(found) == 3
    assert ours.scores(QUESTION, []) == []


def test_many_threads_get_what_one_gets_and_the_model_is_loaded_once(folder):
    located = []

    def locate():
        located.append(1)
        return ready_reranker(str(folder))

    ours = CrossEncoderReranker(str(folder), locate, longest_input)
    expected = reranker(folder).scores(QUESTION, TEXTS)
    found = []
    threads = [threading.Thread(target=lambda: found.append(ours.scores(QUESTION, TEXTS))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and all(scores == pytest.approx(expected, abs=1e-6) for scores in found)
    assert len(located) == 1


def test_damaged_weights_are_told_with_the_way_out_and_not_read_again(folder, tmp_path):
    broken = write_tiny_cross_encoder(tmp_path / "quebrado")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    ours = reranker(broken)
    with pytest.raises(ModelUnavailable, match="leave ASSISTANT_RERANKER empty") as told:
        ours.scores(QUESTION, TEXTS)
    assert "deixe ASSISTANT_RERANKER vazia" in told.value.text("pt")
    write_tiny_cross_encoder(broken)
    with pytest.raises(ModelUnavailable, match=str(broken)):
        ours.scores(QUESTION, TEXTS)
    assert len(reranker(broken).scores(QUESTION, TEXTS)) == 3


def test_a_model_that_fails_at_work_says_so_and_may_work_again(folder):
    import torch

    ours = reranker(folder)
    ours.scores(QUESTION, TEXTS)
    head = ours._model[0].model.classifier.out_proj
    good = head.bias.detach().clone()
    with torch.no_grad():
        head.bias.fill_(float("nan"))
    with pytest.raises(GenerationError, match="a score is no number"):
        ours.scores(QUESTION, TEXTS)
    with torch.no_grad():
        head.bias.copy_(good)
    assert len(ours.scores(QUESTION, TEXTS)) == 3


def test_the_setting_brings_it_into_the_search_and_doctor_looks_at_its_files(folder, tmp_path):
    from assistant.bootstrap import build
    from assistant.settings import Settings

    for name in ("adapters", "corpora"):
        (tmp_path / name).mkdir()
    assistant = build(Settings.load(home=tmp_path, engine="scripted", reranker=str(folder)))
    assistant.corpora.create("notas", "Notas")
    for name, text in {
        "farol.txt": "O farol pisca a cada dez segundos.",
        "ponte.txt": "A ponte abriu em 1954.",
    }.items():
        assistant.corpora.add_document("notas", name, text.encode())
    assistant.index()
    found = assistant.retriever.retrieve("A cada quanto o farol pisca?", k=2)
    expected = reranker(folder).scores("A cada quanto o farol pisca?", [f"{p.document[:-4]}\n{p.text}" for p in found])
    assert [p.reranked for p in found] == pytest.approx(expected, abs=1e-5)
    assert expected == sorted(expected, reverse=True)
    (checked,) = [check for check in assistant.doctor() if check.name.en == "reranker"]
    assert checked.ok and str(folder) in checked.detail.en
    assistant.close()
    gone = build(Settings.load(home=tmp_path, engine="scripted", reranker=str(tmp_path / "falta")))
    (missing,) = [check for check in gone.doctor() if check.name.en == "reranker"]
    assert not missing.ok and "não é uma pasta" in missing.detail.pt
    assert len(gone.retriever.retrieve("A cada quanto o farol pisca?", k=2)) == 2
    gone.close()
