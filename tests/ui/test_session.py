from __future__ import annotations

import pytest

from assistant.stores.conversations import Exchange
from assistant.ui.session import Session


@pytest.mark.parametrize("turn", [-1, 1, True, "0", 0.0, None, [0]])
def test_a_turn_that_no_page_has_is_nothing(turn: object) -> None:
    assert Session(exchanges=(Exchange("q"),)).at(turn) is None


def test_a_turn_is_found_by_its_number() -> None:
    assert Session(exchanges=(Exchange("p"), Exchange("q"))).at(1) == Exchange("q")
