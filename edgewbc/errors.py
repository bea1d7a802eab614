"""Errors that end a command, each with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report a process ended by SIGINT."""


class UserError(Exception):
    """Invalid input or usage: one line that names the file and says what to do. Exit code 2."""

    exit_code = 2


class GateError(Exception):
    """A required check (accuracy, parity, split leak, selftest) failed. Exit code 3."""

    exit_code = 3


class StalledError(Exception):
    """A run stopped making progress: one line that names the stage. Exit code 1."""

    exit_code = 1


def exit_code(step: Callable[[], object]) -> int:
    """Run a script's main function; print an error as one line on stderr. Returns 0 or the error's exit code."""
    try:
        step()
    except (UserError, GateError, StalledError) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
