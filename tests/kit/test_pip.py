"""Tests of edgewbc.kit.pip."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.kit import pip
from edgewbc.kit.target import Platform, Target
from edgewbc.utils import subprocesses
from tests.kit.fake import wheel

WINDOWS = Target(Platform.WINDOWS, (3, 12))
OFFLINE = """WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/numpy/
ERROR: Could not find a version that satisfies the requirement numpy (from versions: none)
ERROR: No matching distribution found for numpy
"""
NO_WHEEL = """ERROR: Could not find a version that satisfies the requirement openvino>=2026.2 (from versions: none)
ERROR: No matching distribution found for openvino>=2026.2
"""


def test_newest_fitting_wheel_is_downloaded(tmp_path: Path) -> None:
    """The newest wheel that fits the target is copied from a folder, without the network."""
    for tag in ("cp312-cp312-win_amd64", "cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-win_amd64"):
        wheel(tmp_path / "in", "numpy", "1.0", tag)
        wheel(tmp_path / "in", "numpy", "2.0", tag)
    pip.download(["numpy<3"], WINDOWS, tmp_path / "out", tmp_path / "in")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["numpy-2.0-cp312-cp312-win_amd64.whl"]


def test_package_without_a_wheel_is_named(tmp_path: Path) -> None:
    """A Linux wheel does not fit Windows: the error of one line has the package, the target and the folder."""
    wheel(tmp_path / "in", "open-vino", "1.0", "cp312-cp312-manylinux_2_28_x86_64")
    with pytest.raises(
        pip.NoWheelError, match=r"open-vino: no wheel for Windows \(x86-64\) and Python 3.12 in "
    ) as caught:
        pip.download(["open-vino>=1"], WINDOWS, tmp_path / "out", tmp_path / "in")
    assert caught.value.package == "open-vino"
    assert "\n" not in str(caught.value)


def test_missing_network_differs_from_missing_wheel() -> None:
    """pip's last lines are the same for both, but the errors differ."""
    offline = pip._failure(OFFLINE, WINDOWS, None)
    assert "cannot be reached" in str(offline)
    assert "--wheels" in str(offline)
    missing = pip._failure(NO_WHEEL, WINDOWS, None)
    assert isinstance(missing, pip.NoWheelError)
    assert str(missing) == "openvino: no wheel for Windows (x86-64) and Python 3.12 on the package index"


@pytest.mark.parametrize("output", ["ERROR: something odd\n", "odd", ""])
def test_other_failures_are_one_line(output: str) -> None:
    """The error contains the last line of pip's output."""
    message = str(pip._failure(output, WINDOWS, None))
    assert message.startswith("pip could not fetch the wheels: ")
    assert "\n" not in message


def test_the_working_folder_is_not_searched_for_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip.py or json.py in the working folder is not run in place of the real module."""
    wheel(tmp_path / "in", "numpy", "1.0", "cp312-cp312-win_amd64")
    for name in ("pip", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    pip.download(["numpy"], WINDOWS, tmp_path / "out", tmp_path / "in")
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_missing_pip_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs pip."""

    def none(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", none)
    with pytest.raises(UserError, match="python -m ensurepip"):
        pip.download(["numpy"], WINDOWS, tmp_path, None)


def test_setuptools_can_be_imported_afterwards(tmp_path: Path) -> None:
    """pip itself is not imported, since setuptools would then fail to replace distutils."""
    code = f"""
from pathlib import Path
from edgewbc.kit import pip
from edgewbc.kit.target import Platform, Target
try:
    pip.download(["numpy"], Target(Platform.WINDOWS, (3, 12)), Path({str(tmp_path)!r}), Path({str(tmp_path)!r}))
except pip.NoWheelError:
    import setuptools
    print("imported")
"""
    ran = subprocesses.run(["-c", code])
    assert ran.stdout == "imported\n", ran.stderr


def test_pip_takes_what_is_named_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dependencies, which the kit resolves itself; with a folder, no index and no configuration either."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    pip.download(["numpy<3"], WINDOWS, tmp_path / "out", tmp_path / "in")
    pip.download(["numpy<3"], WINDOWS, tmp_path / "out")
    folder, index = commands
    assert {"--no-deps", "--isolated", "--no-index", f"--find-links={tmp_path / 'in'}"} <= set(folder)
    assert "--no-deps" in index
    assert {"--isolated", "--no-index"}.isdisjoint(index)
    offline = pip._failure(OFFLINE, WINDOWS, tmp_path)
    assert isinstance(offline, pip.NoWheelError)  # from a folder, the network has nothing to do with it
