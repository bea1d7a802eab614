"""edgewbc.bench.memory: the peak of a process."""

from __future__ import annotations

import subprocess
import sys

from edgewbc.bench.memory import peak

HOLD = """
from edgewbc.bench.memory import peak
before = peak()
held = bytearray(b"x" * 100_000_000)
during = peak()
del held
print(before, during, peak())
"""


def test_peak_is_the_most_that_was_held() -> None:
    """100 MB (twice, while they are copied) raise the peak, and it stays when they are given back."""
    held = bytearray(b"x" * 150_000_000)  # what the process that starts another one holds is not the other one's
    said = subprocess.run([sys.executable, "-c", HOLD], capture_output=True, text=True, check=True).stdout
    before, during, after = map(int, said.split())
    assert len(held) > before
    assert 100e6 <= during - before <= 250e6
    assert after >= 0.99 * during


def test_peak_is_not_below_what_is_held() -> None:
    """The peak of this process includes 50 MB that it holds, and is below 100 GB: bytes, not kibibytes."""
    held = bytearray(b"x" * 50_000_000)
    found = peak()
    assert found is not None
    assert len(held) < found < 100e9
