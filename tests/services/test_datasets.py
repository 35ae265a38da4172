"""A file becomes the data of an adapter, whole or not at all."""

import json
import resource
import shutil
import tomllib

import pytest

from assistant.errors import AdapterNotFound, ConfigurationError, DataError, StorageError
from assistant.models.tokens import token_counter
from assistant.services.datasets import DataSetService
from assistant.stores.manifests import Localized
from assistant.stores.registry import AdapterRegistry
from assistant.training.config import read_recipe
from assistant.training.drafts import NewAdapter
from assistant.training.formats import read_examples, read_jsonl
from assistant.training.records import Mapping
from assistant.types import AdapterKind

from ..conftest import ROOT

WORDS = Localized("Reclamações por setor", "Complaints by department")
CLASSES = ("Obras", "Limpeza", "Saúde", "Transporte")
PLACES = ["Aurora", "Bonfim", "Centro", "Dourados", "Estrela", "Floresta", "Glória", "Horizonte", "Ipê", "Jardim"]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "adapters", tmp_path / "adapters", ignore=shutil.ignore_patterns("versions"))
    return tmp_path / "adapters"


@pytest.fixture
def service(folder):
    return DataSetService(AdapterRegistry(folder), lambda: token_counter(None))


def table(path, n=200, label=lambda i: CLASSES[i % 4]):
    rows = [f"O problema {i * 37} na rua {PLACES[i % 10]} {i} ainda não foi resolvido;{label(i)}" for i in range(n)]
    path.write_text("\n".join(["manifestação;setor", *rows]), "cp1252")
    return path


def snapshot(folder):
    return {p.relative_to(folder): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def new(name="reclamacoes", kind=AdapterKind.REPLY, template=None):
    return NewAdapter(name, kind, WORDS, WORDS, template)


def test_a_new_adapter_from_a_table_can_be_trained_judged_and_routed_to(service, folder, tmp_path):
    made = service.create(new(), table(tmp_path / "Cidadãos (v2).csv"))
    card = AdapterRegistry(folder).card("reclamacoes")
    recipe = read_recipe(folder / "reclamacoes" / "recipe.toml")
    parts = {"train": recipe.data.files, "validation": recipe.data.validation, "test": (recipe.data.test,)}
    sizes = {}
    for part, names in parts.items():
        paths = [folder / "reclamacoes" / name for name in names]
        sizes[part] = len(read_examples(card, recipe.data.source, paths, 1))
        assert set(read_jsonl(paths[0], ("input", "output"))[0]) == {"input", "output"}, "UTF-8, in plain fields"
    assert sizes == {"train": 160, "validation": 20, "test": 20}
    assert (made.report.split.train, made.report.labels) == (160, dict.fromkeys(CLASSES, 50))
    assert card.active == 0 and card.title == WORDS and 30 <= len(card.utterances) <= 60
    held_out = {row["input"] for row in read_jsonl(folder / "reclamacoes" / recipe.data.test, ())}
    assert not held_out & set(card.utterances)
    assert sorted(p.name for p in (folder / "reclamacoes").iterdir()) == ["card.toml", "data", "recipe.toml"]
    assert not list(folder.glob(".*"))


def test_a_new_extract_adapter_takes_its_labels_from_the_data(service, folder, tmp_path):
    rows = [
        {"text": f"Ana {i} mora em {PLACES[i % 10]} {i}", "entities": [{"label": "PESSOA", "text": f"Ana {i}"}]}
        for i in range(60)
    ]
    file = tmp_path / "e.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    service.create(new("pessoas", AdapterKind.EXTRACT), file)
    assert AdapterRegistry(folder).card("pessoas").labels == ("PESSOA",)
    assert read_jsonl(folder / "pessoas" / "data" / "test.jsonl", ())[0].keys() == {"text", "entities"}


@pytest.mark.parametrize(
    ("adapter", "error", "message"),
    [
        (new("../fora"), ConfigurationError, r"'\.\./fora' is no valid name"),
        (new("legal-ner"), ConfigurationError, "'legal-ner' is taken"),
        (new(template="Texto: {texto}"), ConfigurationError, "must contain {input}"),
        (NewAdapter("x", AdapterKind.REPLY, Localized("", ""), WORDS), ConfigurationError, "title"),
        (new(kind=AdapterKind.EXTRACT), DataError, "no lists of entities"),
    ],
)
def test_what_cannot_be_an_adapter_is_refused_and_leaves_nothing(service, folder, tmp_path, adapter, error, message):
    before = snapshot(folder)
    with pytest.raises(error, match=message) as caught:
        service.create(adapter, table(tmp_path / "a.csv"))
    assert caught.value.text("pt") != str(caught.value)
    assert snapshot(folder) == before


def test_data_with_errors_is_refused_whole(service, folder, tmp_path):
    before = snapshot(folder)
    file = table(tmp_path / "a.csv", label=lambda i: "Obras")
    with pytest.raises(DataError, match="Every output is the same"):
        service.create(new(), file)
    with pytest.raises(DataError, match=r"a\.csv is not taken"):
        service.adopt("restaurant-replies", file)
    with pytest.raises(AdapterNotFound):
        service.adopt("nao-existe", file)
    with pytest.raises(ConfigurationError):
        service.adopt("../legal-ner", file)
    with pytest.raises(DataError, match="source 'grounded'"):
        service.adopt("grounded-chat", file)
    assert snapshot(folder) == before


def test_adopting_adds_files_to_the_recipe_and_keeps_what_it_said(service, folder, tmp_path):
    path = folder / "restaurant-replies" / "recipe.toml"
    before = tomllib.loads(path.read_text("utf-8"))
    card = AdapterRegistry(folder).card("restaurant-replies")
    old = [folder / "restaurant-replies" / name for name in before["data"]["files"]]
    examples = read_examples(card, "pairs", old, 13)
    file = tmp_path / "../Novas avaliações!.csv"
    table(file)
    made = service.adopt("restaurant-replies", file)
    after = tomllib.loads(path.read_text("utf-8"))
    assert after["data"]["files"] == [*before["data"]["files"], "data/novas-avaliacoes.jsonl"]
    assert after["data"]["validation"] == [*before["data"]["validation"], "data/novas-avaliacoes-validation.jsonl"]
    assert (after["data"]["source"], after["data"]["test"]) == ("records", before["data"]["test"])
    assert (after["lora"], after["training"]) == (before["lora"], before["training"])
    assert path.read_text("utf-8").startswith("# How to train this adapter again")
    paths = [folder / "restaurant-replies" / name for name in after["data"]["files"]]
    assert read_examples(card, "records", paths, 13)[: len(examples)] == examples, "the old files read as before"
    assert all(f.is_file() and f.parent == folder / "restaurant-replies" / "data" for f in made.files)
    with pytest.raises(DataError, match="there already"):
        service.adopt("restaurant-replies", file)


def test_an_adapter_with_only_a_card_gets_its_first_recipe(service, folder, tmp_path):
    (folder / "restaurant-replies" / "recipe.toml").unlink()
    service.adopt("restaurant-replies", table(tmp_path / "a.csv"), Mapping("manifestação", "setor"))
    recipe = read_recipe(folder / "restaurant-replies" / "recipe.toml")
    assert recipe.data.files == ("data/a.jsonl",) and recipe.data.test == "data/a-test.jsonl"


def test_a_full_disk_leaves_everything_as_it_was(service, folder, tmp_path):
    before = snapshot(folder)
    file = table(tmp_path / "a.csv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))  # every longer file fails to be written
    try:
        with pytest.raises(StorageError):
            service.create(new(), file)
        with pytest.raises(StorageError):
            service.adopt("restaurant-replies", file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert snapshot(folder) == before


def test_examine_takes_an_adapter_or_a_kind_and_writes_nothing(service, folder, tmp_path):
    before = snapshot(folder)
    file = table(tmp_path / "a.csv")
    assert service.examine("restaurant-replies", file).tokens.limit == 512, "the recipe's own limit"
    assert service.examine(AdapterKind.REPLY, file).tokens.estimated
    first = service.preview("restaurant-replies", file, n=1)[0]
    assert first.prompt.startswith("Avaliação: O problema 0 na rua Aurora") and first.completion == " Obras"
    assert snapshot(folder) == before


def test_tokens_are_counted_by_the_tokenizer_of_a_checkpoint(tiny_checkpoint):
    counter = token_counter(tiny_checkpoint)
    assert not counter.estimated and counter.count("ação") == 6, "one token a byte"
    assert token_counter(None).count("abcdefgh") == 2
