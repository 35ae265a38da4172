"""Rows that a visitor brought join an adapter that is there already."""
# ruff: noqa: F811  # fixtures of another file are named again where a test takes them

import pytest

from assistant.errors import DataError
from assistant.training.config import read_recipe

from .test_intake import ANA, CLASSES, folder, kept, make, service, table  # noqa: F401  # fixtures among them


@pytest.fixture
def with_adapter(service, tmp_path):
    """An adapter of sixty rows, and its table brought again with six more."""
    service.bring(ANA, [table(tmp_path / "a.csv")])
    service.describe(ANA, "Reclamações", "reclamacoes", "")
    service.create(ANA)
    service.bring(ANA, [table(tmp_path / "mais.csv", n=66)])
    return service


def test_rows_are_added_to_an_adapter_of_their_kind(with_adapter, make, folder, tmp_path):
    service = with_adapter
    now = service.state(ANA)
    assert now.targets == ("reclamacoes",) and now.choice.adapter == ""
    with pytest.raises(DataError, match="Choose first the adapter"):
        service.add(ANA)
    before = now.study.report.findings
    service.aim(ANA, "reclamacoes")
    aimed = make().state(ANA)
    assert aimed == service.state(ANA) and aimed.choice.adapter == "reclamacoes", "a restart shows the same"
    found = {item.code: item.count for item in aimed.study.report.findings}
    assert found["known_rows"] == 48 and found["held_out_rows"] == 12 and aimed.ready
    made = service.add(ANA)
    recipe = read_recipe(folder / "reclamacoes" / "recipe.toml")
    assert recipe.data.files == ("data/train.jsonl", "data/mais.jsonl") and made.adapter == "reclamacoes"
    assert service.state(ANA) is None and kept(tmp_path) == []
    service.bring(ANA, [table(tmp_path / "mais.csv", n=66)])
    assert service.state(ANA).study.report.findings == before
    service.aim(ANA, "reclamacoes")
    again = service.state(ANA)
    assert not again.ready, "the adapter has changed, and with it the report"
    with pytest.raises(DataError, match="there already"):
        service.add(ANA)
    assert service.state(ANA) is not None


@pytest.mark.parametrize("name", ["../reclamacoes", "nobody", "legal-ner", "RECLAMACOES"])
def test_no_other_adapter_can_be_aimed_at(with_adapter, name):
    before = with_adapter.state(ANA)
    with pytest.raises(DataError, match="cannot be added to") as caught:
        with_adapter.aim(ANA, name)
    assert "não podem ser juntados" in caught.value.text("pt")
    assert with_adapter.state(ANA) == before


def test_an_adapter_of_another_kind_or_one_that_has_gone_is_no_longer_chosen(with_adapter, folder):
    with_adapter.aim(ANA, "reclamacoes")
    with_adapter.choose(ANA, "chat", ("relato", "setor", ""))
    now = with_adapter.state(ANA)
    assert (now.targets, now.choice.adapter) == ((), "")
    with_adapter.choose(ANA, "reply", ("relato", "setor", ""))
    with_adapter.aim(ANA, "reclamacoes")
    (folder / "reclamacoes" / "recipe.toml").unlink()
    now = with_adapter.state(ANA)
    assert (now.targets, now.choice.adapter) == ((), "") and now.ready
