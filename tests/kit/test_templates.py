"""Tests of edgewbc.kit.templates and of the text of the launchers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgewbc.kit import templates
from tests.kit.conftest import Made

BATCH = ("install.bat", "classify.bat")


def test_placeholder_without_a_value_is_an_error() -> None:
    """Text that only resembles a placeholder is unchanged."""
    assert templates.fill("a @NAME@ b @media c@d.e", {"NAME": "x"}) == "a x b @media c@d.e"
    with pytest.raises(KeyError):
        templates.fill("@OTHER@", {"NAME": "x"})


@pytest.mark.parametrize("name", BATCH)
def test_format_of_batch_files(windows: Made, name: str) -> None:
    """They are ASCII with CRLF, turn delayed expansion off, set UTF-8, and have no unfilled placeholder."""
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
    """%~dp0, %LOCALAPPDATA% and the variables derived from them are always in quotes; %1 is not used.

    A quoted path may contain spaces, & and letters of any language. The only %* is in a branch that is not used for
    names dropped by Explorer, which does not quote them.
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


def test_no_unquoted_parentheses_in_blocks(windows: Made) -> None:
    """An unquoted parenthesis inside a block would end it."""
    for name in BATCH:
        depth = 0
        for line in (windows.folder / name).read_text().splitlines():
            bare = re.sub(r'"[^"]*"', "", line)
            if depth and not line.strip().startswith(("if ", ")")):
                assert "(" not in bare
                assert ")" not in bare
            depth += bare.count("(") - bare.count(")") if not line.startswith(("rem ", "echo ")) else 0
        assert depth == 0


def test_every_goto_has_its_label(windows: Made) -> None:
    """Each goto has its label; the window stays open after a drop, and the script exits without running the rest."""
    for name in BATCH:
        text = (windows.folder / name).read_text()
        assert {found.lower() for found in re.findall(r"goto (\w+)", text)} == set(re.findall(r"^:(\w+)", text, re.M))
        assert "if not defined EDGEWBC_NO_PAUSE pause" in text
    assert "\nexit !EDGEWBC_CODE!\n" in (windows.folder / "classify.bat").read_text()


def test_python_is_searched_and_not_downloaded(windows: Made) -> None:
    """Each version is searched with the py launcher, on the path and in the installer's default folder."""
    text = (windows.folder / "install.bat").read_text()
    assert "for %%V in (3.12 3.13) do" in text
    assert "not in [(3, 12), (3, 13)]" in text
    assert "for %%D in (312 313) do" in text
    assert 'set "PYTHON_MANAGER_AUTOMATIC_INSTALL=false"' in text
    assert "NOT READY: this PC has no Python 3.12 or 3.13 (64 bit)." in text


@pytest.mark.parametrize("name", ["install.sh", "classify.sh"])
def test_format_of_shell_scripts(linux: Made, name: str) -> None:
    """They have LF line ends, are executable and valid POSIX shell, and quote every variable."""
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


def test_missing_python_is_reported(linux: Made, tmp_path: Path) -> None:
    """Without a fitting Python, install names the version it needs, and classify that it must be installed first."""
    shell, dirname = shutil.which("sh"), shutil.which("dirname")
    if shell is None or dirname is None:
        pytest.skip("no shell here")
    (tmp_path / "dirname").symlink_to(dirname)
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "EDGEWBC_NO_PAUSE": "1"}
    for name, words in (("install", "NOT READY: this PC has no Python 3.12."), ("classify", "run install.sh first")):
        ran = subprocess.run(
            [shell, str(linux.folder / f"{name}.sh")], env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 2
        assert words in ran.stdout
    assert "sudo apt install python3.12-venv" in (linux.folder / "install.sh").read_text()
