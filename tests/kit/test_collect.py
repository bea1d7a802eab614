"""Tests of edgewbc.kit.collect."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.errors import UserError
from edgewbc.kit import collect as collecting
from edgewbc.kit import pip
from edgewbc.kit.collect import collect
from edgewbc.kit.target import Platform, Target
from tests.kit.fake import wheel

WINDOWS = Target(Platform.WINDOWS, (3, 12))
LINUX = Target(Platform.LINUX, (3, 12))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Return a folder of wheels: a requires b, and c on Windows; b requires telemetry."""
    folder = tmp_path / "index"
    wheel(folder, "a", requires=["b", 'c; sys_platform == "win32"', 'd; extra == "all"'])
    wheel(folder, "b", "1.0", requires=["openvino-telemetry"])
    wheel(folder, "b", "2.0", requires=["openvino-telemetry"])
    wheel(folder, "c")
    return folder


def names(root: Path, target: Target, index: Path, to: str = "out") -> list[str]:
    """Return names and versions of the wheels that are collected for `root`."""
    folder = root.parent / to
    folder.mkdir()
    found = collect(root, target, folder, index)
    assert {wheel.path for wheel in found} == set(folder.iterdir())
    return [f"{wheel.name} {wheel.version}" for wheel in found]


def test_indirect_requirements_of_the_target(tmp_path: Path, index: Path) -> None:
    """Markers are evaluated for the target; extras and the requirements in `LEFT_OUT` are not collected."""
    root = wheel(tmp_path, "root", requires=["a>1"])
    assert names(root, WINDOWS, index, "w") == ["a 9999.1", "b 2.0", "c 9999.1"]
    assert names(root, LINUX, index, "l") == ["a 9999.1", "b 2.0"]


def test_later_requirement_replaces_a_wheel(tmp_path: Path, index: Path) -> None:
    """If a wheel requires an older version of a collected package, that version replaces it."""
    wheel(index, "e", requires=["b<2"])
    assert names(wheel(tmp_path, "root", requires=["b", "e"]), LINUX, index) == ["b 1.0", "e 9999.1"]


def test_missing_wheel_is_named_with_its_dependent(tmp_path: Path, index: Path) -> None:
    """The error has the package, the target and the package that requires it."""
    wheel(index, "e", requires=["gone>=3"])
    root = wheel(tmp_path, "root", requires=["e"])
    with pytest.raises(UserError, match=r"^gone: no wheel for Linux \(x86-64\) and Python 3.12 in .* \(for e\)$"):
        names(root, LINUX, index)


def test_conflicting_requirements_are_refused(tmp_path: Path, index: Path) -> None:
    """Two packages that require different versions of a third are an error that names them."""
    wheel(index, "e", requires=["b<2"])
    root = wheel(tmp_path, "root", requires=["b>=2", "e"])
    with pytest.raises(UserError, match="^b: no wheel .*for root, e"):
        names(root, LINUX, index)


def test_installed_versions_are_preferred(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed version without a wheel for the target is replaced by the newest that has one, with a message."""
    requested: list[list[str]] = []

    def download(wanted: list[str], target: Target, to: Path, wheels: Path | None) -> None:
        requested.append(wanted)
        if "b==3.0" in wanted:
            raise pip.NoWheelError("b", target, "on the package index")
        for line in wanted:
            wheel(to, line.partition("=")[0], "1.5" if line.startswith("a") else "2.0")

    monkeypatch.setattr(pip, "download", download)
    monkeypatch.setattr(collecting, "_installed_version", {"a": "1.5", "b": "3.0"}.get)
    messages: list[str] = []
    root = wheel(tmp_path, "root", requires=["a>1", "b"])
    (tmp_path / "out").mkdir()
    found = collect(root, LINUX, tmp_path / "out", say=messages.append)
    assert requested == [["a==1.5", "b==3.0"], ["a==1.5", "b"]]
    assert [wheel.version for wheel in found] == ["1.5", "2.0"]
    assert "b 3.0 has no wheel for Linux (x86-64) and Python 3.12: taking the newest that has one" in messages
    assert messages[0] == "fetching for Linux (x86-64) and Python 3.12: a==1.5, b==3.0"


def test_wheel_for_another_target_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheels that pip downloads are checked again."""

    def download(wanted: list[str], target: Target, to: Path, wheels: Path | None) -> None:
        wheel(to, "a", tag="cp312-cp312-macosx_11_0_arm64")

    monkeypatch.setattr(pip, "download", download)
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="macosx_11_0_arm64.whl: not a wheel for Windows"):
        collect(wheel(tmp_path, "root", requires=["a"]), WINDOWS, tmp_path / "out")
