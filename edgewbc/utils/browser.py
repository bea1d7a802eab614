"""The browser that this PC has: prints a page to PDF, or takes a screenshot of it, without a window or a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgewbc.errors import UserError
from edgewbc.utils.files import atomic_write

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge", "chrome")
_WINDOWS = (r"Microsoft\Edge\Application\msedge.exe", r"Google\Chrome\Application\chrome.exe")
_MAC = ("Google Chrome", "Microsoft Edge", "Chromium")
SECONDS = 120.0
SCRIPTS_MS = 10_000
"""Milliseconds of the page's own time that its scripts have before a screenshot is taken."""


def find_browser() -> Path | None:
    """Return the program of a browser that can print (Chromium, Chrome or Edge); None if there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    folders = [os.environ.get(name, "") for name in ("ProgramFiles(x86)", "ProgramFiles", "LocalAppData")]
    places = [Path(folder) / name for folder in folders if folder for name in _WINDOWS]
    places += [Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in _MAC]
    return next((path for path in places if path.is_file()), None)


def print_pdf(page: Path, to: Path) -> None:
    """Print an HTML file to PDF.

    Args:
        page: file, complete in itself.
        to: file to write; it appears whole, or not at all.

    Raises:
        UserError: this PC has no browser that prints, or it failed.
    """
    _draw(page.resolve().as_uri(), to, lambda file: ["--no-pdf-header-footer", f"--print-to-pdf={file}"])


def screenshot(page: Path, to: Path, width: int = 1280, height: int = 720) -> None:
    """Write a screenshot (PNG) of an HTML file at a window's size in pixels. Raises UserError as `print_pdf` does."""
    _draw(page.resolve().as_uri(), to, lambda file: _window(file, width, height))


def screenshot_of_address(address: str, to: Path, width: int = 1280, height: int = 720) -> None:
    """Write a screenshot (PNG) of a page that this computer serves on 127.0.0.1, after its scripts have run.

    Raises UserError as `print_pdf` does.
    """
    _draw(address, to, lambda file: [*_window(file, width, height), f"--virtual-time-budget={SCRIPTS_MS}"])


def _window(file: Path, width: int, height: int) -> list[str]:
    return ["--hide-scrollbars", f"--window-size={width},{height}", f"--screenshot={file}"]


def _draw(page: str, to: Path, options: Callable[[Path], list[str]]) -> None:
    browser = find_browser()
    if browser is None:
        raise UserError(
            f"{to}: no Chromium, Chrome or Edge was found on this PC: write HTML and print it from any browser"
        )
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
        drawn = Path(folder) / f"page{to.suffix}"
        command = [str(browser), "--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions"]
        command += ["--disable-background-networking", "--disable-component-update"]
        command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        command += [f"--user-data-dir={folder}/profile", *options(drawn)]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox
        try:
            ran = subprocess.run(  # noqa: S603
                [*command, page],
                capture_output=True,
                timeout=SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{to}: {browser} failed ({error}): write HTML and print it from any browser") from None
        if ran.returncode or not drawn.is_file():
            raise UserError(
                f"{to}: {browser} wrote nothing (exit code {ran.returncode}): write HTML and print it from any browser"
            )
        with atomic_write(to) as temporary:
            shutil.copyfile(drawn, temporary)
