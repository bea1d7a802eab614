"""The ways a command can fail, each with its exit code."""


class UserError(Exception):
    """Bad input or usage: one line that names the file and the mend. Exit code 2."""

    exit_code = 2


class GateError(Exception):
    """A gate (accuracy, parity, leak, selftest) was not met. Exit code 3."""

    exit_code = 3
