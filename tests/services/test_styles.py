"""What a version can be asked for lies in its folder; one trained without styles offers none."""

import pytest

from assistant.errors import AdapterBroken, InputRejected
from assistant.models.style import OPEN, Length, Manner, Style, Styles
from assistant.services.styles import (
    LONGEST_SIGNATURE,
    STYLES_FILE,
    checked_signature,
    chosen_style,
    keep_styles,
    signed,
    styles_of,
)
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


def test_a_style_is_chosen_by_its_names_or_left_open():
    assert chosen_style("warm", "short") == Style(Manner.WARM, Length.SHORT)
    assert chosen_style("", "long") == Style(length=Length.LONG)
    assert chosen_style("", "") == OPEN


@pytest.mark.parametrize(
    ("manner", "length", "named"), [("rude", "", "rude"), ("", "<b>", "<b>"), ("Formal", "", "Formal")]
)
def test_an_unknown_style_is_refused_in_both_languages(manner, length, named):
    with pytest.raises(InputRejected) as refused:
        chosen_style(manner, length)
    assert named in refused.value.text("pt") and "escolha um destes" in refused.value.text("pt")
    assert named in refused.value.text("en") and "choose one of" in refused.value.text("en")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Equipe do Cantinho", "Equipe do Cantinho"),
        ("  — Equipe\n do\tCantinho ", "Equipe do Cantinho"),
        ("Ana\x00\x1b[31m\u202e", "Ana[31m"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\r\n", ""),
    ],
)
def test_a_signature_is_one_line_of_plain_text(given, kept):
    assert checked_signature(given) == kept


def test_a_long_signature_is_refused_with_its_length_and_the_limit():
    assert checked_signature("a" * LONGEST_SIGNATURE)
    with pytest.raises(InputRejected) as refused:
        checked_signature("a" * (LONGEST_SIGNATURE + 1))
    assert "81" in refused.value.text("pt") and "80" in refused.value.text("en")


def test_a_reply_is_signed_below_and_an_empty_one_not():
    assert signed("Desculpe.", "Equipe") == "Desculpe.\n\n— Equipe"
    assert signed("Desculpe.", "") == "Desculpe."
    assert signed(" ", "Equipe") == " "
