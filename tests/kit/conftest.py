"""Kits of tiny wheels and a tiny bundle, built once for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.kit.build import Kit, KitOptions, build
from edgewbc.kit.target import Target
from tests.kit.fake import index
from tests.tiny import make_bundle


@dataclass(frozen=True)
class Made:
    """A kit, the wheels and the bundle it was built from, and the messages of the build."""

    kit: Kit
    folder: Path
    index: Path
    bundle: Bundle
    messages: list[str]


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    """Return a folder of wheels and a bundle."""
    top = tmp_path_factory.mktemp("parts")
    return index(top / "wheels"), make_bundle(top / "tiny")


def _make(top: Path, parts: tuple[Path, Bundle], platform: str, pythons: list[str]) -> Made:
    wheels, bundle = parts
    installer = top / "python-3.12.9-amd64.exe"
    installer.write_bytes(b"MZ")
    options = KitOptions(wheels=wheels, zip=True, python_installer=installer if platform == "windows" else None)
    messages: list[str] = []
    targets = [Target.parse(platform, python) for python in pythons]
    kit = build(targets, top / f"kit-{platform}", bundle, options, messages.append)
    return Made(kit, top / f"kit-{platform}", wheels, bundle, messages)


@pytest.fixture(scope="session")
def windows(tmp_path_factory: pytest.TempPathFactory, parts: tuple[Path, Bundle]) -> Made:
    """Return a kit for Windows and two versions of Python, with Python's installer. Tests must not modify it."""
    return _make(tmp_path_factory.mktemp("windows"), parts, "windows", ["3.12", "3.13"])


@pytest.fixture(scope="session")
def linux(tmp_path_factory: pytest.TempPathFactory, parts: tuple[Path, Bundle]) -> Made:
    """Return a kit for Linux. Tests must not modify it."""
    return _make(tmp_path_factory.mktemp("linux"), parts, "linux", ["3.12"])
