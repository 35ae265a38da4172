from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from assistant.types import AdapterKind
from assistant.ui.texts import texts

SOURCE = "\n".join(path.read_text("utf-8") for path in (Path(__file__).parents[2] / "assistant/ui").glob("*.py"))
PT, EN = texts("pt"), texts("en")


def test_both_languages_have_the_same_keys_and_fields() -> None:
    assert set(PT.words) == set(EN.words)
    for key in PT.words:
        fields = [{name for _, name, _, _ in Formatter().parse(t.words[key]) if name} for t in (PT, EN)]
        assert fields[0] == fields[1], key


def test_every_key_that_the_pages_use_exists() -> None:
    used = set(re.findall(r'\bt\(\s*"(\w+)"', SOURCE))
    used |= {f"{key}_{n}" for key in re.findall(r'(?:counted|_plural)\("(\w+)"', SOURCE) for n in ("one", "many")}
    used |= {f"kind_{kind}" for kind in AdapterKind}
    assert used <= set(PT.words), used - set(PT.words)


def test_no_key_is_left_over() -> None:
    literals = set(re.findall(r"""["'](\w+)["']""", SOURCE))
    made = re.compile(
        r"(badge|card|kind|job|download|state|did|judged|figure|figures_of|precision|style|manner|length|work_state|file_state|language)_\w+|\w+_(one|many)"
    )
    assert [key for key in PT.words if key not in literals and not made.fullmatch(key)] == []


@pytest.mark.parametrize(("asked", "given"), [("pt", "pt"), ("en", "en"), ("xx", "pt"), ("", "pt")])
def test_an_unknown_language_gives_portuguese(asked: str, given: str) -> None:
    assert texts(asked).language == given
