"""Wait in a test for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

HEEDS_CTRL_C = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgewbc.cli.main import main
main(sys.argv[1:])
"""
"""Runs a command of edgewbc that Ctrl-C interrupts, also where it is started as a background job, which ignores it."""


def until(holds: Callable[[], bool]) -> None:
    """Wait until this holds, for a minute at most."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
