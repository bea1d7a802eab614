"""Tests of `edgewbc review`; the page itself is tested in tests/review."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.cases.case import Case
from tests.conftest import Ran
from tests.review.cases import make_case

HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
from edgewbc.__main__ import main
main()
"""


def test_what_cannot_be_reviewed_is_one_line(edgewbc: Callable[..., Ran], tmp_path: Path) -> None:
    """No case, a name that cannot be printed, a bundle of another case, a port in use."""
    folder = make_case(tmp_path / "case", 3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for arguments, message in (
            ([tmp_path], "is not a case"),
            ([folder, "--by", "a\nb"], "control characters"),
            ([folder, "--model", tmp_path / "none"], "none"),
            ([folder, "--no-open", "--port", port], f"port {port} cannot be used"),
        ):
            ran = edgewbc("review", *arguments)
            assert ran.code == 2
            assert message in ran.err
            assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_web_server_is_one_line(
    edgewbc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """It names the command that installs it."""
    folder = make_case(tmp_path / "case", 3)
    for name in [name for name in sys.modules if name.startswith("edgewbc.review")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    ran = edgewbc("review", folder, "--no-open")
    assert ran.code == 2
    assert f"the review page needs {missing}, which is not installed: pip install" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_case_that_is_open_already_is_refused(tmp_path: Path) -> None:
    """One line says so; the case is not touched."""
    folder = make_case(tmp_path / "case", 3)
    command = [sys.executable, "-c", HEARD, "review", str(folder), "--no-open"]
    with Case.open(folder):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 2
    assert "another edgewbc is writing it" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_with_one_line(tmp_path: Path) -> None:
    """The address is printed, Ctrl-C ends the server, and the exit code is 0: that is how a review ends."""
    folder = make_case(tmp_path / "case", 3)
    command = [sys.executable, "-c", HEARD, "review", str(folder), "--no-open"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("review page: http://127.0.0.1:")
    assert "Ctrl-C" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err == f"{folder} is not signed, 1 cell is open: run the same command again to resume\n"
