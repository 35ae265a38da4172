"""What a step leaves between pieces that are in use goes back to the system."""

import ctypes

import psutil
import pytest
import torch

from assistant.training.loop import _trim


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives it back")
def test_holes_between_pieces_in_use_are_given_back():
    memory = psutil.Process().memory_info
    large = torch.ones(2**21)  # 8 MB: having freed it, glibc takes smaller ones from its heap
    del large
    holes, kept = [], []
    for _ in range(200):
        holes.append(torch.ones(2**18))  # 1 MB
        kept.append(torch.ones(2**10))
    holes.clear()
    before = memory().rss
    _trim()
    assert before - memory().rss > 100e6
    assert len(kept) == 200
