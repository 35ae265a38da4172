"""A card is changed on disk and in the router at once, or not at all."""

from __future__ import annotations

import pytest

from assistant.errors import ConfigurationError
from assistant.stores.cards import CardChanges
from assistant.stores.manifests import Localized

from .shop import CARD, Shop


def test_a_card_is_changed_with_its_comments(shop: Shop) -> None:
    shop.publish()
    shop.service.activate("meu", 1)
    before = len(shop.installed)
    changes = CardChanges(
        title=Localized('Novo "título"', "New"), utterances=("um\nem duas linhas", "c:\\x"), corpora=("direito",)
    )
    card = shop.service.edit_card("meu", changes)
    assert card.title.pt == 'Novo "título"'
    assert shop.service.live()["meu"].card == card
    assert card.utterances == ("um\nem duas linhas", "c:\\x")
    assert len(shop.installed) == before + 1, "the router learns from the new utterances"
    text = (shop.service.registry.folder / "meu" / "card.toml").read_text("utf-8")
    assert "# a comment that stays" in text and "# this one, too" in text


def test_all_faults_of_an_edit_are_told_at_once_and_the_file_stays(shop: Shop) -> None:
    path = shop.service.registry.folder / "meu" / "card.toml"
    bad = CardChanges(template="{outro}", max_tokens=0, corpora=("nenhum",), utterances=("a\x00",), stop=("",))
    with pytest.raises(ConfigurationError) as caught:
        shop.service.edit_card("meu", bad)
    for fault in ("{outro}", "max_tokens", "'nenhum'", "control", "empty"):
        assert fault in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"must contain \{input\}"):
        shop.service.edit_card("meu", CardChanges(template="sem campo"))
    with pytest.raises(ConfigurationError, match="title"):
        shop.service.edit_card("meu", CardChanges(title=Localized("", "")))
    assert path.read_text("utf-8") == CARD
    assert list(path.parent.glob(".*")) == []
