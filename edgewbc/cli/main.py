"""The `edgewbc` program: runs a command, and turns an error into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from edgewbc._version import __version__
from edgewbc.cli.commands import SUMMARIES, load
from edgewbc.errors import INTERRUPTED, GateError, StalledError, UserError
from edgewbc.utils.environment import environment
from edgewbc.utils.text import printable

_SAFE_PATHS = ("PYTHONSAFEPATH", "NoDefaultCurrentDirectoryInExePath")

_ENVIRONMENT_ERRORS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "operation not permitted",
    errno.EROFS: "read-only file system",
    errno.ENOSPC: "no space left on device: free some space and run the command again",
    errno.EDQUOT: "disk quota exceeded: free some space and run the command again",
}
"""Errors of the operating system that are reported to the user instead of as a bug."""


class CommandGroup(TyperGroup):
    """Imports a command when it is used, and reports a full disk or a closed pipe as a user's error."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": dict.fromkeys(SUMMARIES)})

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        if cmd_name in SUMMARIES and self.commands[cmd_name] is None:
            self.commands[cmd_name] = load(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except OSError as error:  # caught here because Click would turn a broken pipe into exit code 1
            if message := _explain(error):
                raise UserError(message) from error
            raise


app = typer.Typer(
    name="edgewbc",
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help prints in half the time and can be pasted anywhere
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"edgewbc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train, compress and export white-blood-cell classifiers, and run them on a microscope PC without a GPU.

    Exit codes: 0 done; 1 a bug or a stalled run; 2 bad input or usage; 3 a gate not met (accuracy, parity, leak,
    selftest); 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit. Expected errors are one line on stderr; only a bug prints a stack trace.

    Args:
        arguments: the command line without the program's name; None uses `sys.argv`.
    """
    with _safe_paths():
        _run(arguments)


def _run(arguments: Sequence[str] | None) -> NoReturn:
    _prepare_streams()
    code: int | str | None = 1
    try:
        app(args=arguments, prog_name="edgewbc")
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        code = _report(error)
    if code == INTERRUPTED:
        print("edgewbc: interrupted", file=sys.stderr)
    if (failure := _output_failure()) is not None:
        if not code:
            print(f"edgewbc: {failure}", file=sys.stderr)
        code = code or UserError.exit_code
    if any(thread.name.startswith("edgewbc-") and thread.is_alive() for thread in threading.enumerate()):
        os._exit(code if isinstance(code, int) else 1)  # a stuck worker must not keep the process alive
    sys.exit(code)


def _report(error: Exception) -> int:
    """Print an error for the user, and return its exit code."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):  # a library turned it into an error of its own
            return INTERRUPTED
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, UserError | GateError | StalledError):
        print(f"edgewbc: {printable(error)}", file=sys.stderr)  # one line, whatever a file is named
        return error.exit_code
    traceback.print_exception(error)
    print("edgewbc: this is a bug; please report the lines above", file=sys.stderr)
    return 1


def _safe_paths() -> AbstractContextManager[None]:
    """Keep child processes from importing modules (and on Windows, starting programs) from the working folder.

    `subprocesses.run` does so for the processes that edgewbc starts itself; pip and PyTorch start others.
    """
    return environment(dict.fromkeys(_SAFE_PATHS, "1"))


def _prepare_streams() -> None:
    """Make stdout and stderr UTF-8, and replace those that the parent process has closed.

    The number of a closed descriptor would be reused by the next file that is opened, which would then receive the
    text for the terminal, in child processes too. A closed stderr becomes the null device; a closed stdout fails on the
    first write, since results would be lost.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8: a file's name must not raise
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _explain(error: OSError) -> str | None:
    """Return a one-line message for an error caused by the environment, or None if it may be a bug."""
    if failure := _output_failure():
        return failure
    if isinstance(error, BrokenPipeError):
        return "cannot write: the reader closed the pipe"
    reason = _ENVIRONMENT_ERRORS.get(error.errno or 0)
    return reason and f"{error.filename or 'cannot write'}: {reason}"


def _output_failure() -> str | None:
    """Flush stdout. If that fails, discard what is left and return the reason as one line."""
    try:
        sys.stdout.flush()
    except OSError as error:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # otherwise the interpreter fails again when it flushes at exit
        os.close(null)
        reason = "closed by its reader" if isinstance(error, BrokenPipeError) else error.strerror
        return f"cannot write to standard output: {reason}"
    except ValueError:  # closed by a test or an embedding program
        pass
    return None
