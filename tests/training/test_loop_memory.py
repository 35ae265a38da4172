"""What a step leaves between pieces that are in use goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

# in a process of its own: what other tests freed decides where glibc puts these pieces
HOLES = """
import psutil, torch
from assistant.training.loop import _trim

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
print(before - memory().rss, len(kept))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives it back")
def test_holes_between_pieces_in_use_are_given_back():
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    given_back, kept = map(int, done.stdout.split())
    assert given_back > 100e6
    assert kept == 200
