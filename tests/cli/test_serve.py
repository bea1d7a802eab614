"""Tests of `edgewbc serve`; the server itself is tested in tests/serve."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from tests.conftest import Ran


def test_what_cannot_be_served_is_one_line(edgewbc: Callable[..., Ran], bundle: Bundle, tmp_path: Path) -> None:
    """No bundle, no token for other computers, no microscope, a port in use, a name twice, a wrong address."""
    model = ("--model", bundle.path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for arguments, message in (
            (["--model", tmp_path / "none"], "no such bundle"),
            ([*model, "--host", "0.0.0.0"], "give --token-file"),  # noqa: S104 - refused
            ([*model, "--host", "no.such.host.invalid"], "give --token-file"),
            (["--model", "wbc5-travel"], "needs to know the microscope"),
            ([*model, "--port", port], f"port {port} cannot be used"),
            ([*model, *model], "two models are named tiny"),
            ([*model, "--microscope", "x=training"], "no such model"),
            ([*model, "--token-file", tmp_path], "cannot be read"),
        ):
            ran = edgewbc("serve", *arguments)
            assert ran.code == 2, ran.err
            assert message in ran.err
            assert len([line for line in ran.err.splitlines() if line.startswith("edgewbc: ")]) == 1


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "prometheus_client"])
def test_a_missing_library_is_one_line(
    edgewbc: Callable[..., Ran], bundle: Bundle, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """It names the command that installs it."""
    monkeypatch.setitem(sys.modules, missing, None)
    ran = edgewbc("serve", "--model", bundle.path)
    assert ran.code == 2
    assert f"serving needs {missing}, which is not installed: pip install" in ran.err
    assert len(ran.err.splitlines()) == 1
