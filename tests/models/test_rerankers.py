"""Which folders are taken as a reranker: whole, safetensors, one score, no code; every other one says the way out."""

import json

import pytest

from assistant.errors import ModelUnavailable
from assistant.models.rerankers import longest_input, ready_reranker

CONFIG = {
    "architectures": ["XLMRobertaForSequenceClassification"],
    "id2label": {"0": "LABEL_0"},
    "max_position_embeddings": 514,
}


def folder_of(folder, config=CONFIG, files=("model.safetensors", "tokenizer.json")):
    folder.mkdir(exist_ok=True)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config) if isinstance(config, dict) else config, "utf-8")
    for name in files:
        (folder / name).write_text("{}", "utf-8")
    return folder


def refusal(name):
    with pytest.raises(ModelUnavailable) as told:
        ready_reranker(str(name))
    assert "ASSISTANT_RERANKER" in str(told.value) and "a busca funciona sem ele" in told.value.text("pt")
    assert repr(str(name)) in str(told.value)
    return str(told.value), told.value.text("pt")


def test_a_whole_folder_is_taken(tmp_path):
    folder = folder_of(tmp_path / "m")
    assert ready_reranker(str(folder)) == folder.resolve()
    assert longest_input(folder) == 512
    assert longest_input(folder_of(tmp_path / "curto", CONFIG | {"max_position_embeddings": 130})) == 128
    assert longest_input(folder_of(tmp_path / "longo", CONFIG | {"max_position_embeddings": 8194})) == 512


@pytest.mark.parametrize(
    ("config", "files", "en", "pt"),
    [
        (None, ("model.safetensors",), "config.json is missing", "config.json falta"),
        ("{not json", ("model.safetensors",), "cannot be read", "não pode ser lido"),
        (CONFIG, ("pytorch_model.bin", "tokenizer.json"), "pickle", "pickle"),
        (CONFIG, ("tokenizer.json",), "weights (model.safetensors) are missing", "falta o model.safetensors"),
        (CONFIG, ("model.safetensors",), "tokenizer is missing", "falta o tokenizador"),
        (CONFIG | {"auto_map": {"AutoModel": "x.Y"}}, ("model.safetensors",), "never run", "não é executado"),
        (CONFIG | {"id2label": {"0": "a", "1": "b", "2": "c"}}, (), "gives 3 scores", "dá 3 notas"),
        ({"architectures": ["XLMRobertaForSequenceClassification"]}, (), "gives 2 scores", "dá 2 notas"),
        (CONFIG | {"architectures": ["BertModel"]}, (), "is a BertModel", "é um BertModel"),
        (CONFIG | {"architectures": 7}, (), "is a ?", "é um ?"),
        (CONFIG | {"id2label": None, "num_labels": "x"}, (), "gives x scores", "dá x notas"),
        ("[1, 2]", (), "cannot be read", "não pode ser lido"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(tmp_path, config, files, en, pt):
    told = refusal(folder_of(tmp_path / "m", config, files))
    assert en in told[0] and pt in told[1]


@pytest.mark.parametrize(
    "modules", ['[{"type": "meu_modulo.Camada"}]', "[quebrado", '[{"path": ""}]', "[1]", '{"a": 1}']
)
def test_parts_of_somebody_elses_code_are_refused(tmp_path, modules):
    folder = folder_of(tmp_path / "m")
    (folder / "modules.json").write_text(modules, "utf-8")
    assert "never run" in refusal(folder)[0]
    (folder / "modules.json").write_text('[{"type": "sentence_transformers.base.modules.Transformer"}]', "utf-8")
    assert ready_reranker(str(folder))


@pytest.mark.parametrize(
    "name", ["/nao/ha/esta/pasta", "../fora", "um nome qualquer", "a/b/c", "~ninguem/m", "x" * 5000]
)
def test_what_is_no_folder_and_no_hub_name_is_said(name):
    assert "no folder and no hub name" in refusal(name)[0]


def test_a_hub_model_that_is_not_here_is_not_to_be_had_offline():
    assert "no network" in refusal("dono/reordenador-que-nao-ha")[0]
    with pytest.raises(ModelUnavailable, match="not been downloaded yet"):
        ready_reranker("dono/reordenador-que-nao-ha", fetch=False)
