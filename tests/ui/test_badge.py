from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.types import Route, RouteOrigin
from assistant.ui.badge import badge
from assistant.ui.texts import texts
from assistant.ui.view import View

ROUTE = Route("legal-ner", "0001", 0.934, 0.5, False, {"legal-ner": 0.934}, "parece jurídico", RouteOrigin.LEARNED)


@pytest.mark.parametrize("origin", [RouteOrigin.LEARNED, RouteOrigin.PINNED, RouteOrigin.FOLLOW_UP])
@pytest.mark.parametrize(("language", "words"), [("pt", "por exemplos"), ("en", "by examples")])
def test_the_badge_tells_that_no_version_answers(language: str, words: str, origin: RouteOrigin, view: View) -> None:
    here = replace(view, t=texts(language))
    assert words not in badge(replace(ROUTE, origin=origin), here)
    opener, scores = badge(replace(ROUTE, version=None, few_shot=True, origin=origin), here).split("</button>")
    assert f'<span class="chip warn">{words}</span>' in opener
    assert f": {words}." in scores, "the words in full are where the scores are"


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
