"""Tests of `edgewbc.train.heap`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edgewbc.train import heap

FAULTS = """
import resource, sys
import numpy as np
from edgewbc.train.heap import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
for step in range(8):
    if step == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.ones(1 << 20, dtype=np.float32) for _ in range(10)]
    del blocks
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_freed_memory_is_not_mapped_again() -> None:
    """40 MB that are freed and allocated in each step fault in once, and not in every step."""
    faults = {}
    for what in ("keep", "return"):
        variables = {k: v for k, v in os.environ.items() if k not in (*heap.VARIABLES, "GLIBC_TUNABLES", "LD_PRELOAD")}
        ran = subprocess.run(
            [sys.executable, "-c", FAULTS, what], env=variables, capture_output=True, text=True, check=True
        )
        kept, count = ran.stdout.split()
        if what == "keep" and kept == "False":
            pytest.skip("not glibc")
        faults[what] = int(count)
    assert faults["keep"] < 500 < faults["return"]


def test_the_users_settings_are_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a variable of glibc, another allocator or another system, nothing is changed."""
    monkeypatch.setenv("MALLOC_TOP_PAD_", "1")
    assert not heap.keep_freed_memory()
    monkeypatch.delenv("MALLOC_TOP_PAD_")
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libjemalloc.so.2")
    assert not heap.keep_freed_memory()
    monkeypatch.delenv("LD_PRELOAD")
    monkeypatch.setattr(sys, "platform", "win32")
    assert not heap.keep_freed_memory()
