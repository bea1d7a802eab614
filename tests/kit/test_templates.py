"""The launchers, on paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgewbc.kit import templates
from tests.kit.conftest import Made

BATCH = ("install.bat", "classify.bat")


def test_a_place_without_a_value_is_an_error() -> None:
    """Nothing is left unfilled, and what only looks like a place stays."""
    assert templates.fill("a @NAME@ b @media c@d.e", {"NAME": "x"}) == "a x b @media c@d.e"
    with pytest.raises(KeyError):
        templates.fill("@OTHER@", {"NAME": "x"})


@pytest.mark.parametrize("name", BATCH)
def test_batch_files_are_as_cmd_wants_them(windows: Made, name: str) -> None:
    """CRLF throughout, ASCII, delayed expansion off at the start, code page UTF-8, nothing unfilled."""
    data = (windows.folder / name).read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") > 20
    text = data.decode("ascii")
    lines = text.splitlines()
    assert lines[0] == "@echo off"
    code = [line for line in lines if not line.startswith("rem ")]
    assert code[1] == "setlocal EnableExtensions DisableDelayedExpansion"
    assert "chcp 65001 >nul" in code
    assert not re.search(r"@[A-Z_]+@", text)


@pytest.mark.parametrize("name", BATCH)
def test_every_path_in_a_batch_file_is_quoted(windows: Made, name: str) -> None:
    """%~dp0, %LOCALAPPDATA% and the variables made of them stand in quotes wherever they stand; no %1 is used.

    A quoted path may hold spaces, & and letters of any language. The one %* is behind a guard: Explorer's names, which
    it does not quote, never take that way.
    """
    lines = (windows.folder / name).read_text().splitlines()
    for line in lines:
        if line.startswith("rem "):
            continue
        outside = re.sub(r'"[^"]*"', '""', line)
        assert '"' not in outside.replace('""', ""), line
        assert not re.search(r"%~dp0|[%!]LOCALAPPDATA[%!]|[%!]EDGEWBC_(HERE|PYTHON|LINE|REST)\b", outside), line
        assert not re.search(r"%~?\d", outside), line
    used = [index for index, line in enumerate(lines) if "%*" in line]
    assert all(lines[index - 1] == "endlocal" and lines[index - 2] == ":typed" for index in used)
    assert len(used) == (name == "classify.bat")


def test_parentheses_do_not_close_a_block_early(windows: Made) -> None:
    """Inside of a block in parentheses no line has a bare one, which would end it."""
    for name in BATCH:
        depth = 0
        for line in (windows.folder / name).read_text().splitlines():
            bare = re.sub(r'"[^"]*"', "", line)
            if depth and not line.strip().startswith(("if ", ")")):
                assert "(" not in bare
                assert ")" not in bare
            depth += bare.count("(") - bare.count(")") if not line.startswith(("rem ", "echo ")) else 0
        assert depth == 0


def test_labels_are_there(windows: Made) -> None:
    """Each goto has its label; a window that was opened by a drop stays open, and ends without running the rest."""
    for name in BATCH:
        text = (windows.folder / name).read_text()
        assert {found.lower() for found in re.findall(r"goto (\w+)", text)} == set(re.findall(r"^:(\w+)", text, re.M))
        assert "if not defined EDGEWBC_NO_PAUSE pause" in text
    assert "\nexit !EDGEWBC_CODE!\n" in (windows.folder / "classify.bat").read_text()


def test_pythons_are_looked_for(windows: Made) -> None:
    """Each Python of the kit, by the launcher, on the path and where its installer puts it; nothing is downloaded."""
    text = (windows.folder / "install.bat").read_text()
    assert "for %%V in (3.12 3.13) do" in text
    assert "not in [(3, 12), (3, 13)]" in text
    assert "for %%D in (312 313) do" in text
    assert 'set "PYTHON_MANAGER_AUTOMATIC_INSTALL=false"' in text
    assert "NOT READY: this PC has no Python 3.12 or 3.13 (64 bit)." in text


@pytest.mark.parametrize("name", ["install.sh", "classify.sh"])
def test_shell_scripts(linux: Made, name: str) -> None:
    """Line feeds only, executable, a POSIX shell's syntax, every variable quoted."""
    path = linux.folder / name
    data = path.read_bytes()
    assert b"\r" not in data
    assert data.startswith(b"#!/bin/sh\n")
    assert path.stat().st_mode & 0o111 == 0o111
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("no shell here")
    assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0
    for line in data.decode().splitlines():
        assert not re.search(r"\$(here|python|name|code)\b", re.sub(r'"[^"]*"|=\$\?|=\$name', "", line)), line


def test_no_python_is_said(linux: Made, tmp_path: Path) -> None:
    """On a PC without a Python that fits, install says so in words, and classify that it is not installed."""
    shell, dirname = shutil.which("sh"), shutil.which("dirname")
    if shell is None or dirname is None:
        pytest.skip("no shell here")
    (tmp_path / "dirname").symlink_to(dirname)
    place = {"PATH": str(tmp_path), "HOME": str(tmp_path), "EDGEWBC_NO_PAUSE": "1"}
    for name, words in (("install", "NOT READY: this PC has no Python 3.12."), ("classify", "run install.sh first")):
        ran = subprocess.run(
            [shell, str(linux.folder / f"{name}.sh")], env=place, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 2
        assert words in ran.stdout
    assert "sudo apt install python3.12-venv" in (linux.folder / "install.sh").read_text()
