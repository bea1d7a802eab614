"""The browser that prints pages: found, called, and its failures."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgewbc.errors import UserError
from edgewbc.utils import browser


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page."""
    (tmp_path / "a page.html").write_text("<p>x</p>", encoding="utf-8")
    return tmp_path / "a page.html"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace the browser by one that writes its output file; return its command lines."""
    ran: list[list[str]] = []

    def run(command: Sequence[str], **_: Any) -> Any:
        ran.append(list(command))
        for option in command:
            for name in ("--print-to-pdf=", "--screenshot="):
                if option.startswith(name):
                    Path(option.removeprefix(name)).write_bytes(b"drawn")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(browser, "find_browser", lambda: Path("/usr/bin/some-browser"))
    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_a_page_is_drawn_without_a_network(page: Path, commands: list[list[str]], tmp_path: Path) -> None:
    """A file is named by its address; only this computer's own address can be resolved."""
    browser.print_pdf(page, tmp_path / "a.pdf")
    browser.screenshot(page, tmp_path / "a.png", 390, 800)
    browser.screenshot_of_address("http://127.0.0.1:1/", tmp_path / "b.png")
    assert [(tmp_path / name).read_bytes() for name in ("a.pdf", "a.png", "b.png")] == [b"drawn"] * 3
    assert [command[-1] for command in commands] == [page.as_uri(), page.as_uri(), "http://127.0.0.1:1/"]
    assert all("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1" in command for command in commands)
    assert "--window-size=390,800" in commands[1]
    assert f"--virtual-time-budget={browser.SCRIPTS_MS}" in commands[2]


def test_a_failure_leaves_no_file(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the file, the browser, and what to do instead."""
    monkeypatch.setattr(browser, "find_browser", lambda: Path("/usr/bin/some-browser"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=7))
    with pytest.raises(UserError, match=r"a.pdf: /usr/bin/some-browser wrote nothing \(exit code 7\): write HTML"):
        browser.print_pdf(page, tmp_path / "a.pdf")

    def hang(*_: Any, **__: Any) -> Any:
        raise subprocess.TimeoutExpired("some-browser", browser.SECONDS)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(UserError, match="some-browser failed"):
        browser.print_pdf(page, tmp_path / "a.pdf")
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    with pytest.raises(UserError, match="no Chromium, Chrome or Edge was found on this PC"):
        browser.print_pdf(page, tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_browsers_are_looked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the search path first, then where Windows and macOS install them."""
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/google-chrome" if name == "google-chrome" else None)
    assert browser.find_browser() == Path("/opt/google-chrome")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(browser, "_WINDOWS", ("Edge/msedge.exe",))
    for name in ("ProgramFiles(x86)", "ProgramFiles", "LocalAppData"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ProgramFiles", str(tmp_path))
    (tmp_path / "Edge").mkdir()
    (tmp_path / "Edge" / "msedge.exe").touch()
    assert browser.find_browser() == tmp_path / "Edge" / "msedge.exe"
