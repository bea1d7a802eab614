"""Python in a process of its own: what it is to do goes in on stdin, what it tells comes back as JSON on stdout.

A fresh process has nobody else's threads, memory, settings or loaded runtimes.
"""

from __future__ import annotations

import json
import subprocess  # noqa: S404
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MARKER = "edgewbc-told:"
"""Before what is told, on a line of its own: whatever a runtime prints does not disturb it."""


def run(
    arguments: Sequence[str],
    *,
    python: Path | None = None,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and wait for it.

    Args:
        python: the interpreter; None takes this one.
        given: on its stdin.
        environment: in place of this process's.
        timeout: seconds.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was stopped.
        OSError: there is no such interpreter.
    """
    return subprocess.run(  # noqa: S603
        [str(python or sys.executable), *arguments],
        input=given,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
    )


def write_result(value: Any) -> None:
    """In the child: tell the parent a JSON value."""
    print(f"\n{MARKER}{json.dumps(value, allow_nan=False)}", flush=True)


def read_result(ran: subprocess.CompletedProcess[str]) -> Any:
    """What a child told; None if it told nothing."""
    found = [line.removeprefix(MARKER) for line in ran.stdout.splitlines() if line.startswith(MARKER)]
    return json.loads(found[-1]) if found else None


def last_words(said: str) -> str:
    """The last line of what a process said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
