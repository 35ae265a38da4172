from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.types import Route, RouteOrigin
from assistant.ui.badge import badge
from assistant.ui.view import View

ROUTE = Route("legal-ner", "0001", 0.934, 0.5, False, {"legal-ner": 0.934}, "parece jurídico", RouteOrigin.LEARNED)


@pytest.mark.parametrize(
    ("route", "state", "words"),
    [
        (ROUTE, "chosen", "parece jurídico"),
        (replace(ROUTE, origin=RouteOrigin.FOLLOW_UP), "chosen", "continua o assunto"),
        (replace(ROUTE, origin=RouteOrigin.PINNED), "pinned", "fixado por você"),
        (replace(ROUTE, adapter=None, rejected=True, origin=RouteOrigin.FALLBACK), "none", "nenhum adaptador serve"),
        (replace(ROUTE, rejected=True, origin=RouteOrigin.FALLBACK), "out", "fora do que"),
    ],
)
def test_the_badge_tells_who_answers_and_why(route: Route, state: str, words: str, view: View) -> None:
    markup = badge(route, view)
    assert f'class="badge {state}"' in markup
    assert words in markup
    assert ("0,93" in markup.split("</button>")[0]) == (state != "pinned")
