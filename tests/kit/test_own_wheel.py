"""Tests of edgewbc.kit.own_wheel: the wheel of edgewbc itself."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

import pytest

import edgewbc
from edgewbc.errors import UserError
from edgewbc.kit import own_wheel
from edgewbc.kit.wheel import Wheel
from tests.kit.test_wheel import record_is_right


def test_wheel_contains_only_the_package(tmp_path: Path) -> None:
    """It has every module, no bytecode, bundle or recipe, and requires only what the lab side needs."""
    path = own_wheel.build(tmp_path)
    assert path.name == f"edgewbc-{edgewbc.__version__}-1kit-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    modules = {f"edgewbc/{f.relative_to(own_wheel.PACKAGE).as_posix()}" for f in own_wheel.PACKAGE.rglob("*.py")}
    assert modules <= names
    assert {name.partition("/")[0] for name in names} == {"edgewbc", f"edgewbc-{edgewbc.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or "_shipped" in name]
    found = Wheel.read(path)
    assert {"openvino", "numpy", "typer"} <= {line.split(">")[0] for line in found.requires}
    assert not [line for line in found.requires if "torch" in line or "extra" in line]
    assert found.license == "Apache-2.0"
    assert record_is_right(path)


def test_wheel_is_reproducible(tmp_path: Path) -> None:
    """Two builds have the same bytes."""
    (tmp_path / "b").mkdir()
    assert own_wheel.build(tmp_path).read_bytes() == own_wheel.build(tmp_path / "b").read_bytes()


def test_requirements_are_read_from_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a checkout they come from the metadata of the installed package, without extras."""
    monkeypatch.setattr(own_wheel, "PACKAGE", tmp_path / "site" / "edgewbc")
    try:
        importlib.metadata.distribution("edgewbc")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("edgewbc is not installed here")
    project = own_wheel.project()
    assert any(line.startswith("openvino") for line in project.requires)
    assert not any("torch" in line for line in project.requires)
    assert project.python == ">=3.11"
    assert b"Apache License" in project.files["LICENSE"]


def test_neither_checkout_nor_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs edgewbc."""

    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(own_wheel, "PACKAGE", tmp_path / "edgewbc")
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(UserError, match="pip install"):
        own_wheel.project()
