"""The command line as a whole: help, version, and what becomes of errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from edgewbc import __version__
from edgewbc.cli import main as house
from edgewbc.errors import GateError, UserError

COMMANDS = (
    *(
        "data",
        "train",
        "eval",
        "prune",
        "quantize",
        "export",
        "bench",
        "info",
        "classify",
        "selftest",
        "doctor",
        "demo",
    ),
)


def test_help_names_every_command(edgewbc: Callable[..., Any]) -> None:
    """--help lists the commands and the exit codes."""
    ran = edgewbc("--help")
    assert ran.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in ran.out
    assert "3 a gate not met" in " ".join(ran.out.split())


@pytest.mark.parametrize("name", COMMANDS[1:])
def test_each_command_has_help_with_an_example(edgewbc: Callable[..., Any], name: str) -> None:
    """--help of each command ends its text with a line that can be pasted."""
    ran = edgewbc(name, "--help")
    assert ran.code == 0
    assert f"\n  Example:\n    edgewbc {name}" in ran.out


def test_version(edgewbc: Callable[..., Any]) -> None:
    """--version prints it."""
    ran = edgewbc("--version")
    assert (ran.code, ran.out) == (0, f"edgewbc {__version__}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["classify", "--nonsense"], ["selftest", "--threads", "0"]])
def test_wrong_usage_is_exit_code_2(edgewbc: Callable[..., Any], arguments: list[str]) -> None:
    """Unknown commands and options, and values out of range, are usage errors on stderr."""
    ran = edgewbc(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("a.png: mend it"), 2, "edgewbc: a.png: mend it"),
        (GateError("gate"), 3, "edgewbc: gate"),
        (KeyboardInterrupt(), 130, "edgewbc: stopped"),
        (RuntimeError("inside"), 1, "edgewbc: this is a bug; please report the lines above"),
    ],
)
def test_errors_have_their_exit_codes(
    edgewbc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    """A user's mistake and a gate are one line; only a bug has a stack trace."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(house, "app", fail)
    ran = edgewbc("doctor")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.splitlines()[-1] == line
    assert ("Traceback" in ran.err) is (code == 1)


def test_help_imports_nothing_heavy() -> None:
    """`edgewbc --help` comes without numpy, OpenCV or OpenVINO: it is there at once."""
    code = "import sys, edgewbc.cli.main; print([m for m in ('numpy', 'cv2', 'openvino', 'torch') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
