"""Names of the hub are read strictly, and only plain data files are data, as the card or their names divide them."""

import pytest

from assistant.errors import DataError
from assistant.training.hub_layout import HubFile, choose
from assistant.training.hub_name import hub_name, is_hub_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hub:owner/name", ("owner/name", "", "")),
        ("  owner/name ", ("owner/name", "", "")),
        ("hub:peluz/lener_br@lener-br#train", ("peluz/lener_br", "lener-br", "train")),
        ("hub:a/b.c@20220301.pt", ("a/b.c", "20220301.pt", "")),
        ("hub:a/b#validation", ("a/b", "", "validation")),
    ],
)
def test_a_name_is_read_and_written_alike(text, parts):
    name = hub_name(text)
    assert (name.repository, name.config, name.split) == parts
    assert hub_name(str(name)) == name and is_hub_name(str(name)) and "/" not in name.stem


@pytest.mark.parametrize(
    "text",
    [
        "", "hub:", "hub:name", "hub:a/b/c", "hub:../b", "hub:a/..", "hub:a/b..c", "hub:a/b--c", "hub:/etc/passwd",
        "hub:./a/b",
        "https://huggingface.co/datasets/a/b", "hub:a/b@../c", "hub:a/b@c/d", "hub:a/b#c/d", "hub:a/b@", "hub:a/b#",
        "hub:a\\b/c", "hub:a/b?x=1", "hub:a/b c", "hub:a/b\nc", "hub:a/b\x00", "hub:a/" + "b" * 300, "hub:-a/b",
        "hub:á/b",
        "hub:a/b%2e%2e", "hub:user:pass@host/b",
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_both_languages_before_anybody_is_asked(text):
    with pytest.raises(DataError, match="is no name of a data set") as caught:
        hub_name(text)
    assert "dono/nome" in caught.value.text("pt")


def files(*paths):
    return [HubFile(path, 10) for path in paths]


def chosen(text, paths, configs=None):
    layout = choose(hub_name(text), files(*paths), configs)
    return layout.name.config, layout.name.split, [file.path for file in layout.files]


def test_without_a_card_the_files_names_say_the_splits():
    paths = ("README.md", "data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet",
             "data/test-00000-of-00001.parquet", "data/dev.csv", ".cache/train.csv", "dataset_infos.json")  # fmt: skip
    train = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]
    assert chosen("a/b", paths) == ("default", "train", train)
    assert chosen("a/b#validation", paths) == ("default", "validation", ["data/dev.csv"])
    assert chosen("a/b", ("reviews.csv",)) == ("default", "train", ["reviews.csv"])
    assert chosen("a/b", ("x_test.csv",)) == ("default", "test", ["x_test.csv"]), "the only one there is"
    both = ("train.csv", "train.jsonl", "train.parquet")
    assert chosen("a/b", both)[2] == ["train.parquet"], "the same rows in three forms are read once"
    with pytest.raises(DataError, match=r"no split 'extra'\. There are: test, train, validation"):
        chosen("a/b#extra", paths)


def test_a_card_says_which_files_are_which():
    paths = ("pt/train.jsonl", "pt/deep/more.jsonl", "en/train.jsonl", "en/held.jsonl", "secret.jsonl")
    configs = [
        {"config_name": "pt", "data_dir": "pt"},
        {"config_name": "en", "data_files": [
            {"split": "train", "path": "en/train*"}, {"split": "held", "path": "en/held.jsonl"},
        ]},
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"several configurations\. There are: en, pt\. Name one: hub:a/b@en") as caught:
        chosen("a/b", paths, configs)
    assert "mais de uma configuração" in caught.value.text("pt")
    assert chosen("a/b@pt", paths, configs) == ("pt", "train", ["pt/train.jsonl"])
    assert chosen("a/b@en#held", paths, configs) == ("en", "held", ["en/held.jsonl"])
    configs[0]["default"] = True
    assert chosen("a/b", paths, configs)[0] == "pt"
    with pytest.raises(DataError, match="no configuration 'fr'"):
        chosen("a/b@fr", paths, configs)
    mapped = [{"config_name": "default", "data_files": {"test": "**/train.jsonl"}}]
    assert chosen("a/b", paths, mapped) == ("default", "test", ["en/train.jsonl", "pt/train.jsonl"])
    outside = [{"config_name": "default", "data_files": "../*.jsonl"}]
    with pytest.raises(DataError, match="no split"):
        chosen("a/b", paths, outside)


def test_a_loading_script_and_pickles_are_no_data():
    with pytest.raises(DataError, match=r"only the loading script b\.py.*never run") as caught:
        chosen("a/b", ("b.py", "README.md"))
    assert "nunca são executados" in caught.value.text("pt")
    with pytest.raises(DataError, match=r"it has \.pkl, \.zip"):
        chosen("a/b", ("train.pkl", "x.zip", "x"))
