"""Offline: the lab's commands open no socket and leave nothing in the home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgewbc
from tests.tiny import encode, make_bundle, make_image

SCRIPT = """
import socket, sys
sys.path.insert(0, sys.argv.pop(1))

def refuse(*arguments, **options):
    raise AssertionError(f"a socket was asked for: {arguments}")

socket.socket = socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
from edgewbc.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify", "--model", "tiny", "cells", "--out", "rows.csv"],
        ["selftest", "--model", "tiny"],
        ["doctor", "--model", "tiny", "--seconds", "0"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_socket_and_no_trace(tmp_path: Path, arguments: list[str]) -> None:
    """With every socket refused and an empty home folder the command succeeds, and the home folder stays empty."""
    make_bundle(tmp_path / "tiny")
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "a.png").write_bytes(encode(make_image(0)))
    home = tmp_path / "home"
    home.mkdir()
    hidden = {"HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "CI", "TF_BUILD", "JENKINS_URL", "PYTEST_CURRENT_TEST"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden and not name.startswith("XDG_")}
    homes = {name: str(home) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA")}
    ran = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT, str(Path(edgewbc.__file__).parents[1]), *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=kept | homes,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert list(home.rglob("*")) == []
