"""Fixtures that all tests share: the command line in this process, tiny bundles, and the folder of real images."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.main import main
from tests.tiny import make_bundle

REAL_DATA = os.environ.get("EDGEWBC_DATA")

# A slow or busy machine is no counterexample.
settings.register_profile("edgewbc", deadline=None)
settings.load_profile("edgewbc")


@dataclass
class Ran:
    """Exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def edgewbc(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Return a function that runs the command line in this process: `edgewbc("train", "--help").code`."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture(autouse=True)
def _no_real_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset EDGEWBC_DATA: a command without --data would use it. Tests of real images use the fixture `real_data`."""
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)


@pytest.fixture(autouse=True)
def _no_remembered_choices(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Use an empty cache: configurations that `doctor` saved on this PC are neither used nor changed."""
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def real_data() -> Path:
    """Return the folder of real images (EDGEWBC_DATA); the test is skipped if it is unset."""
    if not REAL_DATA:
        pytest.skip("EDGEWBC_DATA is not set: no real images here")
    return Path(REAL_DATA).resolve()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return a tiny bundle that all tests share. Tests must not modify it."""
    return make_bundle(tmp_path_factory.mktemp("shared") / "tiny")


@pytest.fixture
def own(tmp_path: Path) -> Bundle:
    """Return a tiny bundle of its own, which the test may modify."""
    return make_bundle(tmp_path / "tiny")
