"""The ways a command can fail, each with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input or usage: one line that names the file and the mend. Exit code 2."""

    exit_code = 2


class GateError(Exception):
    """A gate (accuracy, parity, leak, selftest) was not met. Exit code 3."""

    exit_code = 3


class StalledError(Exception):
    """A run in which nothing moves any more, though nothing has failed: one line that names the stage. Exit code 1."""

    exit_code = 1


def exit_code(step: Callable[[], object]) -> int:
    """Do what a script is for; a mistake is one line on stderr. Gives 0, or the error's exit code."""
    try:
        step()
    except (UserError, GateError, StalledError) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
