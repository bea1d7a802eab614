"""Tests of the command line as a whole: help, version, exit codes, failing output."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli import main as program
from edgewbc.errors import GateError, StalledError, UserError
from tests.conftest import Ran

COMMANDS = (
    *("data", "microscope"),  # groups of commands
    *("train", "eval", "prune", "quantize", "export", "kit", "bench", "info"),
    *("classify", "explain", "handover", "pick", "adapt", "selftest", "doctor", "demo"),
)
linux_only = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full and a POSIX shell")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_command(edgewbc: Callable[..., Ran], option: str) -> None:
    """--help and -h list the commands and the exit codes."""
    ran = edgewbc(option)
    assert ran.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in ran.out
    text = " ".join(ran.out.split())
    for part in ("0 done", "1 a bug or a stalled run", "2 bad input or usage", "3 a gate not met", "130 interrupted"):
        assert part in text


@pytest.mark.parametrize("name", COMMANDS[2:])
def test_each_command_has_help_with_an_example(edgewbc: Callable[..., Ran], name: str) -> None:
    """The help of each command ends its text with a command line that can be pasted; -h prints the same."""
    ran = edgewbc(name, "--help")
    assert ran.code == 0
    assert f"\n  Example:\n    edgewbc {name}" in ran.out
    assert edgewbc(name, "-h").out == ran.out


def test_version(edgewbc: Callable[..., Ran]) -> None:
    """--version prints the version."""
    ran = edgewbc("--version")
    assert (ran.code, ran.out) == (0, f"edgewbc {__version__}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["classify", "--nonsense"], ["selftest", "--threads", "0"]])
def test_wrong_usage_is_exit_code_2(edgewbc: Callable[..., Ran], arguments: list[str]) -> None:
    """Unknown commands and options, and values out of range, are usage errors on stderr."""
    ran = edgewbc(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("a.png: cannot be read"), 2, "edgewbc: a.png: cannot be read"),
        (UserError("a\n\x1b[31m.png: cannot be read"), 2, r"edgewbc: a\n\x1b[31m.png: cannot be read"),
        (GateError("gate"), 3, "edgewbc: gate"),
        (StalledError("stalled"), 1, "edgewbc: stalled"),
        (KeyboardInterrupt(), 130, "edgewbc: interrupted"),
        (RuntimeError("inside"), 1, "edgewbc: this is a bug; please report the lines above"),
    ],
)
def test_errors_have_their_exit_codes(
    edgewbc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    """Expected errors are one line; only a bug has a stack trace."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(program, "app", fail)
    ran = edgewbc("doctor")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.splitlines()[-1] == line
    assert ("Traceback" in ran.err) is isinstance(error, RuntimeError)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "edgewbc: cannot write: no space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "out.json"), "edgewbc: out.json: permission denied"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "edgewbc: cannot write: the reader closed the pipe"),
    ],
)
def test_system_errors_are_one_line(
    edgewbc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, error: OSError, line: str
) -> None:
    """A full disk, a denied permission and a closed pipe have exit code 2 and an error of one line."""

    def fail() -> str:
        raise error

    monkeypatch.setattr("edgewbc.utils.resources.shipped_bundle", fail)
    ran = edgewbc("kit", "--for", "linux")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].startswith(line)
    assert "Traceback" not in ran.err


def test_subprocesses_do_not_import_from_the_working_folder(
    edgewbc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a command runs, the working folder is not on the path of Python subprocesses."""
    found = []

    def run(*_: object, **__: object) -> None:
        code = "import os, sys; print('' in sys.path or os.getcwd() in sys.path[:1])"
        found.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip())

    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    run()
    monkeypatch.setattr(program, "app", run)
    edgewbc("doctor")
    run()
    assert found == ["True", "False", "True"]


@linux_only
@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full", 2), (">&-", 2), ("| true", 2), ("2>&- >{out}", 0), ("2>&1 >/dev/null", 0)]
)
def test_output_that_cannot_be_written(bundle: Bundle, tmp_path: Path, redirection: str, code: int) -> None:
    """A full or closed stdout is one line and exit code 2; without stderr the result is still on stdout alone."""
    out = tmp_path / "out"
    command = (
        f"set -o pipefail; {sys.executable} -m edgewbc selftest {bundle.path} --json {redirection.format(out=out)}"
    )
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ran.returncode == code, ran.stderr
    assert len(ran.stderr.splitlines()) == (1 if code else 0)
    assert "cannot write" in ran.stderr or not code
    if out.exists():
        assert out.read_text().startswith("{")
        assert out.read_text().endswith("}\n")


@linux_only
def test_child_processes_have_the_streams_too() -> None:
    """Where a stream is closed, the next file or pipe that a child opens would be taken for it."""
    child = [sys.executable, "-c", "import os; [os.fstat(number) for number in range(3)]"]
    code = f"import subprocess; from edgewbc.cli import main; main._prepare_streams(); subprocess.check_call({child})"
    command = ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", code]
    assert subprocess.run(command).returncode == 0


def test_help_imports_nothing_heavy() -> None:
    """`edgewbc --help` does not import numpy, OpenCV, OpenVINO or torch."""
    code = "import sys, edgewbc.cli.main; print([m for m in ('numpy', 'cv2', 'openvino', 'torch') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_shell_completion() -> None:
    """As requested by the script of --show-completion, `qu` is completed to `quantize`."""
    environment = {"_EDGEWBC_COMPLETE": "complete_bash", "COMP_WORDS": "edgewbc qu", "COMP_CWORD": "1"}
    code = "from edgewbc.cli.main import main; main()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.stdout.split() == ["quantize"]


def test_an_interrupt_inside_of_a_library_is_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    """A library may turn Ctrl-C into an error of its own, with the interrupt as its cause or context."""
    caused, followed = RuntimeError("stopped"), ValueError("while cleaning up")
    caused.__cause__ = KeyboardInterrupt()
    followed.__context__ = caused
    assert [program._report(error) for error in (caused, followed)] == [130, 130]
    assert capsys.readouterr() == ("", "")
    assert program._report(UserError("a.csv: no such file")) == 2
    assert capsys.readouterr().err == "edgewbc: a.csv: no such file\n"
