"""pip, and what its failures mean."""

from __future__ import annotations

import importlib.metadata
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


def test_the_wheel_for_that_pc_is_taken(tmp_path: Path) -> None:
    """Of several in a folder the one that fits, and the newest of those; no network is asked."""
    for tag in ("cp312-cp312-win_amd64", "cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-win_amd64"):
        wheel(tmp_path / "in", "numpy", "1.0", tag)
        wheel(tmp_path / "in", "numpy", "2.0", tag)
    pip.download(["numpy<3"], WINDOWS, tmp_path / "out", tmp_path / "in")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["numpy-2.0-cp312-cp312-win_amd64.whl"]


def test_a_package_without_a_wheel_is_named(tmp_path: Path) -> None:
    """A Linux wheel is none for Windows: the package, the PC and the folder are in the one line."""
    wheel(tmp_path / "in", "open-vino", "1.0", "cp312-cp312-manylinux_2_28_x86_64")
    with pytest.raises(
        pip.NoWheelError, match=r"open-vino: no wheel for Windows \(x86-64\) and Python 3.12 in "
    ) as told:
        pip.download(["open-vino>=1"], WINDOWS, tmp_path / "out", tmp_path / "in")
    assert told.value.package == "open-vino"
    assert "\n" not in str(told.value)


def test_no_network_is_told_apart_from_no_wheel() -> None:
    """pip ends with the same words for both; the mend is another."""
    offline = pip._failure(OFFLINE, WINDOWS, None)
    assert "cannot be reached" in str(offline)
    assert "--wheels" in str(offline)
    missing = pip._failure(NO_WHEEL, WINDOWS, None)
    assert isinstance(missing, pip.NoWheelError)
    assert str(missing) == "openvino: no wheel for Windows (x86-64) and Python 3.12 on the package index"


@pytest.mark.parametrize("said", ["ERROR: something odd\n", "odd", ""])
def test_another_failure_is_one_line(said: str) -> None:
    """What pip said last is passed on."""
    told = str(pip._failure(said, WINDOWS, None))
    assert told.startswith("pip could not fetch the wheels: ")
    assert "\n" not in told


def test_the_working_folder_is_not_searched_for_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip.py or json.py in the working folder is not run in place of the real module."""
    wheel(tmp_path / "in", "numpy", "1.0", "cp312-cp312-win_amd64")
    for name in ("pip", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    pip.download(["numpy"], WINDOWS, tmp_path / "out", tmp_path / "in")
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without pip is told how to get it."""

    def none(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", none)
    with pytest.raises(UserError, match="python -m ensurepip"):
        pip.download(["numpy"], WINDOWS, tmp_path, None)


def test_setuptools_can_be_imported_after(tmp_path: Path) -> None:
    """To look for pip leaves Python as it was: setuptools takes over distutils, unless pip seems to be imported."""
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
