"""Run Python in a subprocess: input on stdin, a JSON result on stdout.

A new process shares no threads, memory, settings or loaded runtimes with its parent.
"""

from __future__ import annotations

import json
import subprocess  # noqa: S404
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError

MARKER = "edgewbc-told:"
"""Prefix of the line that holds the result, which separates it from what runtimes print."""


def run(
    arguments: Sequence[str],
    *,
    python: Path | None = None,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and wait for it.

    It never imports modules from the working folder or from the folder of a script (`-P`), which may hold anything.

    Args:
        arguments: command line after the interpreter.
        python: the interpreter; None is the current one.
        given: text for its stdin.
        environment: environment variables; None inherits those of this process.
        timeout: limit in seconds.

    Raises:
        KeyboardInterrupt: on Ctrl-C; the process has ended by then.
        subprocess.TimeoutExpired: the time limit was reached and the process was stopped.
        OSError: the interpreter does not exist.
    """
    command = [str(python or sys.executable), "-P", *arguments]
    with subprocess.Popen(  # noqa: S603
        command,
        env=environment,
        stdin=None if given is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            out, err = process.communicate(given, timeout)
        except BaseException:
            process.kill()
            process.wait()  # `subprocess.run` does not wait after Ctrl-C: the process may outlive this one
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def write_result(value: Any) -> None:
    """Send a JSON value from the subprocess to its parent."""
    print(f"\n{MARKER}{json.dumps(value, allow_nan=False)}", flush=True)


def read_result(ran: subprocess.CompletedProcess[str]) -> Any:
    """Return the value that a subprocess sent with `write_result`; None if it sent none."""
    found = [line.removeprefix(MARKER) for line in ran.stdout.splitlines() if line.startswith(MARKER)]
    return json.loads(found[-1]) if found else None


def require_result(ran: subprocess.CompletedProcess[str], what: str) -> Any:
    """Return the value that a subprocess sent with `write_result`, whatever its exit code.

    Args:
        ran: the subprocess, which has ended.
        what: names it at the beginning of the error, such as `a measurement`.

    Raises:
        UserError: it sent none; the message ends as `failure` says.
    """
    found = read_result(ran)
    if found is None:
        raise UserError(f"{what} {failure(ran)}")
    return found


def failure(ran: subprocess.CompletedProcess[str]) -> str:
    """Return how a subprocess failed, such as `exited with code 1: no such file`, with the last line of its stderr."""
    return f"exited with code {ran.returncode}: {last_line(ran.stderr)}"


def last_line(output: str) -> str:
    """Return the last line of a process's output that is not empty."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
