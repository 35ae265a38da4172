from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.stopping import StopStrings

pieces = st.lists(st.text(alphabet="ab\n[", max_size=4), max_size=12)
stops = st.lists(st.text(alphabet="ab\n[", min_size=1, max_size=4), max_size=3)


@given(pieces, stops)
def test_pieces_end_where_the_whole_text_would(text: list[str], stop: list[str]) -> None:
    filtered = StopStrings(stop)
    shown = "".join(filtered.feed(piece) for piece in text) + filtered.rest()
    whole = "".join(text)
    ends = [at for one in stop if (at := whole.find(one)) >= 0]
    if not ends:
        assert (shown, filtered.reached) == (whole, False)
        return
    assert filtered.reached
    assert whole.startswith(shown)
    assert not any(one in shown for one in stop)
    assert len(shown) >= min(ends)


def test_text_is_held_back_only_while_it_may_become_a_stop() -> None:
    stop = StopStrings(["\n\n"])
    assert [stop.feed(piece) for piece in ("uma", "\n", "outra", "\n", "\nmais")] == ["uma", "", "\noutra", "", ""]
    assert stop.reached
    assert stop.feed("nada") == stop.rest() == ""
