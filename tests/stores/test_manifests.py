"""Cards and versions: what is complete, what is damaged, what is refused, and why."""

import json
import shutil

import pytest

from assistant.errors import AdapterBroken, AdapterNotFound, ConfigurationError
from assistant.stores.manifests import Manifest, check_name, sha256_of
from assistant.stores.registry import AdapterRegistry

CARD = """
kind = "reply"
active = 1
title = { pt = "T", en = "T" }
description = { pt = "D", en = "D" }
reason = { pt = "R", en = "R" }
[prompt]
template = "Texto: {input}"
[routing]
utterances = ["um"]
"""


@pytest.fixture
def registry(tmp_path):
    folder = tmp_path / "adapters" / "meu"
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text(CARD, "utf-8")
    return AdapterRegistry(tmp_path / "adapters")


def publish(registry, content=b"weights", evaluation=None):
    number = registry.next_number("meu")
    staged = registry.folder / "meu" / "versions" / f".{number:04d}-staged"
    staged.mkdir(parents=True)
    (staged / "adapter.gguf").write_bytes(content)
    files = {"adapter.gguf": sha256_of(staged / "adapter.gguf")}
    return registry.publish(
        staged, Manifest("meu", number, "base", "f" * 64, "d" * 64, "2026-01-01", files), evaluation or {}
    )


def test_a_published_version_is_listed_read_and_sound(registry):
    version = publish(registry)
    assert [v.label for v in registry.versions("meu")] == ["0001-base"]
    assert registry.active("meu") == version
    assert registry.manifest(version).base_fingerprint == "f" * 64
    registry.verify(version)


def test_the_evaluation_is_part_of_the_version(registry):
    version = publish(registry, evaluation={"micro_f1": 0.5})
    assert json.loads((version.path / "evaluation.json").read_text("utf-8")) == {"micro_f1": 0.5}
    assert not (publish(registry).path / "evaluation.json").exists()


def test_a_folder_without_manifest_does_not_exist_but_keeps_its_number(registry):
    version = publish(registry)
    (version.path / "manifest.toml").unlink()
    assert registry.versions("meu") == []
    assert registry.incomplete("meu") == [version.path]
    assert registry.next_number("meu") == 2


def test_a_truncated_file_is_named_with_the_way_out(registry):
    version = publish(registry, b"weights" * 100)
    (version.path / "adapter.gguf").write_bytes(b"weights")
    with pytest.raises(AdapterBroken, match=r"adapter\.gguf is damaged.*python -m assistant train meu"):
        registry.verify(version)
    (version.path / "adapter.gguf").unlink()
    with pytest.raises(AdapterBroken, match="is missing"):
        registry.verify(version)


def test_an_unreadable_manifest_is_named(registry):
    version = publish(registry)
    (version.path / "manifest.toml").write_text("number = [")
    with pytest.raises(AdapterBroken, match=r"manifest\.toml cannot be read"):
        registry.manifest(version)


def test_rolling_back_changes_the_card_and_keeps_the_rest(registry):
    publish(registry)
    publish(registry)
    registry.activate("meu", 2)
    assert registry.active("meu").number == 2
    registry.activate("meu", 1)
    assert registry.active("meu").number == 1
    assert registry.card("meu").utterances == ("um",)
    with pytest.raises(AdapterNotFound, match=r"no version 9.*0001-base, 0002-base"):
        registry.activate("meu", 9)


def test_all_faults_of_a_card_are_reported_at_once(registry):
    path = registry.folder / "meu" / "card.toml"
    path.write_text('kind = "poem"\nactive = -1\n', "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        registry.card("meu")
    for fault in ("title", "description", "reason", "{input}", "'poem'", "-1"):
        assert fault in str(caught.value)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", ".", "a" * 60, "a\nb"])
def test_names_that_are_no_folder_names_are_refused(registry, name):
    with pytest.raises(ConfigurationError, match="no valid name"):
        registry.card(name)
    with pytest.raises(ConfigurationError):
        check_name(name, "an adapter")


def test_an_unknown_adapter_lists_the_known_ones(registry):
    with pytest.raises(AdapterNotFound, match="Registered: meu"):
        registry.card("outro")


def test_every_shipped_adapter_is_sound_and_small():
    from tests.conftest import ROOT

    shipped = AdapterRegistry(ROOT / "adapters")
    assert shipped.names() == ["grounded-chat", "legal-ner", "restaurant-replies"]
    for name in shipped.names():
        version = shipped.active(name)
        shipped.verify(version)
        assert shipped.manifest(version).scores
        assert sum(p.stat().st_size for p in version.path.iterdir()) < 10_000_000


def test_a_damaged_adapter_leaves_the_others_live(home):
    from assistant.models import catalog, provision
    from assistant.services.adapters import AdaptersService

    registry = AdapterRegistry(home / "adapters")
    base = catalog.find(catalog.EMBEDDED)
    fingerprint = provision.fingerprint(base, home / "var" / "models")
    version = registry.active("legal-ner")
    (version.path / "adapter.gguf").write_bytes(b"GGUF")
    service = AdaptersService(registry, base.name, fingerprint)
    assert set(service.live()) == {"grounded-chat", "restaurant-replies"}
    assert "damaged" in service.notes()["legal-ner"].en
    assert "danificado" in service.notes()["legal-ner"].pt
    other = AdaptersService(registry, "another-base", fingerprint)
    assert not other.live()
    assert "Train it again on this base" in other.notes()["grounded-chat"].en
    shutil.rmtree(version.path)
    assert "legal-ner" in AdaptersService(registry, base.name, fingerprint).notes()
