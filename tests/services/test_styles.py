"""What a version can be asked for lies in its folder; one trained without styles offers none."""

import pytest

from assistant.errors import AdapterBroken
from assistant.models.style import Length, Manner, Styles
from assistant.services.styles import STYLES_FILE, keep_styles, styles_of
from assistant.stores.manifests import Version

LEARNED = Styles(33.0, tuple(Manner), tuple(Length))


def test_what_was_learned_is_kept_with_the_version(tmp_path):
    keep_styles(LEARNED, tmp_path)
    assert styles_of(Version("replies", 3, "gemma3-270m", tmp_path)) == LEARNED


@pytest.mark.parametrize("damaged", ['{"words": 33', '{"words": 33, "manners": ["rude"], "lengths": []}', "[]"])
def test_a_version_without_styles_has_none_and_a_damaged_file_is_named(tmp_path, damaged):
    version = Version("replies", 3, "gemma3-270m", tmp_path)
    assert styles_of(version) is None
    (tmp_path / STYLES_FILE).write_text(damaged, "utf-8")
    with pytest.raises(AdapterBroken, match=r"styles\.json cannot be read"):
        styles_of(version)
