"""What a visitor brings is kept for that visitor, whole or not at all, until it is an adapter."""

import io
import json
import os
import pickle
import time
import zipfile

import pytest

from assistant.errors import AssistantError, ConfigurationError, DataError
from assistant.models.tokens import token_counter
from assistant.services import datasets, intake
from assistant.services.datasets import DataSetService
from assistant.services.intake import IntakeService
from assistant.stores.registry import AdapterRegistry
from assistant.training.config import read_recipe
from assistant.training.records import Mapping
from assistant.types import AdapterKind

ANA = "visitor-of-the-tests-ana"
CLASSES = ("Obras", "Limpeza", "Saúde")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "adapters"


@pytest.fixture
def make(tmp_path, folder):
    """A service as after a restart: nothing in memory."""
    counter = token_counter(None)
    return lambda: IntakeService(DataSetService(AdapterRegistry(folder), lambda: counter), tmp_path / "datasets")


@pytest.fixture
def service(make):
    return make()


def table(path, header="relato;setor;bairro", n=60):
    places = ["Aurora", "Bonfim", "Cedro", "Dália", "Estrela", "Figueira"]
    rows = [f"O problema {i * 37} da rua {places[i % 6]} {i} segue igual;{CLASSES[i % 3]};b{i % 12}" for i in range(n)]
    path.write_text("\n".join([header, *rows]), "utf-8")
    return path


def kept(tmp_path):
    root = tmp_path / "datasets"
    return sorted(str(p.relative_to(root)) for p in root.rglob("*")) if root.exists() else []


def test_a_table_is_proposed_reported_described_and_made_an_adapter(service, make, folder, tmp_path):
    file = table(tmp_path / "Reclamações 2024.csv")
    service.bring(ANA, [file])
    now = service.state(ANA)
    assert (now.path.name, now.choice.kind) == ("Reclamações 2024.csv", AdapterKind.REPLY)
    assert now.choice.mapping == Mapping("relato", "setor") and now.ready
    assert now.columns.names == ("relato", "setor", "bairro") and now.columns.first[0][1:] == ("Obras", "b0")
    assert now.template == "Texto: {input}\nSetor:", "classes are asked for by the name of their column"
    assert now.study.preview[0].prompt.endswith("\nSetor:") and now.study.preview[0].completion == " Obras"
    service.choose(ANA, "reply", ("relato", "setor", "bairro"))
    for _ in range(2):  # leaving a field says it, and the button says it again
        service.describe(ANA, "Reclamações por setor", "reclamacoes", "Relato: {input}\nSetor:")
    again = make().state(ANA)
    assert again == service.state(ANA), "a restart shows the same"
    assert again.study.report.split.by_group and again.template.startswith("Relato")
    made = service.create(ANA)
    card = AdapterRegistry(folder).card("reclamacoes")
    assert card.title.pt == "Reclamações por setor" and card.template == "Relato: {input}\nSetor:"
    recipe = folder / "reclamacoes" / "recipe.toml"
    assert "# Split with seed 13, share 0.1, 12 units; whole groups stay together" in recipe.read_text("utf-8")
    assert read_recipe(recipe).training.seed == made.report.split.seed == 13
    groups = [
        {json.loads(line)["group"] for line in (folder / "reclamacoes" / "data" / part).read_text("utf-8").splitlines()}
        for part in ("train.jsonl", "validation.jsonl", "test.jsonl")
    ]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert service.state(ANA) is None and kept(tmp_path) == []


def test_every_visitor_has_a_data_set_of_their_own(service, tmp_path):
    service.bring(ANA, [table(tmp_path / "a.csv")])
    assert service.state("somebody-else") is None
    with pytest.raises(DataError, match="Send the file again"):
        service.create("somebody-else")
    with pytest.raises(ConfigurationError, match="Load the page again"):
        service.bring("", [table(tmp_path / "a.csv")])
    service.drop(ANA)
    assert service.state(ANA) is None and kept(tmp_path) == []


def test_the_same_file_of_two_visitors_makes_two_adapters(service, folder, tmp_path):
    file = table(tmp_path / "a.csv")
    for owner, name in ((ANA, "da-ana"), ("somebody-else", "de-outro")):
        service.bring(owner, [file])
        service.describe(owner, name, name, "")
    first, second = service.state(ANA), service.state("somebody-else")
    assert first.ready and second.ready and first.path != second.path
    assert (first.choice.name, second.choice.name) == ("da-ana", "de-outro")
    service.create(ANA)
    left = service.state("somebody-else")
    assert (left.path, left.choice, left.study) == (second.path, second.choice, second.study)
    assert left.targets == ("da-ana",), "it may be added to what the first one made, or become its own"
    with pytest.raises(ConfigurationError, match="da-ana"):
        service.check_name("da-ana")
    service.create("somebody-else")
    assert AdapterRegistry(folder).names() == ["da-ana", "de-outro"] and kept(tmp_path) == []


def test_a_file_is_read_once_for_its_columns_and_once_for_its_report(service, tmp_path, monkeypatch):
    read = []
    for module, name in ((intake, "columns_of"), (intake, "read_records"), (datasets, "read_records")):
        known = getattr(module, name)
        monkeypatch.setattr(module, name, lambda path, *rest, k=known, n=name: (read.append(n), k(path, *rest))[1])
    service.bring(ANA, [table(tmp_path / "a.csv")])
    assert read == ["columns_of", "read_records"], "columns, and what it is likely to teach"
    for _ in range(3):
        assert service.state(ANA).ready
    assert read[2:] == ["read_records"]
    service.choose(ANA, "reply", ("relato", "setor", "bairro"))
    assert service.state(ANA).ready and read[3:] == ["read_records"]


def test_columns_that_are_not_plain_are_asked_for(service, tmp_path):
    service.bring(ANA, [table(tmp_path / "a.csv", "texto;resposta;categoria")])
    now = service.state(ANA)
    assert now.study is None and not now.ready
    assert now.choice.mapping == Mapping("texto", ""), "only what one column alone can be"
    with pytest.raises(DataError, match="say first which column"):
        service.create(ANA)
    service.choose(ANA, "reply", ("texto", "resposta", ""))
    assert service.state(ANA).ready
    service.choose(ANA, "reply", ("resposta", "resposta", ""))
    assert service.state(ANA).choice.mapping == Mapping("resposta", "texto"), "input and output are exchanged"


@pytest.mark.parametrize(
    ("kind", "columns", "message"),
    [
        ("reply", ("relato", "../etc", ""), "no column '../etc'"),
        ("pickle", ("relato", "setor", ""), "no kind 'pickle'"),
        ("reply", ("relato", "setor", "setor"), "cannot be the group"),
    ],
)
def test_a_choice_from_a_browser_is_checked_and_changes_nothing(service, tmp_path, kind, columns, message):
    service.bring(ANA, [table(tmp_path / "a.csv")])
    before = service.state(ANA)
    with pytest.raises(DataError, match=message) as caught:
        service.choose(ANA, kind, columns)
    assert caught.value.text("pt") != str(caught.value)
    assert service.state(ANA) == before


def test_data_with_errors_is_kept_to_be_looked_at_and_makes_no_adapter(service, folder, tmp_path):
    service.bring(ANA, [table(tmp_path / "a.csv")])
    service.choose(ANA, "extract", ("relato", "setor", ""))
    now = service.state(ANA)
    assert not now.ready and now.study.preview == ()
    (error,) = [item for item in now.study.report.findings if item.code == "no_entity_list"]
    assert error.count == 60 and now.study.rows["", 2] == ("O problema 0 da rua Aurora 0 segue igual", "Obras")
    service.describe(ANA, "Título", "novo", "")
    with pytest.raises(DataError, match="no lists of entities"):
        service.create(ANA)
    assert service.state(ANA) is not None and not (folder / "novo").exists()


@pytest.mark.parametrize(
    ("name", "title"), [("../fora", "T"), ("Maiúsculo", "T"), ("", "T"), ("novo", ""), ("ja", "T")]
)
def test_a_name_or_title_that_will_not_do_leaves_everything(service, folder, tmp_path, name, title):
    (folder / "ja").mkdir(parents=True)
    service.bring(ANA, [table(tmp_path / "a.csv")])
    service.describe(ANA, title, name, "")
    with pytest.raises(ConfigurationError):
        service.create(ANA)
    assert service.state(ANA).choice.name == name and [p.name for p in folder.iterdir()] == ["ja"]


def test_a_brat_pair_and_a_brat_archive_are_data_to_extract_from(service, tmp_path):
    (tmp_path / "a.txt").write_text("Ana mora em Recife.\nBia também.", "utf-8")
    (tmp_path / "a.ann").write_text("T1\tPESSOA 0 3\tAna\nT2\tLOCAL 12 18\tRecife\n", "utf-8")
    pair = [tmp_path / "a.txt", tmp_path / "a.ann"]
    service.bring(ANA, pair)
    first = service.state(ANA)
    assert first.choice.kind is AdapterKind.EXTRACT and first.study.report.labels == {"PESSOA": 1, "LOCAL": 1}
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in pair:
            archive.write(file, file.name)
    service.bring(ANA, [tmp_path / "set.zip"])
    assert service.state(ANA).study.report.labels == first.study.report.labels


def _pickled(path):
    path.write_bytes(pickle.dumps({"a": 1}, protocol=4))
    return [path]


def _bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "a.ann"):
            with archive.open(name, "w") as file:
                for _ in range(60):
                    file.write(b"0" * 1_000_000)
    return [path]


def _leading_out(path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../../fora.txt", "x")
        archive.writestr("a.ann", "")
    path.write_bytes(data.getvalue())
    return [path]


def _huge(path):
    with path.open("wb") as file:
        file.truncate(2_000_000_000)  # a sparse file: no disk is used
    return [path]


def _link(path):
    target = path.with_name("secret.txt")
    target.write_text("relato;setor\nsegredo;x\n", "utf-8")
    path.symlink_to(target)
    return [path]


def _half_a_pair(path):
    path.write_text("T1\tPESSOA 0 3\tAna\n", "utf-8")
    return [path]


def _two_tables(path):
    return [table(path), table(path.with_name("b.csv"))]


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.pkl", _pickled, "of kind '.pkl' are not read"),
        ("a.csv", _pickled, "binary data"),
        ("a.zip", _bomb, "120 MB, more than the 100 MB allowed"),
        ("a.zip", _leading_out, "a path that leads out"),
        ("a.csv", _huge, "2,000 MB, more than the 100 MB allowed"),
        ("a.csv", _link, "is a link"),
        ("a.csv", lambda path: [table(path.with_name("b.csv")).parent / ".." / path.parent.name / "b.csv"], "name"),
        ("a.csv", lambda path: [path], "is a link or no regular file"),
        ("a.csv", lambda path: [], "No file was sent"),
        ("a.ann", _half_a_pair, "no a.txt beside it"),
        ("a.csv", _two_tables, "2 files were sent"),
        ("a.csv", lambda path: [path.write_text('relato;setor\n"aberto;x\n', "utf-8") and path], "line 2"),
        ("a.jsonl", lambda path: [path.write_text('{"a": 1}\n{"a": }\n', "utf-8") and path], "line 2"),
    ],
)
def test_what_cannot_be_taken_is_named_and_nothing_of_it_is_kept(service, tmp_path, name, write, message):
    service.bring(ANA, [table(tmp_path / "before.csv")])
    before = kept(tmp_path)
    with pytest.raises(AssistantError, match=message) as caught:
        service.bring(ANA, write(tmp_path / name))
    assert caught.value.text("pt") != str(caught.value)
    assert kept(tmp_path) == before, "the data set that was there stays"
    assert service.state(ANA).path.name == "before.csv"


def test_what_nobody_came_back_to_goes_when_another_comes(service, tmp_path):
    service.bring(ANA, [table(tmp_path / "a.csv")])
    (left,) = (tmp_path / "datasets").iterdir()
    old = time.time() - 40 * 24 * 3600
    os.utime(left, (old, old))
    service.bring("somebody-else", [table(tmp_path / "a.csv")])
    assert service.state(ANA) is None and service.state("somebody-else") is not None


def test_a_damaged_record_counts_as_nothing(service, tmp_path):
    service.bring(ANA, [table(tmp_path / "a.csv")])
    (folder,) = (tmp_path / "datasets").iterdir()
    (folder / "choice.json").write_text('{"kind": "rep', "utf-8")
    assert service.state(ANA) is None
    service.bring(ANA, [table(tmp_path / "b.csv")])
    assert service.state(ANA).path.name == "b.csv"


def _aged(tmp_path):
    """Make the only data set forty days old."""
    (left,) = (tmp_path / "datasets").iterdir()
    old = time.time() - 40 * 24 * 3600
    os.utime(left, (old, old))


def test_what_nobody_came_back_to_goes_at_a_restart_and_who_looks_keeps_it(service, make, tmp_path):
    service.bring(ANA, [table(tmp_path / "a.csv")])
    _aged(tmp_path)
    assert service.state(ANA) is not None
    assert make().state(ANA) is not None, "it was looked at"
    _aged(tmp_path)
    make()
    assert kept(tmp_path) == []


def test_nothing_is_made_by_starting(make, tmp_path):
    make()
    assert not (tmp_path / "datasets").exists()


class Meanwhile(DataSetService):
    """Something happens once, while a data set is studied."""

    event = staticmethod(lambda: None)

    def study(self, *arguments, **named):
        event, self.event = self.event, lambda: None
        event()
        return super().study(*arguments, **named)


@pytest.fixture
def meanwhile(tmp_path, folder):
    counter = token_counter(None)
    datasets = Meanwhile(AdapterRegistry(folder), lambda: counter)
    made = IntakeService(datasets, tmp_path / "datasets")
    made.bring(ANA, [table(tmp_path / "a.csv")])
    made.state(ANA)
    return made, datasets


def test_a_title_that_is_kept_during_a_study_stays(meanwhile):
    service, datasets = meanwhile
    datasets.event = lambda: service.describe(ANA, "Título", "nome", "")
    service.choose(ANA, "reply", ("relato", "setor", "bairro"))
    choice = service.state(ANA).choice
    assert (choice.title, choice.name, choice.mapping) == ("Título", "nome", Mapping("relato", "setor", "bairro"))


def test_a_data_set_that_goes_during_a_study_is_said_to_be_gone(meanwhile, tmp_path):
    service, datasets = meanwhile
    datasets.event = lambda: service.drop(ANA)
    with pytest.raises(DataError) as caught:
        service.choose(ANA, "reply", ("relato", "setor", "bairro"))
    assert "não está mais aqui" in caught.value.text("pt")
    assert kept(tmp_path) == []


def test_a_choice_for_one_file_is_not_written_to_the_next(meanwhile, tmp_path):
    service, datasets = meanwhile
    datasets.event = lambda: service.bring(ANA, [table(tmp_path / "b.csv", "texto;resposta;categoria")])
    with pytest.raises(DataError, match="no longer here"):
        service.choose(ANA, "reply", ("relato", "setor", "bairro"))
    assert service.state(ANA).choice.mapping == Mapping("texto", "")


def test_a_refusal_never_shows_where_the_server_keeps_files(service, tmp_path):
    with pytest.raises(DataError) as caught:
        service.bring(ANA, [tmp_path / "folder" / "gone.csv"])
    for language in ("pt", "en"):
        assert "'gone.csv'" in caught.value.text(language) and "folder" not in caught.value.text(language)
