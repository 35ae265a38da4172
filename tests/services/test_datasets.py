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


def rows_of(folder, names):
    return [row for name in names for row in read_jsonl(folder / name, ("input", "output"))]


def codes(report):
    return {item.code: item.count for item in report.findings}


@pytest.fixture
def complaints(service, folder, tmp_path):
    """An adapter of 200 rows: 160 to learn from, 20 to watch, 20 to judge."""
    service.create(new("reclamacoes"), table(tmp_path / "a.csv"))
    return folder / "reclamacoes"


def more(path, *rows):
    path.write_text("\n".join(["manifestação;setor", *rows]), "utf-8")
    return path


FRESH = [f"A luz da praça {place} número {i} queimou de novo ontem;{CLASSES[i % 4]}" for i, place in enumerate(PLACES)]


def test_new_rows_are_held_against_what_is_trained_and_what_is_held_out(service, complaints, tmp_path):
    trained = rows_of(complaints, ["data/train.jsonl"])
    held = [*rows_of(complaints, ["data/validation.jsonl"]), *rows_of(complaints, ["data/test.jsonl"])]
    other = next(label for label in CLASSES if label != trained[1]["output"])
    file = more(
        tmp_path / "mais.csv",
        *FRESH,
        f"{trained[0]['input']};{trained[0]['output']}",
        f"{trained[1]['input']};{other}",
        *(f"{row['input'].upper()};{row['output']}" for row in held[:3]),
        f"{held[-1]['input']};Obras",
        "O rio transbordou na ponte velha da cidade baixa;Defesa civil",
    )
    report = service.examine("reclamacoes", file)
    found = codes(report)
    assert found["known_rows"] == 1 and found["held_out_rows"] == 4 and found["known_contradictions"] == 1
    assert found["new_class"] == 1 and report.ok
    assert "few_rows" not in found and "rare_class" not in found, "a part need not be a whole set"
    (torn,) = [item for item in report.findings if item.code == "known_contradictions"]
    assert torn.lines == (13,) and f"«{trained[1]['output']}»" in torn.message.pt
    made = service.adopt("reclamacoes", file)
    recipe = read_recipe(complaints / "recipe.toml")
    assert recipe.data.files == ("data/train.jsonl", "data/mais.jsonl")
    added = rows_of(complaints, [p.relative_to(complaints) for p in made.files])
    assert len(added) == 12, "ten, the contradiction, the new class"
    inputs = {row["input"].lower() for row in added}
    assert not inputs & {row["input"].lower() for row in held} and trained[0]["input"].lower() not in inputs
    assert made.report.split.train + made.report.split.validation == 12 and made.report.split.test == 0
    learnt = {row["input"] for row in rows_of(complaints, recipe.data.files)}
    watched = {row["input"] for row in rows_of(complaints, recipe.data.validation)}
    assert trained[1]["input"] in learnt and not learnt & watched, "what is near a trained row is not watched"


def test_a_larger_table_that_was_exported_again_adds_only_what_is_new(service, complaints, tmp_path):
    file = table(tmp_path / "de-novo.csv", 230)
    made = service.adopt("reclamacoes", file)
    assert codes(made.report)["known_rows"] == 160 and codes(made.report)["held_out_rows"] == 40
    assert sum(len(path.read_text("utf-8").splitlines()) for path in made.files) == 30
    with pytest.raises(DataError, match="Every row is there already") as caught:
        service.adopt("reclamacoes", file)
    assert "o adaptador já tem todas" in caught.value.text("pt")


def test_a_group_that_is_held_out_takes_in_no_training_rows(service, folder, tmp_path):
    def grouped(path, rows):
        lines = [
            f"Caso {n} na rua {PLACES[n % 10]} {n * 37} segue {word};{CLASSES[n % 4]};g{n % 20}" for n, word in rows
        ]
        path.write_text("\n".join(["manifestação;setor;grupo", *lines]), "utf-8")
        return path

    service.create(new("grupos"), grouped(tmp_path / "a.csv", [(n, "aberto") for n in range(100)]))
    home = folder / "grupos"
    held = {row["group"] for part in ("validation", "test") for row in read_jsonl(home / "data" / f"{part}.jsonl", ())}
    made = service.adopt("grupos", grouped(tmp_path / "b.csv", [(n, "pendente mesmo") for n in range(200, 260)]))
    added = [row for path in made.files for row in read_jsonl(path, ())]
    assert codes(made.report)["held_out_groups"] == 3 * len(held) == 60 - len(added)
    assert not held & {row["group"] for row in added}
    assert [p.name for p in made.files] == ["b.jsonl"], "groups that are learnt from are not watched"


def test_an_addition_is_undone_to_the_letter(service, folder, tmp_path):
    before = snapshot(folder)
    replies = folder / "restaurant-replies"
    first = service.adopt("restaurant-replies", table(tmp_path / "a.csv"))
    second = service.adopt("restaurant-replies", more(tmp_path / "b.csv", *FRESH))
    files = service.files("restaurant-replies")
    assert [(f.name, f.part, f.rows) for f in files if f.origin] == [
        ("data/a.jsonl", "train", 180), ("data/b.jsonl", "train", 9), ("data/a-validation.jsonl", "validation", 20),
        ("data/b-validation.jsonl", "validation", 1),
    ]  # fmt: skip
    assert [f.origin for f in files if f.name == "data/food.jsonl"] == [""] and files[-1].part == "test"
    assert service.remove("restaurant-replies", "data/a-validation.jsonl") == (
        "data/a.jsonl", "data/a-validation.jsonl",
    )  # fmt: skip
    assert not any(path.exists() for path in first.files) and all(path.exists() for path in second.files)
    recipe = read_recipe(replies / "recipe.toml")
    assert "data/a.jsonl" not in recipe.data.files and "data/b.jsonl" in recipe.data.files
    assert recipe.data.source == "records", "there is an addition still"
    service.remove("restaurant-replies", "data/b.jsonl")
    assert snapshot(folder) == before
    service.adopt("restaurant-replies", tmp_path / "a.csv")


@pytest.mark.parametrize(
    "file", ["data/food.jsonl", "data/heldout.jsonl", "../legal-ner/card.toml", "", "data/x.jsonl"]
)
def test_what_nobody_added_is_not_removed(service, folder, tmp_path, file):
    service.adopt("restaurant-replies", table(tmp_path / "a.csv"))
    before = snapshot(folder)
    with pytest.raises(DataError, match="was not added") as caught:
        service.remove("restaurant-replies", file)
    assert "não foi juntado" in caught.value.text("pt")
    with pytest.raises(AdapterNotFound):
        service.remove("nao-existe", file)
    with pytest.raises(ConfigurationError):
        service.files("../legal-ner")
    assert snapshot(folder) == before


def test_public_data_that_is_not_here_is_named_and_what_is_here_is_compared(service, folder, tmp_path):
    rows = [
        {
            "text": f"Ana {i} citou a Lei {i * 7} em {PLACES[i % 10]}",
            "entities": [{"label": "PESSOA", "text": f"Ana {i}"}],
        }
        for i in range(60)
    ]
    file = tmp_path / "e.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    (note,) = [i for i in service.examine("legal-ner", file).findings if i.code == "not_compared"]
    assert "public:lener-br/train.conll, public:lener-br/dev.conll" in note.message.pt
    (tmp_path / "dev.conll").write_text(
        "Ana B-PESSOA\n3 I-PESSOA\ncitou O\na O\nLei O\n21 O\nem O\nDourados O\n", "utf-8"
    )
    public = {"lener-br/dev.conll": tmp_path / "dev.conll", "lener-br/train.conll": tmp_path / "dev.conll"}
    with_public = DataSetService(AdapterRegistry(folder), lambda: token_counter(None), public.get)
    found = codes(with_public.examine("legal-ner", file))
    assert "not_compared" not in found and found["held_out_rows"] == 1
    assert service.targets() == {"legal-ner": AdapterKind.EXTRACT, "restaurant-replies": AdapterKind.REPLY}
