"""docs/cli.md is current, and its generator does not depend on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.docs.blocks import TOP


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_command_reference_is_current(columns: str) -> None:
    """What `python docs/make_cli.py` would write is what is committed, at any width of the terminal."""
    command = [sys.executable, str(TOP / "docs" / "make_cli.py"), "--check"]
    ran = subprocess.run(command, env={**os.environ, "COLUMNS": columns}, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
