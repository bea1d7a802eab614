"""What tests share: the command line in this process, and the folder of real pictures."""

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
    """What a command did: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def edgewbc(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command line in this process: `edgewbc("train", "--help").code`."""

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
    """Real pictures are for the tests that ask for them: a command that is told no manifest would find them too."""
    monkeypatch.delenv("EDGEWBC_DATA", raising=False)


@pytest.fixture(autouse=True)
def _no_remembered_choices(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What doctor has remembered of this PC changes no test, and no test changes it."""
    monkeypatch.setenv("EDGEWBC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def real_data() -> Path:
    """The folder of real pictures (EDGEWBC_DATA); the test is skipped where it is unset."""
    if not REAL_DATA:
        pytest.skip("EDGEWBC_DATA is not set: no real pictures here")
    return Path(REAL_DATA).resolve()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle that no test changes."""
    return make_bundle(tmp_path_factory.mktemp("shared") / "tiny")


@pytest.fixture
def own(tmp_path: Path) -> Bundle:
    """A tiny bundle that a test may change."""
    return make_bundle(tmp_path / "tiny")
